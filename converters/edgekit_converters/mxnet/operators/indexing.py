"""Taking elements by index, and sequences."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, Dim
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts
from edgekit_converters.mxnet.operators.shape import sliced


def bounded(ctx: MxnetContext, index: Value, size: Dim, mode: str) -> Value:
    """Whole indices; those outside are brought to the nearest end, or wrap around."""
    count = ctx.static(size, "the size that is indexed")
    whole = ctx.as_i64(index)
    if mode == "wrap":
        return ctx.call("Mod", whole, ctx.i64(count))
    if mode == "raise":
        return whole
    return ctx.call("Min", ctx.call("Max", whole, ctx.const(0, whole.dtype)), ctx.const(count - 1, whole.dtype))


@converts("take", "_npi_take")
def take(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    axis = ctx.axis(ctx.get_int("axis", 0), len(x.shape))
    mode = ctx.get_choice("mode", "clip", ("clip", "wrap", "raise"))
    index = bounded(ctx, ctx.input(1), x.shape[axis], mode)
    if mode == "wrap":
        index = ctx.reshape(index, ()) if not ctx.input(1).shape and index.shape else index
    return ctx.call("Gather", x, index, axis=axis)


@converts("pick", "choose_element_0index", "_npx_pick")
def pick(ctx: MxnetContext) -> Value:
    x, index = ctx.input(0), ctx.input(1)
    axis = ctx.axis(ctx.get_int("axis", -1), len(x.shape))
    if len(index.shape) == len(x.shape) - 1:
        index = ctx.unsqueeze(index, [axis])
    if len(index.shape) != len(x.shape):
        raise MalformedModelError(f"an index of rank {len(index.shape)} does not fit {list(x.shape)}")
    whole = bounded(ctx, index, x.shape[axis], ctx.get_choice("mode", "clip", ("clip", "wrap")))
    y = ctx.call("GatherElements", x, whole, axis=axis)
    return y if ctx.get_bool("keepdims", False) else ctx.regroup(y, [[i] for i in range(len(x.shape)) if i != axis])


@converts("batch_take")
def batch_take(ctx: MxnetContext) -> Value:
    x, index = ctx.input(0), ctx.input(1)
    if len(x.shape) != 2:
        raise MalformedModelError(f"a matrix is needed, got rank {len(x.shape)}")
    y = ctx.call("GatherElements", x, ctx.unsqueeze(bounded(ctx, index, x.shape[1], "clip"), [1]), axis=1)
    return ctx.regroup(y, [[0]])


@converts("gather_nd", "_npi_gather_nd", "_npx_gather_nd")
def gather_nd(ctx: MxnetContext) -> Value:
    """Coordinates lie along the first dimension of the indices."""
    index = ctx.as_i64(ctx.input(1))
    return ctx.call("GatherND", ctx.input(0), ctx.transpose(index, (*range(1, len(index.shape)), 0)))


@converts("scatter_nd")
def scatter_nd(ctx: MxnetContext) -> Value:
    values, index = ctx.input(0), ctx.as_i64(ctx.input(1))
    shape = ctx.get_ints("shape")
    ctx.computed(shape)
    blank = ctx.call("Expand", ctx.like(0, values), ctx.i64(*shape))
    return ctx.call("ScatterND", blank, ctx.transpose(index, (*range(1, len(index.shape)), 0)), values)


@converts("one_hot", "_npx_one_hot")
def one_hot(ctx: MxnetContext) -> Value:
    """Negative indices give no element."""
    index, depth = ctx.as_i64(ctx.input(0)), ctx.get_int("depth")
    dtype = ctx.get_dtype("dtype", F32)
    inside = ctx.call("Where", ctx.call("Less", index, ctx.const(0, index.dtype)), ctx.const(depth, index.dtype), index)
    values = ctx.const([ctx.get_float("off_value", 0.0), ctx.get_float("on_value", 1.0)], dtype)
    return ctx.call("OneHot", inside, ctx.i64(depth), values, axis=-1)


def lengths(ctx: MxnetContext) -> Value | None:
    """The second input where the node uses it."""
    return ctx.as_i64(ctx.input(1)) if ctx.get_bool("use_sequence_length", False) else None


def time_axis(ctx: MxnetContext) -> int:
    axis = ctx.get_int("axis", 0)
    if axis not in (0, 1):
        raise MalformedModelError(f"axis={axis} is neither 0 nor 1")
    return axis


@converts("SequenceMask", "_npx_sequence_mask")
def sequence_mask(ctx: MxnetContext) -> Value:
    """What lies behind each sequence's length becomes ``value``."""
    x, count, axis = ctx.input(0), lengths(ctx), time_axis(ctx)
    if count is None:
        return x
    size = ctx.static(x.shape[axis], "the length of the sequences")
    rank = len(x.shape)
    ctx.computed((size,))
    place = ctx.reshape(ctx.i64(*range(size)), [size if i == axis else 1 for i in range(rank)])
    limit = ctx.unsqueeze(count, [i for i in range(rank) if i != 1 - axis])
    return ctx.call("Where", ctx.call("Less", place, limit), x, ctx.like(ctx.get_float("value", 0.0), x))


@converts("SequenceLast")
def sequence_last(ctx: MxnetContext) -> Value:
    x, count, axis = ctx.input(0), lengths(ctx), time_axis(ctx)
    rank = len(x.shape)
    kept = [[i] for i in range(rank) if i != axis]
    if count is None:
        return ctx.regroup(sliced(ctx, x, [(axis, -1, None, 1)]), kept)
    rows = x if axis == 1 else ctx.transpose(x, (1, 0, *range(2, rank)))
    last = ctx.unsqueeze(ctx.call("Sub", count, ctx.const(1, count.dtype)), [1])
    return ctx.call("GatherND", rows, last, batch_dims=1)


@converts("SequenceReverse")
def sequence_reverse(ctx: MxnetContext) -> Value:
    x, count = ctx.input(0), lengths(ctx)
    if ctx.get_int("axis", 0) != 0:
        raise Unsupported("only axis=0 exists.")
    return sliced(ctx, x, [(0, None, None, -1)]) if count is None else ctx.call("ReverseSequence", x, count, time_axis=0, batch_axis=1)
