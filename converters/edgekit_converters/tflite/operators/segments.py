"""Sums over segments, tables, diagonals: what gathers and scatters by index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.registry import converts

#: what an empty segment holds, and how a segment's elements come together
REDUCTIONS = {
    "UNSORTED_SEGMENT_SUM": (0.0, "add"),
    "UNSORTED_SEGMENT_PROD": (1.0, "mul"),
    "UNSORTED_SEGMENT_MAX": (-np.inf, "max"),
    "UNSORTED_SEGMENT_MIN": (np.inf, "min"),
}


def _scattered(ctx: NodeContext, x: Value, ids: Value, count: int, start: float, reduction: str) -> Value:
    """Rows of ``x`` brought together by their segment, ``count`` segments."""
    if len(ids.shape) != 1 or x.shape[:1] != ids.shape:
        raise Unsupported("segments are supported along the first dimension.")
    rest = [ctx.static(d, "a dimension") for d in x.shape[1:]]
    ctx.computed((count, *rest))
    if x.dtype.is_float:
        empty = np.full((count, *rest), np.clip(start, np.finfo(np.float32).min, np.finfo(np.float32).max), x.dtype.numpy)
    else:
        info = np.iinfo(x.dtype.numpy)
        empty = np.full((count, *rest), int(np.clip(start, float(info.min), float(info.max))), x.dtype.numpy)
    return ctx.call("ScatterND", ctx.const(empty), ctx.unsqueeze(ctx.cast(ids, I64), 1), x, reduction=reduction)


@converts("SEGMENT_SUM")
def segment_sum(ctx: NodeContext) -> Value:
    """Sums of rows that follow each other."""
    ids = ctx.constant_input(1, "the segments")
    count = int(ids.max(initial=-1)) + 1
    if ids.ndim != 1 or np.any(np.diff(ids) < 0) or (ids.size and ids[0] < 0):
        raise MalformedModelError("the segments are not in order")
    return _scattered(ctx, ctx.input(0), ctx.input(1), count, 0.0, "add")


@converts(*REDUCTIONS)
def unsorted_segments(ctx: NodeContext) -> Value:
    """Rows brought together by their segment, in any order."""
    (count,) = ctx.constant_ints(2, "the number of segments")
    if count < 0:
        raise MalformedModelError(f"{count} segments")
    return _scattered(ctx, ctx.input(0), ctx.input(1), count, *REDUCTIONS[ctx.op])


@converts("SPARSE_TO_DENSE")
def sparse_to_dense(ctx: NodeContext) -> Value:
    """Values at given places of a tensor that is the same everywhere else."""
    indices, values, default = ctx.input(0), ctx.input(2), ctx.input(3)
    shape = ctx.constant_ints(1, "the shape")
    if min(shape, default=0) < 0:
        raise MalformedModelError(f"a tensor of shape {shape}")
    ctx.computed(shape)
    rank = len(shape)
    if len(indices.shape) > 2:
        raise MalformedModelError(f"places of rank {len(indices.shape)}")
    rows = ctx.reshape(ctx.cast(indices, I64), (-1, rank) if len(indices.shape) == 2 or rank == 1 else (1, rank))
    base = ctx.call("Expand", ctx.reshape(default, (1,) * rank), ctx.i64(*shape))
    if not values.shape:
        places = ctx.call("Slice", ctx.call("Shape", rows), ctx.i64(0), ctx.i64(1))
        values = ctx.call("Expand", ctx.reshape(values, (1,)), places)
    return ctx.call("ScatterND", base, rows, values)


@converts("MATRIX_DIAG")
def matrix_diag(ctx: NodeContext) -> Value:
    """Matrices with the last dimension on their diagonals, zeros beside."""
    x = ctx.input(0)
    n = ctx.static(x.shape[-1], "the diagonal")
    ctx.computed((n, n))
    zero = ctx.const(np.zeros((), x.dtype.numpy), x.dtype)
    return ctx.call("Where", ctx.const(np.eye(n, dtype=np.bool_)), ctx.unsqueeze(x, len(x.shape) - 1), zero)


@converts("MATRIX_SET_DIAG")
def matrix_set_diag(ctx: NodeContext) -> Value:
    """Matrices with other diagonals."""
    x, diagonal = ctx.input(0), ctx.input(1)
    if len(x.shape) < 2 or len(diagonal.shape) != len(x.shape) - 1:
        raise MalformedModelError(f"diagonals of rank {len(diagonal.shape)} for matrices of rank {len(x.shape)}")
    rows, columns = (ctx.static(d, "a matrix") for d in x.shape[-2:])
    ctx.computed((rows, columns))
    if columns != min(rows, columns):
        pads = [0] * (2 * len(diagonal.shape))
        pads[-1] = columns - rows
        zero = ctx.const(np.zeros((), x.dtype.numpy), x.dtype)
        diagonal = ctx.call("Pad", diagonal, ctx.i64(*pads), zero, mode="constant")
    return ctx.call("Where", ctx.const(np.eye(rows, columns, dtype=np.bool_)), ctx.unsqueeze(diagonal, len(diagonal.shape) - 1), x)


@converts("UNIQUE")
def unique(ctx: NodeContext) -> Sequence[Value]:
    """The different elements in the order of their first places, and for each element which of them it is."""
    y, _, inverse, _ = ctx.call_multi("Unique", ctx.input(0), flat=True, sorted=False)
    return [y, inverse]


@converts("BUCKETIZE")
def bucketize(ctx: NodeContext) -> Value:
    """How many boundaries an element is not below."""
    x, limits = ctx.input(0), np.asarray(ctx.options.boundaries, np.float32)
    if limits.size == 0:
        return ctx.call("Expand", ctx.const(np.zeros((), np.int32)), ctx.call("Shape", x))
    wide = ctx.call("GreaterOrEqual", ctx.unsqueeze(ctx.cast(x, ctx.const(limits).dtype), len(x.shape)), ctx.const(limits))
    return ctx.call("ReduceSum", ctx.cast(wide, I32), axes=(-1,), keepdims=False)


@converts("BROADCAST_ARGS")
def broadcast_args(ctx: NodeContext) -> Value:
    """The shape that two shapes broadcast to."""
    try:
        both = np.broadcast_shapes(tuple(ctx.constant_ints(0, "a shape")), tuple(ctx.constant_ints(1, "a shape")))
    except ValueError as e:
        raise MalformedModelError(f"the shapes do not broadcast: {e}") from e
    return ctx.const(np.asarray(both, ctx.out.dtype.numpy), ctx.out.dtype)


@converts("HASHTABLE_LOOKUP")
def hashtable_lookup(ctx: NodeContext) -> Sequence[Value]:
    """Rows of a table by key, zeros where the key is missing, and whether it is there."""
    wanted, keys, rows = ctx.input(0), ctx.input(1), ctx.real(2)
    count = ctx.static(keys.shape[0], "the keys")
    if len(keys.shape) != 1 or len(wanted.shape) != 1 or not rows.shape or rows.shape[0] != count:
        raise MalformedModelError("the keys do not fit the rows of the table")
    same = ctx.call("Equal", ctx.unsqueeze(wanted, 1), ctx.unsqueeze(keys, 0))
    found = ctx.call("ReduceMax", ctx.cast(same, I32), axes=(1,), keepdims=False)
    place = ctx.call("ArgMax", ctx.cast(same, I32), axis=1, keepdims=False)
    picked = ctx.call("Gather", rows, place, axis=0)
    there = ctx.call("Equal", found, ctx.const(np.int32(1)))
    for k in range(1, len(picked.shape)):
        there = ctx.unsqueeze(there, k)
    zero = ctx.const(np.zeros((), rows.dtype.numpy), rows.dtype)
    return [ctx.call("Where", there, picked, zero), found]
