"""Reductions and running sums."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.types import I64
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
