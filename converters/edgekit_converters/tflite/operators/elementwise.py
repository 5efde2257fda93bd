"""Arithmetic, comparisons, and functions of one element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL, F32, I32, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext, is_int8
from edgekit_converters.tflite.registry import converts

BINARY = {
    "ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div", "MAXIMUM": "Max", "MINIMUM": "Min", "SQUARED_DIFFERENCE": "SquaredDifference",
}  # fmt: skip
FUSED = ("ADD", "SUB", "MUL", "DIV")
COMPARISONS = {"EQUAL": "Equal", "LESS": "Less", "LESS_EQUAL": "LessOrEqual", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual"}
UNARY = {
    "ABS": "Abs", "NEG": "Neg", "EXP": "Exp", "LOG": "Log", "SQRT": "Sqrt", "RSQRT": "Rsqrt", "FLOOR": "Floor", "CEIL": "Ceil",
    "ROUND": "Round", "SIGN": "Sign", "SIN": "Sin", "COS": "Cos", "TANH": "Tanh", "LOGISTIC": "Sigmoid", "RELU": "Relu",
    "HARD_SWISH": "HardSwish",
}  # fmt: skip
#: elements LiteRT brings to another scale at a time
QUANTIZED_AT_ONCE = 16
CLIPS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


def operands(ctx: NodeContext) -> tuple[Value, Value]:
    """Both operands, in int8 where both and the output are, else in float32 where quantized."""
    a, b = ctx.input(0), ctx.input(1)
    if ctx.same_scale(a, b):
        return a, b
    return ctx.as_real(a), ctx.as_real(b)


@converts(*BINARY)
def binary(ctx: NodeContext) -> Value:
    """``a op b`` with numpy's broadcasting, then the fused activation."""
    a, b = operands(ctx)
    attrs: dict[str, Any] = ctx.clamp() if ctx.op in FUSED else {}
    if a.quant is not None:
        y = ctx.integer(BINARY[ctx.op], a, b, quant=ctx.out.quant, **attrs)
    else:
        y = ctx.call(BINARY[ctx.op], a, b, **attrs)
    return ctx.activate(y) if ctx.op in FUSED else y


@converts(*COMPARISONS, "NOT_EQUAL")
def comparison(ctx: NodeContext) -> Value:
    """Comparisons give bool."""
    a, b = ctx.real(0), ctx.real(1)
    if ctx.op == "NOT_EQUAL":
        return ctx.call("Not", ctx.call("Equal", a, b))
    return ctx.call(COMPARISONS[ctx.op], a, b)


@converts("POW", "FLOOR_DIV", "ATAN2")
def plain_binary(ctx: NodeContext) -> Value:
    """Operators without an integer form."""
    return ctx.call({"POW": "Pow", "FLOOR_DIV": "FloorDiv", "ATAN2": "Atan2"}[ctx.op], ctx.real(0), ctx.real(1))


@converts("FLOOR_MOD")
def floor_mod(ctx: NodeContext) -> Value:
    """The remainder with the divisor's sign."""
    a, b = ctx.real(0), ctx.real(1)
    if a.dtype is F32:
        return ctx.call("Sub", a, ctx.call("Mul", ctx.call("Floor", ctx.call("Div", a, b)), b))
    return ctx.call("Mod", a, b)


@converts("LOGICAL_AND", "LOGICAL_OR")
def logical(ctx: NodeContext) -> Value:
    """And, or."""
    return ctx.call("And" if ctx.op == "LOGICAL_AND" else "Or", ctx.input(0), ctx.input(1))


@converts("LOGICAL_NOT")
def logical_not(ctx: NodeContext) -> Value:
    """Not."""
    return ctx.call("Not", ctx.input(0))


@converts("BITWISE_XOR", "RIGHT_SHIFT")
def bitwise(ctx: NodeContext) -> Value:
    """Bits of integers."""
    if ctx.op == "BITWISE_XOR":
        return ctx.call("Xor" if ctx.input(0).dtype is BOOL else "BitwiseXor", ctx.input(0), ctx.input(1))
    return ctx.call("BitShift", ctx.input(0), ctx.input(1), direction="right")


@converts(*UNARY)
def unary(ctx: NodeContext) -> Value:
    """A function of one element."""
    return ctx.unary(UNARY[ctx.op], ctx.input(0))


@converts(*CLIPS)
def clip(ctx: NodeContext) -> Value:
    """Clamps between two numbers."""
    low, high = CLIPS[ctx.op]
    return ctx.unary("Clip", ctx.input(0), min=low, max=high)


@converts("ELU")
def elu(ctx: NodeContext) -> Value:
    """Elu with alpha 1."""
    return ctx.unary("Elu", ctx.input(0), alpha=1.0)


@converts("LEAKY_RELU")
def leaky_relu(ctx: NodeContext) -> Value:
    """LeakyRelu."""
    return ctx.unary("LeakyRelu", ctx.input(0), alpha=float(ctx.options.alpha))


@converts("GELU")
def gelu(ctx: NodeContext) -> Value:
    """Gelu, exact or with tanh."""
    return ctx.unary("Gelu", ctx.input(0), approximate="tanh" if ctx.options.approximate else "none")


@converts("SQUARE")
def square(ctx: NodeContext) -> Value:
    """``x * x``."""
    x = ctx.input(0)
    if ctx.same_scale(x):
        return ctx.table(x, np.square)
    x = ctx.as_real(x)
    return ctx.call("Mul", x, x)


@converts("PRELU")
def prelu(ctx: NodeContext) -> Value:
    """PRelu with a slope that broadcasts."""
    x, slope = operands(ctx)
    if is_int8(x):
        return ctx.integer("PRelu", x, slope, quant=ctx.out.quant)
    return ctx.call("PRelu", x, slope)


@converts("ADD_N")
def add_n(ctx: NodeContext) -> Value:
    """The sum of all inputs."""
    y = ctx.real(0)
    for i in range(1, len(ctx.inputs)):
        y = ctx.call("Add", y, ctx.real(i))
    return y


@converts("SELECT", "SELECT_V2")
def select(ctx: NodeContext) -> Value:
    """``condition ? a : b``; the older form also takes one condition for each row."""
    c, a, b = ctx.input(0), ctx.input(1), ctx.input(2)
    if a.quant is not None or b.quant is not None:
        if ctx.same_scale(a, b):
            assert ctx.out.quant is not None
            a, b = ctx.quantized(a, a.dtype, ctx.out.quant), ctx.quantized(b, b.dtype, ctx.out.quant)
        else:
            a, b = ctx.as_real(a), ctx.as_real(b)
    if ctx.op == "SELECT" and len(c.shape) == 1 and len(a.shape) > 1:
        c = ctx.regroup(c, [c.shape[0], *([1] * (len(a.shape) - 1))])
    return ctx.call("Where", c, a, b)


@converts("CAST")
def cast(ctx: NodeContext) -> Value | Sequence[Value]:
    """The declared output type; scales play no part. Of a complex number the real part, as LiteRT takes it."""
    z = ctx.complex_or_none()
    x = ctx.input(0) if z is None else ctx.call("Gather", z, ctx.const(np.asarray(0, np.int64)), axis=len(z.shape) - 1)
    if x.quant is not None:
        raise Unsupported("a CAST of a quantized tensor is not supported.", "Use DEQUANTIZE.")
    if not ctx.outputs:  # to complex numbers, whose type is no element type here
        real = ctx.unsqueeze(ctx.cast(x, F32), len(x.shape))
        return ctx.give_complex(ctx.call("Pad", real, ctx.i64(*(0,) * (2 * len(x.shape) + 1), 1)))
    return ctx.cast(x, ctx.out.dtype)


@converts("ZEROS_LIKE")
def zeros_like(ctx: NodeContext) -> Value:
    """Zeros of the input's shape."""
    x = ctx.real(0)
    shape = ctx.call("Shape", x)
    return ctx.call("Expand", ctx.const(np.zeros((), x.dtype.numpy)), shape)


@converts("FAKE_QUANT")
def fake_quant(ctx: NodeContext) -> Value:
    """Rounding to the steps of a range (nudged so that 0 is a step)."""
    o = ctx.options
    low, high = float(o.min), float(o.max)
    qmin, qmax = float(bool(o.narrow_range)), float(2 ** int(o.num_bits) - 1)
    if not low < high or not qmin < qmax:
        raise Unsupported(f"a range from {low} to {high} in {o.num_bits} bits is not supported.")
    scale = (high - low) / (qmax - qmin)
    zero = float(np.clip(np.floor(qmin - low / scale + 0.5), qmin, qmax))
    low, high = (qmin - zero) * scale, (qmax - zero) * scale
    x = ctx.call("Sub", ctx.call("Clip", ctx.real(0), min=low, max=high), ctx.const(np.float32(low)))
    steps = ctx.call("Floor", ctx.call("Add", ctx.call("Div", x, ctx.const(np.float32(scale))), ctx.const(np.float32(0.5))))
    return ctx.call("Add", ctx.call("Mul", steps, ctx.const(np.float32(scale))), ctx.const(np.float32(low)))


@converts("RANK")
def rank(ctx: NodeContext) -> Value:
    """The number of dimensions."""
    return ctx.const(np.asarray(len(ctx.input(0).shape), np.int32), I32)


@converts("QUANTIZE", "DEQUANTIZE")
def quantize(ctx: NodeContext) -> Value:
    """Real numbers to integers, integers to those of another scale, and back: the declared output says which."""
    x, out = ctx.input(0), ctx.out
    if x.quant is not None and out.quant is not None and (x.dtype, x.quant) != (out.dtype, out.quant):
        return ctx.integer("Requantize", x, quant=out.quant, dtype=out.dtype, requantize=_rounding(x, out.dtype))
    return x


def _rounding(x: Value, to: DType) -> str:
    """LiteRT's vectors of 8 bits send ties upwards; other widths, and up to 15 elements behind the last vector, away from zero."""
    vectors = not x.type.is_static or math.prod(x.type.max_shape()) >= QUANTIZED_AT_ONCE
    return "fixed_up" if x.dtype.itemsize == to.itemsize == 1 and vectors else "fixed_away"
