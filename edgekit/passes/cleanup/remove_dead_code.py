"""Removes nodes whose outputs nobody reads."""

from __future__ import annotations

from edgekit.ir import Graph
from edgekit.passes.base import Pass, PassResult


def _run(graph: Graph) -> PassResult:
    needed = {id(v) for v in graph.outputs}
    dead = []
    for n in reversed(graph.nodes):
        if n.definition.stateful or any(id(v) in needed for v in n.outputs):
            needed.update(id(v) for v in n.inputs if v is not None)
        else:
            dead.append(n)
    names = [n.name for n in reversed(dead)]
    if dead:
        graph.remove(dead)
    return PassResult.of(names, "removed unused nodes")


REMOVE_DEAD_CODE = Pass("remove-dead-code", "Remove nodes whose outputs nobody reads.", _run)
