"""Functions of the elements of one tensor."""

from __future__ import annotations

import math

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.operators.arithmetic import truncated
from edgekit_converters.pytorch.registry import ConvertFunction, converts

INF = float("inf")

#: functions of one float; integers are converted first
FLOAT_UNARY = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "rsqrt": "Rsqrt", "reciprocal": "Reciprocal", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "tanh": "Tanh", "sigmoid": "Sigmoid", "erf": "Erf", "silu": "Silu", "mish": "Mish", "softsign": "Softsign",
    "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh",
    "special_expit": "Sigmoid", "special_erf": "Erf",
}  # fmt: skip
#: functions that leave integers as they are
ROUNDING = {"floor": "Floor", "ceil": "Ceil"}
SAME_TYPE = {"abs": "Abs", "neg": "Neg", "relu": "Relu", "negative": "Neg", "absolute": "Abs"}


def _unary(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, ctx.floating(ctx.tensor("self")))


def _rounding(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        return ctx.call(op, x) if x.dtype.is_float else x

    return convert


def _same(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, ctx.tensor("self"))


for _torch, _op in FLOAT_UNARY.items():
    converts(f"aten.{_torch}")(_unary(_op))
for _torch, _op in ROUNDING.items():
    converts(f"aten.{_torch}")(_rounding(_op))
for _torch, _op in SAME_TYPE.items():
    converts(f"aten.{_torch}")(_same(_op))


@converts("aten.pow")
def pow_(ctx: AtenContext) -> Value:
    base, exponent = ctx.number("self"), ctx.number("exponent")
    if isinstance(base, Value) and not isinstance(exponent, Value | Sym):
        simple = _simple_power(ctx, base, exponent)
        if simple is not None:
            return simple
    a, b = ctx.together([base, exponent])
    return ctx.call("Pow", a, b)


def _simple_power(ctx: AtenContext, x: Value, exponent: float) -> Value | None:
    if not x.dtype.is_float and (x.dtype is BOOL or not float(exponent).is_integer() or isinstance(exponent, float)):
        return None
    if exponent == 1:
        return x
    if exponent == 2:
        return ctx.call("Mul", x, x)
    if exponent == 3:
        return ctx.call("Mul", ctx.call("Mul", x, x), x)
    if x.dtype.is_float and exponent in (0.5, -0.5, -1):
        return ctx.call({0.5: "Sqrt", -0.5: "Rsqrt", -1: "Reciprocal"}[exponent], x)
    return None


@converts("aten.square")
def square(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("Mul", x, x)


@converts("aten.exp2")
def exp2(ctx: AtenContext) -> Value:
    x = ctx.floating(ctx.tensor("self"))
    return ctx.call("Pow", ctx.like(2, x), x)


@converts("aten.expm1", "aten.special_expm1")
def expm1(ctx: AtenContext) -> Value:
    """``exp(x) - 1`` as ``2 * sinh(x / 2) * exp(x / 2)``, which keeps its digits near 0."""
    x = ctx.floating(ctx.tensor("self"))
    half = ctx.call("Mul", x, ctx.like(0.5, x))
    precise = ctx.call("Mul", ctx.call("Mul", ctx.call("Sinh", half), ctx.like(2, x)), ctx.call("Exp", half))
    plain = ctx.call("Sub", ctx.call("Exp", x), ctx.like(1, x))
    near = ctx.call("Less", ctx.call("Abs", x), ctx.like(1, x))
    return ctx.call("Where", near, precise, plain)


@converts("aten.log1p", "aten.special_log1p")
def log1p(ctx: AtenContext) -> Value:
    """``log(1 + x)`` as ``2 * atanh(x / (2 + x))``, which keeps its digits near 0."""
    x = ctx.floating(ctx.tensor("self"))
    precise = ctx.call("Mul", ctx.call("Atanh", ctx.call("Div", x, ctx.call("Add", x, ctx.like(2, x)))), ctx.like(2, x))
    plain = ctx.call("Log", ctx.call("Add", x, ctx.like(1, x)))
    near = ctx.call("Less", ctx.call("Abs", x), ctx.like(0.5, x))
    return ctx.call("Where", near, precise, plain)


def _log_of_base(base: float) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.call("Log", ctx.floating(ctx.tensor("self")))
        return ctx.call("Mul", x, ctx.like(1 / math.log(base), x))

    return convert


converts("aten.log2")(_log_of_base(2))
converts("aten.log10")(_log_of_base(10))


@converts("aten.erfc", "aten.special_erfc")
def erfc(ctx: AtenContext) -> Value:
    x = ctx.floating(ctx.tensor("self"))
    return ctx.call("Sub", ctx.like(1, x), ctx.call("Erf", x))


@converts("aten.logit")
def logit(ctx: AtenContext) -> Value:
    x = ctx.floating(ctx.tensor("self"))
    if ctx.has("eps"):
        eps = ctx.real("eps")
        x = ctx.call("Clip", x, min=eps, max=1 - eps)
    return ctx.call("Log", ctx.call("Div", x, ctx.call("Sub", ctx.like(1, x), x)))


@converts("aten.trunc", "aten.fix")
def trunc(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return truncated(ctx, x) if x.dtype.is_float else x


@converts("aten.frac")
def frac(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("Sub", x, truncated(ctx, x))


@converts("aten.round")
def round_(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    if not x.dtype.is_float:
        return x
    decimals = ctx.integer("decimals", 0)
    if not decimals:
        return ctx.call("Round", x)
    factor = ctx.like(10.0 ** abs(decimals), x)
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return ctx.call(back, ctx.call("Round", ctx.call(there, x, factor)), factor)


@converts("aten.sign", "aten.sgn")
def sign(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return x if x.dtype is BOOL else ctx.call("Sign", x)


@converts("aten.nan_to_num")
def nan_to_num(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    if not x.dtype.is_float:
        return x
    info = np.finfo(x.dtype.numpy)
    low, high = ctx.real("neginf", float(info.min)), ctx.real("posinf", float(info.max))
    y = ctx.call("Where", ctx.call("IsNaN", x), ctx.like(ctx.real("nan", 0.0), x), x)
    y = ctx.call("Where", ctx.call("IsInf", x, detect_negative=False), ctx.like(high, x), y)
    return ctx.call("Where", ctx.call("IsInf", x, detect_positive=False), ctx.like(low, x), y)


@converts("aten.clamp", "aten.clip")
def clamp(ctx: AtenContext) -> Value:
    """Numbers become attributes; tensors, and integers that float32 does not hold, are compared as tensors."""
    bounds = [ctx.number(n) if ctx.has(n) else None for n in ("min", "max")]
    given = [b for b in bounds if b is not None]
    x = ctx.together([ctx.tensor("self"), *given])[0]
    if all(not isinstance(b, Value | Sym) for b in given):
        numbers = [None if b is None or isinstance(b, Value | Sym) else float(b) for b in bounds]
        if x.dtype.is_float or all(n is None or float(np.float32(n)) == n for n in numbers):
            low, high = (d if n is None else n for n, d in zip(numbers, (-INF, INF), strict=True))
            return ctx.call("Clip", x, min=min(low, high), max=high)
    y = x
    for bound, op in zip(bounds, ("Max", "Min"), strict=True):
        if bound is not None:
            y = ctx.call(op, y, ctx.operand(bound, y.dtype))
    return y


@converts("aten.clamp_min")
def clamp_min(ctx: AtenContext) -> Value:
    return ctx.call("Max", *ctx.together([ctx.tensor("self"), ctx.number("min")]))


@converts("aten.clamp_max")
def clamp_max(ctx: AtenContext) -> Value:
    return ctx.call("Min", *ctx.together([ctx.tensor("self"), ctx.number("max")]))
