"""Functions of keras.ops between single elements that take several operators."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL, F32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.arguments import literal, operand, operation, pair, promoted, real, single
from edgekit_converters.keras.tensors import Tensor, element_type


@operation("NotEqual")
def not_equal(ctx: LayerContext) -> Value:
    return ctx.call("Not", ctx.call("Equal", *pair(ctx)))


@operation("LogicalNot")
def logical_not(ctx: LayerContext) -> Value:
    return ctx.logical_not(single(ctx))


@operation("Isfinite")
def is_finite(ctx: LayerContext) -> Value:
    x = real(ctx, single(ctx))
    return ctx.call("Not", ctx.call("Or", ctx.call("IsNaN", x), ctx.call("IsInf", x)))


@operation("Square")
def square(ctx: LayerContext) -> Value:
    x = single(ctx)
    return ctx.call("Mul", x, x)


@operation("Log1p")
def log1p(ctx: LayerContext) -> Value:
    return ctx.call("Log", ctx.scaled(real(ctx, single(ctx)), 1.0, 1.0))


@operation("Expm1")
def expm1(ctx: LayerContext) -> Value:
    """``elu`` for negative numbers, which is exact near 0; the exponential above."""
    x = real(ctx, single(ctx))
    below = ctx.call("Elu", ctx.clip(x, high=0.0), alpha=1.0)
    return ctx.call("Add", below, ctx.scaled(ctx.call("Exp", ctx.call("Relu", x)), 1.0, -1.0))


def _scaled_log(base: float) -> Callable[[LayerContext], Value]:
    return lambda ctx: ctx.scaled(ctx.call("Log", real(ctx, single(ctx))), 1.0 / math.log(base))


operation("Log2")(_scaled_log(2.0))
operation("Log10")(_scaled_log(10.0))


@operation("Exp2")
def exp2(ctx: LayerContext) -> Value:
    return ctx.call("Exp", ctx.scaled(real(ctx, single(ctx)), math.log(2.0)))


@operation("Logaddexp")
def log_add_exp(ctx: LayerContext) -> Value:
    """``max + softplus(-|a - b|)``."""
    a, b = (real(ctx, v) for v in pair(ctx))
    apart = ctx.call("Neg", ctx.call("Abs", ctx.call("Sub", a, b)))
    return ctx.call("Add", ctx.call("Max", a, b), ctx.call("Softplus", apart))


@operation("Hypot")
def hypot(ctx: LayerContext) -> Value:
    a, b = (real(ctx, v) for v in pair(ctx))
    return ctx.call("Sqrt", ctx.call("Add", ctx.call("Mul", a, a), ctx.call("Mul", b, b)))


@operation("DivideNoNan")
def divide_no_nan(ctx: LayerContext) -> Value:
    a, b = (real(ctx, v) for v in pair(ctx))
    zero = ctx.call("Equal", b, ctx.number_like(0.0, b))
    return ctx.call("Where", zero, ctx.number_like(0.0, a), ctx.call("Div", a, b))


@operation("Round")
def round_(ctx: LayerContext) -> Value:
    if ctx.integer("decimals", default=0) != 0:
        raise Unsupported("rounding to decimals is not supported.")
    x = single(ctx)
    return ctx.call("Round", x) if x.dtype.is_float else x


@operation("Clip")
def clip(ctx: LayerContext) -> Value:
    x = single(ctx)
    low, high = (
        ctx.get(n, default=None) if ctx.get(n, default=None) is not None else ctx.argument(i, n) for i, n in ((1, "x_min"), (2, "x_max"))
    )
    for op, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            limit = bound.value if isinstance(bound, Tensor) else literal(ctx, bound, x.dtype)
            assert limit is not None
            a, b = promoted(ctx, x, limit)
            x = ctx.call(op, a, b)
    return x


@operation("Where")
def where(ctx: LayerContext) -> Value:
    condition = ctx.cast(operand(ctx, 0, "condition"), BOOL)
    given = [ctx.argument(1, "x1"), ctx.argument(2, "x2")]
    kinds = [t.value.dtype for t in given if isinstance(t, Tensor) and t.value is not None]
    like = kinds[0] if kinds else F32
    a, b = promoted(ctx, operand(ctx, 1, "x1", like), operand(ctx, 2, "x2", like))
    return ctx.call("Where", condition, a, b)


@operation("Cast", "SaturateCast")
def cast(ctx: LayerContext) -> Value:
    return ctx.cast(single(ctx), element_type(ctx.get("dtype", default=None) or ctx.argument(1, "dtype")))


@operation("Copy", "StopGradient", "ConvertToTensor", "Array")
def copy(ctx: LayerContext) -> Value:
    return single(ctx)


@operation("ZerosLike", "OnesLike", "FullLike")
def filled_like(ctx: LayerContext) -> Value:
    x = single(ctx)
    given = ctx.get("dtype", default=None) or ctx.keyword("dtype")
    dtype = x.dtype if given is None else element_type(given)
    number = {"ZerosLike": 0, "OnesLike": 1}.get(ctx.op)
    value = operand(ctx, 1, "fill_value", dtype) if number is None else ctx.const(np.asarray(number, dtype.numpy))
    return ctx.call("Expand", ctx.cast(value, dtype), ctx.call("Shape", x))
