"""Stacks, turns, diagonals and other rearrangements that torch composes from simpler ones and ``torch.export`` leaves whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import ConvertFunction, converts


@converts("aten.ravel")
def ravel(ctx: AtenContext) -> Value:
    return ctx.reshape(ctx.tensor("self"), (-1,))


def _at_least(ctx: AtenContext, x: Value, rank: int) -> Value:
    """Dimensions of 1 in front; for rank 3 the last comes behind."""
    missing = rank - len(x.shape)
    if missing <= 0:
        return x
    if rank == 3:
        return ctx.unsqueeze(x, [0, 2] if missing == 2 else [2] if missing == 1 else [0, 1, 2])
    return ctx.unsqueeze(x, list(range(missing)))


def _raised(rank: int) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value | list[Value]:
        if "tensors" in ctx.args:
            return [_at_least(ctx, x, rank) for x in ctx.tensors("tensors")]
        return _at_least(ctx, ctx.tensor("self"), rank)

    return convert


for _rank in (1, 2, 3):
    converts(f"aten.atleast_{_rank}d")(_raised(_rank))


@converts("aten.column_stack")
def column_stack(ctx: AtenContext) -> Value:
    """Vectors become columns."""
    parts = ctx.together(ctx.tensors("tensors"))
    return ctx.call("Concat", *(ctx.unsqueeze(_at_least(ctx, x, 1), [1]) if len(x.shape) < 2 else x for x in parts), axis=1)


@converts("aten.dstack")
def dstack(ctx: AtenContext) -> Value:
    return ctx.call("Concat", *(_at_least(ctx, x, 3) for x in ctx.together(ctx.tensors("tensors"))), axis=2)


@converts("aten.row_stack")
def row_stack(ctx: AtenContext) -> Value:
    return ctx.call("Concat", *(_at_least(ctx, x, 2) for x in ctx.together(ctx.tensors("tensors"))), axis=0)


@converts("aten.cartesian_prod")
def cartesian_prod(ctx: AtenContext) -> Value:
    """Every combination of elements, one a row; the last vector runs fastest."""
    parts = ctx.together(ctx.tensors("tensors"))
    if len(parts) == 1:
        return parts[0]
    sizes = [ctx.size_of(x, 0) for x in parts]
    columns = []
    for k, x in enumerate(parts):
        wide = ctx.expand(ctx.unsqueeze(x, [a for a in range(len(parts)) if a != k]), sizes)
        columns.append(ctx.reshape(wide, (-1, 1)))
    return ctx.call("Concat", *columns, axis=1)


def _reversed(ctx: AtenContext, x: Value, axes: Sequence[int]) -> Value:
    n = len(axes)
    return ctx.call("Slice", x, ctx.i64(*[-1] * n), ctx.i64(*[-(1 << 31)] * n), ctx.i64(*axes), ctx.i64(*[-1] * n))


@converts("aten.fliplr", "aten.flipud")
def flip_one(ctx: AtenContext) -> Value:
    return _reversed(ctx, ctx.tensor("self"), [1 if "fliplr" in ctx.op else 0])


@converts("aten.rot90")
def rot90(ctx: AtenContext) -> Value:
    """Quarter turns in the plane of two dimensions."""
    x, turns = ctx.tensor("self"), ctx.integer("k", 1) % 4
    a, b = (ctx.axis(d, len(x.shape)) for d in ctx.integers("dims", [0, 1]))
    if turns in (0, 2):
        return _reversed(ctx, x, [a, b]) if turns else x
    perm = list(range(len(x.shape)))
    perm[a], perm[b] = perm[b], perm[a]
    return ctx.transpose(_reversed(ctx, x, [b]), perm) if turns == 1 else _reversed(ctx, ctx.transpose(x, perm), [b])


@converts("aten.diag_embed", "aten.diag", "aten.diagflat")
def diag_embed(ctx: AtenContext) -> Value:
    """The last dimension on a diagonal of a plane of zeros; ``diag`` of a matrix reads its diagonal."""
    x, kind = ctx.tensor("self"), ctx.op.split(".")[1]
    offset = ctx.integer("offset", 0) if kind != "diag" else ctx.integer("diagonal", 0)
    if kind == "diag" and len(x.shape) == 2:
        return _diagonal(ctx, x, offset)
    if kind == "diagflat":
        x = ctx.reshape(x, (-1,))
    elif kind == "diag" and len(x.shape) != 1:
        raise MalformedModelError(f"diag of rank {len(x.shape)}")
    n = ctx.static(x.shape[-1], "the length of a diagonal")
    side = n + abs(offset)
    ctx.computed((side, side))
    index = np.full((side, side), n, np.int64)  # place n holds a zero
    index[np.arange(n) + max(0, -offset), np.arange(n) + max(0, offset)] = np.arange(n)
    pads = [0] * (2 * len(x.shape))
    pads[-1] = 1
    y = ctx.call("Gather", ctx.call("Pad", x, ctx.i64(*pads), ctx.like(0, x)), ctx.const(index), axis=len(x.shape) - 1)
    rank = len(y.shape)
    a, b = (ctx.dim("dim1", rank, -2), ctx.dim("dim2", rank, -1)) if kind == "diag_embed" else (0, 1)
    rest = iter(range(rank - 2))
    return ctx.transpose(y, [rank - 2 if i == a else rank - 1 if i == b else next(rest) for i in range(rank)])


def _diagonal(ctx: AtenContext, x: Value, offset: int) -> Value:
    rows, columns = ctx.static_shape(x, "the matrix of a diagonal")
    first, second = max(0, -offset), max(0, offset)
    n = np.arange(max(0, min(rows - first, columns - second)))
    return ctx.call("GatherND", x, ctx.const(np.stack([n + first, n + second], axis=1).astype(np.int64)))


@converts("aten.trace")
def trace(ctx: AtenContext) -> Value:
    x = _diagonal(ctx, ctx.tensor("self"), 0)
    return ctx.call("ReduceSum", x, axes=(0,), keepdims=False)


@converts("aten.block_diag")
def block_diag(ctx: AtenContext) -> Value:
    """Matrices along the diagonal, zeros elsewhere."""
    parts = [_at_least(ctx, x, 2) for x in ctx.together(ctx.tensors("tensors"))]
    width = sum(ctx.static(x.shape[1], "a block's width") for x in parts)
    rows, before = [], 0
    for x in parts:
        own = ctx.static(x.shape[1], "a block's width")
        rows.append(ctx.call("Pad", x, ctx.i64(0, before, 0, width - before - own), ctx.like(0, x)))
        before += own
    return ctx.call("Concat", *rows, axis=0)


@converts("aten.argwhere")
def argwhere(ctx: AtenContext) -> Value:
    return ctx.transpose(ctx.call("NonZero", ctx.tensor("self")), (1, 0))


@converts("aten._shape_as_tensor")
def shape_as_tensor(ctx: AtenContext) -> Value:
    return ctx.shape_of(ctx.tensor("self"))
