"""Runs nodes in another order where that needs less memory."""

from __future__ import annotations

from edgekit.ir import Graph
from edgekit.passes.base import UNCHANGED, Pass, PassResult
from edgekit.plan import best_order
from edgekit.plan.memory import peak_bytes


def _run(graph: Graph) -> PassResult:
    moved = 0
    first = None
    while (order := best_order(graph)) is not None:
        if first is None:
            first = peak_bytes(graph)
        moved += sum(a is not b for a, b in zip(graph.nodes, order, strict=True))
        graph.nodes = order
    if first is None:
        return UNCHANGED
    line = f"moved {moved} nodes: peak of activations from {first} to {peak_bytes(graph)} bytes"
    return PassResult(True, moved, (line,))


REORDER_NODES = Pass("reorder-nodes", "Run nodes in another order where that needs less memory.", _run)
