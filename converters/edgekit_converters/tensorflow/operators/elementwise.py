"""Arithmetic, comparisons, logic, and functions of one element."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.types import BOOL, I32
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.operators.spectral import multiply, power
from edgekit_converters.tensorflow.registry import converts

BINARY = {
    "Add": "Add", "AddV2": "Add", "Sub": "Sub", "Mul": "Mul", "RealDiv": "Div", "Maximum": "Max", "Minimum": "Min", "Pow": "Pow",
    "SquaredDifference": "SquaredDifference", "FloorDiv": "FloorDiv", "Atan2": "Atan2", "Less": "Less", "LessEqual": "LessOrEqual",
    "Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "Equal": "Equal", "LogicalAnd": "And", "LogicalOr": "Or",
    "BitwiseAnd": "BitwiseAnd", "BitwiseOr": "BitwiseOr", "BitwiseXor": "BitwiseXor",
}  # fmt: skip
UNARY = {
    "Abs": "Abs", "Neg": "Neg", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Rsqrt": "Rsqrt", "Reciprocal": "Reciprocal",
    "Inv": "Reciprocal",
    "Floor": "Floor", "Ceil": "Ceil", "Sign": "Sign", "Sin": "Sin", "Cos": "Cos", "Tan": "Tan", "Asin": "Asin", "Acos": "Acos",
    "Atan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh", "Asinh": "Asinh", "Acosh": "Acosh", "Atanh": "Atanh", "Tanh": "Tanh",
    "Sigmoid": "Sigmoid", "Erf": "Erf", "Relu": "Relu", "Selu": "Selu", "Softplus": "Softplus", "Softsign": "Softsign",
    "LogicalNot": "Not", "Invert": "BitwiseNot", "IsNan": "IsNaN", "IsInf": "IsInf",
}  # fmt: skip


@converts(*BINARY)
def binary(ctx: NodeContext) -> Item:
    """``a op b`` with numpy's broadcasting."""
    if ctx.op == "Mul" and any(isinstance(i, Complex) for i in ctx.items):
        return multiply(ctx)
    return ctx.call(BINARY[ctx.op], ctx.input(0), ctx.input(1))


@converts("NotEqual", "ApproximateEqual")
def not_equal(ctx: NodeContext) -> Value:
    """Whether two elements differ (or lie closer together than a tolerance)."""
    a, b = ctx.input(0), ctx.input(1)
    if ctx.op == "ApproximateEqual":
        return ctx.unary_const(ctx.call("Abs", ctx.call("Sub", a, b)), "Less", ctx.attr_float("tolerance", 1e-5))
    return ctx.call("Not", ctx.call("Equal", a, b))


@converts("Div", "TruncateDiv")
def divide(ctx: NodeContext) -> Value:
    """Division; that of integers drops the remainder."""
    return ctx.call("Div", ctx.input(0), ctx.input(1))


@converts("DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Xlog1py")
def guarded(ctx: NodeContext) -> Value:
    """0 where one operand is 0: the divisor of DivNoNan, the second factor of MulNoNan, the first operand of the others."""
    a, b = ctx.input(0), ctx.input(1)
    if ctx.op in ("DivNoNan", "MulNoNan"):
        y, guard = ctx.call("Div" if ctx.op == "DivNoNan" else "Mul", a, b), b
    elif ctx.op == "Xdivy":
        y, guard = ctx.call("Div", a, b), a
    else:
        inner = ctx.unary_const(b, "Add", 1) if ctx.op == "Xlog1py" else b
        y, guard = ctx.call("Mul", a, ctx.call("Log", inner)), a
    return ctx.call("Where", ctx.unary_const(guard, "Equal", 0), ctx.like(0, y), y)


@converts("FloorMod")
def floor_mod(ctx: NodeContext) -> Value:
    """The remainder with the divisor's sign."""
    a, b = ctx.input(0), ctx.input(1)
    if a.dtype.is_float:
        return ctx.call("Sub", a, ctx.call("Mul", ctx.call("Floor", ctx.call("Div", a, b)), b))
    return ctx.call("Mod", a, b)


@converts("Mod", "TruncateMod")
def truncate_mod(ctx: NodeContext) -> Value:
    """The remainder with the dividend's sign, as C has it."""
    return ctx.call("Mod", ctx.input(0), ctx.input(1), fmod=True)


@converts("LeftShift", "RightShift")
def shift(ctx: NodeContext) -> Value:
    """Bits moved."""
    return ctx.call("BitShift", ctx.input(0), ctx.input(1), direction="left" if ctx.op == "LeftShift" else "right")


@converts("LogicalXor")
def logical_xor(ctx: NodeContext) -> Value:
    """Exclusive or."""
    return ctx.call("Xor", ctx.input(0), ctx.input(1))


@converts(*UNARY)
def unary(ctx: NodeContext) -> Item:
    """A function of one element."""
    if ctx.op == "Exp" and ctx.items and isinstance(ctx.items[0], Complex):
        return power(ctx)
    return ctx.call(UNARY[ctx.op], ctx.input(0))


@converts("Rint", "Round")
def round_(ctx: NodeContext) -> Value:
    """To the nearest integer, halves to even."""
    x = ctx.input(0)
    return ctx.call("Round", x) if x.dtype.is_float else x


@converts("IsFinite")
def is_finite(ctx: NodeContext) -> Value:
    """Neither infinite nor NaN."""
    x = ctx.input(0)
    return ctx.call("Not", ctx.call("Or", ctx.call("IsNaN", x), ctx.call("IsInf", x)))


@converts("Square")
def square(ctx: NodeContext) -> Value:
    """``x * x``."""
    return ctx.call("Mul", ctx.input(0), ctx.input(0))


@converts("Log1p", "Expm1", "Erfc")
def shifted(ctx: NodeContext) -> Value:
    """``log(1 + x)``, ``exp(x) - 1``, ``1 - erf(x)``."""
    x = ctx.input(0)
    if ctx.op == "Log1p":
        return ctx.call("Log", ctx.unary_const(x, "Add", 1))
    if ctx.op == "Expm1":
        return ctx.unary_const(ctx.call("Exp", x), "Sub", 1)
    return ctx.call("Sub", ctx.like(1, x), ctx.call("Erf", x))


@converts("Relu6", "ReluN1To1")
def clip(ctx: NodeContext) -> Value:
    """Clamps between two numbers."""
    low, high = (0.0, 6.0) if ctx.op == "Relu6" else (-1.0, 1.0)
    return ctx.call("Clip", ctx.input(0), min=low, max=high)


@converts("ClipByValue", "_ClipByValue")
def clip_by_value(ctx: NodeContext) -> Value:
    """Clamps between two tensors."""
    return ctx.call("Max", ctx.call("Min", ctx.input(0), ctx.input(2)), ctx.input(1))


@converts("Elu")
def elu(ctx: NodeContext) -> Value:
    """Elu with alpha 1."""
    return ctx.call("Elu", ctx.input(0), alpha=1.0)


@converts("LeakyRelu")
def leaky_relu(ctx: NodeContext) -> Value:
    """LeakyRelu."""
    return ctx.call("LeakyRelu", ctx.input(0), alpha=ctx.attr_float("alpha", 0.2))


@converts("Prelu", "_Prelu")
def prelu(ctx: NodeContext) -> Value:
    """PRelu with a slope that broadcasts (TensorFlow.js)."""
    return ctx.call("PRelu", ctx.input(0), ctx.input(1))


@converts("Select", "SelectV2")
def select(ctx: NodeContext) -> Value:
    """``condition ? a : b``; the older form does not broadcast but takes one condition for each row."""
    c, a, b = ctx.input(0), ctx.input(1), ctx.input(2)
    if ctx.op == "Select" and len(c.shape) == 1 and len(a.shape) > 1:
        c = ctx.regroup(c, [[0], *([1] * (len(a.shape) - 1))])
    return ctx.call("Where", c, a, b)


@converts("AddN", "AccumulateNV2")
def add_n(ctx: NodeContext) -> Value:
    """The sum of all inputs."""
    values = ctx.present()
    y = values[0]
    for v in values[1:]:
        y = ctx.call("Add", y, v)
    return y


@converts("BiasAdd", "BiasAddV1")
def bias_add(ctx: NodeContext) -> Value:
    """A number for each channel."""
    x, b = ctx.input(0), ctx.input(1)
    if ctx.attr_string("data_format", "NHWC").startswith("NC") and len(x.shape) > 2:
        b = ctx.regroup(b, [[0], *([1] * (len(x.shape) - 2))])
    return ctx.call("Add", x, b)


@converts("ZerosLike", "OnesLike")
def like(ctx: NodeContext) -> Value:
    """Zeros or ones of the input's shape."""
    x = ctx.input(0)
    return ctx.call("Expand", ctx.like(0 if ctx.op == "ZerosLike" else 1, x), ctx.shape_of(x))


@converts("Any", "All")
def reduce_logical(ctx: NodeContext) -> Value:
    """Or, and, over some axes."""
    x = ctx.input(0)
    axes = tuple(sorted({ctx.axis(a, len(x.shape)) for a in ctx.constant_ints(1, "the axes")}))
    if not axes:
        return x
    op = "ReduceMax" if ctx.op == "Any" else "ReduceMin"
    return ctx.cast(ctx.call(op, ctx.cast(x, I32), axes=axes, keepdims=ctx.attr_bool("keep_dims", False)), BOOL)
