"""Operators that pick or place elements by index or mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I64, U8
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.operators.comparison import truth
from edgekit_converters.pytorch.registry import ConvertFunction, converts


@converts("aten.embedding")
def embedding(ctx: AtenContext) -> Value:
    return ctx.call("Gather", ctx.tensor("weight"), ctx.as_i64(ctx.tensor("indices")), axis=0)


@converts("aten.embedding_bag", "aten._embedding_bag", "aten._embedding_bag_forward_only")
def embedding_bag(ctx: AtenContext) -> tuple[Value, ...]:
    """Bags of one length each: sums, means or maxima of rows; the offsets must be known."""
    weight, indices = ctx.tensor("weight"), ctx.as_i64(ctx.tensor("indices"))
    mode = ctx.integer("mode", 0)
    if len(indices.shape) != 1:
        raise Unsupported("embedding_bag over indices of rank 2 inside a decomposed program is not supported.")
    starts = [int(v) for v in ctx.constant_value(ctx.tensor("offsets"), "the offsets of embedding_bag").reshape(-1)]
    total = ctx.static(indices.shape[0], "the number of indices of embedding_bag")
    ends = [*starts[1:], total]
    if ctx.flag("include_last_offset", False):
        starts, ends = starts[:-1], starts[1:]
    rows = ctx.call("Gather", weight, indices, axis=0)
    if ctx.has("per_sample_weights"):
        rows = ctx.call("Mul", rows, ctx.unsqueeze(ctx.tensor("per_sample_weights"), [1]))
    op = ("ReduceSum", "ReduceMean", "ReduceMax")[mode]
    bags = []
    for a, b in zip(starts, ends, strict=True):
        if b <= a:
            bags.append(ctx.filled([1, *ctx.sizes_of(weight)[1:]], 0, weight.dtype))
        else:
            bags.append(ctx.call(op, ctx.narrow(rows, 0, a, b), axes=(0,), keepdims=True))
    y = bags[0] if len(bags) == 1 else ctx.call("Concat", *bags, axis=0)
    empty = ctx.const(np.zeros(0, np.int64))
    return y, empty, empty, empty


@converts("aten.index_select")
def index_select(ctx: AtenContext) -> Value:
    x, index = ctx.tensor("self"), ctx.as_i64(ctx.tensor("index"))
    index = index if index.shape else ctx.reshape(index, (1,))
    return ctx.call("Gather", x, index, axis=ctx.dim("dim", len(x.shape)))


@converts("aten.gather")
def gather(ctx: AtenContext) -> Value:
    """Torch lets the index be smaller than the input beside the dimension; the input is cut to it there."""
    x, index = ctx.tensor("self"), ctx.as_i64(ctx.tensor("index"))
    if not x.shape:
        return ctx.reshape(x, [1] * len(index.shape)) if index.shape else x
    axis = ctx.dim("dim", len(x.shape))
    return ctx.call("GatherElements", _cut(ctx, x, index, axis), index, axis=axis)


def _cut(ctx: AtenContext, x: Value, index: Value, axis: int) -> Value:
    for a, (n, m) in enumerate(zip(x.shape, index.shape, strict=True)):
        if a != axis and n != m:
            x = ctx.narrow(x, a, 0, ctx.size_of(index, a))
    return x


@converts("aten.take")
def take(ctx: AtenContext) -> Value:
    return ctx.call("Gather", ctx.reshape(ctx.tensor("self"), (-1,)), ctx.as_i64(ctx.tensor("index")), axis=0)


@converts("aten.take_along_dim")
def take_along_dim(ctx: AtenContext) -> Value:
    x, index = ctx.tensor("self"), ctx.as_i64(ctx.tensor("indices"))
    if not ctx.has("dim"):
        return ctx.call("GatherElements", ctx.reshape(x, (-1,)), ctx.reshape(index, (-1,)), axis=0)
    axis = ctx.dim("dim", len(x.shape))
    sizes_x, sizes_i = ctx.sizes_of(x), ctx.sizes_of(index)
    common = [a if b == 1 else b for a, b in zip(sizes_x, sizes_i, strict=True)]
    x = ctx.expand(x, [sizes_x[i] if i == axis else common[i] for i in range(len(common))])
    return ctx.call("GatherElements", x, ctx.expand(index, [sizes_i[i] if i == axis else common[i] for i in range(len(common))]), axis=axis)


def _scatter(reduction: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x, index = ctx.tensor("self"), ctx.as_i64(ctx.tensor("index"))
        axis = ctx.dim("dim", len(x.shape))
        how = reduction
        if ctx.has("reduce"):
            named = ctx.string("reduce")
            how = {"add": "add", "multiply": "mul"}.get(named, "")
            if not how:
                raise MalformedModelError(f"reduce {named!r} is not known")
        if ctx.has("src"):
            updates = ctx.cast(ctx.tensor("src"), x.dtype)
            for a, (n, m) in enumerate(zip(updates.shape, index.shape, strict=True)):
                if n != m:
                    updates = ctx.narrow(updates, a, 0, ctx.size_of(index, a))
        else:
            updates = ctx.filled(ctx.sizes_of(index), ctx.number("value"), x.dtype)
        if not x.shape:
            return ctx.reshape(updates, ())
        return ctx.call("ScatterElements", x, index, updates, axis=axis, reduction=how)

    return convert


converts("aten.scatter")(_scatter("none"))
converts("aten.scatter_add")(_scatter("add"))


@converts("aten.scatter_reduce.two")
def scatter_reduce(ctx: AtenContext) -> Value:
    """Without ``include_self`` the places that are hit start from the neutral element."""
    x, index, src = ctx.tensor("self"), ctx.as_i64(ctx.tensor("index")), ctx.tensor("src")
    axis = ctx.dim("dim", len(x.shape))
    named = ctx.string("reduce")
    how = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min", "mean": "add"}.get(named)
    if how is None:
        raise MalformedModelError(f"reduce {named!r} is not known")
    for a, (n, m) in enumerate(zip(src.shape, index.shape, strict=True)):
        if n != m:
            src = ctx.narrow(src, a, 0, ctx.size_of(index, a))
    if not ctx.flag("include_self", True):
        info: float = {"add": 0, "mul": 1}.get(how, 0)
        if how in ("max", "min"):
            low, high = (-np.inf, np.inf) if x.dtype.is_float else (np.iinfo(x.dtype.numpy).min, np.iinfo(x.dtype.numpy).max)
            info = low if how == "max" else high
        neutral = ctx.filled(ctx.sizes_of(index), info, x.dtype)
        x = ctx.call("ScatterElements", x, index, neutral, axis=axis)
    y = ctx.call("ScatterElements", x, index, src, axis=axis, reduction=how)
    if named != "mean":
        return y
    start = ctx.filled(ctx.sizes_of(x), 1 if ctx.flag("include_self", True) else 0, x.dtype)
    count = ctx.call("ScatterElements", start, index, ctx.filled(ctx.sizes_of(index), 1, x.dtype), axis=axis, reduction="add")
    count = ctx.call("Max", count, ctx.like(1, count))
    return ctx.call("Div" if x.dtype.is_float else "FloorDiv", y, count)


@converts("aten.index_add")
def index_add(ctx: AtenContext) -> Value:
    x, src = ctx.tensor("self"), ctx.cast(ctx.tensor("source"), ctx.tensor("self").dtype)
    alpha = ctx.number("alpha", 1)
    if isinstance(alpha, Sym | Value) or alpha != 1:
        src = ctx.call("Mul", src, ctx.operand(alpha, src.dtype))
    return _along(ctx, x, ctx.tensor("index"), src, "add")


@converts("aten.index_copy")
def index_copy(ctx: AtenContext) -> Value:
    return _along(ctx, ctx.tensor("self"), ctx.tensor("index"), ctx.tensor("source"), "none")


@converts("aten.index_fill")
def index_fill(ctx: AtenContext) -> Value:
    x, index = ctx.tensor("self"), ctx.tensor("index")
    axis = ctx.dim("dim", len(x.shape))
    sizes = ctx.sizes_of(x)
    sizes[axis] = ctx.size_of(index, 0) if index.shape else 1
    return _along(ctx, x, index, ctx.filled(sizes, ctx.number("value"), x.dtype), "none")


def _along(ctx: AtenContext, x: Value, index: Value, src: Value, reduction: str) -> Value:
    """Whole slices of one dimension, by index."""
    axis = ctx.dim("dim", len(x.shape))
    index = ctx.as_i64(index if index.shape else ctx.reshape(index, (1,)))
    moved = [axis, *(i for i in range(len(x.shape)) if i != axis)]
    y = ctx.call("ScatterND", ctx.transpose(x, moved), ctx.unsqueeze(index, [1]), ctx.transpose(src, moved), reduction=reduction)
    return ctx.transpose(y, [moved.index(i) for i in range(len(moved))])


@converts("aten.masked_fill")
def masked_fill(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.call("Where", truth(ctx, ctx.tensor("mask")), ctx.operand(ctx.number("value"), x.dtype), x)


@converts("aten.masked_select")
def masked_select(ctx: AtenContext) -> Value:
    x, mask = ctx.tensor("self"), truth(ctx, ctx.tensor("mask"))
    full = ctx.call("Where", mask, x, x)
    spread = ctx.expand(mask, ctx.sizes_of(full))
    return ctx.call("Compress", ctx.reshape(full, (-1,)), ctx.reshape(spread, (-1,)), axis=0)


@converts("aten.masked_scatter")
def masked_scatter(ctx: AtenContext) -> Value:
    """The k-th true place takes the k-th element of the source."""
    x, mask, source = ctx.tensor("self"), truth(ctx, ctx.tensor("mask")), ctx.tensor("source")
    shape = ctx.call("Where", mask, x, x)
    mask = ctx.expand(mask, ctx.sizes_of(shape))
    flat = ctx.cast(ctx.reshape(mask, (-1,)), I64)
    order = ctx.call("CumSum", flat, ctx.const(np.asarray(0, np.int64)), exclusive=True)
    count = ctx.call("Sub", ctx.call("Size", source), ctx.const(np.asarray(1, np.int64)))
    picked = ctx.call("Gather", ctx.reshape(source, (-1,)), ctx.call("Min", order, count), axis=0)
    return ctx.call("Where", mask, ctx.view(picked, ctx.sizes_of(shape)), x)


# -- indexing with tensors ----------------------------------------------------------------------------------------------


def _indices(ctx: AtenContext, x: Value) -> list[Value | None]:
    """One index a dimension, None for a whole one; a mask becomes the places where it is true."""
    given = ctx.args.get("indices")
    if not isinstance(given, list) or not all(v is None or isinstance(v, Value) for v in given):
        raise MalformedModelError("the argument 'indices' is no list of tensors")
    out: list[Value | None] = []
    for v in given:
        if v is None or v.dtype not in (BOOL, U8):
            out.append(None if v is None else ctx.as_i64(v))
            continue
        places = ctx.call("NonZero", v)
        out += [ctx.pick(places, 0, k) for k in range(len(v.shape))]
    if len(out) > len(x.shape):
        raise MalformedModelError(f"{len(out)} indices for a tensor of rank {len(x.shape)}")
    return out + [None] * (len(x.shape) - len(out))


def _front(indices: Sequence[Value | None]) -> tuple[list[int], list[int], bool]:
    """Indexed dimensions, the others, and whether the indexed ones lie side by side."""
    on = [i for i, v in enumerate(indices) if v is not None]
    off = [i for i, v in enumerate(indices) if v is None]
    return on, off, on == list(range(on[0], on[-1] + 1)) if on else True


def _coordinates(ctx: AtenContext, x: Value, indices: Sequence[Value | None], on: Sequence[int]) -> Value:
    """Indices side by side in a new last dimension, negative ones counted from the front."""
    parts = []
    for a in on:
        v = indices[a]
        assert v is not None
        parts.append(_from_front(ctx, v, x, a))
    common: Value | None = None
    for p in parts:
        common = p if common is None else ctx.call("Add", common, ctx.call("Mul", p, ctx.like(0, p)))
    assert common is not None
    sizes = ctx.sizes_of(common)
    return ctx.call("Concat", *(ctx.unsqueeze(ctx.expand(p, sizes), [len(sizes)]) for p in parts), axis=len(sizes)) if len(parts) > 1 else (
        ctx.unsqueeze(parts[0], [len(sizes)])
    )  # fmt: skip


def _from_front(ctx: AtenContext, index: Value, x: Value, axis: int) -> Value:
    known = ctx.numbers(index)
    if known is not None and isinstance(x.shape[axis], int):
        return ctx.const(np.where(known < 0, known + x.shape[axis], known).astype(np.int64))
    return index  # Gather, GatherND and ScatterND count negative indices from the back themselves


@converts("aten.index.Tensor", "aten._unsafe_index.Tensor", "aten.index.Tensor_hacked_twin")
def index(ctx: AtenContext) -> Value:
    """Numpy's advanced indexing: one index is a Gather, several a GatherND."""
    x = ctx.tensor("self")
    indices = _indices(ctx, x)
    on, off, together = _front(indices)
    if not on:
        return x
    if len(on) == 1:
        v = indices[on[0]]
        assert v is not None
        return ctx.call("Gather", x, v, axis=on[0])
    rank = len(_coordinates_shape(indices))
    moved = ctx.transpose(x, [*on, *off])
    y = ctx.call("GatherND", moved, _coordinates(ctx, x, indices, on))
    if not together or on[0] == 0:
        return y
    at = on[0]  # the indexed dimensions come back to where they were
    return ctx.transpose(y, [*range(rank, rank + at), *range(rank), *range(rank + at, len(y.shape))])


def _coordinates_shape(indices: Sequence[Value | None]) -> tuple[int, ...]:
    return (0,) * max((len(v.shape) for v in indices if v is not None), default=0)


@converts("aten.index_put", "aten._unsafe_index_put", "aten._index_put_impl")
def index_put(ctx: AtenContext) -> Value:
    x, values = ctx.tensor("self"), ctx.tensor("values")
    values = ctx.cast(values, x.dtype)
    given = ctx.args.get("indices")
    accumulate = ctx.flag("accumulate", False)
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], Value) and given[0].dtype is BOOL and not accumulate:
        mask = given[0]
        if len(values.shape) == 0 or (len(values.shape) <= len(x.shape) - len(mask.shape) and len(mask.shape) > 0):
            wide = ctx.view(mask, [*ctx.sizes_of(mask), *([1] * (len(x.shape) - len(mask.shape)))])
            return ctx.call("Where", wide, values, x)
    indices = _indices(ctx, x)
    on, off, together = _front(indices)
    if not on:
        return ctx.call("Add", x, values) if accumulate else ctx.expand(values, ctx.sizes_of(x))
    coordinates = _coordinates(ctx, x, indices, on)
    front = ctx.sizes_of(coordinates)[:-1]
    own = ctx.sizes_of(x)
    rest = [own[i] for i in off]
    rank = len(front)
    if together and on[0] > 0 and len(values.shape) > len(rest) - on[0]:
        at = on[0]
        full = ctx.expand(values, [*rest[:at], *front, *rest[at:]])
        updates = ctx.transpose(full, [*range(at, at + rank), *range(at), *range(at + rank, len(full.shape))])
    else:
        updates = ctx.expand(values, [*front, *rest])
    order = [*on, *off]
    y = ctx.call("ScatterND", ctx.transpose(x, order), coordinates, updates, reduction="add" if accumulate else "none")
    return ctx.transpose(y, [order.index(i) for i in range(len(order))])


@converts("aten.one_hot")
def one_hot(ctx: AtenContext) -> Value:
    x = ctx.as_i64(ctx.tensor("self"))
    classes = ctx.integer("num_classes", -1)
    if classes < 0:
        raise Unsupported("one_hot without num_classes depends on the data.", "Give num_classes.")
    return ctx.call("OneHot", x, ctx.const(np.asarray(classes, np.int64)), ctx.i64(0, 1), axis=-1)


@converts("aten.bucketize", "aten.searchsorted")
def bucketize(ctx: AtenContext) -> Value:
    """The number of boundaries below each value (up to it, with ``right``)."""
    values = ctx.tensor("self")
    edges = next(ctx.tensor(n) for n in ("boundaries", "sorted_sequence") if ctx.has(n))
    if ctx.op.startswith("aten.searchsorted"):
        values, edges = ctx.tensor("self"), ctx.tensor("sorted_sequence")
    if len(edges.shape) != 1:
        raise Unsupported("boundaries of rank 2 are not supported.")
    a, b = ctx.together([ctx.unsqueeze(values, [len(values.shape)]), edges])
    right = ctx.flag("right", False) or ctx.args.get("side") == "right"
    below = ctx.call("LessOrEqual" if right else "Less", b, a)
    return ctx.call("ReduceSum", ctx.cast(below, I64), axes=(len(values.shape),), keepdims=False)
