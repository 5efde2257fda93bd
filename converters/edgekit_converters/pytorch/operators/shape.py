"""Operators that give elements another shape or order. Most are views: a write to their result reaches their input."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.operators.slicing import END
from edgekit_converters.pytorch.registry import converts, writes

RESHAPING = (
    "aten.view", "aten._unsafe_view", "aten.reshape", "aten.flatten", "aten.unflatten", "aten.squeeze", "aten.unsqueeze", "aten.view_as",
    "aten._reshape_alias", "aten.reshape_as", "aten.ravel", "aten.atleast_1d", "aten.atleast_2d", "aten.atleast_3d",
)  # fmt: skip


@converts("aten.view.default", "aten._unsafe_view", "aten.reshape", "aten.view_copy", "aten._reshape_copy")
def view(ctx: AtenContext) -> Value:
    return ctx.view(ctx.tensor("self"), ctx.sizes("size" if "size" in ctx.args else "shape"))


@converts("aten._reshape_alias")
def reshape_alias(ctx: AtenContext) -> Value:
    return ctx.view(ctx.tensor("self"), ctx.sizes("size"))


@converts("aten.view.dtype")
def view_dtype(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    if ctx.dtype() is x.dtype:
        return x
    raise Unsupported("reading the bytes of a tensor as another type is not supported.")


@converts("aten.view_as", "aten.reshape_as")
def view_as(ctx: AtenContext) -> Value:
    return ctx.view(ctx.tensor("self"), ctx.sizes_of(ctx.tensor("other")))


@converts("aten.flatten")
def flatten(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    rank = len(x.shape)
    if not rank:
        return ctx.reshape(x, (1,))
    start, end = ctx.dim("start_dim", rank, 0), ctx.dim("end_dim", rank, -1)
    if end < start:
        raise MalformedModelError(f"flatten ends at dimension {end}, before {start}")
    return ctx.regroup(x, [*([i] for i in range(start)), list(range(start, end + 1)), *([i] for i in range(end + 1, rank))])


@converts("aten.unflatten")
def unflatten(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    at = ctx.dim("dim", len(x.shape))
    sizes = ctx.sizes_of(x)
    return ctx.view(x, [*sizes[:at], *ctx.sizes("sizes"), *sizes[at + 1 :]])


@converts("aten.squeeze", "aten.squeeze_copy")
def squeeze(ctx: AtenContext) -> Value:
    """Dimensions that are not 1 stay; an open dimension counts as not 1, as torch.export has decided it."""
    x = ctx.tensor("self")
    rank = len(x.shape)
    if not rank:
        return x
    axes = ctx.dims("dim", rank) if "dim" in ctx.args else list(range(rank))
    return ctx.squeeze(x, [a for a in axes if x.shape[a] == 1])


@converts("aten.unsqueeze", "aten.unsqueeze_copy")
def unsqueeze(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.unsqueeze(x, [ctx.dim("dim", len(x.shape) + 1)])


@writes(*RESHAPING)
def write_reshaped(ctx: AtenContext, base: Value, new: Value) -> Value:
    return ctx.view(new, ctx.sizes_of(base))


@converts("aten.permute", "aten.permute_copy")
def permute(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.transpose(x, _permutation(ctx, len(x.shape)))


def _permutation(ctx: AtenContext, rank: int) -> list[int]:
    perm = [ctx.axis(d, rank) for d in ctx.integers("dims", [])]
    if sorted(perm) != list(range(rank)):
        raise MalformedModelError(f"dims {perm} are no permutation of the {rank} dimensions")
    return perm


@writes("aten.permute")
def write_permuted(ctx: AtenContext, base: Value, new: Value) -> Value:
    perm = _permutation(ctx, len(base.shape))
    return ctx.transpose(new, [perm.index(i) for i in range(len(perm))])


@converts("aten.transpose", "aten.t", "aten.transpose_copy", "aten.swapaxes", "aten.swapdims", "aten.numpy_T", "aten.mT", "aten.t_copy")
def transpose(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.transpose(x, _swapped(ctx, len(x.shape)))


def _swapped(ctx: AtenContext, rank: int) -> list[int]:
    perm = list(range(rank))
    name = ctx.op.split(".")[1]
    if name == "numpy_T" or (name in ("t", "t_copy") and rank < 3):
        return perm[::-1]
    if name == "mT":
        a, b = rank - 2, rank - 1
    else:
        first, second = ("axis0", "axis1") if "axis0" in ctx.args else ("dim0", "dim1")
        a, b = ctx.dim(first, rank), ctx.dim(second, rank)
    if rank:
        perm[a], perm[b] = perm[b], perm[a]
    return perm


@writes("aten.transpose", "aten.t", "aten.swapaxes", "aten.swapdims", "aten.numpy_T", "aten.mT")
def write_transposed(ctx: AtenContext, base: Value, new: Value) -> Value:
    perm = _swapped(ctx, len(base.shape))
    return ctx.transpose(new, [perm.index(i) for i in range(len(perm))])


@converts("aten.movedim", "aten.moveaxis")
def movedim(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    rank = len(x.shape)
    source = [ctx.axis(d, rank) for d in ctx.integers("source")]
    target = [ctx.axis(d, rank) for d in ctx.integers("destination")]
    return ctx.transpose(x, _moved(rank, source, target))


def _moved(rank: int, source: Sequence[int], target: Sequence[int]) -> list[int]:
    order = [i for i in range(rank) if i not in source]
    for t, s in sorted(zip(target, source, strict=True)):
        order.insert(t, s)
    return order


@converts("aten.flip")
def flip(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    axes = [ctx.axis(d, len(x.shape)) for d in ctx.integers("dims", [])]
    if not axes or not x.shape:
        return x
    n = len(axes)
    return ctx.call("Slice", x, ctx.i64(*[-1] * n), ctx.i64(*[-(1 << 31)] * n), ctx.i64(*axes), ctx.i64(*[-1] * n))


@converts("aten.roll")
def roll(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    shifts, axes = ctx.integers("shifts"), ctx.integers("dims", [])
    if not axes:
        flat = rolled(ctx, ctx.reshape(x, (-1,)), 0, shifts[0])
        return ctx.view(flat, ctx.sizes_of(x))
    for shift, a in zip(shifts, axes, strict=True):
        x = rolled(ctx, x, ctx.axis(a, len(x.shape)), shift)
    return x


def rolled(ctx: AtenContext, x: Value, axis: int, shift: int) -> Value:
    """``x`` with its elements moved along one dimension; those that leave it come in at its other end."""
    size = x.shape[axis]
    if isinstance(size, int):
        shift = shift % size if size else 0
    if shift == 0:
        return x
    return ctx.call("Concat", ctx.narrow(x, axis, -shift, END), ctx.narrow(x, axis, 0, -shift), axis=axis)


@converts("aten.pixel_shuffle")
def pixel_shuffle(ctx: AtenContext) -> Value:
    return ctx.call("DepthToSpace", ctx.tensor("self"), block_size=ctx.integer("upscale_factor"), mode="CRD", layout="NCHW")


@converts("aten.pixel_unshuffle")
def pixel_unshuffle(ctx: AtenContext) -> Value:
    x, r = ctx.tensor("self"), ctx.integer("downscale_factor")
    n, c, h, w = ctx.static_shape(x, "pixel_unshuffle's input")
    y = ctx.reshape(x, (n, c, h // r, r, w // r, r))
    return ctx.reshape(ctx.transpose(y, (0, 1, 3, 5, 2, 4)), (n, c * r * r, h // r, w // r))


@converts("aten.channel_shuffle", "aten.native_channel_shuffle")
def channel_shuffle(ctx: AtenContext) -> Value:
    x, groups = ctx.tensor("self"), ctx.integer("groups")
    channels = ctx.static(x.shape[1], "the number of channels")
    if groups < 1 or channels % groups:
        raise MalformedModelError(f"{channels} channels do not split into {groups} groups")
    rest = ctx.sizes_of(x)
    y = ctx.view(x, [rest[0], groups, channels // groups, *rest[2:]])
    return ctx.view(ctx.transpose(y, (0, 2, 1, *range(3, len(y.shape)))), rest)
