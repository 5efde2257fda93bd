"""Pools."""

from __future__ import annotations

from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.operators.convolution import layout_of, per_dimension, spatial, window_pads
from edgekit_converters.tensorflow.registry import converts


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
    pads = window_pads(ctx, spatial(x.shape, layout), kernel, strides, ones, layout)
    attrs: dict[str, Any] = {"kernel": kernel, "strides": strides, "pads": pads, "dilations": ones, "layout": layout}
    return ctx.call("AveragePool" if ctx.op.startswith("Avg") else "MaxPool", x, **attrs)


@converts("MaxPoolWithArgmax")
def max_pool_with_argmax(ctx: NodeContext) -> list[Value]:
    """MaxPool; the positions are not computed."""
    refs = [*(r for n in ctx.importer.body.nodes.values() for r in n.inputs), *ctx.importer.wanted]
    if any(r.node == ctx.name and (r.index == 1 or r.port == "argmax") for r in refs):
        raise Unsupported("the positions that MaxPoolWithArgmax gives are not supported.")
    x, layout = ctx.input(0), "NHWC"
    kernel, strides = (per_dimension(ctx, k, layout, 4) for k in ("ksize", "strides"))
    return [_pool(ctx, x, kernel, strides)]
