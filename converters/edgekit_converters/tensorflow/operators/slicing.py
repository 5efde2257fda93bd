"""Slices, gathers and scatters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts
from edgekit_converters.tensorflow.strides import SlicePlan, SliceSpec, slice_plan

INT_MAX = (1 << 63) - 1


@converts("StridedSlice")
def strided_slice(ctx: NodeContext) -> Value:
    """numpy's basic slicing, with masks for absent bounds, new axes, dropped axes and the ellipsis."""
    x = ctx.input(0)
    steps = ctx.constant_ints(3, "the strides")
    masks = {k: ctx.attr_int(f"{k}_mask", 0) for k in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    plan = slice_plan(SliceSpec(len(steps), len(x.shape), steps, **masks))
    y = x
    if plan.axes:
        starts = _bounds(ctx, 1, plan.picked, plan.default_starts)
        ends = _bounds(ctx, 2, plan.picked, plan.default_ends)
        first, last = ctx.known_ints(starts), ctx.known_ints(ends)
        if all(plan.dropped):
            last = [0] * len(plan.axes)
        if first is not None and last is not None:
            stops = [(s + 1 if s != -1 else INT_MAX) if d else e for s, e, d in zip(first, last, plan.dropped, strict=True)]
            y = ctx.call("Slice", x, starts, ctx.i64(*stops), ctx.i64(*plan.axes), ctx.i64(*plan.steps))
        else:
            y = _dynamic(ctx, x, starts, ends, plan)
    return ctx.regroup(y, [1 if d is None else [d] for d in plan.result])


def _bounds(ctx: NodeContext, i: int, picked: Sequence[int], defaults: Sequence[int | None]) -> Value:
    """One bound for each sliced axis: the input's, or the default where a mask says so."""
    given = ctx.as_i64(ctx.input(i))
    known = ctx.known(given)
    if all(d is not None for d in defaults):
        return ctx.i64(*(d for d in defaults if d is not None))
    if known is not None and known.dtype != object:
        return ctx.i64(*(int(known.reshape(-1)[p]) if d is None else d for p, d in zip(picked, defaults, strict=True)))
    parts = [
        ctx.call("Slice", given, ctx.i64(p), ctx.i64(p + 1), ctx.i64(0)) if d is None else ctx.i64(d)
        for p, d in zip(picked, defaults, strict=True)
    ]
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=0)


def _dynamic(ctx: NodeContext, x: Value, starts: Value, ends: Value, plan: SlicePlan) -> Value:
    """A slice whose bounds are computed at run time; dropped axes take one element each by index first."""
    y = x
    for k, axis in enumerate(plan.axes):
        if plan.dropped[k]:
            index = ctx.call("Slice", starts, ctx.i64(k), ctx.i64(k + 1), ctx.i64(0))
            y = ctx.call("Gather", y, index, axis=axis)
    kept = [k for k, d in enumerate(plan.dropped) if not d]
    if not kept:
        return y

    def pick(v: Value) -> Value:
        return v if len(kept) == len(plan.axes) else ctx.call("Gather", v, ctx.i64(*kept), axis=0)

    return ctx.call("Slice", y, pick(starts), pick(ends), ctx.i64(*(plan.axes[k] for k in kept)), ctx.i64(*(plan.steps[k] for k in kept)))


@converts("Slice")
def slice_(ctx: NodeContext) -> Value:
    """``size`` elements from ``begin`` on; -1 is up to the end."""
    x = ctx.input(0)
    rank = len(x.shape)
    axes = ctx.i64(*range(rank))
    begin, size = ctx.numbers(ctx.input(1)), ctx.numbers(ctx.input(2))
    if rank == 0:
        return x
    if begin is not None and size is not None:
        starts = [int(b) for b in begin]
        ends = [INT_MAX if s == -1 else b + int(s) for b, s in zip(starts, size.tolist(), strict=True)]
        return ctx.call("Slice", x, ctx.i64(*starts), ctx.i64(*ends), axes)
    if size is None:
        start = ctx.as_i64(ctx.input(1))
        return ctx.call("Slice", x, start, _ends(ctx, x, start), axes)
    # a window of a fixed size that moves: gather its positions along each axis that is not taken whole
    y = x
    for axis, n in enumerate(int(s) for s in size.tolist()):
        if x.shape[axis] == n:
            continue
        at = ctx.call("Slice", ctx.as_i64(ctx.input(1)), ctx.i64(axis), ctx.i64(axis + 1), ctx.i64(0))
        if n == -1:
            y = ctx.call("Slice", y, at, ctx.i64(INT_MAX), ctx.i64(axis))
            continue
        ctx.computed((n,))
        y = ctx.call("Gather", y, ctx.call("Add", ctx.const(np.arange(n, dtype=np.int64)), at), axis=axis)
    return y


def _ends(ctx: NodeContext, x: Value, start: Value) -> Value:
    """``begin + size``, and the end of the dimension where the size is -1."""
    size = ctx.as_i64(ctx.input(2))
    known = ctx.known(size)
    if known is not None and all(not isinstance(s, int) or s >= 0 for s in known.tolist()):
        return ctx.call("Add", start, size)
    return ctx.call("Where", ctx.unary_const(size, "Less", 0), ctx.shape_of(x), ctx.call("Add", start, size))


@converts("GatherV2", "Gather")
def gather(ctx: NodeContext) -> Value:
    """Slices along an axis by index; with batch dimensions, one list of indices a batch."""
    x, indices = ctx.input(0), ctx.input(1)
    (axis,) = ctx.constant_ints(2, "the axis") if len(ctx.items) > 2 else (0,)
    axis = ctx.axis(axis, len(x.shape))
    batch = ctx.attr_int("batch_dims", 0)
    batch += len(indices.shape) if batch < 0 else 0
    if batch == 0:
        return ctx.call("Gather", x, indices, axis=axis)
    if not 0 < batch <= min(axis, len(indices.shape)):
        raise MalformedModelError(f"{batch} batch dimensions for the axis {axis} and indices of rank {len(indices.shape)}")
    # the axis to the front of what is no batch; then back behind the indices
    rank, inner = len(x.shape), len(indices.shape) - batch
    moved = ctx.transpose(x, (*range(batch), axis, *range(batch, axis), *range(axis + 1, rank)))
    y = ctx.call("GatherND", moved, ctx.unsqueeze(ctx.as_i64(indices), [len(indices.shape)]), batch_dims=batch)
    between = range(batch + inner, batch + inner + axis - batch)
    return ctx.transpose(y, (*range(batch), *between, *range(batch, batch + inner), *range(inner + axis, len(y.shape))))


@converts("GatherNd")
def gather_nd(ctx: NodeContext) -> Value:
    """Elements or slices by tuples of indices."""
    return ctx.call("GatherND", ctx.input(0), ctx.input(1), batch_dims=ctx.attr_int("batch_dims", 0))


@converts("ScatterNd")
def scatter_nd(ctx: NodeContext) -> Value:
    """Updates added into zeros."""
    updates = ctx.input(1)
    zeros = ctx.call("Expand", ctx.like(0, updates), ctx.as_i64(ctx.input(2)))
    return ctx.call("ScatterND", zeros, ctx.as_i64(ctx.input(0)), updates, reduction="add")


@converts("SparseToDense")
def sparse_to_dense(ctx: NodeContext) -> Value:
    """Values written into a tensor of one default value; indices of rank 0 and 1 are of a tensor of rank 1."""
    indices, values = ctx.as_i64(ctx.input(0)), ctx.input(2)
    dense = ctx.call("Expand", ctx.scalar(ctx.input(3)), ctx.as_i64(ctx.input(1)))
    if len(indices.shape) == 1:
        indices = ctx.unsqueeze(indices, [1])
    if not values.shape and len(indices.shape) == 2:
        values = ctx.call("Expand", values, ctx.call("Shape", indices, start=0, end=1))
    if not indices.shape:
        indices = ctx.reshape(indices, (1,))
    return ctx.call("ScatterND", dense, indices, values, reduction="none")


@converts("TensorScatterUpdate", "TensorScatterAdd", "TensorScatterSub", "TensorScatterMax", "TensorScatterMin")
def tensor_scatter(ctx: NodeContext) -> Value:
    """Updates written, added or compared into a tensor."""
    kind = ctx.op.removeprefix("TensorScatter")
    updates = ctx.call("Neg", ctx.input(2)) if kind == "Sub" else ctx.input(2)
    reduction = {"Update": "none", "Add": "add", "Sub": "add", "Max": "max", "Min": "min"}[kind]
    return ctx.call("ScatterND", ctx.input(0), ctx.as_i64(ctx.input(1)), updates, reduction=reduction)


@converts("ReverseV2")
def reverse(ctx: NodeContext) -> Value:
    """Reverse some axes."""
    x = ctx.input(0)
    axes = [ctx.axis(a, len(x.shape)) for a in ctx.constant_ints(1, "the axes")]
    n = len(axes)
    if not n:
        return x
    return ctx.call("Slice", x, ctx.i64(*[-1] * n), ctx.i64(*[-INT_MAX] * n), ctx.i64(*axes), ctx.i64(*[-1] * n))


@converts("ReverseSequence")
def reverse_sequence(ctx: NodeContext) -> Value:
    """Reverse the first elements of each sequence."""
    return ctx.call(
        "ReverseSequence",
        ctx.input(0),
        ctx.as_i64(ctx.input(1)),
        time_axis=ctx.attr_int("seq_dim"),
        batch_axis=ctx.attr_int("batch_dim", 0),
    )


@converts("TopKV2", "TopK")
def top_k(ctx: NodeContext) -> Sequence[Value]:
    """The largest elements along the last axis, and their indices."""
    k = ctx.as_i64(ctx.reshape(ctx.input(1), (1,))) if ctx.op == "TopKV2" else ctx.i64(ctx.attr_int("k"))
    values, indices = ctx.call_multi("TopK", ctx.input(0), k, axis=-1, largest=True, sorted=True)
    return values, ctx.cast(indices, ctx.attr_type("index_type", I32))


@converts("InTopKV2")
def in_top_k(ctx: NodeContext) -> Value:
    """Whether fewer than k predictions are above the target's."""
    scores, targets = ctx.input(0), ctx.input(1)
    own = ctx.call("GatherND", scores, ctx.unsqueeze(ctx.as_i64(targets), [1]), batch_dims=1)
    above = ctx.cast(ctx.call("Greater", scores, ctx.unsqueeze(own, [1])), I64)
    count = ctx.call("ReduceSum", above, axes=(1,), keepdims=False)
    return ctx.call("Less", count, ctx.as_i64(ctx.scalar(ctx.input(2))))


@converts("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2")
def unique(ctx: NodeContext) -> Sequence[Value]:
    """Each element once, in the order of first appearance, and where the elements went."""
    x = ctx.input(0)
    if len(x.shape) != 1:
        raise Unsupported("only a list of elements can be made unique.")
    y, _, inverse, counts = ctx.call_multi("Unique", x, axis=0, flat=True, sorted=False)
    to = ctx.attr_type("out_idx", I32)
    return y, ctx.cast(inverse, to), ctx.cast(counts, to)


@converts("Bincount", "DenseBincount")
def bincount(ctx: NodeContext) -> Value:
    """How often each number appears (without weights)."""
    numbers, size = ctx.as_i64(ctx.input(0)), ctx.as_i64(ctx.reshape(ctx.input(1), (1,)))
    weights = ctx.input(2)
    if len(numbers.shape) != 1 or weights.shape != (0,):
        raise Unsupported("only a list of numbers without weights can be counted.")
    to = ctx.attr_type("T")
    hits = ctx.call("Equal", ctx.unsqueeze(numbers, [1]), ctx.call("Range", *(ctx.scalar(v) for v in (ctx.i64(0), size, ctx.i64(1)))))
    counts = ctx.call("ReduceSum", ctx.cast(hits, I64), axes=(0,), keepdims=False)
    if ctx.op == "DenseBincount" and ctx.attr_bool("binary_output", False):
        counts = ctx.cast(ctx.unary_const(counts, "Greater", 0), I64)
    return ctx.cast(counts, to)
