"""Normalization, softmax and scales (src/caffe/layers)."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.caffe.context import LayerContext, converts
from edgekit_converters.caffe.prototext import Message
from edgekit_converters.importing.layers import Sliding, per_channel, pool
from edgekit_converters.importing.problems import Unsupported


@converts("Softmax")
def softmax(ctx: LayerContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Softmax", x, axis=ctx.canonical(ctx.params("softmax_param").get_int("axis", 1), x))


@converts("LRN")
def lrn(ctx: LayerContext) -> Value:
    p, x = ctx.params("lrn_param"), ctx.input(0)
    size, alpha, beta = p.get_int("local_size", 5), p.get_float("alpha", 1.0), p.get_float("beta", 0.75)
    if size < 1 or size % 2 == 0:
        raise MalformedModelError(f"local_size is {size}, an odd number is needed")
    if p.get_string("norm_region", "ACROSS_CHANNELS") in ("ACROSS_CHANNELS", "0"):
        return ctx.call("LRN", x, size=size, alpha=alpha, beta=beta, bias=p.get_float("k", 1.0), layout="NCHW")
    half = (size - 1) // 2  # WITHIN_CHANNEL: x * (1 + alpha * mean of the squares around) ^ -beta
    around = pool(ctx, ctx.call("Mul", x, x), "avg", (size, size), Sliding((1, 1), (half, half), (1, 1)), ceil=True, count_pads=True)
    base = ctx.call("Add", ctx.call("Mul", around, ctx.like(alpha, x)), ctx.like(1, x))
    return ctx.call("Mul", x, ctx.call("Pow", base, ctx.like(-beta, x)))


@converts("BatchNorm")
def batch_norm(ctx: LayerContext) -> Value:
    """The stored sums are divided by the stored factor; NVIDIA's fork adds scale and bias."""
    p, x = ctx.params("batch_norm_param"), ctx.input(0)
    if not p.get_bool("use_global_stats", True):
        raise Unsupported("use_global_stats: false normalizes with the statistics of the batch it is given.", "Set it to true.")
    count = ctx.static(x.shape[1], "the number of channels")
    factor = float(ctx.array(2).reshape(-1)[0]) if len(ctx.blobs) > 2 and ctx.array(2).size == 1 else 1.0
    scale = np.float32(0 if factor == 0 else 1 / factor)
    if len(ctx.blobs) >= 5:
        gamma, beta = ctx.array(3, count), ctx.array(4, count)
    else:
        ctx.computed((count,))
        gamma, beta = np.ones(count, np.float32), np.zeros(count, np.float32)
    stats = (gamma, beta, ctx.array(0, count) * scale, ctx.array(1, count) * scale)
    epsilon = p.get_float("eps", 1e-5)
    if len(x.shape) in (3, 4, 5):
        return ctx.call("BatchNorm", x, *(ctx.const(a) for a in stats), epsilon=epsilon, layout="NCHW")
    factor_of = stats[0] / np.sqrt(stats[3] + np.float32(epsilon))
    y = ctx.call("Mul", x, ctx.const(factor_of.reshape(-1)))
    return ctx.call("Add", y, ctx.const(stats[1] - stats[2] * factor_of))


def spread(ctx: LayerContext, p: Message, x: Value, v: Value | None, i: int) -> tuple[Value, int]:
    """The second input or a learned array, in a shape that broadcasts from ``axis`` on; and how many dimensions it has."""
    axis = ctx.canonical(p.get_int("axis", 1), x)
    rank = len(x.shape)
    if v is None:
        axes = p.get_int("num_axes", 1)
        end = rank if axes == -1 else axis + axes
        if end > rank:
            raise MalformedModelError(f"axis {axis} and num_axes {axes} reach beyond an input of rank {rank}")
        shape = [ctx.static(d, "the size of a scale") for d in x.shape[axis:end]]
        v = ctx.blob(i, *shape) if shape else ctx.blob(i, 1)
        if not shape:
            return v, 0
    if axis + len(v.shape) > rank:
        raise MalformedModelError(f"a scale of shape {list(v.shape)} does not fit {list(x.shape)} from axis {axis} on")
    if not v.shape:
        return v, 0
    if v.const is not None:
        return ctx.const(v.const.reshape([1] * axis + list(v.const.shape) + [1] * (rank - axis - v.const.ndim)), name=v.name), len(v.shape)
    tail = [1] * (rank - axis - len(v.shape))
    return ctx.regroup(v, [*[1] * axis, *([k] for k in range(len(v.shape))), *tail]), len(v.shape)


@converts("Scale")
def scale(ctx: LayerContext) -> Value:
    p, x = ctx.params("scale_param"), ctx.input(0)
    given = ctx.optional(1)
    factor, axes = spread(ctx, p, x, given, 0)
    y = ctx.call("Mul", x, factor)
    if not p.get_bool("bias_term", False):
        return y
    bias = Message()
    bias.fields = {"axis": [str(p.get_int("axis", 1))], "num_axes": [str(axes)]}
    return ctx.call("Add", y, spread(ctx, bias, x, None, 0 if given is not None else 1)[0])


@converts("Bias")
def bias(ctx: LayerContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Add", x, spread(ctx, ctx.params("bias_param"), x, ctx.optional(1), 0)[0])


@converts("MVN")
def mvn(ctx: LayerContext) -> Value:
    """Zero mean, and unit deviation: divided by ``sqrt(variance) + eps``."""
    p, x = ctx.params("mvn_param"), ctx.input(0)
    axes = tuple(range(1 if p.get_bool("across_channels", False) else 2, len(x.shape)))
    centred = ctx.call("Sub", x, ctx.call("ReduceMean", x, axes=axes))
    if not p.get_bool("normalize_variance", True):
        return centred
    variance = ctx.call("ReduceMean", ctx.call("Mul", centred, centred), axes=axes)
    deviation = ctx.call("Add", ctx.call("Sqrt", variance), ctx.like(p.get_float("eps", 1e-9), x))
    return ctx.call("Div", centred, deviation)


@converts("Normalize")
def normalize(ctx: LayerContext) -> Value:
    """``x / sqrt(sum of squares + eps)`` across channels (or everything), times a learned scale."""
    p, x = ctx.params("norm_param"), ctx.input(0)
    axes = tuple(range(1, len(x.shape))) if p.get_bool("across_spatial", True) else (1,)
    total = ctx.call("ReduceSumSquare", x, axes=axes)
    y = ctx.call("Div", x, ctx.call("Sqrt", ctx.call("Add", total, ctx.like(p.get_float("eps", 1e-10), x))))
    if p.get_bool("channel_shared", True):
        return ctx.call("Mul", y, ctx.blob(0, 1))
    return ctx.call("Mul", y, per_channel(ctx, ctx.blob(0, ctx.static(x.shape[1], "the number of channels")), len(x.shape)))
