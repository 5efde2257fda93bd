"""Axes, sizes and lengths that are computed at run time: shapes worked out by nodes instead of at conversion."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I64
from edgekit_converters.onnx.context import NodeContext


def list_length(ctx: NodeContext, v: Value, what: str) -> int:
    """The number of entries of a list, which must be known: it decides ranks."""
    if len(v.shape) > 1:
        raise MalformedModelError(f"{what} must be a list, not a tensor of rank {len(v.shape)}")
    return 1 if not v.shape else ctx.static(v.shape[0], f"the number of {what}")


def counted_from_front(ctx: NodeContext, axes: Value, rank: int) -> Value:
    """Axes without negative numbers. One that is out of range stays so, for the operator behind to refuse."""
    return ctx.call("Where", ctx.call("Less", axes, ctx.const(0, I64)), ctx.call("Add", axes, ctx.const(rank, I64)), axes)


def marked(ctx: NodeContext, axes: Value, rank: int) -> Value:
    """A list of ``rank`` ones and zeros: one where an axis is."""
    count = list_length(ctx, axes, "axes")
    at = ctx.reshape(counted_from_front(ctx, axes, rank), (count,))
    return ctx.call("ScatterElements", ctx.const(np.zeros(rank, np.int64)), at, ctx.const(np.ones(count, np.int64)))


def unsqueeze(ctx: NodeContext, x: Value, axes: Value) -> Value:
    """Dimensions of 1 at computed places: the other places take the dimensions of ``x`` in order."""
    rank = len(x.shape) + list_length(ctx, axes, "axes")
    mark = marked(ctx, axes, rank)
    if not x.shape:
        return ctx.reshape(x, [1] * rank)
    before = ctx.call("Sub", ctx.call("CumSum", ctx.call("Sub", ctx.const(1, I64), mark), ctx.const(0, I64)), ctx.const(1, I64))
    held = ctx.call("Min", ctx.call("Max", before, ctx.const(0, I64)), ctx.const(len(x.shape) - 1, I64))
    taken = ctx.call("Gather", ctx.shape_of(x), held, axis=0)
    shape = ctx.call("Where", ctx.cast(mark, BOOL), ctx.const(np.ones(rank, np.int64)), taken)
    return ctx.call("Reshape", x, shape, allow_zero=True)


def squeeze(ctx: NodeContext, x: Value, axes: Value) -> Value:
    """Computed dimensions taken out; where one of them is not 1 the sizes no longer fit, and the run says so."""
    rank = len(x.shape)
    left = rank - list_length(ctx, axes, "axes")
    if left < 0:
        raise MalformedModelError(f"more axes than the {rank} dimensions")
    key = ctx.call("Add", ctx.call("Mul", marked(ctx, axes, rank), ctx.const(rank, I64)), ctx.const(np.arange(rank, dtype=np.int64)))
    _, kept = ctx.call_multi("TopK", key, ctx.i64(left), axis=0, largest=False)
    return ctx.call("Reshape", x, ctx.call("Gather", ctx.shape_of(x), kept, axis=0), allow_zero=True)


def split(ctx: NodeContext, x: Value, axis: int, sizes: Value, count: int) -> list[Value]:
    """Parts of computed sizes, one slice each.

    The elements before each part are counted by a running sum; what is left over at the end, or missing, is an error of the run: the last
    size has to be what is left.
    """
    if list_length(ctx, sizes, "parts") != count:
        raise MalformedModelError(f"{sizes.shape[0] if sizes.shape else 1} parts, but {count} outputs")
    ends = ctx.call("CumSum", sizes, ctx.const(0, I64))
    starts = ctx.call("Sub", ends, sizes)
    parts = []
    for k in range(count):
        begin, end, size = (ctx.call("Slice", v, ctx.i64(k), ctx.i64(k + 1)) for v in (starts, ends, sizes))
        part = ctx.call("Slice", x, begin, end if k < count - 1 else ctx.call("Shape", x, start=axis, end=axis + 1), ctx.i64(axis))
        # a slice never fails: giving it the shape it should have does
        shape = [ctx.call("Shape", x, start=i, end=i + 1) if i != axis else size for i in range(len(x.shape))]
        parts.append(ctx.call("Reshape", part, ctx.call("Concat", *shape, axis=0) if len(shape) > 1 else shape[0], allow_zero=True))
    return parts


def filled(ctx: NodeContext, default: Value, at: list[int], values: Value) -> Value:
    """The list ``default`` with ``values`` at the places ``at``."""
    if list_length(ctx, values, "entries") != len(at):
        raise MalformedModelError(f"{len(at)} entries are needed, not {values.shape}")
    return ctx.call("ScatterElements", default, ctx.i64(*at), ctx.reshape(values, (len(at),)))
