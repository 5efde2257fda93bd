"""Pooling over spatial dimensions."""

from __future__ import annotations

from typing import Any

from edgekit.ir import Value
from edgekit_converters.onnx.context import NodeContext, Unsupported
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.windows import spatial_attributes


def _window(ctx: NodeContext) -> dict[str, Any]:
    w = spatial_attributes(ctx, ctx.input(0), ctx.get_ints("kernel_shape"))
    return {
        "kernel": w.kernel,
        "strides": w.strides,
        "pads": w.pads,
        "dilations": w.dilations,
        "ceil_mode": bool(ctx.get_int("ceil_mode", 0)),
        "layout": "NCHW",
    }


@converts("MaxPool")
def max_pool(ctx: NodeContext) -> Value:
    if ctx.wants(1):
        raise Unsupported("the output of indices is not supported", "Remove the second output of MaxPool.")
    return ctx.call("MaxPool", ctx.input(0), **_window(ctx))


@converts("AveragePool")
def average_pool(ctx: NodeContext) -> Value:
    return ctx.call("AveragePool", ctx.input(0), count_include_pad=bool(ctx.get_int("count_include_pad", 0)), **_window(ctx))


@converts("LpPool", since=2)
def lp_pool(ctx: NodeContext) -> Value:
    return ctx.call("LpPool", ctx.input(0), p=ctx.get_int("p", 2), **_window(ctx))


@converts("GlobalAveragePool")
def global_average_pool(ctx: NodeContext) -> Value:
    return ctx.call("GlobalAveragePool", ctx.input(0), layout="NCHW")


@converts("GlobalMaxPool")
def global_max_pool(ctx: NodeContext) -> Value:
    return ctx.call("GlobalMaxPool", ctx.input(0), layout="NCHW")


@converts("GlobalLpPool", since=2)
def global_lp_pool(ctx: NodeContext) -> Value:
    x, p = ctx.input(0), ctx.get_int("p", 2)
    axes = tuple(range(2, len(x.shape)))
    if p in (1, 2):
        return ctx.call(f"ReduceL{p}", x, axes=axes, keepdims=True)
    total = ctx.call("ReduceSum", ctx.call("Pow", ctx.call("Abs", x), ctx.like(p, x)), axes=axes, keepdims=True)
    return ctx.call("Pow", total, ctx.like(1.0 / p, total))
