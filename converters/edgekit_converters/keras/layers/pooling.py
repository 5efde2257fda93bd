"""Pooling: sliding, global and adaptive."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.node import STEP
from edgekit_converters.importing.windows import pool_same
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.convolution import is_open_same, layer_rank, window_pads
from edgekit_converters.keras.registry import layer


@layer("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool1D", "MaxPool2D", "MaxPool3D")
def max_pool(ctx: LayerContext) -> Value:
    return _pool(ctx, "MaxPool")


@layer("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D", "AvgPool3D")
def average_pool(ctx: LayerContext) -> Value:
    """The mean of what lies inside: padding does not count."""
    return _pool(ctx, "AveragePool")


def _pool(ctx: LayerContext, op: str) -> Value:
    rank, x = layer_rank(ctx), ctx.x
    kernel = ctx.integers(rank, "pool_size", default=2)
    given = ctx.get("strides", default=None)
    strides = kernel if given is None else ctx.integers(rank, "strides")
    if is_open_same(ctx, x, kernel, strides):
        return pool_same(ctx, op, x, kernel, strides, ctx.layout)
    pads = window_pads(ctx, x, ctx.layout, kernel, strides, [1] * rank)
    return ctx.call(op, x, kernel=tuple(kernel), strides=tuple(strides), pads=tuple(pads), dilations=(1,) * rank, layout=ctx.layout)


@layer("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D")
def global_max_pool(ctx: LayerContext) -> Value:
    return _global(ctx, "ReduceMax")


@layer(
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D"
)
def global_average_pool(ctx: LayerContext) -> Value:
    """The mean over all positions; with a mask (1D), over the steps that count."""
    if layer_rank(ctx) != 1 or ctx.mask is None:
        return _global(ctx, "ReduceMean")
    x, keepdims = ctx.x, ctx.flag("keepdims")
    axis = 2 if ctx.layout == "NCHW" else 1
    counted = ctx.unsqueeze(ctx.cast(ctx.mask, x.dtype), [3 - axis])
    total = ctx.call("ReduceSum", ctx.call("Mul", x, counted), axes=(axis,), keepdims=keepdims)
    return ctx.call("Div", total, ctx.call("ReduceSum", counted, axes=(axis,), keepdims=keepdims))


def _global(ctx: LayerContext, op: str) -> Value:
    rank, x = layer_rank(ctx), ctx.x
    if len(x.shape) != rank + 2:
        raise MalformedModelError(f"an input of rank {rank + 2} is needed, got rank {len(x.shape)}")
    first = 2 if ctx.layout == "NCHW" else 1
    axes = tuple(range(first, first + rank))
    if not ctx.flag("keepdims"):
        return ctx.call(op, x, axes=axes, keepdims=False)
    return ctx.call(op, x, axes=axes, keepdims=True)


@layer("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D")
def adaptive_average_pool(ctx: LayerContext) -> Value:
    """Windows from ``floor(i * n / out)`` to ``ceil((i + 1) * n / out)``: one matrix product an axis."""
    rank, x = layer_rank(ctx), ctx.x
    first = 2 if ctx.layout == "NCHW" else 1
    for axis, out in zip(range(first, first + rank), ctx.integers(rank, "output_size"), strict=True):
        size = ctx.static(x.shape[axis], "adaptive pooling needs sizes which")
        ctx.computed((out, max(size, STEP)))
        weights = np.zeros((out, size), np.float64)
        for i in range(out):
            begin, end = i * size // out, -((i + 1) * size // -out)
            weights[i, begin:end] = 1.0 / (end - begin)
        last = len(x.shape) - 1
        swap = [last if a == axis else axis if a == last else a for a in range(len(x.shape))]
        product = ctx.call("FullyConnected", ctx.transpose(x, swap), ctx.const(weights.astype(x.dtype.numpy)))
        x = ctx.transpose(product, swap)
    return x


@layer("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D")
def adaptive_max_pool(ctx: LayerContext) -> Value:
    """As the average, one axis after the other: the windows' elements are gathered, then their largest taken."""
    rank, x = layer_rank(ctx), ctx.x
    first = 2 if ctx.layout == "NCHW" else 1
    for axis, out in zip(range(first, first + rank), ctx.integers(rank, "output_size"), strict=True):
        size = ctx.static(x.shape[axis], "adaptive pooling needs sizes which")
        ctx.computed((out, 1))
        spans = [(i * size // out, -((i + 1) * size // -out)) for i in range(out)]
        longest = max(e - b for b, e in spans)
        ctx.computed((out, longest))
        taken = np.asarray([[min(b + k, e - 1) for k in range(longest)] for b, e in spans], np.int64)
        x = ctx.call("ReduceMax", ctx.call("Gather", x, ctx.const(taken), axis=axis), axes=(axis + 1,), keepdims=False)
    return x
