"""Runs nodes in another order where that needs less memory."""

from __future__ import annotations

from edgekit.ir import Graph
from edgekit.passes.base import UNCHANGED, Pass, PassResult
from edgekit.plan import best_order
from edgekit.plan.lifetimes import lifetimes
from edgekit.plan.memory import lower_bound


def _run(graph: Graph) -> PassResult:
    moved = 0
    first = None
    while (order := best_order(graph)) is not None:
        if first is None:
            first = lower_bound(lifetimes(graph).blocks)
        moved += sum(a is not b for a, b in zip(graph.nodes, order, strict=True))
        graph.nodes = order
    if first is None:
        return UNCHANGED
    line = f"moved {moved} nodes: peak of activations from {first} to {lower_bound(lifetimes(graph).blocks)} bytes"
    return PassResult(True, moved, (line,))


REORDER_NODES = Pass("reorder-nodes", "Run nodes in another order where that needs less memory.", _run)
