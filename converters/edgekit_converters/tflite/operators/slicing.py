"""Operators that read or write parts of a tensor."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, Dim
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.registry import converts

INT_MAX = (1 << 63) - 1


@converts("SLICE")
def slice_(ctx: NodeContext) -> Value:
    """``size`` elements from ``begin`` on; -1 is up to the end."""
    x = ctx.input(0)
    begin, size = ctx.numbers(ctx.input(1)), ctx.numbers(ctx.input(2))
    rank = len(x.shape)
    axes = ctx.i64(*range(rank))
    if size is not None and begin is not None:
        starts = [int(b) for b in begin]
        ends = [INT_MAX if s == -1 else b + int(s) for b, s in zip(starts, size.tolist(), strict=True)]
        return ctx.call("Slice", x, ctx.i64(*starts), ctx.i64(*ends), axes)
    if size is None or -1 in size.tolist():
        raise Unsupported("the size of a slice is computed at run time.", "Make it a constant of the model.", "dynamic-input")
    # a window of a fixed size that moves: gather its positions along each axis that is not taken whole
    y = x
    for axis, n in enumerate(int(s) for s in size.tolist()):
        if x.shape[axis] == n:
            continue
        ctx.computed((n,))
        start = ctx.call("Slice", ctx.i64_input(1), ctx.i64(axis), ctx.i64(axis + 1), ctx.i64(0))
        y = ctx.call("Gather", y, ctx.call("Add", ctx.const(np.arange(n, dtype=np.int64)), start), axis=axis)
    return y


@converts("STRIDED_SLICE")
def strided_slice(ctx: NodeContext) -> Value:
    """numpy's basic slicing, with masks for absent bounds, new axes, dropped axes and the ellipsis."""
    x, o = ctx.input(0), ctx.options
    begin = ctx.constant_ints(1, "the begins")
    end = ctx.constant_ints(2, "the ends")
    steps = ctx.constant_ints(3, "the strides")
    if o.offset:
        end = [b + e for b, e in zip(begin, end, strict=True)]
    if not len(begin) == len(end) == len(steps):
        raise MalformedModelError("begins, ends and strides differ in length")
    rank, new = len(x.shape), [bool(o.new_axis_mask >> i & 1) for i in range(len(begin))]
    starts, ends, axes, strides = [], [], [], []
    dims: list[int | None] = []  # of the result: None for a dimension of the slice, in order; 1 for a new one
    keep: list[bool] = []
    axis = 0
    for i in range(len(begin)):
        if o.ellipsis_mask >> i & 1:
            skip = rank - (len(begin) - 1 - sum(n for j, n in enumerate(new) if j != i))
            if skip < 0:
                raise MalformedModelError("the slice names more dimensions than there are")
            axis += skip
            keep += [True] * skip
            dims += [None] * skip
            continue
        if new[i]:
            dims.append(1)
            continue
        if axis >= rank:
            raise MalformedModelError("the slice names more dimensions than there are")
        step = steps[i]
        if step == 0:
            raise MalformedModelError("a stride is 0")
        if o.shrink_axis_mask >> i & 1:
            b = begin[i]
            starts.append(b)
            ends.append(b + 1 if b != -1 else INT_MAX)
            strides.append(1)
            keep.append(False)
        else:
            starts.append((0 if step > 0 else INT_MAX) if o.begin_mask >> i & 1 else begin[i])
            ends.append((INT_MAX if step > 0 else -INT_MAX) if o.end_mask >> i & 1 else end[i])
            strides.append(step)
            keep.append(True)
            dims.append(None)
        axes.append(axis)
        axis += 1
    keep += [True] * (rank - axis)
    dims += [None] * (rank - axis)
    y = x
    if axes:
        y = ctx.call("Slice", x, ctx.i64(*starts), ctx.i64(*ends), ctx.i64(*axes), ctx.i64(*strides))
    sizes: list[Dim] = [d for d, k in zip(y.shape, keep, strict=True) if k]
    rest = iter(sizes)
    want: list[Dim] = [1 if d == 1 else next(rest) for d in dims]
    return ctx.regroup(y, want)


@converts("GATHER")
def gather(ctx: NodeContext) -> Value:
    """Slices along an axis by index; with batch dimensions, one list of indices a batch."""
    x, indices = ctx.input(0), ctx.input(1)
    axis = ctx.axis(int(ctx.options.axis), len(x.shape))
    batch = int(ctx.options.batch_dims)
    if batch == 0:
        return ctx.call("Gather", x, indices, axis=axis)
    if batch < 0:
        batch += len(indices.shape)
    if axis != batch:
        raise Unsupported(f"a GATHER with {batch} batch dimensions along axis {axis} is not supported.")
    return ctx.call("GatherND", x, ctx.unsqueeze(indices, len(indices.shape)), batch_dims=batch)


@converts("GATHER_ND")
def gather_nd(ctx: NodeContext) -> Value:
    """Elements or slices by tuples of indices."""
    return ctx.call("GatherND", ctx.input(0), ctx.input(1))


@converts("SCATTER_ND")
def scatter_nd(ctx: NodeContext) -> Value:
    """Updates added into zeros."""
    updates = ctx.real(1)
    zeros = ctx.call("Expand", ctx.const(np.zeros((), updates.dtype.numpy)), ctx.i64_input(2))
    return ctx.call("ScatterND", zeros, ctx.i64_input(0), updates, reduction="add")


@converts("DYNAMIC_UPDATE_SLICE")
def dynamic_update_slice(ctx: NodeContext) -> Value:
    """Write a block into a tensor at a place given at run time, moved inwards where it would stick out."""
    x, update = ctx.input(0), ctx.input(1)
    if update.quant != x.quant:
        x, update = ctx.as_real(x), ctx.as_real(update)
    outer = [ctx.static(d, "every dimension") for d in x.shape]
    inner = [ctx.static(d, "every dimension") for d in update.shape]
    start = ctx.call("Max", ctx.i64_input(2), ctx.i64(*[0] * len(outer)))
    start = ctx.call("Min", start, ctx.i64(*(a - b for a, b in zip(outer, inner, strict=True))))
    ctx.computed((*inner, len(inner)))
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in inner), indexing="ij"), axis=-1).astype(np.int64)
    return ctx.call("ScatterND", x, ctx.call("Add", ctx.const(grid), start), update)


@converts("EMBEDDING_LOOKUP")
def embedding_lookup(ctx: NodeContext) -> Value:
    """Rows of a table."""
    table = ctx.input(1)
    y = ctx.call("Gather", table, ctx.input(0), axis=0)
    return y if table.quant is None or ctx.out.dtype is not F32 else ctx.as_real(y)
