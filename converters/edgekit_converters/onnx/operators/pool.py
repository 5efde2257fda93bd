"""Pooling over spatial dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.windows import computes_pads, pool_same
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.windows import spatial_attributes

#: taps of a window whose maxima are looked for one by one
MAX_TAPS = 4096


def _window(ctx: NodeContext) -> dict[str, Any]:
    return window_over(ctx, ctx.input(0))


def window_over(ctx: NodeContext, x: Value) -> dict[str, Any]:
    """The node's window over ``x`` [N, C, spatial...] as the operator table wants it."""
    w = spatial_attributes(ctx, x, ctx.get_ints("kernel_shape"))
    return {
        "kernel": w.kernel,
        "strides": w.strides,
        "pads": w.pads,
        "dilations": w.dilations,
        "ceil_mode": bool(ctx.get_int("ceil_mode", 0)),
        "layout": "NCHW",
    }


def _over_open_sizes(ctx: NodeContext, op: str) -> Value | None:
    """The pool with computed padding, where ``auto_pad`` depends on open sizes."""
    x, kernel, auto_pad = ctx.input(0), ctx.get_ints("kernel_shape"), ctx.get_string("auto_pad", "NOTSET")
    if not auto_pad.startswith("SAME_") or len(x.shape) != len(kernel) + 2 or ctx.get_int("count_include_pad", 0) or x.type.is_static:
        return None
    w = spatial_attributes(ctx, x, kernel, [1] * len(kernel))
    if set(w.dilations) != {1} or not computes_pads(x, range(2, len(x.shape)), kernel, w.strides):
        return None
    return pool_same(ctx, op, x, kernel, w.strides, "NCHW", odd_first=auto_pad == "SAME_LOWER")


@converts("MaxPool")
def max_pool(ctx: NodeContext) -> Sequence[Value]:
    if not ctx.wants(1) and (pooled := _over_open_sizes(ctx, "MaxPool")) is not None:
        return [pooled]
    window = _window(ctx)
    y = ctx.call("MaxPool", ctx.input(0), **window)
    return [y, _places_of_maxima(ctx, y, window)] if ctx.wants(1) else [y]


def _places_of_maxima(ctx: NodeContext, y: Value, window: dict[str, Any]) -> Value:
    """Where in the flattened input each maximum lies: tap by tap, the first that equals it."""
    x = ctx.input(0)
    shape, out = ctx.static_shape(x, "the input"), ctx.static_shape(y, "the output")
    rank, kernel, pads, dilations, strides = len(shape) - 2, window["kernel"], window["pads"], window["dilations"], window["strides"]
    ctx.computed((*kernel, *out))
    if math.prod(kernel) > MAX_TAPS:
        raise Unsupported(f"a window of {list(kernel)} whose places are asked for is not supported", reason="too-large")
    behind = [max(0, (out[2 + i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - shape[2 + i] - pads[i]) for i in range(rank)]
    low = -np.inf if x.dtype.is_float else np.iinfo(x.dtype.numpy).min
    padded = ctx.call("Pad", x, ctx.i64(0, 0, *pads[:rank], 0, 0, *behind), ctx.like(low, x))
    steps = np.ones(rank, np.int64)
    order = range(rank) if ctx.get_int("storage_order", 0) else reversed(range(rank))
    size = 1
    for i in order:
        steps[i] = size
        size *= shape[2 + i]
    planes = np.arange(shape[0] * shape[1], dtype=np.int64).reshape(shape[0], shape[1], *([1] * rank)) * size
    places = ctx.const(np.zeros((1,) * len(shape), np.int64))
    for tap in reversed(list(product(*(range(k) for k in kernel)))):
        begin = [t * d for t, d in zip(tap, dilations, strict=True)]
        end = [b + (n - 1) * s + 1 for b, n, s in zip(begin, out[2:], strides, strict=True)]
        axes = range(2, rank + 2)
        seen = ctx.call("Slice", padded, ctx.i64(*begin), ctx.i64(*end), ctx.i64(*axes), ctx.i64(*strides))
        index = planes
        for i in range(rank):
            at = np.arange(out[2 + i], dtype=np.int64) * strides[i] + begin[i] - pads[i]
            index = index + (at * steps[i]).reshape([-1 if k == 2 + i else 1 for k in range(rank + 2)])
        places = ctx.call("Where", ctx.call("Equal", seen, y), ctx.const(index), places)
    return places


@converts("MaxUnpool", since=9)
def max_unpool(ctx: NodeContext) -> Value:
    """Each value goes back to its place in an output of zeros."""
    x, places = ctx.input(0), ctx.as_i64(ctx.input(1))
    shape = ctx.static_shape(x, "the input")
    kernel = ctx.get_ints("kernel_shape")
    rank = len(kernel)
    strides, pads = ctx.get_ints("strides", [1] * rank), ctx.get_ints("pads", [0] * (2 * rank))
    natural = [*shape[:2], *((n - 1) * strides[i] + kernel[i] - pads[i] - pads[rank + i] for i, n in enumerate(shape[2:]))]
    ctx.computed(natural)
    empty = ctx.call("Expand", ctx.like(0, x), ctx.i64(math.prod(natural)))
    spread = ctx.call("ScatterElements", empty, ctx.reshape(places, (-1,)), ctx.reshape(x, (-1,)), axis=0)
    y = ctx.reshape(spread, natural)
    if ctx.optional(2) is None:
        return y
    behind = ctx.call("Sub", ctx.as_i64(ctx.input(2)), ctx.i64(*natural))
    known = ctx.numbers(behind)
    if known is not None and (known.shape != (len(natural),) or known.min(initial=0) < 0):
        raise Unsupported(f"an output smaller than {natural} is not supported")
    return ctx.call("Pad", y, ctx.call("Concat", ctx.i64(*([0] * len(natural))), behind, axis=0))


@converts("AveragePool")
def average_pool(ctx: NodeContext) -> Value:
    if (pooled := _over_open_sizes(ctx, "AveragePool")) is not None:
        return pooled
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
