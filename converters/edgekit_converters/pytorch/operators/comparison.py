"""Operators that compare, test and choose, and those on truth values and bits."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL, F32
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import ConvertFunction, converts

COMPARISONS = {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "less": "Less", "greater": "Greater",
    "less_equal": "LessOrEqual", "greater_equal": "GreaterOrEqual",
}  # fmt: skip
LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
BITWISE = {"bitwise_and": ("And", "BitwiseAnd"), "bitwise_or": ("Or", "BitwiseOr"), "bitwise_xor": ("Xor", "BitwiseXor")}


def _comparison(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, *ctx.promoted("self", "other"))


def truth(ctx: AtenContext, x: Value) -> Value:
    """``x != 0``."""
    return x if x.dtype is BOOL else ctx.call("Not", ctx.call("Equal", x, ctx.like(0, x)))


def _logical(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, truth(ctx, ctx.tensor("self")), truth(ctx, ctx.tensor("other")))


def _bitwise(on_bool: str, on_int: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        a, b = ctx.promoted("self", "other")
        return ctx.call(on_bool if a.dtype is BOOL else on_int, a, b)

    return convert


for _torch, _op in COMPARISONS.items():
    converts(f"aten.{_torch}")(_comparison(_op))
for _torch, _op in LOGICAL.items():
    converts(f"aten.{_torch}")(_logical(_op))
for _torch, (_on_bool, _on_int) in BITWISE.items():
    converts(f"aten.{_torch}", f"aten.__{_torch.removeprefix('bitwise_')}__")(_bitwise(_on_bool, _on_int))


@converts("aten.ne", "aten.not_equal")
def not_equal(ctx: AtenContext) -> Value:
    return ctx.call("Not", ctx.call("Equal", *ctx.promoted("self", "other")))


@converts("aten.logical_not")
def logical_not(ctx: AtenContext) -> Value:
    return ctx.call("Not", truth(ctx, ctx.tensor("self")))


@converts("aten.bitwise_not")
def bitwise_not(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("Not" if x.dtype is BOOL else "BitwiseNot", x)


def _shift(direction: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        a, b = ctx.promoted("self", "other")
        return ctx.call("BitShift", a, b, direction=direction)

    return convert


converts("aten.bitwise_left_shift", "aten.__lshift__")(_shift("left"))
converts("aten.bitwise_right_shift", "aten.__rshift__")(_shift("right"))


@converts("aten.isnan")
def isnan(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsNaN", x) if x.dtype.is_float else everywhere(ctx, x, False)


@converts("aten.isinf")
def isinf(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsInf", x) if x.dtype.is_float else everywhere(ctx, x, False)


@converts("aten.isposinf")
def isposinf(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsInf", x, detect_negative=False) if x.dtype.is_float else everywhere(ctx, x, False)


@converts("aten.isneginf")
def isneginf(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsInf", x, detect_positive=False) if x.dtype.is_float else everywhere(ctx, x, False)


@converts("aten.isfinite")
def isfinite(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    if not x.dtype.is_float:
        return everywhere(ctx, x, True)
    return ctx.call("Not", ctx.call("Or", ctx.call("IsNaN", x), ctx.call("IsInf", x)))


def everywhere(ctx: AtenContext, x: Value, value: bool) -> Value:
    """``value`` in the shape of ``x``."""
    return ctx.expand(ctx.const(np.asarray(value)), ctx.sizes_of(x))


@converts("aten.where")
def where(ctx: AtenContext) -> Value:
    a, b = ctx.promoted("self", "other")
    return ctx.call("Where", truth(ctx, ctx.tensor("condition")), a, b)


@converts("aten.isclose")
def isclose(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")], F32)
    far = ctx.call("Abs", ctx.call("Sub", a, b))
    allowed = ctx.call("Add", ctx.call("Mul", ctx.call("Abs", b), ctx.like(ctx.real("rtol", 1e-5), a)), ctx.like(ctx.real("atol", 1e-8), a))
    return ctx.call("Or", ctx.call("Equal", a, b), ctx.call("LessOrEqual", far, allowed))
