"""Operators that work element by element (https://onnx.ai/onnx/operators)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops import get_op
from edgekit.types import F32, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import ConvertFunction, converts

INF = float("inf")

#: operators of one input without attributes, that the table has under another or the same name
UNARY = (
    "Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan",
    "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Tanh", "Sigmoid", "Erf", "Relu", "Softplus", "Softsign", "HardSwish", "Mish", "Not",
    "BitwiseNot", "IsNaN",
)  # fmt: skip
#: operators of two inputs with numpy broadcasting
BINARY = (
    "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
)  # fmt: skip
ARITHMETIC = ("Add", "Sub", "Mul", "Div")
FIRST_NUMPY_BROADCAST = 7


def _unary(op: str) -> ConvertFunction:
    return lambda ctx: ctx.call(op, ctx.input(0))


def _binary(op: str) -> ConvertFunction:
    def convert(ctx: NodeContext) -> Value:
        a, b = ctx.input(0), _legacy_operand(ctx, ctx.input(0), ctx.input(1))
        return ctx.call(op, a, b)

    return convert


for _name in UNARY:
    converts(_name)(_unary(_name))
for _name in (*BINARY, *ARITHMETIC):
    converts(_name)(_binary(_name))


def _legacy_operand(ctx: NodeContext, a: Value, b: Value) -> Value:
    """Before opset 7 the second operand is lined up with ``axis`` of the first, and only where ``broadcast`` is set."""
    if ctx.opset >= FIRST_NUMPY_BROADCAST or not ctx.get_int("broadcast", 0) or not ctx.has("axis"):
        return b
    axis = ctx.axis(ctx.get_int("axis"), len(a.shape))
    behind = len(a.shape) - axis - len(b.shape)
    if behind < 0:
        raise MalformedModelError(f"the second operand of rank {len(b.shape)} does not fit behind axis {axis}")
    return ctx.regroup(b, [*([i] for i in range(len(b.shape))), *([1] * behind)])


@converts("Pow")
def pow_(ctx: NodeContext) -> Value:
    a, b = ctx.input(0), _legacy_operand(ctx, ctx.input(0), ctx.input(1))
    definition = get_op("Pow")
    allowed = definition.allowed(definition.inputs[1])
    if b.dtype not in allowed:
        b = ctx.cast(b, DType.I64 if b.dtype.is_integer else F32)
    return ctx.call("Pow", a, b)


@converts("Mod")
def mod(ctx: NodeContext) -> Value:
    return ctx.call("Mod", ctx.input(0), ctx.input(1), fmod=bool(ctx.get_int("fmod", 0)))


@converts("BitShift")
def bit_shift(ctx: NodeContext) -> Value:
    return ctx.call("BitShift", ctx.input(0), ctx.input(1), direction=ctx.get_string("direction").lower())


@converts("Where")
def where(ctx: NodeContext) -> Value:
    return ctx.call("Where", ctx.input(0), ctx.input(1), ctx.input(2))


@converts("PRelu")
def prelu(ctx: NodeContext) -> Value:
    x, slope = ctx.input(0), ctx.input(1)
    if ctx.opset < FIRST_NUMPY_BROADCAST and len(slope.shape) == 1 and slope.shape[0] != 1 and len(x.shape) > 2:
        slope = ctx.reshape(slope, (ctx.static(slope.shape[0], "the number of slopes"), *([1] * (len(x.shape) - 2))))
    return ctx.call("PRelu", x, slope)


def _chain(ctx: NodeContext, op: str, values: Sequence[Value]) -> Value:
    total = values[0]
    for v in values[1:]:
        total = ctx.call(op, total, v)
    return total


@converts("Sum")
def sum_(ctx: NodeContext) -> Value:
    return _chain(ctx, "Add", ctx.present())


@converts("Min")
def min_(ctx: NodeContext) -> Value:
    return _chain(ctx, "Min", ctx.present())


@converts("Max")
def max_(ctx: NodeContext) -> Value:
    return _chain(ctx, "Max", ctx.present())


@converts("Mean")
def mean(ctx: NodeContext) -> Value:
    values = ctx.present()
    total = _chain(ctx, "Add", values)
    return ctx.call("Mul", total, ctx.like(1.0 / len(values), total)) if len(values) > 1 else total


@converts("LeakyRelu")
def leaky_relu(ctx: NodeContext) -> Value:
    return ctx.call("LeakyRelu", ctx.input(0), alpha=ctx.get_float("alpha", 0.01))


@converts("Elu")
def elu(ctx: NodeContext) -> Value:
    return ctx.call("Elu", ctx.input(0), alpha=ctx.get_float("alpha", 1.0))


@converts("Selu")
def selu(ctx: NodeContext) -> Value:
    before_6 = ctx.opset < 6
    alpha = ctx.get_float("alpha", 1.6732 if before_6 else 1.67326319217681884765625)
    gamma = ctx.get_float("gamma", 1.0507 if before_6 else 1.05070102214813232421875)
    return ctx.call("Selu", ctx.input(0), alpha=alpha, gamma=gamma)


@converts("Celu", since=12)
def celu(ctx: NodeContext) -> Value:
    return ctx.call("Celu", ctx.input(0), alpha=ctx.get_float("alpha", 1.0))


@converts("HardSigmoid")
def hard_sigmoid(ctx: NodeContext) -> Value:
    return ctx.call("HardSigmoid", ctx.input(0), alpha=ctx.get_float("alpha", 0.2), beta=ctx.get_float("beta", 0.5))


@converts("ThresholdedRelu")
def thresholded_relu(ctx: NodeContext) -> Value:
    return ctx.call("ThresholdedRelu", ctx.input(0), alpha=ctx.get_float("alpha", 1.0))


@converts("Gelu", since=20)
def gelu(ctx: NodeContext) -> Value:
    return ctx.call("Gelu", ctx.input(0), approximate=ctx.get_string("approximate", "none"))


@converts("Swish", since=24)
def swish(ctx: NodeContext) -> Value:
    x, alpha = ctx.input(0), ctx.get_float("alpha", 1.0)
    if alpha == 1.0:
        return ctx.call("Silu", x)
    return ctx.call("Mul", x, ctx.call("Sigmoid", ctx.call("Mul", x, ctx.like(alpha, x))))


@converts("Shrink", since=9)
def shrink(ctx: NodeContext) -> Value:
    """``x + bias`` below ``-lambd``, ``x - bias`` above ``lambd``, else 0."""
    x, bias, lambd = ctx.input(0), ctx.get_float("bias", 0.0), ctx.get_float("lambd", 0.5)
    real = ctx.cast(x, F32) if not x.dtype.is_float else x
    low = ctx.call("Add", real, ctx.like(bias, real))
    high = ctx.call("Sub", real, ctx.like(bias, real))
    inner = ctx.call("Where", ctx.call("Greater", real, ctx.like(lambd, real)), high, ctx.like(0, real))
    return ctx.cast(ctx.call("Where", ctx.call("Less", real, ctx.like(-lambd, real)), low, inner), x.dtype)


@converts("IsInf", since=10)
def is_inf(ctx: NodeContext) -> Value:
    positive, negative = bool(ctx.get_int("detect_positive", 1)), bool(ctx.get_int("detect_negative", 1))
    return ctx.call("IsInf", ctx.input(0), detect_positive=positive, detect_negative=negative)


@converts("Clip")
def clip_by_attributes(ctx: NodeContext) -> Value:
    return ctx.call("Clip", ctx.input(0), min=ctx.get_float("min", -INF), max=ctx.get_float("max", INF))


@converts("Clip", since=11)
def clip(ctx: NodeContext) -> Value:
    """Bounds that are known become attributes; others (and integers that float32 does not hold) are compared as tensors."""
    x, low, high = ctx.input(0), ctx.optional(1), ctx.optional(2)
    bounds = []
    for v in (low, high):
        k = None if v is None else ctx.numbers(v)
        if k is not None and k.size != 1:
            raise MalformedModelError(f"a bound of one element is needed, got {k.size}")
        bounds.append(None if k is None else k.reshape(-1)[0])
    exact = all(b is None or x.dtype.is_float or float(np.float32(b)) == float(b) for b in bounds)
    if exact and all(v is None or b is not None for v, b in zip((low, high), bounds, strict=True)):
        return ctx.call("Clip", x, min=-INF if bounds[0] is None else float(bounds[0]), max=INF if bounds[1] is None else float(bounds[1]))
    y = x if low is None else ctx.call("Max", x, ctx.scalar(low))
    return y if high is None else ctx.call("Min", y, ctx.scalar(high))


@converts("Cast")
def cast(ctx: NodeContext) -> Value:
    return ctx.cast(ctx.input(0), ctx.get_dtype("to"))


@converts("CastLike", since=15)
def cast_like(ctx: NodeContext) -> Value:
    return ctx.cast(ctx.input(0), ctx.input(1).dtype)


@converts("Dropout")
def dropout(ctx: NodeContext) -> list[Value | None]:
    """Identity at inference; the mask, where it is asked for, is all true."""
    x = ctx.input(0)
    training = ctx.optional(2)
    if training is not None:
        flag = ctx.numbers(training)
        if flag is None or bool(flag.reshape(-1)[0]):
            raise Unsupported("training_mode is not supported", "Export the model for inference.")
    if not ctx.wants(1):
        return [x]
    one = ctx.const(np.asarray(True)) if ctx.opset >= 10 else ctx.like(1, x)
    return [x, ctx.call("Expand", one, ctx.shape_of(x))]


@converts("Binarizer", domain="ai.onnx.ml")
def binarizer(ctx: NodeContext) -> Value:
    x = ctx.input(0)
    return ctx.cast(ctx.call("Greater", x, ctx.like(ctx.get_float("threshold", 0.0), x)), x.dtype)
