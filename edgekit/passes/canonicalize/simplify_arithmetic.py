"""Removes arithmetic with neutral constants and brings the rest into the form that later patterns look for."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Const, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import constant, has_clamp, plain_node, same_dims, scalar

NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0, "Pow": 1.0}


def _neutral(m: Match, e: Editor) -> Value | None:
    """x + 0, x - 0, x * 1, x / 1, x ^ 1."""
    node, x = m.root, m["x"]
    c = m.constant("c")
    y = node.outputs[0]
    if (
        c is x.const
        or has_clamp(node)
        or y.quant is not None
        or x.quant is not None
        or x.dtype is not y.dtype
        or not same_dims(x.shape, y.shape)
    ):
        return None
    if not node.definition.commutative and node.input(0) is not x:
        return None
    return x if c.size and bool(np.all(c == NEUTRAL[node.op])) else None


def _neutral_spread(m: Match, e: Editor) -> Value | None:
    """The same where the number is spread to a shape that is not known yet."""
    node, x = m.root, m["x"]
    y, c = node.outputs[0], m.constant("c")
    if has_clamp(node) or y.quant is not None or x.dtype is not y.dtype or not same_dims(x.shape, y.shape):
        return None
    if not node.definition.commutative and node.input(0) is not x:
        return None
    return x if c.size and bool(np.all(c == NEUTRAL[node.op])) else None


def _spread_of_cast(m: Match, e: Editor) -> Value | None:
    """A truth value that is spread and becomes a number is a number that is spread."""
    c, spread = m.constant("c"), m.node("spread")
    if c.dtype != np.bool_ or m.root.outputs[0].quant is not None:
        return None
    return e.call("Expand", e.constant(c.astype(m.root.outputs[0].dtype.numpy)), spread.input(1))


def _decided(m: Match, e: Editor) -> Value | None:
    """Where with a condition that is everywhere true or false."""
    node = m.root
    condition, y = node.input(0), node.outputs[0]
    if condition.producer is not None and condition.producer.op == "Expand":
        condition = condition.producer.input(0)
    c = condition.const
    if c is None or not c.size or c.any() != c.all():
        return None
    x = node.input(1 if c.all() else 2)
    return x if x.type == y.type and x.const is None else None


def _divide(m: Match, e: Editor) -> Value | None:
    """x / c = x * (1 / c) for powers of two, where the result has the same bits."""
    node = m.root
    c = constant(node, 1)
    if c is None or not plain_node(node) or c.dtype.kind != "f":
        return None
    mantissa, _ = np.frexp(c)
    if not bool(np.all(np.abs(mantissa) == 0.5)) or not bool(np.all(np.isfinite(1 / c))):
        return None
    clamp = {k: node.attrs[k] for k in ("clamp_min", "clamp_max")}
    return e.call("Mul", node.input(0), e.constant((1 / c).astype(c.dtype), "factor"), **clamp)


def _subtract(m: Match, e: Editor) -> Value | None:
    """x - c = x + (-c)."""
    node = m.root
    c = constant(node, 1)
    if c is None or not plain_node(node) or node.input(0).const is not None:
        return None
    clamp = {k: node.attrs[k] for k in ("clamp_min", "clamp_max")}
    return e.call("Add", node.input(0), e.constant(-c, "offset"), **clamp)


def _reciprocal_sqrt(m: Match, e: Editor) -> Value | None:
    return e.call("Rsqrt", m["x"]) if plain_node(m.root) else None


def _one_over(m: Match, e: Editor) -> Value | None:
    node = m.root
    if scalar(node.input(0)) != 1.0 or not plain_node(node) or has_clamp(node) or not same_dims(node.input(1).shape, node.outputs[0].shape):
        return None
    return e.call("Reciprocal", node.input(1))


def _bound(m: Match, e: Editor) -> Value | None:
    """Min or Max with a number is a Clip."""
    node, x = m.root, m["x"]
    c = scalar(m["c"])
    if (
        c is None
        or m["c"] is x
        or x.const is not None
        or not plain_node(node)
        or not same_dims(x.shape, node.outputs[0].shape)
        or np.isnan(c)
    ):
        return None
    return e.call("Clip", x, max=c) if node.op == "Min" else e.call("Clip", x, min=c)


def _relu_is_clip(m: Match, e: Editor) -> Value | None:
    lo, hi = m.root.attrs["min"], m.root.attrs["max"]
    if lo == 0 and hi == float("inf") and plain_node(m.root):
        return e.call("Relu", m["x"])
    return None


def _merge_clips(m: Match, e: Editor) -> Value | None:
    inner, outer = _bounds(m, "inner"), _bounds(m, "outer")
    if not plain_node(m.root):
        return None
    lo = min(max(inner[0], outer[0]), outer[1])
    hi = max(min(inner[1], outer[1]), outer[0])
    return e.call("Clip", m["x"], min=lo, max=hi)


def _bounds(m: Match, name: str) -> tuple[float, float]:
    node = m.node(name)
    return (0.0, float("inf")) if node.op == "Relu" else (node.attrs["min"], node.attrs["max"])


def _square(m: Match, e: Editor) -> Value | None:
    """x ^ 2 = x * x."""
    if scalar(m.root.input(1)) != 2.0 or not plain_node(m.root) or m.root.input(0).dtype is not m.root.outputs[0].dtype:
        return None
    if not same_dims(m["x"].shape, m.root.outputs[0].shape):
        return None
    return e.call("Mul", m["x"], m["x"])


def _merge_constants(m: Match, e: Editor) -> Value | None:
    """(x * a) * b = x * (a * b), and the same for sums, as long as the constant does not grow."""
    inner, root = m.node("inner"), m.root
    a, b = m.constant("a"), m.constant("b")
    if has_clamp(inner) or not plain_node(inner) or not plain_node(root) or m["x"].const is not None or a.dtype != b.dtype:
        return None
    try:
        both = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None
    if int(np.prod(both)) > max(a.size, b.size):
        return None
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    merged = (wide_a * wide_b if root.op == "Mul" else wide_a + wide_b).astype(a.dtype)
    if not np.all(np.isfinite(merged)):
        return None
    clamp = {k: root.attrs[k] for k in ("clamp_min", "clamp_max")}
    return e.call(root.op, m["x"], e.constant(merged, m["b"].name), **clamp)


SIMPLIFY_ARITHMETIC = rule_pass(
    "simplify-arithmetic",
    "Remove arithmetic with neutral constants; write subtraction, division, squares, minima and maxima in one way.",
    "simplified arithmetic",
    Rule(Op("Add|Mul|Sub|Div|Pow", [Any_("x"), Const("c")]), _neutral),
    Rule(Op("Add|Mul|Sub|Div|Pow", [Any_("x"), Op("Expand", [Const("c")])]), _neutral_spread),
    Rule(Op("Cast", [Op("Expand", [Const("c")], name="spread")]), _spread_of_cast),
    Rule(Op("Where"), _decided),
    Rule(Op("Mul", [Op("Mul", [Any_("x"), Const("a")], name="inner"), Const("b")]), _merge_constants),
    Rule(Op("Add", [Op("Add", [Any_("x"), Const("a")], name="inner"), Const("b")]), _merge_constants),
    Rule(Op("Div"), _divide),
    Rule(Op("Sub"), _subtract),
    Rule(Op("Reciprocal", [Op("Sqrt", [Any_("x")])]), _reciprocal_sqrt),
    Rule(Op("Div"), _one_over),
    Rule(Op("Min|Max", [Any_("x"), Const("c")]), _bound),
    Rule(Op("Clip", [Op("Clip|Relu", [Any_("x")], name="inner")], name="outer"), _merge_clips),
    Rule(Op("Clip", [Any_("x")]), _relu_is_clip),
    Rule(Op("Pow", [Any_("x")]), _square),
)
