"""Operators that work element by element, with torch's promotion of types (https://pytorch.org/docs/stable/tensor_attributes.html)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL, F32, F64, I64, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
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
COMPARISONS = {
    "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual", "less": "Less", "greater": "Greater",
    "less_equal": "LessOrEqual", "greater_equal": "GreaterOrEqual",
}  # fmt: skip
LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
BITWISE = {"bitwise_and": ("And", "BitwiseAnd"), "bitwise_or": ("Or", "BitwiseOr"), "bitwise_xor": ("Xor", "BitwiseXor")}


def _unary(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, ctx.floating(ctx.tensor("self")))


def _rounding(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        return ctx.call(op, x) if x.dtype.is_float else x

    return convert


def _same(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, ctx.tensor("self"))


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


for _torch, _op in FLOAT_UNARY.items():
    converts(f"aten.{_torch}")(_unary(_op))
for _torch, _op in ROUNDING.items():
    converts(f"aten.{_torch}")(_rounding(_op))
for _torch, _op in SAME_TYPE.items():
    converts(f"aten.{_torch}")(_same(_op))
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


@converts("aten.isnan")
def isnan(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsNaN", x) if x.dtype.is_float else _all(ctx, x, False)


@converts("aten.isinf")
def isinf(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsInf", x) if x.dtype.is_float else _all(ctx, x, False)


@converts("aten.isposinf")
def isposinf(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsInf", x, detect_negative=False) if x.dtype.is_float else _all(ctx, x, False)


@converts("aten.isneginf")
def isneginf(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("IsInf", x, detect_positive=False) if x.dtype.is_float else _all(ctx, x, False)


@converts("aten.isfinite")
def isfinite(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    if not x.dtype.is_float:
        return _all(ctx, x, True)
    return ctx.call("Not", ctx.call("Or", ctx.call("IsNaN", x), ctx.call("IsInf", x)))


def _all(ctx: AtenContext, x: Value, value: bool) -> Value:
    return ctx.expand(ctx.const(np.asarray(value)), ctx.sizes_of(x))


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


@converts("aten.where")
def where(ctx: AtenContext) -> Value:
    a, b = ctx.promoted("self", "other")
    return ctx.call("Where", truth(ctx, ctx.tensor("condition")), a, b)


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


@converts("aten.isclose")
def isclose(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")], F32)
    far = ctx.call("Abs", ctx.call("Sub", a, b))
    allowed = ctx.call("Add", ctx.call("Mul", ctx.call("Abs", b), ctx.like(ctx.real("rtol", 1e-5), a)), ctx.like(ctx.real("atol", 1e-8), a))
    return ctx.call("Or", ctx.call("Equal", a, b), ctx.call("LessOrEqual", far, allowed))


def copied(ctx: AtenContext, x: Value, to: DType | None) -> Value:
    """``x`` in another type; what torch leaves alone stays the same value."""
    if to is None or to is x.dtype:
        return x
    if to is BOOL:
        return truth(ctx, x)
    if x.dtype.is_float and not to.is_float:
        return ctx.cast(x, to)
    return ctx.cast(x, to)


@converts("aten.to", "aten._to_copy")
def to(ctx: AtenContext) -> Value:
    """Casts; devices, layouts and memory formats mean nothing here."""
    x = ctx.tensor("self")
    if ctx.has("other"):
        return copied(ctx, x, ctx.tensor("other").dtype)
    return copied(ctx, x, ctx.dtype())


@converts("aten.type_as")
def type_as(ctx: AtenContext) -> Value:
    return copied(ctx, ctx.tensor("self"), ctx.tensor("other").dtype)


def _cast_to(dtype: DType) -> ConvertFunction:
    return lambda ctx: copied(ctx, ctx.tensor("self"), dtype)


for _torch, _dtype in {"float": F32, "double": F64, "long": I64, "bool": BOOL, "int": DType.I32, "half": DType.F16}.items():
    converts(f"aten.{_torch}")(_cast_to(_dtype))


@converts(
    "aten.clone", "aten.contiguous", "aten.detach", "aten.alias", "aten.lift_fresh_copy", "aten.lift_fresh", "aten.detach_copy",
    "aten.alias_copy", "aten.resolve_conj", "aten.resolve_neg", "aten.positive", "aten.requires_grad_",
)  # fmt: skip
def same(ctx: AtenContext) -> Value:
    """What changes nothing in a graph of values."""
    return ctx.tensor("self")


@converts("aten.copy")
def copy(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.expand(copied(ctx, ctx.tensor("src"), x.dtype), ctx.sizes_of(x))


@converts("aten.real", "aten._conj", "aten.conj", "aten.conj_physical", "aten._conj_physical")
def real(ctx: AtenContext) -> Value:
    return ctx.tensor("self")


@converts("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout")
def dropout(ctx: AtenContext) -> Value:
    if ctx.real("p", 0.0) != 0:
        ctx.inference_only("train", False, "dropout")
    return ctx.tensor("input")


@converts("aten.native_dropout")
def native_dropout(ctx: AtenContext) -> tuple[Value, Value]:
    x = ctx.tensor("input")
    ctx.inference_only("train", False, "dropout")
    return x, _all(ctx, x, True)
