"""Fused and other float operators of ONNX Runtime's own domain, taken apart again.

Their meaning: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I32, I64, Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators import indexing, normalization, shape
from edgekit_converters.onnx.operators.linear import convolution, gemm, product
from edgekit_converters.onnx.operators.pool import window_over
from edgekit_converters.onnx.registry import converts

DOMAIN = "com.microsoft"
LEAK, HARD_ALPHA, HARD_BETA = 0.01, 0.2, 0.5


def activated(ctx: NodeContext, y: Value, name: str, parameters: Sequence[float]) -> Value:
    """``y`` through the activation of a fused operator."""
    given = list(parameters)
    if name in ("", "None"):
        return y
    if name in ("Relu", "Sigmoid", "Tanh", "Softplus"):
        return ctx.call(name, y)
    if name == "LeakyRelu":
        return ctx.call("LeakyRelu", y, alpha=given[0] if given else LEAK)
    if name == "Clip":
        low, high = given if len(given) == 2 else (-np.inf, np.inf)
        return ctx.call("Clip", y, min=low, max=high)
    if name == "HardSigmoid":
        alpha, beta = given if len(given) == 2 else (HARD_ALPHA, HARD_BETA)
        return ctx.call("HardSigmoid", y, alpha=alpha, beta=beta)
    raise Unsupported(f"the activation {name!r} is not supported")


@converts("FusedConv", domain=DOMAIN)
def fused_conv(ctx: NodeContext) -> Value:
    y, more = convolution(ctx, ctx.input(0), ctx.input(1), ctx.optional(2)), ctx.optional(3)
    if more is not None:
        y = ctx.call("Add", y, more)
    return activated(ctx, y, ctx.get_string("activation", ""), ctx.get_floats("activation_params", []))


def _nhwc(ctx: NodeContext) -> Value:
    """The first input [N, spatial..., C] as [N, C, spatial...]."""
    x = ctx.input(0)
    rank = len(x.shape)
    return ctx.transpose(x, (0, rank - 1, *range(1, rank - 1)))


def _back(ctx: NodeContext, y: Value) -> Value:
    return ctx.transpose(y, (0, *range(2, len(y.shape)), 1))


@converts("NhwcConv", domain=DOMAIN)
def nhwc_conv(ctx: NodeContext) -> Value:
    return _back(ctx, convolution(ctx, _nhwc(ctx), ctx.input(1), ctx.optional(2)))


@converts("NhwcFusedConv", domain=DOMAIN)
def nhwc_fused_conv(ctx: NodeContext) -> Value:
    y, more = _back(ctx, convolution(ctx, _nhwc(ctx), ctx.input(1), ctx.optional(2))), ctx.optional(3)
    if more is not None:
        y = ctx.call("Add", y, more)
    return activated(ctx, y, ctx.get_string("activation", ""), ctx.get_floats("activation_params", []))


@converts("NhwcMaxPool", domain=DOMAIN)
def nhwc_max_pool(ctx: NodeContext) -> Value:
    x = _nhwc(ctx)
    return _back(ctx, ctx.call("MaxPool", x, **window_over(ctx, x)))


@converts("FusedMatMul", domain=DOMAIN)
def fused_matmul(ctx: NodeContext) -> Value:
    a, b = ctx.input(0), ctx.input(1)
    if ctx.get_int("transBatchA", 0) or ctx.get_int("transBatchB", 0):
        raise Unsupported("transBatchA and transBatchB are not supported", "Export MatMul with Transpose.")
    alpha = ctx.get_float("alpha", 1.0)
    flip_a, flip_b = bool(ctx.get_int("transA", 0)) and len(a.shape) > 1, bool(ctx.get_int("transB", 0)) and len(b.shape) > 1
    if flip_a or flip_b:
        y = ctx.call("MatMul", a, b, transpose_a=flip_a, transpose_b=flip_b)
    else:
        y = product(ctx, a, b)
    return y if alpha == 1.0 else ctx.call("Mul", y, ctx.like(alpha, y))


converts("TransposeMatMul", domain=DOMAIN)(fused_matmul)


@converts("FusedGemm", domain=DOMAIN)
def fused_gemm(ctx: NodeContext) -> Value:
    parameters = [ctx.get_float(n) for n in ("activation_alpha", "activation_beta") if ctx.has(n)]
    return activated(ctx, gemm(ctx), ctx.get_string("activation", ""), parameters)


# -- layer normalization ------------------------------------------------------------------------------------------------------


def _summed(ctx: NodeContext, *terms: Value | None) -> Value:
    found = [t for t in terms if t is not None]
    total = found[0]
    for t in found[1:]:
        total = ctx.call("Add", total, t)
    return total


def _with_sum(ctx: NodeContext, y: Value, total: Value) -> list[Value | None]:
    if ctx.wants(1) or ctx.wants(2):
        raise Unsupported("its outputs for training (mean, deviation) are not supported")
    return [y, None, None, total] if ctx.wants(3) else [y]


@converts("SkipLayerNormalization", domain=DOMAIN)
def skip_layer_normalization(ctx: NodeContext) -> list[Value | None]:
    total = _summed(ctx, ctx.input(0), ctx.input(1), ctx.optional(4))
    y = ctx.call("LayerNorm", total, ctx.input(2), ctx.optional(3), axis=-1, epsilon=ctx.get_float("epsilon", 1e-12))
    return _with_sum(ctx, y, total)


@converts("SkipSimplifiedLayerNormalization", domain=DOMAIN)
def skip_rms_normalization(ctx: NodeContext) -> list[Value | None]:
    total = _summed(ctx, ctx.input(0), ctx.input(1), ctx.optional(3))
    return _with_sum(ctx, ctx.call("RmsNorm", total, ctx.input(2), axis=-1, epsilon=ctx.get_float("epsilon", 1e-12)), total)


@converts("SimplifiedLayerNormalization", domain=DOMAIN)
@converts("SimplifiedLayerNormalization")
def simplified_layer_normalization(ctx: NodeContext) -> Value:
    return normalization.rms_normalization(ctx)


@converts("EmbedLayerNormalization", domain=DOMAIN)
def embed_layer_normalization(ctx: NodeContext) -> Sequence[Value | None]:
    """Words, positions and segments looked up and added, then layer normalization; and how many words each row has."""
    ids, segments, words, places, kinds = ctx.input(0), ctx.optional(1), ctx.input(2), ctx.input(3), ctx.optional(4)
    gamma, beta, mask, positions = ctx.input(5), ctx.input(6), ctx.optional(7), ctx.optional(8)
    at = (
        ctx.as_i64(positions)
        if positions is not None
        else ctx.call("Range", ctx.const(0, I64), ctx.scalar(ctx.call("Shape", ids, start=1, end=2)), ctx.const(1, I64))
    )
    total = ctx.call("Add", ctx.call("Gather", words, ctx.as_i64(ids), axis=0), ctx.call("Gather", places, at, axis=0))
    if segments is not None and kinds is not None:
        total = ctx.call("Add", total, ctx.call("Gather", kinds, ctx.as_i64(segments), axis=0))
    y = ctx.call("LayerNorm", total, gamma, beta, axis=-1, epsilon=ctx.get_float("epsilon", 1e-12))
    count: Value | None = None
    if ctx.wants(1):
        if mask is not None:
            count = ctx.call("ReduceSum", ctx.cast(mask, I32), axes=(1,), keepdims=False)
        else:
            count = ctx.call("Expand", ctx.const(0, I32), ctx.call("Shape", ids, end=1))
    return [y, count, total][: max(1, len(ctx.proto.output))]


# -- activations --------------------------------------------------------------------------------------------------------------


@converts("Gelu", domain=DOMAIN)
def gelu(ctx: NodeContext) -> Value:
    return ctx.call("Gelu", ctx.input(0))


@converts("BiasGelu", domain=DOMAIN)
def bias_gelu(ctx: NodeContext) -> Value:
    return ctx.call("Gelu", ctx.call("Add", ctx.input(0), ctx.input(1)))


@converts("FastGelu", domain=DOMAIN)
def fast_gelu(ctx: NodeContext) -> Value:
    return ctx.call("Gelu", _summed(ctx, ctx.input(0), ctx.optional(1)), approximate="tanh")


@converts("QuickGelu", domain=DOMAIN)
def quick_gelu(ctx: NodeContext) -> Value:
    x, alpha = ctx.input(0), ctx.get_float("alpha", 1.702)
    return ctx.call("Mul", x, ctx.call("Sigmoid", ctx.call("Mul", x, ctx.like(alpha, x))))


@converts("BiasSplitGelu", domain=DOMAIN)
def bias_split_gelu(ctx: NodeContext) -> Value:
    """The first half times the Gelu of the second."""
    total = ctx.call("Add", ctx.input(0), ctx.input(1))
    half = ctx.static(total.shape[-1], "the hidden size") // 2
    left, right = ctx.call_multi("Split", total, axis=len(total.shape) - 1, sizes=(half, half))
    return ctx.call("Mul", left, ctx.call("Gelu", right))


@converts("BiasAdd", domain=DOMAIN)
def bias_add(ctx: NodeContext) -> Value:
    return _summed(ctx, ctx.input(0), ctx.input(1), ctx.input(2))


@converts("BiasSoftmax", domain=DOMAIN)
def bias_softmax(ctx: NodeContext) -> Value:
    """Softmax over everything from ``axis`` on; the bias may repeat over the inner or the outer of the dimensions before."""
    x, bias = ctx.input(0), ctx.input(1)
    axis = ctx.axis(ctx.get_int("axis", 1), len(x.shape))
    if axis != len(x.shape) - 1:
        raise Unsupported("an axis other than the last is not supported")
    return ctx.call("Softmax", ctx.call("Add", x, bias), axis=-1)


# -- others -------------------------------------------------------------------------------------------------------------------


@converts("CDist", domain=DOMAIN)
def c_dist(ctx: NodeContext) -> Value:
    """Distances between all rows of two tables."""
    metric = ctx.get_string("metric", "sqeuclidean")
    if metric not in ("sqeuclidean", "euclidean"):
        raise Unsupported(f"the metric {metric!r} is not supported")
    apart = ctx.call("Sub", ctx.unsqueeze(ctx.input(0), [1]), ctx.unsqueeze(ctx.input(1), [0]))
    total = ctx.call("ReduceSum", ctx.call("Mul", apart, apart), axes=(2,), keepdims=False)
    return total if metric == "sqeuclidean" else ctx.call("Sqrt", total)


@converts("ExpandDims", domain=DOMAIN)
def expand_dims(ctx: NodeContext) -> Value:
    return ctx.unsqueeze(ctx.input(0), [ctx.constant_ints(1, "the axis")[0]])


@converts("MatMulNBits", domain=DOMAIN)
def matmul_n_bits(ctx: NodeContext) -> Value:
    """Weights of few bits in blocks, worked out at conversion as float32."""
    if ctx.optional(4) is not None:
        raise Unsupported("g_idx is not supported", "Quantize without reordering.")
    bits, block, n, k = (ctx.get_int(v) for v in ("bits", "block_size", "N", "K"))
    packed, scales = ctx.constant_input(1, "the weights"), ctx.constant_input(2, "the scales")
    if bits not in (2, 4, 8) or block < 1 or n < 1 or k < 1:
        raise MalformedModelError(f"{bits} bits in blocks of {block} for {n} times {k} weights are not possible")
    blocks = -(-k // block)
    ctx.computed((n, blocks * block))
    q = unpacked(packed.reshape(-1), bits, n * blocks * block).reshape(n, blocks, block).astype(np.float32)
    given = ctx.optional(3)
    if given is None:
        zeros = np.full((n, blocks), 1 << (bits - 1), np.float32)
    elif given.dtype.is_float:
        zeros = ctx.constant_input(3, "the zero points").reshape(n, blocks).astype(np.float32)
    else:
        stored = ctx.constant_input(3, "the zero points")
        row = -(-blocks * bits // 8)
        zeros = unpacked(stored.reshape(-1), bits, n * row * 8 // bits).reshape(n, -1)[:, :blocks].astype(np.float32)
    if scales.size != n * blocks:
        raise MalformedModelError(f"{scales.size} scales for {n} times {blocks} blocks")
    w = ((q - zeros[:, :, None]) * scales.reshape(n, blocks, 1).astype(np.float32)).reshape(n, -1)[:, :k]
    x, bias = ctx.input(0), ctx.optional(5)
    y = ctx.call("FullyConnected", ctx.cast(x, F32), ctx.const(np.ascontiguousarray(w)), None if bias is None else ctx.cast(bias, F32))
    return ctx.cast(y, x.dtype)


def unpacked(data: Array, bits: int, count: int) -> Array:
    """Unsigned numbers of 2, 4 or 8 bits, the lowest bits first.

    Raises:
        MalformedModelError: there are not as many as ``count``.
    """
    per = 8 // bits
    if data.size * per < count:
        raise MalformedModelError(f"{data.size} bytes hold {data.size * per} numbers of {bits} bits, {count} are needed")
    shifts = np.arange(per, dtype=np.uint8) * bits
    return ((data.view(np.uint8)[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count]


@converts("GatherBlockQuantized", domain=DOMAIN)
def gather_block_quantized(ctx: NodeContext) -> Value:
    """Rows of a table that is quantized in blocks; the table is worked out at conversion."""
    data, indices, scales = ctx.constant_input(0, "the table"), ctx.input(1), ctx.constant_input(2, "the scales")
    zeros = None if ctx.optional(3) is None else ctx.constant_input(3, "the zero points")
    rank, bits, block = data.ndim, ctx.get_int("bits", 4), ctx.get_int("block_size", 128)
    axis, along = ctx.axis(ctx.get_int("gather_axis", 0), rank), ctx.axis(ctx.get_int("quantize_axis", 1), rank)
    default = 0
    if ctx.input(0).dtype.label == "uint8":
        if bits not in (2, 4, 8) or along != rank - 1:
            raise Unsupported(f"{bits} bits packed along dimension {along} are not supported")
        default = 1 << (bits - 1)
        data = unpacked(np.ascontiguousarray(data).reshape(-1), bits, data.size * 8 // bits).reshape(*data.shape[:-1], -1)
        if zeros is not None:
            zeros = unpacked(np.ascontiguousarray(zeros).reshape(-1), bits, zeros.size * 8 // bits).reshape(*zeros.shape[:-1], -1)
            zeros = zeros[..., : scales.shape[-1]]
    ctx.computed(data.shape)
    index = np.arange(data.shape[along]) // max(1, block)
    if scales.ndim != rank or index.max(initial=-1) >= scales.shape[along]:
        raise MalformedModelError(f"scales {list(scales.shape)} do not fit a table {list(data.shape)} in blocks of {block}")
    zero = np.float32(default) if zeros is None else np.take(zeros, index, along).astype(np.float32)
    table = (data.astype(np.float32) - zero) * np.take(scales, index, along).astype(np.float32)
    return ctx.call("Gather", ctx.const(table.astype(scales.dtype)), ctx.as_i64(indices), axis=axis)


converts("Trilu", domain=DOMAIN)(shape.trilu)
converts("GatherND", domain=DOMAIN)(indexing.gather_nd)
