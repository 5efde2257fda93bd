"""Functions of keras.ops between single elements, and activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F16, F32, F64, I32, I64, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras import functions
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.registry import OPERATIONS
from edgekit_converters.keras.tensors import Tensor, element_type

operation = OPERATIONS.converts
#: element types from narrow to wide, floats behind integers
ORDER = (BOOL, DType.U8, DType.I8, DType.U16, DType.I16, DType.U32, I32, DType.U64, I64, F16, F32, F64)


def operand(ctx: LayerContext, position: int, name: str = "", like: DType | None = None) -> Value:
    """An argument as a value: a tensor, or numbers in the element type ``like``.

    Raises:
        MalformedModelError: it is missing, or no tensor and no number.
    """
    given = ctx.argument(position, name)
    if isinstance(given, Tensor):
        assert given.value is not None
        return given.value
    return literal(ctx, given, like)


def literal(ctx: LayerContext, given: Any, like: DType | None = None) -> Value:
    """Numbers as a constant; integers among floats become floats, floats among integers float32."""
    if given is None:
        raise MalformedModelError("an argument is missing")
    if isinstance(given, np.ndarray):
        return ctx.const(given)
    try:
        array = np.asarray(given)
    except ValueError as e:
        raise MalformedModelError(f"{str(given)[:60]!r} is no array of numbers") from e
    if array.dtype.kind not in "fiub":
        raise MalformedModelError(f"{str(given)[:60]!r} is no number")
    dtype = like or (F32 if array.dtype.kind == "f" else I32)
    if array.dtype.kind == "f" and not dtype.is_float:
        dtype = F32
    return ctx.const(array.astype(dtype.numpy))


def promoted(ctx: LayerContext, *values: Value) -> list[Value]:
    """Values in the widest of their element types."""
    wide = max((v.dtype for v in values), key=ORDER.index)
    return [ctx.cast(v, wide) for v in values]


def pair(ctx: LayerContext, first: str = "x1", second: str = "x2") -> tuple[Value, Value]:
    """Two operands in one element type."""
    given = [ctx.argument(0, first), ctx.argument(1, second)]
    kinds = [t.value.dtype for t in given if isinstance(t, Tensor) and t.value is not None]
    like = kinds[0] if kinds else None
    a, b = operand(ctx, 0, first, like), operand(ctx, 1, second, like)
    a, b = promoted(ctx, a, b)
    return a, b


def real(ctx: LayerContext, x: Value) -> Value:
    """Floats as they are, anything else as float32."""
    return x if x.dtype.is_float else ctx.cast(x, F32)


def single(ctx: LayerContext) -> Value:
    """The one operand."""
    return operand(ctx, 0, "x")


def _binary(op: str, floats: bool = False) -> Callable[[LayerContext], Value]:
    def convert(ctx: LayerContext) -> Value:
        a, b = pair(ctx)
        return ctx.call(op, real(ctx, a), real(ctx, b)) if floats else ctx.call(op, a, b)

    return convert


for _name, _op, _floats in (
    ("Add", "Add", False),
    ("Subtract", "Sub", False),
    ("Multiply", "Mul", False),
    ("Divide", "Div", True),
    ("TrueDivide", "Div", True),
    ("FloorDivide", "FloorDiv", False),
    ("Mod", "Mod", False),
    ("Maximum", "Max", False),
    ("Minimum", "Min", False),
    ("Fmax", "Max", False),
    ("Fmin", "Min", False),
    ("Power", "Pow", False),
    ("Arctan2", "Atan2", True),
    ("Equal", "Equal", False),
    ("Less", "Less", False),
    ("LessEqual", "LessOrEqual", False),
    ("Greater", "Greater", False),
    ("GreaterEqual", "GreaterOrEqual", False),
    ("BitwiseAnd", "BitwiseAnd", False),
    ("BitwiseOr", "BitwiseOr", False),
    ("BitwiseXor", "BitwiseXor", False),
):
    operation(_name)(_binary(_op, _floats))


def _logical(op: str) -> Callable[[LayerContext], Value]:
    return lambda ctx: ctx.call(op, ctx.cast(operand(ctx, 0, "x1"), BOOL), ctx.cast(operand(ctx, 1, "x2"), BOOL))


for _name, _op in (("LogicalAnd", "And"), ("LogicalOr", "Or"), ("LogicalXor", "Xor")):
    operation(_name)(_logical(_op))


def _unary(op: str, floats: bool = True) -> Callable[[LayerContext], Value]:
    return lambda ctx: ctx.call(op, real(ctx, single(ctx)) if floats else single(ctx))


for _name, _op, _floats in (
    ("Absolute", "Abs", False),
    ("Fabs", "Abs", True),
    ("Negative", "Neg", False),
    ("Sign", "Sign", False),
    ("Sqrt", "Sqrt", True),
    ("Rsqrt", "Rsqrt", True),
    ("Reciprocal", "Reciprocal", True),
    ("Floor", "Floor", True),
    ("Ceil", "Ceil", True),
    ("Exp", "Exp", True),
    ("Log", "Log", True),
    ("Sin", "Sin", True),
    ("Cos", "Cos", True),
    ("Tan", "Tan", True),
    ("Arcsin", "Asin", True),
    ("Arccos", "Acos", True),
    ("Arctan", "Atan", True),
    ("Sinh", "Sinh", True),
    ("Cosh", "Cosh", True),
    ("Tanh", "Tanh", True),
    ("Arcsinh", "Asinh", True),
    ("Arccosh", "Acosh", True),
    ("Arctanh", "Atanh", True),
    ("Erf", "Erf", True),
    ("Isnan", "IsNaN", True),
    ("Isinf", "IsInf", True),
    ("Relu", "Relu", False),
    ("Sigmoid", "Sigmoid", True),
    ("Silu", "Silu", True),
    ("Mish", "Mish", True),
    ("Selu", "Selu", True),
    ("Softplus", "Softplus", True),
    ("Softsign", "Softsign", True),
    ("HardSilu", "HardSwish", True),
):
    operation(_name)(_unary(_op, _floats))


def _named(name: str) -> Callable[[LayerContext], Value]:
    return lambda ctx: functions.FUNCTIONS[name](ctx, real(ctx, single(ctx)))


for _name, _function in (
    ("Relu6", "relu6"),
    ("HardSigmoid", "hard_sigmoid"),
    ("HardTanh", "hard_tanh"),
    ("LogSigmoid", "log_sigmoid"),
    ("TanhShrink", "tanh_shrink"),
    ("SparsePlus", "sparse_plus"),
    ("SparseSigmoid", "sparse_sigmoid"),
):
    operation(_name)(_named(_function))


@operation("LeakyRelu")
def leaky_relu(ctx: LayerContext) -> Value:
    return ctx.call("LeakyRelu", single(ctx), alpha=ctx.number("negative_slope", default=0.2))


@operation("ReLU")
def relu(ctx: LayerContext) -> Value:
    """keras.activations.relu with settings."""
    top = ctx.get("max_value", default=None)
    bound = None if top is None else ctx.number("max_value")
    return functions.relu(ctx, single(ctx), ctx.number("negative_slope", default=0.0), bound, ctx.number("threshold", default=0.0))


@operation("Elu")
def elu(ctx: LayerContext) -> Value:
    return ctx.call("Elu", single(ctx), alpha=ctx.number("alpha", default=1.0))


@operation("Celu")
def celu(ctx: LayerContext) -> Value:
    return ctx.call("Celu", single(ctx), alpha=ctx.number("alpha", default=1.0))


@operation("Gelu")
def gelu(ctx: LayerContext) -> Value:
    return ctx.call("Gelu", single(ctx), approximate="tanh" if ctx.flag("approximate", default=True) else "none")


@operation("Glu")
def glu(ctx: LayerContext) -> Value:
    return functions.glu(ctx, single(ctx), ctx.integer("axis", default=-1))


@operation("HardShrink")
def hard_shrink(ctx: LayerContext) -> Value:
    return functions.hard_shrink(ctx, single(ctx), ctx.number("threshold", default=0.5))


@operation("SoftShrink")
def soft_shrink(ctx: LayerContext) -> Value:
    return functions.soft_shrink(ctx, single(ctx), ctx.number("threshold", default=0.5))


@operation("Squareplus")
def squareplus(ctx: LayerContext) -> Value:
    return functions.squareplus(ctx, single(ctx), ctx.number("b", default=4))


@operation("Threshold")
def threshold(ctx: LayerContext) -> Value:
    limit = ctx.number("threshold_value", "threshold")
    return functions.threshold(ctx, single(ctx), limit, ctx.number("value", "default_value", default=0.0))


@operation("Sparsemax")
def sparsemax(ctx: LayerContext) -> Value:
    return functions.sparsemax(ctx, single(ctx), ctx.integer("axis", default=-1))


@operation("Softmax")
def softmax(ctx: LayerContext) -> Value:
    x, axis = real(ctx, single(ctx)), ctx.get("axis", default=-1)
    if axis is None:
        flat = ctx.call("Reshape", x, ctx.i64(-1), allow_zero=True)
        return ctx.call("Reshape", ctx.call("Softmax", flat, axis=0), ctx.call("Shape", x), allow_zero=True)
    return functions.softmax(ctx, x, ctx.integer("axis", default=-1))


@operation("LogSoftmax")
def log_softmax(ctx: LayerContext) -> Value:
    x = real(ctx, single(ctx))
    return ctx.call("LogSoftmax", x, axis=ctx.axis(ctx.integer("axis", default=-1), len(x.shape)))


# -- composed ---------------------------------------------------------------------------------------------------------------


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
    given = ctx.get("dtype", default=None) or ctx.argument(9, "dtype")
    dtype = x.dtype if given is None else element_type(given)
    number = {"ZerosLike": 0, "OnesLike": 1}.get(ctx.op)
    value = operand(ctx, 1, "fill_value", dtype) if number is None else ctx.const(np.asarray(number, dtype.numpy))
    return ctx.call("Expand", ctx.cast(value, dtype), ctx.call("Shape", x))
