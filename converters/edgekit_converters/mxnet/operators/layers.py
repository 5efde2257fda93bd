"""Convolutions, products, pooling and activations (src/operator/nn)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, I64, Array
from edgekit_converters.importing.layers import Sliding, convolution, flatten, per_channel, pool, transposed_convolution
from edgekit_converters.importing.node import STEP
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts

LAYOUTS = {"NCW": 1, "NCHW": 2, "NCDHW": 3, "NWC": 1, "NHWC": 2, "NDHWC": 3}
RRELU_BOUNDS = (0.125, 0.334)


def spatial_rank(ctx: MxnetContext, x: Value) -> tuple[int, bool]:
    """Spatial dimensions of a convolution or pooling, and whether channels come last.

    Raises:
        MalformedModelError: the input's rank does not fit.
    """
    layout = ctx.get_string("layout", "")
    kernel = ctx.get_ints("kernel", [])
    rank = LAYOUTS.get(layout, 0) if layout else len(kernel) or len(x.shape) - 2
    if rank not in (1, 2, 3) or len(x.shape) != rank + 2:
        raise MalformedModelError(f"a layer over {layout or f'{rank} spatial dimensions'} does not fit an input of rank {len(x.shape)}")
    return rank, layout.endswith("C")


def channels_first(ctx: MxnetContext, x: Value) -> Value:
    rank = len(x.shape)
    return ctx.transpose(x, (0, rank - 1, *range(1, rank - 1)))


def channels_last(ctx: MxnetContext, x: Value) -> Value:
    return ctx.transpose(x, (0, *range(2, len(x.shape)), 1))


def sliding(ctx: MxnetContext, rank: int) -> Sliding:
    return Sliding(ctx.spatial("stride", rank, 1), ctx.spatial("pad", rank, 0), ctx.spatial("dilate", rank, 1))


def bias(ctx: MxnetContext, no_bias: bool = False) -> Value | None:
    return None if ctx.get_bool("no_bias", no_bias) else ctx.input(2)


def check_filters(ctx: MxnetContext, found: object) -> None:
    if found != ctx.get_int("num_filter"):
        raise MalformedModelError(f"num_filter is {ctx.get_int('num_filter')}, the weights have {found}")


@converts("Convolution", "Convolution_v1", "_npx_convolution")
def conv(ctx: MxnetContext) -> Value:
    x, w = ctx.input(0), ctx.input(1)
    rank, last = spatial_rank(ctx, x)
    check_filters(ctx, w.shape[0] if w.shape else 0)
    slide, groups = sliding(ctx, rank), ctx.get_int("num_group", 1)
    if not last:
        if list(w.shape[2:]) != ctx.get_ints("kernel"):
            raise MalformedModelError(f"kernel is {ctx.get_ints('kernel')}, the weights have {list(w.shape[2:])}")
        return convolution(ctx, x, w, bias(ctx), slide, groups)
    slide.check(rank)
    return ctx.call(
        "Conv", x, w, bias(ctx), strides=slide.strides, pads=slide.pads * 2, dilations=slide.dilations, groups=groups, layout="NHWC"
    )


@converts("Deconvolution", "_npx_deconvolution")
def deconv(ctx: MxnetContext) -> Value:
    x, w = ctx.input(0), ctx.input(1)
    rank, last = spatial_rank(ctx, x)
    if last:
        raise Unsupported("a deconvolution with channels last is not supported.")
    groups, kernel = ctx.get_int("num_group", 1), ctx.get_ints("kernel")
    slide, extra = sliding(ctx, rank), ctx.spatial("adj", rank, 0)
    target = ctx.get_ints("target_shape", [])
    if any(target):  # it decides pads instead (DeconvolutionParam::InferPad)
        total = [
            s * (ctx.static(n, "the size that target_shape is for") - 1) + (k - 1) * d + 1 - t
            for s, n, k, d, t in zip(slide.strides, x.shape[2:], kernel, slide.dilations, target, strict=True)
        ]
        if min(total) < 0:
            raise MalformedModelError(f"target_shape {target} is larger than the layer can make")
        slide = Sliding(slide.strides, tuple((t + 1) // 2 for t in total), slide.dilations)
        extra = tuple(t % 2 for t in total)
    if len(w.shape) > 1:
        check_filters(ctx, w.shape[1] * groups)
    return transposed_convolution(ctx, x, w, bias(ctx, True), slide, groups, extra)


@converts("FullyConnected", "_npx_fully_connected")
def fully_connected(ctx: MxnetContext) -> Value:
    x, w = ctx.input(0), ctx.input(1)
    if len(w.shape) != 2 or w.shape[0] != ctx.get_int("num_hidden"):
        raise MalformedModelError(f"num_hidden is {ctx.get_int('num_hidden')}, the weights are {list(w.shape)}")
    b = bias(ctx)
    if b is not None and len(b.shape) != 1:
        b = flatten(ctx, b, 0)
    return ctx.call("FullyConnected", flatten(ctx, x) if ctx.get_bool("flatten", True) else x, w, b)


@converts("Pooling", "Pooling_v1", "_npx_pooling")
def pooling(ctx: MxnetContext) -> Value:
    """``full`` rounds the number of windows up, ``valid`` down; ``same`` makes ``ceil(size / stride)`` of them."""
    x = ctx.input(0)
    rank, last = spatial_rank(ctx, x)
    kind = ctx.get_choice("pool_type", "max", ("max", "avg", "sum", "lp"))
    data = channels_first(ctx, x) if last else x
    if ctx.get_bool("global_pool", False):
        y = global_pool(ctx, data, kind)
        return channels_last(ctx, y) if last else y
    convention = ctx.get_choice("pooling_convention", "valid", ("valid", "full", "same"))
    kernel, pads, strides = ctx.get_ints("kernel"), ctx.spatial("pad", rank, 0), ctx.spatial("stride", rank, 1)
    count = ctx.get_bool("count_include_pad", True)
    if convention == "same":
        raise Unsupported("pooling_convention=same is not supported.", "Export the model with valid or full.")
    slide, full = Sliding(strides, pads, (1,) * rank), convention == "full"
    if kind == "lp":
        y = rooted(ctx, lambda v: pool(ctx, v, "sum", kernel, slide, ceil=full, count_pads=count), data)
    else:
        y = pool(ctx, data, kind, kernel, slide, ceil=full, count_pads=count)
    for i, (n, size) in enumerate(zip(y.shape[2:], data.shape[2:], strict=True)):
        span = size + 2 * pads[i] - kernel[i]
        if isinstance(span, int) and full and n != -(-span // strides[i]) + 1:
            raise Unsupported("a window that lies behind the input entirely is not supported.", "Use pooling_convention=valid.")
    return channels_last(ctx, y) if last else y


def global_pool(ctx: MxnetContext, x: Value, kind: str) -> Value:
    axes = tuple(range(2, len(x.shape)))
    if kind == "max":
        return ctx.call("GlobalMaxPool", x, layout="NCHW")
    if kind == "avg":
        return ctx.call("GlobalAveragePool", x, layout="NCHW")
    if kind == "sum":
        return ctx.call("ReduceSum", x, axes=axes)
    return rooted(ctx, lambda v: ctx.call("ReduceSum", v, axes=axes), x)


def rooted(ctx: MxnetContext, total: Callable[[Value], Value], x: Value) -> Value:
    """Lp pooling: the p-th root of the sum of p-th powers, which keep their signs (src/operator/nn/pool_utils.h)."""
    p = ctx.get_int("p_value", 2)
    if p == 1:
        return total(x)
    square = ctx.call("Mul", x, x)
    if p == 2:
        return ctx.call("Sqrt", total(square))
    if p != 3:
        raise MalformedModelError(f"p_value={p} is none of 1, 2, 3")
    cubes = total(ctx.call("Mul", square, x))
    return ctx.call("Mul", ctx.call("Sign", cubes), ctx.call("Pow", ctx.call("Abs", cubes), ctx.like(1 / 3, x)))


@converts("_contrib_AdaptiveAvgPooling2D")
def adaptive_average(ctx: MxnetContext) -> Value:
    """Window i of n covers ``floor(i * size / n)`` to ``ceil((i + 1) * size / n)``: products with two averaging matrices."""
    x = ctx.input(0)
    if len(x.shape) != 4:
        raise MalformedModelError(f"an input of rank 4 is needed, got {len(x.shape)}")
    want = ctx.get_ints("output_size", []) or [1]
    out = (want * 2)[:2]
    if min(out) < 1:
        raise MalformedModelError(f"output_size={want} is not positive")
    if out == [1, 1]:
        return ctx.call("GlobalAveragePool", x, layout="NCHW")
    height, width = (ctx.static(d, "the size that is pooled adaptively") for d in x.shape[2:])
    if height % out[0] == 0 and width % out[1] == 0:
        steps = (height // out[0], width // out[1])
        return pool(ctx, x, "avg", steps, Sliding(steps, (0, 0), (1, 1)), ceil=False, count_pads=False)
    ctx.computed((out[0], max(height, STEP)))
    ctx.computed((out[1], max(width, STEP)))
    rows = ctx.call("MatMul", ctx.const(averaging(height, out[0]).astype(x.dtype.numpy)), x)
    return ctx.call("MatMul", rows, ctx.const(averaging(width, out[1]).T.copy().astype(x.dtype.numpy)))


def averaging(size: int, count: int) -> Array:
    """The matrix [count, size] that averages ``count`` even windows."""
    m = np.zeros((count, size), np.float64)
    for i in range(count):
        first, end = i * size // count, -(-(i + 1) * size // count)
        m[i, first:end] = 1 / (end - first)
    return m


@converts("Activation", "_npx_activation")
def activation(ctx: MxnetContext) -> Value:
    kinds = {
        "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus", "softsign": "Softsign", "mish": "Mish",
        "log_sigmoid": "",
    }  # fmt: skip
    kind = kinds[ctx.get_choice("act_type", "", tuple(kinds))]
    return ctx.call(kind, ctx.input(0)) if kind else negative_softplus(ctx)


@converts("log_sigmoid")
def log_sigmoid(ctx: MxnetContext) -> Value:
    return negative_softplus(ctx)


def negative_softplus(ctx: MxnetContext) -> Value:
    return ctx.call("Neg", ctx.call("Softplus", ctx.call("Neg", ctx.input(0))))


@converts("LeakyReLU", "_npx_leaky_relu")
def leaky_relu(ctx: MxnetContext) -> Value:
    x, slope = ctx.input(0), ctx.get_float("slope", 0.25)
    kind = ctx.get_choice("act_type", "leaky", ("leaky", "prelu", "elu", "selu", "gelu", "rrelu"))
    if kind == "prelu":
        gamma = ctx.input(1)
        channels = gamma.shape[0] if len(gamma.shape) == 1 else 0
        return ctx.call("PRelu", x, gamma if channels == 1 or len(x.shape) < 2 else per_channel(ctx, gamma, len(x.shape)))
    if kind == "elu":
        return ctx.call("Elu", x, alpha=slope)
    if kind == "selu":
        return ctx.call("Selu", x, alpha=1.6732632423543772, gamma=1.0507009873554805)
    if kind == "gelu":
        return ctx.call("Gelu", x)
    if kind == "rrelu":  # at inference the mean of the slopes
        slope = (ctx.get_float("lower_bound", RRELU_BOUNDS[0]) + ctx.get_float("upper_bound", RRELU_BOUNDS[1])) / 2
    return ctx.call("LeakyRelu", x, alpha=slope)


@converts("hard_sigmoid")
def hard_sigmoid(ctx: MxnetContext) -> Value:
    return ctx.call("HardSigmoid", ctx.input(0), alpha=ctx.get_float("alpha", 0.2), beta=ctx.get_float("beta", 0.5))


@converts("SoftmaxOutput", "Softmax")
def softmax_output(ctx: MxnetContext) -> Value:
    """The softmax of a training head: over channels, over the last dimension, or over all but the batch."""
    x = ctx.input(0)
    if ctx.get_bool("multi_output", False):
        return ctx.call("Softmax", x, axis=1)
    return ctx.call("Softmax", x, axis=-1) if ctx.get_bool("preserve_shape", False) or len(x.shape) <= 2 else flat_softmax(ctx, x)


def flat_softmax(ctx: MxnetContext, x: Value) -> Value:
    y = ctx.call("Softmax", flatten(ctx, x), axis=-1)
    if sum(not isinstance(d, int) for d in x.shape) <= 1:
        return ctx.reshape(y, [d if isinstance(d, int) else -1 for d in x.shape])
    return ctx.call("Reshape", y, ctx.shape_of(x), allow_zero=True)


@converts("SoftmaxActivation")
def softmax_activation(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    if ctx.get_choice("mode", "instance", ("instance", "channel")) == "channel":
        return ctx.call("Softmax", x, axis=1)
    return ctx.call("Softmax", x, axis=-1) if len(x.shape) <= 2 else flat_softmax(ctx, x)


@converts("softmax", "log_softmax", "softmin", "_npx_softmax", "_npx_log_softmax")
def softmax(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    axis = ctx.axis(ctx.get_int("axis", -1), len(x.shape))
    temperature = ctx.get_float("temperature", 1.0)
    if not temperature:
        raise MalformedModelError("a temperature of 0")
    scaled = x if temperature == 1 else ctx.call("Mul", x, ctx.like(1 / temperature, x))
    if ctx.op == "softmin":
        scaled = ctx.call("Neg", scaled)
    length = ctx.optional(1) if ctx.get_bool("use_length", False) else None
    log = ctx.op.endswith("log_softmax")
    if length is None:
        y = ctx.call("LogSoftmax" if log else "Softmax", scaled, axis=axis)
    else:
        y = masked_softmax(ctx, scaled, axis, length, log)
    return ctx.cast(y, ctx.get_dtype("dtype", y.dtype))


def masked_softmax(ctx: MxnetContext, x: Value, axis: int, length: Value, log: bool) -> Value:
    """Only the first ``length`` elements count; the others give 0."""
    size = ctx.static(x.shape[axis], "the size of a softmax with lengths")
    ctx.computed((size,))
    places = [1] * len(x.shape)
    places[axis] = size
    place = ctx.reshape(ctx.i64(*range(size)), places)
    inside = ctx.call("Less", place, ctx.unsqueeze(ctx.as_i64(length), [axis]))
    low = ctx.like(-math.inf, x)
    y = ctx.call("LogSoftmax" if log else "Softmax", ctx.call("Where", inside, x, low), axis=axis)
    return ctx.call("Where", inside, y, ctx.like(0, x))


@converts("LogisticRegressionOutput")
def logistic(ctx: MxnetContext) -> Value:
    return ctx.call("Sigmoid", ctx.input(0))


@converts(
    "LinearRegressionOutput", "MAERegressionOutput", "SVMOutput", "MakeLoss", "make_loss", "BlockGrad", "stop_gradient", "_copy",
    "identity", "IdentityAttachKLSparseReg", "_identity_with_attr_like_rhs", "_npi_copy",
    "_np_copy", "_contrib_gradientmultiplier",
)  # fmt: skip
def identity(ctx: MxnetContext) -> Value:
    return ctx.input(0)


@converts("Dropout", "_npx_dropout")
def dropout(ctx: MxnetContext) -> Value:
    if ctx.get_choice("mode", "training", ("training", "always")) == "always":
        raise Unsupported("a dropout that is active at inference (mode=always) is random.", "Export it with mode=training.")
    return ctx.input(0)


@converts("Embedding", "_contrib_SparseEmbedding", "_npx_embedding")
def embedding(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Gather", ctx.input(1), x if x.dtype in (I32, I64) else ctx.as_i64(x), axis=0)
