"""Shapes: views, joins, allocations (pytensor/tensor/basic.py, shape.py, elemwise.py)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytensor.context import ApplyContext, converts


@converts("DimShuffle")
def dim_shuffle(ctx: ApplyContext) -> Value:
    """A transpose with dimensions of 1 put in (``"x"``) and taken out."""
    x = ctx.input(0)
    order = [d if d == "x" else int(d) for d in ctx.kernel.new_order]
    kept = [d for d in order if d != "x"]
    gone = [d for d in range(len(x.shape)) if d not in kept]
    if any(isinstance(x.shape[d], int) and x.shape[d] != 1 for d in gone):
        raise MalformedModelError(f"dimensions {gone} of {list(x.shape)} are dropped, and are not 1")
    y = ctx.regroup(x, [[d] for d in sorted(kept)]) if gone else x
    if gone and not kept:
        y = ctx.reshape(x, ())
    rank = {d: i for i, d in enumerate(sorted(kept))}
    y = ctx.transpose(y, [rank[d] for d in kept])
    places = [i for i, d in enumerate(order) if d == "x"]
    return ctx.unsqueeze(y, places) if places else y


@converts("Reshape")
def reshape(ctx: ApplyContext) -> Value:
    x, shape = ctx.input(0), ctx.as_i64(ctx.input(1))
    known = ctx.numbers(shape)
    if known is not None:
        return ctx.reshape(x, [int(d) for d in known.reshape(-1)])
    return ctx.call("Reshape", x, shape, allow_zero=True)


@converts("JoinDims")
def join_dims(ctx: ApplyContext) -> Value:
    x, start, count = ctx.input(0), int(ctx.kernel.start_axis), int(ctx.kernel.n_axes)
    rank = len(x.shape)
    if count == 0:
        return ctx.unsqueeze(x, [start])
    return ctx.regroup(x, [*([i] for i in range(start)), list(range(start, start + count)), *([i] for i in range(start + count, rank))])


@converts("SplitDims")
def split_dims(ctx: ApplyContext) -> Value:
    x, axis = ctx.input(0), int(ctx.kernel.axis)
    inner = ctx.as_i64(ctx.input(1))
    sizes = ctx.numbers(inner)
    if sizes is not None:
        groups: list[int | list[int]] = [[i] for i in range(axis)]
        return ctx.regroup(x, [*groups, *(int(d) for d in sizes.reshape(-1)), *([i] for i in range(axis + 1, len(x.shape)))])
    parts = [ctx.call("Shape", x, start=0, end=axis), inner, ctx.call("Shape", x, start=axis + 1, end=len(x.shape))]
    return ctx.call("Reshape", x, ctx.call("Concat", *parts, axis=0), allow_zero=True)


@converts("Shape")
def shape(ctx: ApplyContext) -> Value:
    return ctx.call("Shape", ctx.input(0))


@converts("Shape_i")
def shape_i(ctx: ApplyContext) -> Value:
    i = int(ctx.kernel.i)
    return ctx.reshape(ctx.call("Shape", ctx.input(0), start=i, end=i + 1), ())


@converts("MakeVector")
def make_vector(ctx: ApplyContext) -> Value:
    parts = [ctx.reshape(ctx.cast(v, ctx.out_dtype), (1,)) for v in ctx.present()]
    if not parts:
        return ctx.const(np.zeros(0, ctx.out_dtype.numpy))
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=0)


@converts("Join")
def join(ctx: ApplyContext) -> Value:
    xs = ctx.present()
    at = getattr(ctx.kernel, "axis", None)
    if at is None:
        at, xs = ctx.constant_ints(0, "the axis to join along")[0], xs[1:]
    xs = ctx.matched(*xs)
    return xs[0] if len(xs) == 1 else ctx.call("Concat", *xs, axis=ctx.axis(int(at), len(xs[0].shape)))


@converts("Split")
def split(ctx: ApplyContext) -> list[Value]:
    x = ctx.input(0)
    at = getattr(ctx.kernel, "axis", None)
    sizes_at = 1
    if at is None:
        at, sizes_at = ctx.constant_ints(1, "the axis to split along")[0], 2
    sizes = ctx.constant_ints(sizes_at, "the sizes of the parts")
    if len(sizes) == 1:
        return [x]
    return list(ctx.call_multi("Split", x, axis=ctx.axis(int(at), len(x.shape)), sizes=tuple(sizes)))


def vector(ctx: ApplyContext, scalars: Sequence[Value]) -> Value:
    """Scalars as a list of int64."""
    known = [ctx.numbers(s) for s in scalars]
    if all(k is not None for k in known):
        return ctx.i64(*(int(k.reshape(-1)[0]) for k in known if k is not None))
    parts = [ctx.reshape(ctx.as_i64(s), (1,)) for s in scalars]
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=0)


@converts("Alloc")
def alloc(ctx: ApplyContext) -> Value:
    value, *dims = ctx.present()
    return ctx.call("Expand", value, vector(ctx, dims)) if dims else value


@converts("AllocEmpty")
def alloc_empty(ctx: ApplyContext) -> Value:
    """What lies there before it is written does not matter: zeros."""
    zero = ctx.const(0, ctx.out_dtype)
    return ctx.call("Expand", zero, vector(ctx, ctx.present())) if ctx.inputs else zero


@converts("Repeat")
def repeat(ctx: ApplyContext) -> Value:
    """Each element as often as a number says: a new dimension behind the axis, tiled and merged into it."""
    x, axis = ctx.input(0), ctx.attribute("axis")
    times = ctx.constant_input(1, "how often elements are repeated")
    if axis is None or times.ndim:
        raise Unsupported("a repetition without an axis, or of a different count for each element, is not supported.")
    at, rank = ctx.axis(int(axis), len(x.shape)), len(x.shape)
    wide = ctx.unsqueeze(x, [at + 1])
    tiled = ctx.call("Tile", wide, ctx.i64(*(int(times) if i == at + 1 else 1 for i in range(rank + 1))))
    return ctx.regroup(tiled, [*([i] for i in range(at)), [at, at + 1], *([i] for i in range(at + 2, rank + 1))])


@converts("ExtractDiag")
def extract_diag(ctx: ApplyContext) -> Value:
    x, offset = ctx.input(0), int(ctx.attribute("offset", 0))
    if len(x.shape) != 2:
        raise Unsupported(f"the diagonal of a tensor of rank {len(x.shape)} is not supported.")
    rows, columns = ctx.static_shape(x, "the matrix")
    places = [(i, i + offset) for i in range(rows) if 0 <= i + offset < columns]
    return ctx.call("GatherND", x, ctx.const(np.asarray(places, np.int64).reshape(-1, 2)))
