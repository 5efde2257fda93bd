"""Operators that change shapes, join and take apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I64
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.dilation import Batched, Pads, Spread
from edgekit_converters.tensorflow.registry import converts

MAX_PARTS = 1 << 16


@converts("Reshape")
def reshape(ctx: NodeContext) -> Value:
    """Another shape; -1 is whatever is left."""
    return ctx.call("Reshape", ctx.input(0), ctx.as_i64(ctx.input(1)), allow_zero=True)


@converts("Squeeze")
def squeeze(ctx: NodeContext) -> Item:
    """Drop dimensions of 1: the named ones, or all."""
    item = ctx.items[0] if ctx.items else None
    if isinstance(item, Batched) and item.dilated is not None:
        return _squeeze_batched(ctx, item)
    return _squeeze(ctx, ctx.input(0))


def _squeeze_batched(ctx: NodeContext, item: Batched) -> Item:
    """A convolution over one dimension is written as one over two."""
    at = [a for a, b in enumerate(item.spread.block, 1) if b == 1]
    given = ctx.attr_ints("squeeze_dims", ()) or ctx.attr_ints("axis", ())
    rank = len(item.spread.block) + 2
    if len(at) != 1 or [ctx.axis(a, rank) for a in given] != at:
        return _squeeze(ctx, item.value())
    (gone,), dilated = at, item.dilated
    assert dilated is not None
    block, pads = list(item.spread.block), list(item.spread.pads)
    margins = pads.pop(gone - 1)
    block.pop(gone - 1)

    def restored(d: Sequence[int], p: Pads) -> Value:
        return _squeeze(ctx, dilated([*d[: gone - 1], 1, *d[gone - 1 :]], [*p[: gone - 1], margins, *p[gone - 1 :]]))

    return Batched(lambda: _squeeze(ctx, item.value()), Spread(block, pads), item.source, restored)


def _squeeze(ctx: NodeContext, x: Value) -> Value:
    rank = len(x.shape)
    given = ctx.attr_ints("squeeze_dims", ()) or ctx.attr_ints("axis", ())
    named = {ctx.axis(d, rank) for d in given} or {i for i, d in enumerate(x.shape) if d == 1}
    if any(isinstance(x.shape[i], int) and x.shape[i] != 1 for i in named):
        raise MalformedModelError(f"dimensions {sorted(named)} of the shape {list(x.shape)} are not all 1")
    return ctx.regroup(x, [[i] for i in range(rank) if i not in named])


@converts("ExpandDims")
def expand_dims(ctx: NodeContext) -> Item:
    """Insert a dimension of 1."""
    (axis,) = ctx.constant_ints(1, "the axis")
    item = ctx.items[0]
    if isinstance(item, Batched) and item.dilated is None:
        at = ctx.axis(axis, len(item.source.shape) + 1)
        block, pads = list(item.spread.block), list(item.spread.pads)
        if 1 <= at <= len(block) + 1:
            block.insert(at - 1, 1)
            pads.insert(at - 1, (0, 0))
            return Batched(lambda: ctx.unsqueeze(item.value(), [at]), Spread(block, pads), ctx.unsqueeze(item.source, [at]))
    return ctx.unsqueeze(ctx.input(0), [axis])


@converts("Transpose", "ConjugateTranspose")
def transpose(ctx: NodeContext) -> Value:
    """Permute dimensions."""
    x = ctx.input(0)
    perm = [ctx.axis(p, len(x.shape)) for p in ctx.constant_ints(1, "the permutation")]
    return ctx.transpose(x, perm)


@converts("InvertPermutation")
def invert_permutation(ctx: NodeContext) -> Value:
    """The permutation that undoes another: the order that sorts it."""
    x = ctx.input(0)
    _, order = ctx.call_multi("TopK", x, ctx.call("Shape", x), axis=0, largest=False, sorted=True)
    return ctx.cast(order, x.dtype)


@converts("ConcatV2", "Concat")
def concat(ctx: NodeContext) -> Value:
    """Join along an axis, which is the last input (the first in old files)."""
    first = ctx.op == "Concat"
    count = len(ctx.items) - 1
    (axis,) = ctx.constant_ints(0 if first else count, "the axis")
    values = [ctx.input(i + first) for i in range(count)]
    if not values:
        raise MalformedModelError("there is nothing to join")
    axis = ctx.axis(axis, len(values[0].shape))
    return values[0] if count == 1 else ctx.call("Concat", *values, axis=axis)


@converts("ParallelConcat")
def parallel_concat(ctx: NodeContext) -> Value:
    """Join along the first axis."""
    return ctx.call("Concat", *ctx.present(), axis=0)


@converts("Pack", "Stack")
def pack(ctx: NodeContext) -> Value:
    """Stack along a new axis."""
    values = ctx.present()
    if not values:
        raise MalformedModelError("there is nothing to stack")
    axis = ctx.axis(ctx.attr_int("axis", 0), len(values[0].shape) + 1)
    parts = [ctx.unsqueeze(v, [axis]) for v in values]
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=axis)


def _few_parts(n: int) -> None:
    if not 0 <= n <= MAX_PARTS:
        raise MalformedModelError(f"{n} parts; up to {MAX_PARTS} are taken apart")


@converts("Unpack", "Unstack")
def unpack(ctx: NodeContext) -> Sequence[Value]:
    """The slices along an axis, without it."""
    x = ctx.input(0)
    axis = ctx.axis(ctx.attr_int("axis", 0), len(x.shape))
    n = ctx.attr_int("num")
    if isinstance(x.shape[axis], int) and x.shape[axis] != n:
        raise MalformedModelError(f"a dimension of {x.shape[axis]} is unpacked into {n} outputs")
    _few_parts(n)
    rest = [[i] for i in range(len(x.shape)) if i != axis]
    return [ctx.regroup(p, rest) for p in ctx.call_multi("Split", x, axis=axis, sizes=(1,) * n)]


@converts("Split")
def split(ctx: NodeContext) -> Sequence[Value]:
    """Equal parts along an axis."""
    x = ctx.input(1)
    (axis,) = ctx.constant_ints(0, "the axis")
    axis = ctx.axis(axis, len(x.shape))
    n, parts = ctx.static(x.shape[axis], "the dimension to split"), ctx.attr_int("num_split")
    if parts < 1 or n % parts:
        raise MalformedModelError(f"a dimension of {n} does not split into {parts} parts")
    _few_parts(parts)
    return [x] if parts == 1 else ctx.call_multi("Split", x, axis=axis, sizes=(n // parts,) * parts)


@converts("SplitV")
def split_v(ctx: NodeContext) -> Sequence[Value]:
    """Parts of given sizes along an axis; one may be -1."""
    x = ctx.input(0)
    sizes = ctx.constant_ints(1, "the sizes")
    (axis,) = ctx.constant_ints(2, "the axis")
    axis = ctx.axis(axis, len(x.shape))
    if -1 in sizes:
        rest = ctx.static(x.shape[axis], "the dimension to split") - sum(s for s in sizes if s >= 0)
        sizes = [rest if s == -1 else s for s in sizes]
    return ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes))


@converts("Tile")
def tile(ctx: NodeContext) -> Value:
    """Repeat along each dimension."""
    return ctx.call("Tile", ctx.input(0), ctx.as_i64(ctx.input(1)))


@converts("BroadcastTo")
def broadcast_to(ctx: NodeContext) -> Value:
    """Repeat dimensions of 1."""
    return ctx.call("Expand", ctx.input(0), ctx.as_i64(ctx.input(1)))


@converts("BroadcastArgs")
def broadcast_args(ctx: NodeContext) -> Value:
    """The shape that two shapes broadcast to."""
    a, b = (ctx.constant_ints(i, "the shape") for i in (0, 1))
    return ctx.const(np.asarray(np.broadcast_shapes(tuple(a), tuple(b)), ctx.input(0).dtype.numpy))


@converts("Fill")
def fill(ctx: NodeContext) -> Value:
    """A number in every place."""
    return ctx.call("Expand", ctx.scalar(ctx.input(1)), ctx.as_i64(ctx.input(0)))


@converts("Range")
def range_(ctx: NodeContext) -> Value:
    """``start, start + delta, ...`` before ``limit``."""
    return ctx.call("Range", ctx.input(0), ctx.input(1), ctx.input(2))


@converts("LinSpace")
def lin_space(ctx: NodeContext) -> Value:
    """Evenly spaced numbers, both ends included."""
    start, stop = (ctx.constant_input(i, "an end of LinSpace").reshape(()) for i in (0, 1))
    (n,) = ctx.constant_ints(2, "the count")
    ctx.computed((n,))
    return ctx.const(np.linspace(float(start), float(stop), n).astype(start.dtype))


@converts("Pad", "PadV2")
def pad(ctx: NodeContext) -> Value:
    """Pad with zeros, or with a given number."""
    value = ctx.optional(2)
    return ctx.call("Pad", ctx.input(0), pads_of(ctx), None if value is None else ctx.scalar(value))


def pads_of(ctx: NodeContext) -> Value:
    """The second input [rank, 2] as begins, then ends."""
    given = ctx.input(1)
    pads = ctx.numbers(given)
    if pads is None:
        return ctx.reshape(ctx.call("Transpose", ctx.as_i64(given), perm=(1, 0)), (-1,))
    if pads.ndim != 2 or pads.shape[1] != 2:
        raise MalformedModelError(f"pads of shape {list(pads.shape)}")
    return ctx.i64(*(int(p) for p in pads.T.reshape(-1)))


@converts("MirrorPad")
def mirror_pad(ctx: NodeContext) -> Value:
    """Pad with reflections: without the edge (REFLECT), or with it (SYMMETRIC)."""
    mode = ctx.attr_string("mode")
    if mode == "REFLECT":
        return ctx.call("Pad", ctx.input(0), pads_of(ctx), mode="reflect")
    if mode != "SYMMETRIC":
        raise MalformedModelError(f"the mode {mode!r}")
    y = ctx.input(0)
    for axis, (before, after) in enumerate(ctx.constant_input(1, "the pads").tolist()):
        n = ctx.static(y.shape[axis], "a dimension with symmetric padding")
        if before == after == 0:
            continue
        ctx.computed((n + abs(before) + abs(after),))
        places = np.pad(np.arange(n), (before, after), mode="symmetric").astype(np.int64)
        y = ctx.call("Gather", y, ctx.const(places), axis=axis)
    return y


@converts("DepthToSpace", "SpaceToDepth")
def depth_space(ctx: NodeContext) -> Value:
    """Blocks of channels to positions, and back."""
    layout = ctx.attr_string("data_format", "NHWC")
    return ctx.call(ctx.op, ctx.input(0), block_size=ctx.attr_int("block_size"), layout=layout)


@converts("Roll")
def roll(ctx: NodeContext) -> Value:
    """Move elements along axes, those that leave at one end coming in at the other."""
    y = ctx.input(0)
    for shift, axis in zip(ctx.constant_ints(1, "the shift"), ctx.constant_ints(2, "the axis"), strict=True):
        axis = ctx.axis(axis, len(y.shape))
        n = ctx.static(y.shape[axis], "a dimension that is rolled")
        shift %= max(n, 1)
        if shift:
            head, tail = ctx.call_multi("Split", y, axis=axis, sizes=(n - shift, shift))
            y = ctx.call("Concat", tail, head, axis=axis)
    return y


@converts("Where")
def where(ctx: NodeContext) -> Value:
    """Indices of the elements that are not zero, one row each."""
    return ctx.call("Transpose", ctx.call("NonZero", ctx.input(0)), perm=(1, 0))


@converts("OneHot")
def one_hot(ctx: NodeContext) -> Value:
    """A number where the index is, another elsewhere. Indices outside, negative ones too, are nowhere."""
    indices, on, off = ctx.input(0), ctx.input(2), ctx.input(3)
    depth = ctx.cast(ctx.scalar(ctx.input(1)), I64)
    known = ctx.numbers(indices)
    if known is None or (known.size and known.min() < 0):
        index = ctx.as_i64(indices)  # EdgeKit counts negative indices from the end
        indices = ctx.call("Where", ctx.call("Less", index, ctx.like(0, index)), depth, index)
    values = ctx.call("Concat", ctx.reshape(off, (1,)), ctx.reshape(on, (1,)), axis=0)
    return ctx.call("OneHot", indices, depth, values, axis=ctx.attr_int("axis", -1))
