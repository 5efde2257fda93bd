"""Arithmetic of several tensors and numbers, with torch's promotion of types (https://pytorch.org/docs/stable/tensor_attributes.html)."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.types import BOOL, F32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.registry import ConvertFunction, converts


def _scaled(ctx: AtenContext, b: Value) -> Value:
    alpha = ctx.number("alpha", 1)
    if not isinstance(alpha, Sym | Value) and alpha == 1:
        return b
    return ctx.call("Mul", b, ctx.operand(alpha, b.dtype))


def _arithmetic(op: str, on_bool: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        a, b = ctx.promoted("self", "other")
        if a.dtype is BOOL:
            return ctx.call(on_bool, a, b)
        return ctx.call(op, a, _scaled(ctx, b) if op != "Mul" else b)

    return convert


converts("aten.add")(_arithmetic("Add", "Or"))
converts("aten.sub", "aten.subtract")(_arithmetic("Sub", "Xor"))
converts("aten.mul", "aten.multiply")(_arithmetic("Mul", "And"))


@converts("aten.rsub")
def rsub(ctx: AtenContext) -> Value:
    a, b = ctx.promoted("self", "other")
    return ctx.call("Sub", b, _scaled(ctx, a))


@converts("aten.div", "aten.divide", "aten.true_divide")
def div(ctx: AtenContext) -> Value:
    mode = ctx.args.get("rounding_mode")
    operands = [ctx.number("self"), ctx.number("other")]
    if mode is None:
        return ctx.call("Div", *ctx.together(operands, F32))
    a, b = ctx.together(operands)
    if mode == "floor":
        return ctx.call("FloorDiv", a, b)
    if mode != "trunc":
        raise Unsupported(f"rounding_mode {mode!r} is not known")
    if not a.dtype.is_float:
        return ctx.call("Div", a, b)
    return truncated(ctx, ctx.call("Div", a, b))


def truncated(ctx: AtenContext, x: Value) -> Value:
    """``x`` without its fraction."""
    return ctx.call("Where", ctx.call("Less", x, ctx.like(0, x)), ctx.call("Ceil", x), ctx.call("Floor", x))


@converts("aten.floor_divide")
def floor_divide(ctx: AtenContext) -> Value:
    return ctx.call("FloorDiv", *ctx.promoted("self", "other"))


@converts("aten.remainder")
def remainder(ctx: AtenContext) -> Value:
    return ctx.call("Mod", *ctx.promoted("self", "other"), fmod=False)


@converts("aten.fmod")
def fmod(ctx: AtenContext) -> Value:
    return ctx.call("Mod", *ctx.promoted("self", "other"), fmod=True)


@converts("aten.maximum", "aten.max.other")
def maximum(ctx: AtenContext) -> Value:
    return _extreme(ctx, "Max", "Or")


@converts("aten.minimum", "aten.min.other")
def minimum(ctx: AtenContext) -> Value:
    return _extreme(ctx, "Min", "And")


def _extreme(ctx: AtenContext, op: str, on_bool: str) -> Value:
    a, b = ctx.promoted("self", "other")
    return ctx.call(on_bool if a.dtype is BOOL else op, a, b)


@converts("aten.fmax")
def fmax(ctx: AtenContext) -> Value:
    """The larger; a NaN loses."""
    return _without_nan(ctx, "Max")


@converts("aten.fmin")
def fmin(ctx: AtenContext) -> Value:
    return _without_nan(ctx, "Min")


def _without_nan(ctx: AtenContext, op: str) -> Value:
    a, b = ctx.promoted("self", "other")
    y = ctx.call(op, a, b)
    if not a.dtype.is_float:
        return y
    return ctx.call("Where", ctx.call("IsNaN", a), b, ctx.call("Where", ctx.call("IsNaN", b), a, y))


@converts("aten.atan2", "aten.arctan2")
def atan2(ctx: AtenContext) -> Value:
    return ctx.call("Atan2", *ctx.together([ctx.number("self"), ctx.number("other")], F32))


@converts("aten.hypot")
def hypot(ctx: AtenContext) -> Value:
    a, b = ctx.promoted("self", "other")
    return ctx.call("Sqrt", ctx.call("Add", ctx.call("Mul", a, a), ctx.call("Mul", b, b)))


@converts("aten.lerp")
def lerp(ctx: AtenContext) -> Value:
    a, b = ctx.tensor("self"), ctx.tensor("end")
    return ctx.call("Add", a, ctx.call("Mul", ctx.call("Sub", b, a), ctx.operand(ctx.number("weight"), a.dtype)))


def _fused_term(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x, a, b = ctx.together([ctx.tensor("self"), ctx.tensor("tensor1"), ctx.tensor("tensor2")])
        y = ctx.call(op, a, b)
        factor = ctx.number("value", 1)
        if isinstance(factor, Sym | Value) or factor != 1:
            y = ctx.call("Mul", y, ctx.operand(factor, y.dtype))
        return ctx.call("Add", x, y)

    return convert


converts("aten.addcmul")(_fused_term("Mul"))
converts("aten.addcdiv")(_fused_term("Div"))
