"""Recognises layer norm (Ba, Kiros and Hinton, 2016) and RMS norm (Zhang and Sennrich, 2019) in the forms exporters write out."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Node, Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Const, Either, Match, Op, Pattern
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import has_clamp, plain_node, scalar


def _over_sqrt(x: Pattern, variance: Pattern) -> Pattern:
    """x / sqrt(variance + epsilon), or x * rsqrt(variance + epsilon)."""
    shifted = Op("Add", [variance, Const("epsilon")])
    return Either([Op("Div", [x, Op("Sqrt", [shifted])], name="root"), Op("Mul", [x, Op("Rsqrt", [shifted])], name="root")])


_X = Any_("x")
_CENTRED = Op("Sub", [_X, Op("ReduceMean", [_X], name="mean")], name="centred", shared=True)


def _first_axis(node: Node) -> int | None:
    """The first of the reduced dimensions, if they are the last ones and stay as 1."""
    rank = len(node.input(0).shape)
    axes = sorted(a % rank for a in node.attrs["axes"]) if node.attrs["axes"] else list(range(rank))
    return axes[0] if node.attrs["keepdims"] and axes and axes == list(range(axes[0], rank)) else None


def _usable(m: Match) -> bool:
    return all(plain_node(n) and not has_clamp(n) for n in m.nodes.values())


def _layer_norm(m: Match, e: Editor) -> Value | None:
    axis, epsilon = _first_axis(m.node("mean")), scalar(m["epsilon"])
    if not _usable(m) or axis is None or _first_axis(m.node("variance")) != axis or epsilon is None:
        return None
    return e.call("LayerNorm", m["x"], axis=axis - len(m["x"].shape), epsilon=epsilon)


def _rms_norm(m: Match, e: Editor) -> Value | None:
    axis, epsilon = _first_axis(m.node("variance")), scalar(m["epsilon"])
    if not _usable(m) or axis is None or epsilon is None:
        return None
    return e.call("RmsNorm", m["x"], axis=axis - len(m["x"].shape), epsilon=epsilon)


def _vector(m: Match, e: Editor, norm: Node) -> Value | None:
    """A constant with the shape of the normalised dimensions; None if it varies along others."""
    rank = len(norm.input(0).shape)
    wanted = norm.input(0).shape[int(norm.attrs["axis"]) % rank :]
    c = m.constant("c")
    if not all(isinstance(d, int) for d in wanted) or any(d != 1 for d in c.shape[: max(0, c.ndim - len(wanted))]) or c.ndim > rank:
        return None
    try:
        full = np.broadcast_to(c.reshape(c.shape[max(0, c.ndim - len(wanted)) :]), wanted)
    except ValueError:
        return None
    return e.constant(np.ascontiguousarray(full), m["c"].name)


def _scale(m: Match, e: Editor) -> Value | None:
    norm = m.node("norm")
    if norm.has_input(1) or norm.has_input(2) or not _usable(m):
        return None
    c = _vector(m, e, norm)
    return None if c is None else e.call(norm.op, norm.input(0), c, name=norm.name, **norm.attrs)


def _bias(m: Match, e: Editor) -> Value | None:
    norm = m.node("norm")
    if norm.has_input(2) or not _usable(m):
        return None
    c = _vector(m, e, norm)
    scale = norm.input(1) if norm.has_input(1) else None
    return None if c is None else e.call(norm.op, norm.input(0), scale, c, name=norm.name, **norm.attrs)


RECOGNIZE_NORMALIZATION = rule_pass(
    "recognize-normalization",
    "Recognise layer norm and RMS norm, with their scale and bias.",
    "recognised normalizations",
    Rule(_over_sqrt(_CENTRED, Op("ReduceMean", [Op("Mul", [_CENTRED, _CENTRED])], name="variance")), _layer_norm),
    Rule(_over_sqrt(_X, Op("ReduceMean", [Op("Mul", [_X, _X])], name="variance")), _rms_norm),
    Rule(Op("Mul", [Op("LayerNorm|RmsNorm", name="norm"), Const("c")], name="root"), _scale),
    Rule(Op("Add", [Op("LayerNorm", name="norm"), Const("c")], name="root"), _bias),
)
