"""Computes nodes whose inputs are all constants, with the reference interpreter."""

from __future__ import annotations

import numpy as np

from edgekit.errors import PassError
from edgekit.ir import Graph, Node
from edgekit.passes.base import Pass, PassResult
from edgekit.reference.interpreter import run_node

FREE_BYTES = 64 * 1024
"""Folding may always add this many bytes a node ..."""
GROWTH = 4
"""... and more as long as the result is at most this many times the constants that go in."""
_KEPT_CATEGORIES = ("quantization", "control_flow", "control-flow", "recurrent")


def _foldable(node: Node) -> bool:
    d = node.definition
    if d.stateful or (d.category in _KEPT_CATEGORIES and node.op != "Cast") or node.subgraphs():
        return False
    present = [v for v in node.inputs if v is not None]
    if not present or any(v.const is None or v.quant is not None for v in present) or any(v.quant is not None for v in node.outputs):
        return False
    if not all(v.type.is_static for v in node.outputs):
        return sum(v.const.nbytes for v in present if v.const is not None) <= FREE_BYTES  # shapes that depend on the data
    given = sum(v.const.nbytes for v in present if v.const is not None)
    made = sum(v.type.nbytes_max() for v in node.outputs)
    return made <= max(FREE_BYTES, GROWTH * given)


def _run(graph: Graph) -> PassResult:
    folded: list[Node] = []
    for n in graph.nodes:
        if not _foldable(n):
            continue
        try:
            results = run_node(n, [None if v is None else v.const for v in n.inputs])
        except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError) as e:
            raise PassError(f"pass 'fold-constants' failed at {n.source or n}: {e}") from e
        for v, a in zip(n.outputs, results, strict=True):
            name = v.name
            graph.release_name(name)
            constant = graph.add_constant(np.ascontiguousarray(a).reshape(a.shape), name)
            graph.replace_all_uses(v, constant)
            v.name = ""
        folded.append(n)
    if folded:
        graph.remove(folded)
    return PassResult.of([n.name for n in folded], "folded constants")


FOLD_CONSTANTS = Pass("fold-constants", "Compute nodes whose inputs are constants, unless the result is much larger.", _run)
