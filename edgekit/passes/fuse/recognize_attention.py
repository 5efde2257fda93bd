"""Recognises scaled dot-product attention (Vaswani et al., 2017): softmax(scale * q k^T + mask) v."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Const, Either, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import has_clamp, plain_node, same_dims, scalar


def _factor(m: Match) -> float | None:
    """What the scores are multiplied by."""
    if "factor" not in m.values:
        return 1.0
    c = scalar(m["factor"])
    if c is None or c == 0:
        return None
    return 1.0 / c if m.node("scaled").op == "Div" else c


def _keys(m: Match, e: Editor) -> Value | None:
    """The second operand of the score product, one key a row."""
    product = m.node("scores")
    k = product.input(1)
    if product.attrs["transpose_b"]:
        return k
    if k.producer is None or k.producer.op != "Transpose":
        return None
    rank = len(k.shape)
    return e.call("Transpose", k, perm=[*range(rank - 2), rank - 1, rank - 2])


def _attention(m: Match, e: Editor) -> Value | None:
    nodes = [m.root, *m.nodes.values()]
    scores, softmax = m.node("scores"), m.node("softmax")
    q, v, y = scores.input(0), m.root.input(1), m.root.outputs[0]
    rank = len(y.shape)
    if rank not in (3, 4) or not all(plain_node(n) and not has_clamp(n) for n in nodes) or softmax.attrs["axis"] not in (-1, rank - 1):
        return None
    if scores.attrs["transpose_a"] or m.root.attrs["transpose_a"] or m.root.attrs["transpose_b"]:
        return None
    k_raw = scores.input(1)
    batch = rank - 2
    if not (
        len(q.shape) == len(v.shape) == len(k_raw.shape) == rank
        and same_dims(q.shape[:batch], k_raw.shape[:batch])
        and same_dims(q.shape[:batch], v.shape[:batch])
    ):
        return None
    factor = _factor(m)
    mask = m.values.get("mask")
    scores_shape = softmax.input(0).shape
    if factor is None or (mask is not None and (mask.dtype is not q.dtype or not same_dims(scores_shape, scores.outputs[0].shape))):
        return None
    if rank == 3 and not all(v_.type.is_static for v_ in (q, k_raw, v)):
        return None
    k = _keys(m, e)
    if k is None:
        return None
    if rank == 4:
        return e.call("Attention", q, k, v, mask, scale=factor)
    wide = [e.reshape(t, (1, *t.shape)) for t in (q, k, v)]
    done = e.call("Attention", *wide, mask, scale=factor)
    return e.reshape(done, y.shape)


_SCORES = Op("MatMul", name="scores")
_SCALED = Either([Op("Mul|Div", [_SCORES, Const("factor")], name="scaled"), _SCORES])
_MASKED = Either([_SCALED, Op("Add", [_SCALED, Any_("mask")], name="masked")])

RECOGNIZE_ATTENTION = rule_pass(
    "recognize-attention",
    "Recognise scaled dot-product attention.",
    "recognised attention",
    Rule(Op("MatMul", [Op("Softmax", [_MASKED], name="softmax"), Any_("v")]), _attention),
)
