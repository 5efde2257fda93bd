"""MatMul with a constant matrix becomes FullyConnected; an Add behind it is folded as its bias by fold-affine."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Const, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import is_plain_float, permutation


def _constant_matrix(m: Match, e: Editor) -> Value | None:
    node, w = m.root, m.constant("w")
    if w.ndim != 2 or not is_plain_float(*node.inputs, *node.outputs) or m["x"].const is not None:
        return None
    if node.attrs["transpose_a"]:
        return None
    weight = m["w"] if node.attrs["transpose_b"] else e.constant(np.ascontiguousarray(w.T), m["w"].name)
    return e.call("FullyConnected", m["x"], weight)


def _absorb_transpose(m: Match, e: Editor) -> Value | None:
    """A Transpose of the last two dimensions of an operand is the operand's flag."""
    node = m.root
    changed = False
    ins, attrs = list(node.inputs), dict(node.attrs)
    for i, flag in enumerate(("transpose_a", "transpose_b")):
        p = node.input(i).producer
        if p is None or p.op != "Transpose":
            continue
        perm, rank = permutation(p), len(node.input(i).shape)
        if rank >= 2 and perm == (*range(rank - 2), rank - 1, rank - 2) and p.input(0).const is None:
            ins[i], attrs[flag], changed = p.input(0), not attrs[flag], True
    return e.call("MatMul", *ins, name=node.name, **attrs) if changed else None


FUSE_FULLY_CONNECTED = rule_pass(
    "fuse-fully-connected",
    "Turn MatMul with a constant matrix into FullyConnected.",
    "made FullyConnected",
    Rule(Op("MatMul", [Any_("x"), Const("w")]), _constant_matrix),
)

ABSORB_MATMUL_TRANSPOSE = rule_pass(
    "absorb-matmul-transpose",
    "Let a Transpose of the last two dimensions in front of MatMul be its flag.",
    "absorbed Transposes",
    Rule(Op("MatMul"), _absorb_transpose),
)
