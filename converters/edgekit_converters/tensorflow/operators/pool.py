"""Pools."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.windows import computes_pads, pool_same
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.operators.convolution import layout_of, per_dimension, spatial, window_pads
from edgekit_converters.tensorflow.registry import converts

MAX_TAPS = 121


@converts("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D")
def pool(ctx: NodeContext) -> Value:
    """The largest element of each window, or the average, which counts no padding."""
    x = ctx.input(0)
    rank = len(x.shape)
    if rank not in (4, 5):
        raise MalformedModelError(f"a pool of a tensor of rank {rank}")
    return _pool(ctx, x, per_dimension(ctx, "ksize", layout_of(ctx), rank), per_dimension(ctx, "strides", layout_of(ctx), rank))


@converts("MaxPoolV2")
def max_pool_v2(ctx: NodeContext) -> Value:
    """MaxPool with the window in inputs."""
    x, layout = ctx.input(0), layout_of(ctx)
    kernel, strides = ctx.constant_ints(1, "the window"), ctx.constant_ints(2, "the strides")
    if len(kernel) != 4 or len(strides) != 4 or len(x.shape) != 4:
        raise MalformedModelError(f"a window of {kernel} with strides {strides}")
    return _pool(ctx, x, spatial(kernel, layout), spatial(strides, layout))


def _pool(ctx: NodeContext, x: Value, kernel: tuple[int, ...], strides: tuple[int, ...]) -> Value:
    layout, ones = layout_of(ctx), (1,) * len(kernel)
    op = "AveragePool" if ctx.op.startswith("Avg") else "MaxPool"
    same = ctx.attr_string("padding") == "SAME" and min(*kernel, *strides) > 0
    if same and computes_pads(x, spatial(range(len(x.shape)), layout), kernel, strides):
        return pool_same(ctx, op, x, kernel, strides, layout)
    pads = window_pads(ctx, spatial(x.shape, layout), kernel, strides, ones, layout)
    return ctx.call(op, x, kernel=kernel, strides=strides, pads=pads, dilations=ones, layout=layout)


@converts("MaxPoolWithArgmax")
def max_pool_with_argmax(ctx: NodeContext) -> list[Value]:
    """MaxPool; the positions are not computed."""
    refs = [*(r for n in ctx.importer.body.nodes.values() for r in n.inputs), *ctx.importer.wanted]
    if any(r.node == ctx.name and (r.index == 1 or r.port == "argmax") for r in refs):
        raise Unsupported("the positions that MaxPoolWithArgmax gives are not supported.")
    x, layout = ctx.input(0), "NHWC"
    kernel, strides = (per_dimension(ctx, k, layout, 4) for k in ("ksize", "strides"))
    return [_pool(ctx, x, kernel, strides)]


@converts("Dilation2D")
def dilation(ctx: NodeContext) -> Value:
    """The largest sum of a window's element and the filter's [h, w, channels]: one addition for each tap."""
    x, w = ctx.input(0), ctx.constant_input(1, "the filter")
    if len(x.shape) != 4 or w.ndim != 3 or w.size > MAX_TAPS * w.shape[2]:
        raise Unsupported(f"a filter of shape {list(w.shape)} is not supported.")
    strides, rates = (per_dimension(ctx, k, "NHWC", 4) for k in ("strides", "rates"))
    sizes = [ctx.static(d, "the image size") for d in x.shape[1:3]]
    pads = window_pads(ctx, sizes, w.shape[:2], strides, rates, "NHWC")
    lowest = ctx.const(np.asarray(-np.inf, np.float32))
    padded = ctx.call("Pad", ctx.as_float32(x), ctx.i64(0, pads[0], pads[1], 0, 0, pads[2], pads[3], 0), lowest)
    outs = [(n + pads[k] + pads[k + 2] - (w.shape[k] - 1) * rates[k] - 1) // strides[k] + 1 for k, n in enumerate(sizes)]
    y = None
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            first = (i * rates[0], j * rates[1])
            last = [f + (n - 1) * s + 1 for f, n, s in zip(first, outs, strides, strict=True)]
            tap = ctx.call("Slice", padded, ctx.i64(*first), ctx.i64(*last), ctx.i64(1, 2), ctx.i64(*strides))
            tap = ctx.call("Add", tap, ctx.const(w[i, j].astype(np.float32)))
            y = tap if y is None else ctx.call("Max", y, tap)
    if y is None:
        raise MalformedModelError("an empty filter")
    return ctx.cast(y, x.dtype)
