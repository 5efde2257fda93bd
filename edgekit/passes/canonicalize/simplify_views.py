"""Merges chains of Reshape and of Transpose, and turns Transposes that move no element into Reshapes."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Match, Op, only_reader
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import ints, permutation
from edgekit.types import Dim


def moves_elements(shape: tuple[Dim, ...], perm: tuple[int, ...]) -> bool:
    """True unless ``perm`` keeps the order of the dimensions that may differ from 1: then memory stays as it is."""
    kept = [p for p in perm if shape[p] != 1]
    return kept != sorted(kept)


def _merge_reshapes(m: Match, e: Editor) -> Value | None:
    x, y = m["x"], m.root.outputs[0]
    if x.quant != y.quant:
        return None
    return e.reshape(x, y.shape)


def _static_reshape(m: Match, e: Editor) -> bool | None:
    """Write the new shape out: no 0, and no -1 where it is known."""
    node, y = m.root, m.root.outputs[0]
    have = ints(node, 1)
    unknown = [i for i, d in enumerate(y.shape) if not isinstance(d, int)]
    if len(unknown) > 1 or (unknown and 0 in y.shape):
        return None
    want = [d if isinstance(d, int) else -1 for d in y.shape]
    if have == want and node.attrs["allow_zero"]:
        return None
    if have is None and node.input(1).producer is None:
        return None
    shape_node = node.input(1).producer
    node.set_input(1, e.constant(np.array(want, np.int64), "shape"))
    node.attrs["allow_zero"] = True
    if shape_node is not None:
        e.remove_dead([shape_node])
    return True


def _merge_transposes(m: Match, e: Editor) -> Value | None:
    first, second = permutation(m.node("first")), permutation(m.root)
    return e.call("Transpose", m["x"], perm=[first[p] for p in second])


def _unit_transpose(m: Match, e: Editor) -> Value | None:
    y, x = m.root.outputs[0], m["x"]
    if moves_elements(x.shape, permutation(m.root)) or (y.quant is not None and y.quant.axis is not None):
        return None
    return e.reshape(x, y.shape)


def _explicit_perm(m: Match, e: Editor) -> bool | None:
    perm = permutation(m.root)
    if m.root.attrs["perm"] == perm:
        return None
    m.root.attrs["perm"] = perm
    return True


def _flatten_concat(m: Match, e: Editor) -> Value | None:
    """A Concat that only feeds another Concat along the same axis is part of it."""
    node, y = m.root, m.root.outputs[0]
    axis = node.attrs["axis"] % len(y.shape)
    parts: list[Value] = []
    for v in node.inputs:
        assert v is not None
        p = v.producer
        if p is not None and p.op == "Concat" and only_reader(e.graph, v) and p.attrs["axis"] % len(y.shape) == axis and v.quant == y.quant:
            parts += [u for u in p.inputs if u is not None]
        else:
            parts.append(v)
    if len(parts) == len(node.inputs) and all(a is b for a, b in zip(parts, node.inputs, strict=True)):
        return None
    return e.call_multi("Concat", *parts, out_types=[y.type], axis=axis)[0]


SIMPLIFY_VIEWS = rule_pass(
    "simplify-views",
    "Merge chains of Reshape, of Transpose and of Concat; a Transpose that moves nothing becomes a Reshape.",
    "simplified Reshape, Transpose and Concat",
    Rule(Op("Transpose"), _explicit_perm),
    Rule(Op("Transpose", [Op("Transpose", [Any_("x")], name="first", shared=True)]), _merge_transposes),
    Rule(Op("Transpose", [Any_("x")]), _unit_transpose),
    Rule(Op("Reshape", [Op("Reshape", [Any_("x")], shared=True)]), _merge_reshapes),
    Rule(Op("Reshape"), _static_reshape),
    Rule(Op("Concat"), _flatten_concat),
)
