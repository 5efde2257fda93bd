"""MatMul with a constant matrix becomes FullyConnected; an Add behind it is folded as its bias by fold-affine."""

from __future__ import annotations

import numpy as np

from edgekit.arrays import permuted
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
    weight = m["w"] if node.attrs["transpose_b"] else e.constant(permuted(w, (1, 0)), m["w"].name)
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


def _permute_weights(m: Match, e: Editor) -> Value | None:
    """A Transpose in front of a flattening Reshape is the order of the weights' columns."""
    node, transpose, flat = m.root, m.node("transpose"), m.node("flat").outputs[0]
    w, x, perm = m.constant("w"), m["x"], permutation(m.node("transpose"))
    if flat.quant is not None and flat.quant.axis is not None:
        return None
    shape = transpose.outputs[0].shape
    k = len(shape)
    columns = 1
    while k > 0 and columns != w.shape[1]:
        k -= 1
        if not isinstance(shape[k], int):
            return None
        columns *= shape[k]
    while k > 0 and perm[:k] != tuple(range(k)) and shape[k - 1] == 1:
        k -= 1  # dimensions of size 1 may stand on either side
    if columns != w.shape[1] or perm[:k] != tuple(range(k)) or k == len(shape):
        return None
    tail = perm[k:]
    back = [tail.index(k + i) for i in range(len(tail))]
    columns_of = w.reshape(w.shape[0], *(int(d) for d in shape[k:]))
    weight = np.ascontiguousarray(columns_of.transpose(0, *(1 + b for b in back)).reshape(w.shape))
    before = e.reshape(x, flat.shape)
    if before is None:
        return None
    return e.call("FullyConnected", before, e.constant(weight, m["w"].name), *node.inputs[2:], name=node.name, **node.attrs)


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

PERMUTE_WEIGHTS = rule_pass(
    "permute-weights",
    "Let a Transpose in front of a flattening Reshape and FullyConnected be the order of the weights.",
    "put weights into another order",
    Rule(
        Op("FullyConnected", [Op("Reshape", [Op("Transpose", [Any_("x")], name="transpose")], name="flat"), Const("w")]),
        _permute_weights,
    ),
)
