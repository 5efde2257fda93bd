"""Quantization operators. Constant parameters become quantization of tensor types; parameters computed at run time become arithmetic."""

from __future__ import annotations

import math

import numpy as np

from edgekit.errors import GraphError, MalformedModelError
from edgekit.ir import Value
from edgekit.ops.shapes import broadcast
from edgekit.types import F16, F32, I8, I16, I32, U8, U16, Array, Dim, DType, QuantParams, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators.linear import convolution, exact_product, product
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.tensors import element_type

STORED = (I8, U8, I16, U16)
EXACT_FLOAT = 1 << 24


def quant_params(ctx: NodeContext, x: Value, scale: Value, zero: Value | None, axis: int) -> QuantParams | None:
    """Parameters of a tensor type; None where they are computed at run time or of a form that types do not hold."""
    s = ctx.numbers(scale)
    z = None if zero is None else ctx.numbers(zero)
    if s is None or (zero is not None and z is None):
        return None
    zeros: Array = np.zeros(s.shape, np.int64) if z is None else z.astype(np.int64)
    if zeros.size != s.size:
        raise MalformedModelError(f"{s.size} scales, but {zeros.size} zero points")
    try:
        if s.ndim == 0 or (s.ndim == 1 and s.size == 1 and not (x.shape and len(x.shape) > axis >= 0 and x.shape[axis] == 1)):
            return QuantParams.per_tensor(float(s.reshape(-1)[0]), int(zeros.reshape(-1)[0]))
        if s.ndim != 1:
            return None
        axis = ctx.axis(axis, len(x.shape))
        if isinstance(x.shape[axis], int) and x.shape[axis] != s.size:
            raise MalformedModelError(f"{s.size} scales along axis {axis} of size {x.shape[axis]}")
        return QuantParams.per_channel(s.reshape(-1), axis, [int(v) for v in zeros.reshape(-1)])
    except GraphError:  # a scale of 0 or less: the arithmetic form knows what to do
        return None


def _spread(ctx: NodeContext, p: Value, x: Value, axis: int, block: int) -> Value:
    """Scale or zero point in a shape that broadcasts over ``x``."""
    if len(p.shape) == 0 or (len(p.shape) == 1 and p.shape[0] == 1 and not block):
        return ctx.scalar(p)
    axis = ctx.axis(axis, len(x.shape))
    if block:
        n = ctx.static(x.shape[axis], "the blocked dimension")
        if block < 0:
            raise MalformedModelError(f"blocks of {block} elements are not possible")
        ctx.computed((n,))
        index = np.arange(n, dtype=np.int64) // block
        return ctx.call("Gather", p, ctx.const(index), axis=axis)
    if len(p.shape) != 1:
        raise Unsupported(f"scales of rank {len(p.shape)} are supported only with block_size")
    return ctx.regroup(p, [[0] if i == axis else 1 for i in range(len(x.shape))])


def quantize(ctx: NodeContext, x: Value, scale: Value, zero: Value | None, axis: int, dtype: DType, block: int = 0) -> Value:
    """``saturate(round(x / scale) + zero)``."""
    if dtype not in STORED:
        raise Unsupported(f"quantization to {dtype.label} is not supported", reason="unsupported-type")
    real = ctx.cast(x, F32)
    params = None if block else quant_params(ctx, x, scale, zero, axis)
    if params is not None:
        return ctx.add("Quantize", real, out_type=TensorType(dtype, x.shape, params), dtype=dtype)
    steps = ctx.call("Round", ctx.call("Div", real, _spread(ctx, ctx.cast(scale, F32), x, axis, block)))
    if zero is not None:
        steps = ctx.call("Add", steps, _spread(ctx, ctx.cast(zero, F32), x, axis, block))
    info = np.iinfo(dtype.numpy)
    return ctx.cast(ctx.call("Clip", steps, min=float(info.min), max=float(info.max)), dtype)


def dequantize(ctx: NodeContext, x: Value, scale: Value, zero: Value | None, axis: int, block: int = 0) -> Value:
    """``(x - zero) * scale`` in the type of the scale."""
    params = None if block or x.dtype not in (*STORED, I32) else quant_params(ctx, x, scale, zero, axis)
    if params is not None and scale.dtype in (F32, F16):
        carried = _carrying(ctx, x, params)
        if carried is not None:
            return ctx.cast(ctx.call("Dequantize", carried), scale.dtype)
    real = ctx.cast(x, F32)
    if zero is not None:
        real = ctx.call("Sub", real, _spread(ctx, ctx.cast(zero, F32), x, axis, block))
    return ctx.cast(ctx.call("Mul", real, _spread(ctx, ctx.cast(scale, F32), x, axis, block)), scale.dtype)


def _carrying(ctx: NodeContext, x: Value, params: QuantParams) -> Value | None:
    """``x`` with the parameters in its type: as it is, a constant again, or an input that nothing else reads."""
    if x.quant == params:
        return x
    if x.const is not None:
        return ctx.builder.constant(x.const, x.name, quant=params)
    if x.quant is None and x.producer is None and not x.uses:
        x.type = TensorType(x.dtype, x.shape, params)
        return x
    return None


@converts("QuantizeLinear", since=10)
def quantize_linear(ctx: NodeContext) -> Value:
    zero = ctx.optional(2)
    if ctx.importer.session.is_narrow(zero):
        raise Unsupported("quantization to integers of 2 or 4 bits, or to float8, is not supported at run time", reason="unsupported-type")
    dtype = element_type(ctx.get_int("output_dtype")) if ctx.get_int("output_dtype", 0) else U8 if zero is None else zero.dtype
    return quantize(ctx, ctx.input(0), ctx.input(1), zero, ctx.get_int("axis", 1), dtype, ctx.get_int("block_size", 0))


@converts("DequantizeLinear", since=10)
def dequantize_linear(ctx: NodeContext) -> Value:
    return dequantize(ctx, ctx.input(0), ctx.input(1), ctx.optional(2), ctx.get_int("axis", 1), ctx.get_int("block_size", 0))


@converts("DynamicQuantizeLinear", since=11)
def dynamic_quantize_linear(ctx: NodeContext) -> list[Value]:
    return dynamic_quantize(ctx, ctx.input(0))


def dynamic_quantize(ctx: NodeContext, x: Value) -> list[Value]:
    """uint8 values with parameters from the range of the data, zero included: values, scale, zero point."""
    zero_f = ctx.like(0, x)
    low = ctx.call("Min", ctx.call("ReduceMin", x, keepdims=False), zero_f)
    high = ctx.call("Max", ctx.call("ReduceMax", x, keepdims=False), zero_f)
    scale = ctx.call("Div", ctx.call("Sub", high, low), ctx.like(255, x))
    raw = ctx.call("Div", ctx.call("Sub", zero_f, low), scale)
    zero = ctx.cast(ctx.call("Round", ctx.call("Clip", raw, min=0.0, max=255.0)), U8)
    return [quantize(ctx, x, scale, zero, 1, U8), scale, zero]


def _int8_form(ctx: NodeContext, x: Value, scale: Value, zero: Value, axis: int) -> Value | None:
    """An int8 value that carries constant parameters in its type, None where it cannot."""
    if x.dtype is not I8:
        return None
    params = quant_params(ctx, x, scale, zero, axis)
    return None if params is None else _carrying(ctx, x, params)


def _int8_result(ctx: NodeContext, scale: Value, zero: Value) -> QuantParams | None:
    if zero.dtype is not I8 or scale.shape not in ((), (1,)):
        return None
    return quant_params(ctx, ctx.scalar(zero), ctx.scalar(scale), ctx.scalar(zero), 0)


@converts("QLinearMatMul", since=10)
def qlinear_matmul(ctx: NodeContext) -> Value:
    """int8 throughout: the integer operator itself. Else dequantize, multiply, quantize: a pass makes one integer operator of it."""
    a, sa, za, b, sb, zb, sy, zy = (ctx.input(i) for i in range(8))
    qy = _int8_result(ctx, sy, zy)
    if qy is not None and sa.shape in ((), (1,)) and sb.shape in ((), (1,)) and len(a.shape) > 1 and len(b.shape) > 1:
        left8, right8 = _int8_form(ctx, a, sa, za, 0), _int8_form(ctx, b, sb, zb, 0)
        if left8 is not None and right8 is not None:
            return ctx.add("MatMul", left8, right8, out_type=TensorType(I8, product_shape(left8, right8), qy))
    if any(ctx.numbers(v) is None for v in (sa, za, sb, zb, sy, zy)):
        factor = ctx.call(
            "Div", ctx.call("Mul", *(ctx.cast(_spread(ctx, s, v, k, 0), F32) for s, v, k in ((sa, a, -2), (sb, b, -1)))), ctx.cast(sy, F32)
        )
        total = ctx.cast(integer_product(ctx, a, b, za, zb), F32)
        return quantize(ctx, ctx.call("Mul", total, factor), ctx.const(1.0, F32), zy, -2, zy.dtype)
    left = dequantize(ctx, a, sa, za, len(a.shape) - 2 if len(a.shape) > 1 else 0)
    right = dequantize(ctx, b, sb, zb, len(b.shape) - 1)
    return quantize(ctx, product(ctx, ctx.cast(left, F32), ctx.cast(right, F32)), sy, zy, -2, zy.dtype)


def product_shape(a: Value, b: Value) -> tuple[Dim, ...]:
    """The shape of a matrix product of operands of rank 2 or more."""
    return (*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])


@converts("QLinearConv", since=10)
def qlinear_conv(ctx: NodeContext) -> Value:
    """Dequantize, convolve, quantize: a pass makes one integer operator of it."""
    x, sx, zx, w, sw, zw, sy, zy = (ctx.input(i) for i in range(8))
    bias = ctx.optional(8)
    real_bias = None
    if bias is not None:
        units = ctx.call("Mul", ctx.scalar(sx), sw)
        real_bias = dequantize(ctx, bias, units, None, 0)
    y = convolution(ctx, dequantize(ctx, x, sx, zx, 1), dequantize(ctx, w, sw, zw, 0), real_bias)
    return quantize(ctx, y, sy, zy, 1, zy.dtype)


def _centred(ctx: NodeContext, x: Value, zero: Value | None, axis: int) -> Value:
    """``x - zero`` in int32."""
    wide = ctx.cast(x, I32)
    if zero is None:
        return wide
    return ctx.call("Sub", wide, _spread(ctx, ctx.cast(zero, I32), x, axis, 0))


@converts("MatMulInteger", since=10)
def matmul_integer(ctx: NodeContext) -> Value:
    """Exact: in float32 where every partial sum stays below 2**24, in int32 otherwise."""
    return integer_product(ctx, ctx.input(0), ctx.input(1), ctx.optional(2), ctx.optional(3))


def integer_product(ctx: NodeContext, a: Value, b: Value, za: Value | None, zb: Value | None) -> Value:
    """``(a - za) @ (b - zb)`` in int32."""
    left = _centred(ctx, a, za, len(a.shape) - 2 if len(a.shape) > 1 else 0)
    right = _centred(ctx, b, zb, len(b.shape) - 1)
    depth = a.shape[-1] if a.shape else 0
    if isinstance(depth, int) and depth * 255 * 255 < EXACT_FLOAT:
        return ctx.cast(product(ctx, ctx.cast(left, F32), ctx.cast(right, F32)), I32)
    return exact_product(ctx, left, right)


@converts("ConvInteger", since=10)
def conv_integer(ctx: NodeContext) -> Value:
    """Exact in float32 where every partial sum stays below 2**24."""
    x, w, zx, zw = ctx.input(0), ctx.input(1), ctx.optional(2), ctx.optional(3)
    right = _centred(ctx, w, zw, 0)
    k = ctx.numbers(right)
    taps = [ctx.static(d, "the weights' shape") for d in w.shape[1:]]
    most = 255 * (int(np.abs(k).reshape(k.shape[0], -1).sum(axis=1).max()) if k is not None and k.size else 255 * math.prod(taps))
    if most >= EXACT_FLOAT:
        raise Unsupported("sums beyond 2**24 are not supported", "Use QLinearConv or QuantizeLinear / DequantizeLinear around Conv.")
    y = convolution(ctx, ctx.cast(_centred(ctx, x, zx, 1), F32), ctx.cast(right, F32), None)
    return ctx.cast(y, I32)
