"""Quantized operators of ONNX Runtime's own domain: dequantize, the operator, quantize; a pass makes one integer operator of it.

Their meaning: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I32, U8
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators import quantize as q
from edgekit_converters.onnx.operators.linear import bias_vector, exact_product
from edgekit_converters.onnx.operators.pool import window_over
from edgekit_converters.onnx.registry import ConvertFunction, converts

DOMAIN = "com.microsoft"


def _real(ctx: NodeContext, at: int, axis: int = 0) -> Value:
    """The real form of the tensor at input ``at``, whose scale and zero point follow it."""
    return q.dequantize(ctx, ctx.input(at), ctx.input(at + 1), ctx.optional(at + 2), axis)


def _stored(ctx: NodeContext, y: Value, at: int) -> Value:
    """``y`` in the quantization given at input ``at`` and the one behind it."""
    zero = ctx.optional(at + 1)
    return q.quantize(ctx, y, ctx.input(at), zero, 0, U8 if zero is None else zero.dtype)


def _unary(compute: Callable[[NodeContext, Value], Value]) -> ConvertFunction:
    def convert(ctx: NodeContext) -> Value:
        zero = ctx.optional(4)
        y = compute(ctx, _real(ctx, 0))
        return q.quantize(ctx, y, ctx.input(3), zero, 0, ctx.input(0).dtype if zero is None else zero.dtype)

    return convert


def _binary(op: str) -> ConvertFunction:
    def convert(ctx: NodeContext) -> Value:
        return _stored(ctx, ctx.call(op, _real(ctx, 0), _real(ctx, 3)), 6)

    return convert


def _softmax(ctx: NodeContext, x: Value) -> Value:
    """Before opset 13 everything from the axis on is one row."""
    rank = len(x.shape)
    axis = ctx.axis(ctx.get_int("axis", -1), rank)
    if ctx.get_int("opset") >= 13 or axis == rank - 1:
        return ctx.call("Softmax", x, axis=axis)
    rows = ctx.regroup(x, [list(range(axis)), list(range(axis, rank))])
    return ctx.call("Reshape", ctx.call("Softmax", rows, axis=1), ctx.shape_of(x))


def _channels_first(ctx: NodeContext, x: Value, compute: Callable[[Value], Value]) -> Value:
    """``compute`` on [N, C, ...]; with ``channels_last`` the tensor is turned before and after."""
    rank = len(x.shape)
    if not ctx.get_int("channels_last", 0):
        return compute(x)
    turned = compute(ctx.transpose(x, (0, rank - 1, *range(1, rank - 1))))
    return ctx.transpose(turned, (0, *range(2, rank), 1))


def _global_average(ctx: NodeContext, x: Value) -> Value:
    return _channels_first(ctx, x, lambda v: ctx.call("GlobalAveragePool", v, layout="NCHW"))


def _average(ctx: NodeContext, x: Value) -> Value:
    count = bool(ctx.get_int("count_include_pad", 0))
    return _channels_first(ctx, x, lambda v: ctx.call("AveragePool", v, count_include_pad=count, **window_over(ctx, v)))


def _mean(ctx: NodeContext, x: Value) -> Value:
    axes = tuple(sorted(ctx.axis(a, len(x.shape)) for a in ctx.get_ints("axes", [])))
    return ctx.call("ReduceMean", x, axes=axes, keepdims=bool(ctx.get_int("keepdims", 1)))


for _name, _compute in (
    ("QLinearSigmoid", lambda ctx, x: ctx.call("Sigmoid", x)),
    ("QLinearLeakyRelu", lambda ctx, x: ctx.call("LeakyRelu", x, alpha=ctx.get_float("alpha", 0.01))),
    ("QLinearSoftmax", _softmax),
    ("QLinearGlobalAveragePool", _global_average),
    ("QLinearAveragePool", _average),
    ("QLinearReduceMean", _mean),
):
    converts(_name, domain=DOMAIN)(_unary(_compute))
converts("QLinearAdd", domain=DOMAIN)(_binary("Add"))
converts("QLinearMul", domain=DOMAIN)(_binary("Mul"))
converts("QuantizeLinear", domain=DOMAIN)(q.quantize_linear)
converts("DequantizeLinear", domain=DOMAIN)(q.dequantize_linear)


@converts("QLinearConcat", domain=DOMAIN)
def qlinear_concat(ctx: NodeContext) -> Value:
    if len(ctx.inputs) < 5 or len(ctx.inputs) % 3 != 2:
        raise MalformedModelError(f"{len(ctx.inputs)} inputs are no scale, zero point and triples of tensor, scale and zero point")
    parts = [_real(ctx, i) for i in range(2, len(ctx.inputs), 3)]
    return _stored(ctx, ctx.call("Concat", *parts, axis=ctx.axis(ctx.get_int("axis"), len(parts[0].shape))), 0)


@converts("QLinearWhere", domain=DOMAIN)
def qlinear_where(ctx: NodeContext) -> Value:
    return _stored(ctx, ctx.call("Where", ctx.input(0), _real(ctx, 1), _real(ctx, 4)), 7)


@converts("QGemm", domain=DOMAIN)
def q_gemm(ctx: NodeContext) -> Value:
    """``alpha * A' @ B' + C``; C is int32 in units of ``alpha * a_scale * b_scale``. Without an output scale the result is float."""
    a, b, c = _real(ctx, 0), ctx.input(3), ctx.optional(6)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise MalformedModelError(f"operands of rank 2 are needed, got {len(a.shape)} and {len(b.shape)}")
    if ctx.get_int("transA", 0):
        a = ctx.transpose(a, (1, 0))
    alpha, transposed = ctx.get_float("alpha", 1.0), bool(ctx.get_int("transB", 0))
    w = _real(ctx, 3, 0 if transposed else 1)
    w = w if transposed else ctx.transpose_weights(w, (1, 0))
    bias = None
    if c is not None:
        unit = ctx.call("Mul", ctx.scalar(ctx.input(1)), ctx.input(4) if ctx.input(4).shape not in ((), (1,)) else ctx.scalar(ctx.input(4)))
        bias = q.dequantize(ctx, c, ctx.call("Mul", unit, ctx.const(alpha, F32)), None, len(c.shape) - 1)
    row = bias_vector(ctx, bias, w.shape[0]) if bias is not None and alpha == 1.0 else None
    y = ctx.call("FullyConnected", a, w, row)
    if alpha != 1.0:
        y = ctx.call("Mul", y, ctx.const(alpha, F32))
    if bias is not None and row is None:
        y = ctx.call("Add", y, bias)
    return y if ctx.optional(7) is None else _stored(ctx, y, 7)


@converts("DynamicQuantizeMatMul", domain=DOMAIN)
def dynamic_quantize_matmul(ctx: NodeContext) -> Value:
    """The left operand quantized to uint8 by its own range, an exact integer product, scaled."""
    a, b, b_scale, b_zero, bias = ctx.input(0), ctx.input(1), ctx.input(2), ctx.optional(3), ctx.optional(4)
    stored, scale, zero = q.dynamic_quantize(ctx, a)
    return _scaled(ctx, stored, b, scale, b_scale, zero, b_zero, bias)


@converts("MatMulIntegerToFloat", domain=DOMAIN)
def matmul_integer_to_float(ctx: NodeContext) -> Value:
    return _scaled(ctx, ctx.input(0), ctx.input(1), ctx.input(2), ctx.input(3), ctx.optional(4), ctx.optional(5), ctx.optional(6))


def _scaled(ctx: NodeContext, a: Value, b: Value, sa: Value, sb: Value, za: Value | None, zb: Value | None, bias: Value | None) -> Value:
    """``(a - za) @ (b - zb) * sa * sb + bias``."""
    total = ctx.cast(q.integer_product(ctx, a, b, za, zb), F32)
    factor = ctx.call("Mul", ctx.cast(ctx.scalar(sa), F32), ctx.cast(sb if len(sb.shape) and sb.shape != (1,) else ctx.scalar(sb), F32))
    y = ctx.call("Mul", total, factor)
    return y if bias is None else ctx.call("Add", y, ctx.cast(bias, F32))


@converts("MatMulInteger16", domain=DOMAIN)
def matmul_integer_16(ctx: NodeContext) -> Value:
    """Sums of products of int16 need int32 throughout."""
    return exact_product(ctx, ctx.cast(ctx.input(0), I32), ctx.cast(ctx.input(1), I32))
