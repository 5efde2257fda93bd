"""Functions of keras.ops between single elements, and activations."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.ir import Value
from edgekit.types import BOOL
from edgekit_converters.keras import functions
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.arguments import operand, operation, pair, real, single


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
