"""Reductions and running sums."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts

REDUCTIONS = {
    "Sum": "ReduceSum", "Mean": "ReduceMean", "Max": "ReduceMax", "Min": "ReduceMin", "Prod": "ReduceProd",
    "EuclideanNorm": "ReduceL2",
}  # fmt: skip


@converts(*REDUCTIONS)
def reduce(ctx: NodeContext) -> Value:
    """Reductions over the axes of the second input; none at all leave the tensor alone."""
    x = ctx.input(0)
    axes = tuple(sorted({ctx.axis(a, len(x.shape)) for a in ctx.constant_ints(1, "the axes")}))
    if not axes:
        return ctx.call("Abs", x) if ctx.op == "EuclideanNorm" else x
    return ctx.call(REDUCTIONS[ctx.op], x, axes=axes, keepdims=ctx.attr_bool("keep_dims", False))


@converts("ArgMax", "ArgMin")
def arg_max(ctx: NodeContext) -> Value:
    """The index of the largest or smallest element, the first of equals."""
    x = ctx.input(0)
    (axis,) = ctx.constant_ints(1, "the axis") if len(ctx.items) > 1 else (0,)
    y = ctx.call(ctx.op, x, axis=ctx.axis(axis, len(x.shape)), keepdims=False)
    return ctx.cast(y, ctx.attr_type("output_type", I64))


@converts("Cumsum")
def cumsum(ctx: NodeContext) -> Value:
    """Running sums."""
    axis = ctx.scalar(ctx.input(1))
    return ctx.call("CumSum", ctx.input(0), axis, exclusive=ctx.attr_bool("exclusive", False), reverse=ctx.attr_bool("reverse", False))


@converts("Cumprod")
def cumprod(ctx: NodeContext) -> Value:
    """Running products, written out along a short axis."""
    x = ctx.input(0)
    (axis,) = ctx.constant_ints(1, "the axis")
    axis = ctx.axis(axis, len(x.shape))
    n = ctx.static(x.shape[axis], "the axis of a Cumprod")
    if ctx.attr_bool("exclusive", False) or ctx.attr_bool("reverse", False) or not 1 <= n <= 256:
        raise Unsupported(f"a Cumprod of {n} elements (up to 256 in forward order, each included, are written out).")
    parts = ctx.call_multi("Split", x, axis=axis, sizes=(1,) * n)
    out = [parts[0]]
    for p in parts[1:]:
        out.append(ctx.call("Mul", out[-1], p))
    return ctx.call("Concat", *out, axis=axis)


@converts("UnsortedSegmentSum", "SegmentSum")
def segment_sum(ctx: NodeContext) -> Value:
    """Rows added up by their segment's number."""
    x, ids = ctx.input(0), ctx.input(1)
    if ctx.op == "SegmentSum":
        count = max((int(i) for i in ctx.constant_input(1, "the segments").reshape(-1)), default=-1) + 1
        lead = ctx.i64(count)
    else:
        lead = ctx.as_i64(ctx.reshape(ctx.input(2), (1,)))
    rank = len(ids.shape)
    shape = ctx.call("Concat", lead, ctx.call("Shape", x, start=rank), axis=0) if len(x.shape) > rank else lead
    zeros = ctx.call("Expand", ctx.like(0, x), shape)
    return ctx.call("ScatterND", zeros, ctx.unsqueeze(ids, [rank]), x, reduction="add")


@converts("SegmentMean")
def segment_mean(ctx: NodeContext) -> Value:
    """Means of rows by their segment's number; 0 for a segment without rows."""
    x, ids = ctx.input(0), ctx.constant_input(1, "the segments").astype(np.int64)
    if ids.ndim != 1 or (ids.size and ids.min() < 0):
        raise MalformedModelError(f"segments {ids.tolist()[:8]}")
    count = int(ids.max(initial=-1)) + 1
    ctx.computed((count, ids.size))
    weights = (np.arange(count)[:, None] == ids[None, :]).astype(np.float32)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1)
    flat = ctx.reshape(x, (ids.size, -1))
    y = ctx.call("MatMul", ctx.const(weights), ctx.as_float32(flat))
    return ctx.cast(ctx.reshape(y, (count, *ctx.static_shape(x, "the rows")[1:])), x.dtype)


@converts("Bucketize", "LowerBound", "UpperBound")
def bucketize(ctx: NodeContext) -> Value:
    """How many of some sorted numbers lie below each element (UpperBound and Bucketize: below or at it)."""
    if ctx.op == "Bucketize":
        x = ctx.as_float32(ctx.input(0))
        bounds: Value = ctx.const(np.asarray(ctx.attr_floats("boundaries"), np.float32))
    else:
        x, bounds = ctx.input(1), ctx.unsqueeze(ctx.input(0), [1])
    below = ctx.call("Less" if ctx.op == "LowerBound" else "LessOrEqual", bounds, ctx.unsqueeze(x, [len(x.shape)]))
    counts = ctx.call("ReduceSum", ctx.cast(below, I32), axes=(len(below.shape) - 1,), keepdims=False)
    return ctx.cast(counts, ctx.attr_type("out_type", I32))
