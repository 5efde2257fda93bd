"""Common subexpression elimination: equal nodes on equal inputs become one, equal constants too."""

from __future__ import annotations

from typing import Any

from edgekit.ir import Graph, Value
from edgekit.ir.hash import constant_digest, constant_sketch
from edgekit.passes.base import Pass, PassResult


def _run(graph: Graph) -> PassResult:
    merged: list[str] = []
    constants: dict[Any, Value] = {}
    alike: dict[Any, list[Value]] = {}
    for v in graph.constants():
        assert v.const is not None
        alike.setdefault((str(v.type), v.quant, constant_sketch(v.const)), []).append(v)
    for key, group in alike.items():
        if len(group) < 2:
            continue
        for v in group:
            assert v.const is not None
            first = constants.setdefault((key, constant_digest(v.const)), v)
            if first is not v and not graph.is_output(v):
                for node, i in v.uses:
                    node.set_input(i, first)
                graph.release_name(v.name)
                merged.append(v.name)
    seen: dict[Any, Any] = {}
    gone = []
    for n in graph.nodes:
        if n.definition.stateful or n.subgraphs():
            continue
        ins = tuple(None if v is None else id(v) for v in n.inputs)
        if n.definition.commutative:
            ins = tuple(sorted(ins, key=lambda i: -1 if i is None else i))
        node_key = (n.op, ins, tuple(n.attrs.items()), tuple(v.quant for v in n.outputs), tuple(v.dtype for v in n.outputs))
        twin = seen.setdefault(node_key, n)
        if twin is n:
            continue
        for mine, other in zip(n.outputs, twin.outputs, strict=True):
            graph.replace_all_uses(mine, other)
        gone.append(n)
        merged.append(n.name)
    if gone:
        graph.remove(gone)
    return PassResult.of(merged, "merged equal nodes and constants")


MERGE_EQUAL_NODES = Pass("merge-equal-nodes", "Let equal nodes on equal inputs, and equal constants, be one.", _run)
