"""Operators that repeat tensors or put several together."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I64
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import converts


@converts("aten.expand", "aten.expand_copy")
def expand(ctx: AtenContext) -> Value:
    """-1 keeps a dimension."""
    x = ctx.tensor("self")
    sizes = ctx.sizes("size")
    new = len(sizes) - len(x.shape)
    if new < 0:
        raise MalformedModelError(f"a tensor of rank {len(x.shape)} does not expand to {len(sizes)} dimensions")
    own = ctx.sizes_of(x) if any(s == -1 for s in sizes) else []
    return ctx.expand(x, [own[i - new] if s == -1 else s for i, s in enumerate(sizes)])


@converts("aten.expand_as")
def expand_as(ctx: AtenContext) -> Value:
    return ctx.expand(ctx.tensor("self"), ctx.sizes_of(ctx.tensor("other")))


@converts("aten.broadcast_to")
def broadcast_to(ctx: AtenContext) -> Value:
    y: Value = expand(ctx)
    return y


@converts("aten.broadcast_tensors")
def broadcast_tensors(ctx: AtenContext) -> list[Value]:
    values = ctx.tensors("tensors")
    shape: Value | None = None
    for v in values:  # the sum of zeros has the common shape
        zero = ctx.cast(ctx.call("Equal", v, v), I64)
        shape = zero if shape is None else ctx.call("Add", shape, zero)
    assert shape is not None
    return [ctx.expand(v, ctx.sizes_of(shape)) for v in values]


@converts("aten.repeat")
def repeat(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    times = ctx.sizes("repeats")
    x = ctx.unsqueeze(x, list(range(len(times) - len(x.shape)))) if len(times) > len(x.shape) else x
    return ctx.call("Tile", x, ctx.shape_list(times)) if times else x


@converts("aten.tile")
def tile(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    times = ctx.sizes("dims")
    times = [*([1] * (len(x.shape) - len(times))), *times]
    x = ctx.unsqueeze(x, list(range(len(times) - len(x.shape)))) if len(times) > len(x.shape) else x
    return ctx.call("Tile", x, ctx.shape_list(times)) if times else x


@converts("aten.repeat_interleave.self_int")
def repeat_interleave(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    if not ctx.has("dim"):
        x = ctx.reshape(x, (-1,))
    axis, n = ctx.dim("dim", len(x.shape), 0), ctx.integer("repeats")
    wide = ctx.unsqueeze(x, [axis + 1])
    times = [1] * len(wide.shape)
    times[axis + 1] = n
    stacked = ctx.call("Tile", wide, ctx.i64(*times))
    groups: list[int | Sequence[int]] = [[i] for i in range(axis)]
    return ctx.regroup(stacked, [*groups, [axis, axis + 1], *([i] for i in range(axis + 2, len(wide.shape)))])


@converts("aten.cat", "aten.concat", "aten.concatenate")
def cat(ctx: AtenContext) -> Value:
    """Empty tensors of rank 1 are left out, as torch does; types are promoted."""
    values = [v for v in ctx.tensors("tensors") if v.shape != (0,)] or ctx.tensors("tensors")[:1]
    if not values:
        raise MalformedModelError("nothing to join")
    values = ctx.together(values)
    if len(values) == 1:
        return values[0]
    return ctx.call("Concat", *values, axis=ctx.dim("dim" if "dim" in ctx.args else "axis", len(values[0].shape), 0))


@converts("aten.stack")
def stack(ctx: AtenContext) -> Value:
    values = ctx.together(ctx.tensors("tensors"))
    axis = ctx.dim("dim", len(values[0].shape) + 1, 0)
    parts = [ctx.unsqueeze(v, [axis]) for v in values]
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=axis)


def _joined(ctx: AtenContext, axis: int, rank: int) -> Value:
    values = [ctx.view(v, [*([1] * (rank - len(v.shape))), *ctx.sizes_of(v)]) if len(v.shape) < rank else v for v in ctx.tensors("tensors")]
    return ctx.call("Concat", *ctx.together(values), axis=min(axis, len(values[0].shape) - 1))


@converts("aten.hstack")
def hstack(ctx: AtenContext) -> Value:
    return _joined(ctx, 1, 1)


@converts("aten.vstack")
def vstack(ctx: AtenContext) -> Value:
    return _joined(ctx, 0, 2)
