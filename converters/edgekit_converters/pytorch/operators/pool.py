"""Pooling over spatial dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import ConvertFunction, converts

#: taps of a window whose maxima are looked for one by one, and windows that are written out
MAX_TAPS = 4096


def _window(ctx: AtenContext, rank: int) -> dict[str, Any]:
    kernel = ctx.integers("kernel_size", None, rank)
    padding = ctx.integers("padding", [0], rank)
    return {
        "kernel": tuple(kernel),
        "strides": tuple(ctx.integers("stride", kernel, rank)),
        "pads": (*padding, *padding),
        "dilations": tuple(ctx.integers("dilation", [1], rank)),
        "ceil_mode": ctx.flag("ceil_mode", False),
        "layout": "NCHW",
    }


def batched(ctx: AtenContext, x: Value, rank: int, run: Callable[[Value], Value]) -> Value:
    """Run on [N, C, spatial...]; an input without batch gets one for the time being."""
    if len(x.shape) == rank + 2:
        return run(x)
    if len(x.shape) != rank + 1:
        raise MalformedModelError(f"an input of rank {rank + 1} or {rank + 2} is needed, got {len(x.shape)}")
    return ctx.squeeze(run(ctx.unsqueeze(x, [0])), [0])


def _max_pool(rank: int) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        window = _window(ctx, rank)
        return batched(ctx, ctx.tensor("self"), rank, lambda x: ctx.call("MaxPool", x, **window))

    return convert


def _max_pool_with_indices(rank: int) -> ConvertFunction:
    def convert(ctx: AtenContext) -> tuple[Value, Value]:
        window = _window(ctx, rank)
        x = ctx.tensor("self")
        single = len(x.shape) == rank + 1
        x = ctx.unsqueeze(x, [0]) if single else x
        y = ctx.call("MaxPool", x, **window)
        places = _places_of_maxima(ctx, x, y, window) if ctx.wants(1) else y
        return (ctx.squeeze(y, [0]), ctx.squeeze(places, [0])) if single else (y, places)

    return convert


def _places_of_maxima(ctx: AtenContext, x: Value, y: Value, window: dict[str, Any]) -> Value:
    """Where in its plane each maximum lies: tap by tap, the first that equals it."""
    shape, out = ctx.static_shape(x, "the input of a pool with indices"), ctx.static_shape(y, "the output")
    rank, kernel, pads, dilations, strides = len(shape) - 2, window["kernel"], window["pads"], window["dilations"], window["strides"]
    ctx.computed((*kernel, *out[2:]))
    if math.prod(kernel) > MAX_TAPS:
        raise Unsupported(f"a window of {list(kernel)} whose places are asked for is not supported.", reason="too-large")
    behind = [max(0, (out[2 + i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - shape[2 + i] - pads[i]) for i in range(rank)]
    low = -np.inf if x.dtype.is_float else np.iinfo(x.dtype.numpy).min
    padded = ctx.call("Pad", x, ctx.i64(0, 0, *pads[:rank], 0, 0, *behind), ctx.like(low, x))
    places = ctx.const(np.zeros((1,) * len(shape), np.int64))
    for tap in reversed(list(product(*(range(k) for k in kernel)))):
        begin = [t * d for t, d in zip(tap, dilations, strict=True)]
        end = [b + (n - 1) * s + 1 for b, n, s in zip(begin, out[2:], strides, strict=True)]
        seen = ctx.call("Slice", padded, ctx.i64(*begin), ctx.i64(*end), ctx.i64(*range(2, rank + 2)), ctx.i64(*strides))
        index = np.zeros((1,) * (rank + 2), np.int64)
        step = 1
        for i in reversed(range(rank)):
            at = np.arange(out[2 + i], dtype=np.int64) * strides[i] + begin[i] - pads[i]
            index = index + (at * step).reshape([-1 if k == 2 + i else 1 for k in range(rank + 2)])
            step *= shape[2 + i]
        places = ctx.call("Where", ctx.call("Equal", seen, y), ctx.const(index), places)
    return ctx.expand(places, list(out))


def _average_pool(rank: int) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        window = _window(ctx, rank)
        include = ctx.flag("count_include_pad", True)
        divisor = ctx.integer("divisor_override") if ctx.has("divisor_override") else 0

        def run(x: Value) -> Value:
            if not divisor:
                return ctx.call("AveragePool", x, count_include_pad=include, **window)
            if window["ceil_mode"]:
                raise Unsupported("divisor_override with ceil_mode is not supported.")
            y = ctx.call("AveragePool", x, count_include_pad=True, **window)
            return ctx.call("Mul", y, ctx.like(math.prod(window["kernel"]) / divisor, y))

        return batched(ctx, ctx.tensor("self"), rank, run)

    return convert


def _adaptive_windows(size: int, out: int) -> list[tuple[int, int]]:
    """Begin and end of each window: torch's ``floor(i * size / out)`` to ``ceil((i + 1) * size / out)``."""
    return [(i * size // out, -(-((i + 1) * size) // out)) for i in range(out)]


def _adaptive_along(ctx: AtenContext, x: Value, axis: int, out: int, op: str) -> Value:
    size = ctx.static(x.shape[axis], "the input of an adaptive pool")
    if out > MAX_TAPS:
        raise Unsupported(f"an output of {out} windows is not supported.", reason="too-large")
    parts = []
    for begin, end in _adaptive_windows(size, out):
        parts.append(ctx.call(op, ctx.narrow(x, axis, begin, end), axes=(axis,), keepdims=True))
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=axis)


def _adaptive(rank: int, pool: str, whole: str, reduce: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        def run(x: Value) -> Value:
            sizes, what = x.shape[2:], "the input of an adaptive pool"
            given = ctx.args.get("output_size")
            items = list(given) if isinstance(given, list | tuple) else [given]
            items = items * rank if len(items) == 1 else items
            pairs = zip(items, sizes, strict=True)
            out = [ctx.static(s, what) if o is None else ctx.known_integer(o, "output_size") for o, s in pairs]
            if any(o < 1 for o in out):
                raise Unsupported(f"an output of {out} is not supported.")
            if all(o == 1 for o in out):
                return ctx.call(whole, x, layout="NCHW")
            if tuple(out) == tuple(sizes):
                return x
            static = [ctx.static(s, "the input of an adaptive pool") for s in sizes]
            if all(s % o == 0 for s, o in zip(static, out, strict=True)):
                kernel = tuple(s // o for s, o in zip(static, out, strict=True))
                return ctx.call(pool, x, kernel=kernel, strides=kernel, pads=(0,) * (2 * rank), dilations=(1,) * rank, layout="NCHW")
            for i, o in enumerate(out):
                x = _adaptive_along(ctx, x, 2 + i, o, reduce) if static[i] != o else x
            return x

        return batched(ctx, ctx.tensor("self"), rank, run)

    return convert


for _rank in (1, 2, 3):
    converts(f"aten.max_pool{_rank}d")(_max_pool(_rank))
    converts(f"aten.avg_pool{_rank}d")(_average_pool(_rank))
    _average = _adaptive(_rank, "AveragePool", "GlobalAveragePool", "ReduceMean")
    converts(*(f"aten.{_p}adaptive_avg_pool{_rank}d" for _p in (("", "_") if _rank > 1 else ("",))))(_average)
    converts(f"aten.max_pool{_rank}d_with_indices")(_max_pool_with_indices(_rank))


def _adaptive_max(rank: int) -> ConvertFunction:
    pool = _adaptive(rank, "MaxPool", "GlobalMaxPool", "ReduceMax")

    def convert(ctx: AtenContext) -> tuple[Value, Value]:
        """The places of the maxima are supported where each window starts at a multiple of its size."""
        y: Value = pool(ctx)
        if not ctx.wants(1):
            return y, y
        x = ctx.tensor("self")
        single = len(x.shape) == rank + 1
        x4, y4 = (ctx.unsqueeze(v, [0]) if single else v for v in (x, y))
        sizes, out = ctx.static_shape(x4, "the input")[2:], ctx.static_shape(y4, "the output")[2:]
        if any(s % o for s, o in zip(sizes, out, strict=True)):
            raise Unsupported("the indices of an adaptive pool with windows of different sizes are not supported.")
        kernel = tuple(s // o for s, o in zip(sizes, out, strict=True))
        window = {"kernel": kernel, "strides": kernel, "pads": (0,) * (2 * rank), "dilations": (1,) * rank}
        places = _places_of_maxima(ctx, x4, y4, window)
        return y, ctx.squeeze(places, [0]) if single else places

    return convert


for _rank in (1, 2, 3):
    converts(f"aten.adaptive_max_pool{_rank}d")(_adaptive_max(_rank))
