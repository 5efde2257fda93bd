"""Operators that give elements another shape or order. Most are views: a write to their result reaches their input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.registry import converts, writes

END = (1 << 63) - 1
RESHAPING = (
    "aten.view", "aten._unsafe_view", "aten.reshape", "aten.flatten", "aten.unflatten", "aten.squeeze", "aten.unsqueeze", "aten.view_as",
    "aten._reshape_alias", "aten.reshape_as",
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


@converts("aten.select.int", "aten.select_copy.int")
def select(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return ctx.pick(x, ctx.dim("dim", len(x.shape)), ctx.size(ctx.args.get("index"), "index"))


@converts("aten.select_scatter")
def select_scatter(ctx: AtenContext) -> Value:
    result: Value = _put_selected(ctx, ctx.tensor("self"), ctx.tensor("src"))
    return result


@writes("aten.select.int")
def _put_selected(ctx: AtenContext, base: Value, new: Value) -> Value:
    axis = ctx.dim("dim", len(base.shape))
    index = ctx.size(ctx.args.get("index"), "index")
    return put_range(ctx, base, ctx.unsqueeze(new, [axis]), axis, index, None, 1)


@converts("aten.slice.Tensor", "aten.slice_copy.Tensor")
def slice_(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    axis, start, end, step = _range(ctx, x)
    if start == 0 and isinstance(end, int) and end >= END - 1 and step == 1:
        return x
    return ctx.narrow(x, axis, start, end, step)


def _range(ctx: AtenContext, x: Value) -> tuple[int, int | Sym, int | Sym, int]:
    axis = ctx.dim("dim", len(x.shape), 0)
    start = ctx.size(ctx.args["start"], "start") if ctx.has("start") else 0
    end = ctx.size(ctx.args["end"], "end") if ctx.has("end") else END
    step = ctx.integer("step", 1)
    if step < 1:
        raise MalformedModelError(f"a step of {step}")
    return axis, start, end, step


@converts("aten.slice_scatter")
def slice_scatter(ctx: AtenContext) -> Value:
    result: Value = _put_slice(ctx, ctx.tensor("self"), ctx.tensor("src"))
    return result


@writes("aten.slice.Tensor")
def _put_slice(ctx: AtenContext, base: Value, new: Value) -> Value:
    axis, start, end, step = _range(ctx, base)
    return put_range(ctx, base, new, axis, start, end, step)


def put_range(ctx: AtenContext, base: Value, new: Value, axis: int, start: int | Sym, end: int | Sym | None, step: int) -> Value:
    """``base`` with a range of one dimension replaced; ``end`` None replaces one position."""
    size = base.shape[axis]
    if isinstance(size, int) and isinstance(start, int) and (end is None or isinstance(end, int)):
        first, last, _ = slice(start, END if end is None else end, step).indices(size)
        if end is None:
            last = first + 1
        count = len(range(first, last, step))
        if count == 0:
            return base
        if step == 1:
            parts = [ctx.narrow(base, axis, 0, first)] if first else []
            middle = new if new.shape == (*base.shape[:axis], count, *base.shape[axis + 1 :]) else _stretched(ctx, base, new, axis, count)
            parts.append(ctx.cast(middle, base.dtype))
            parts += [ctx.narrow(base, axis, last, size)] if last < size else []
            return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=axis)
        positions = ctx.i64(*range(first, last, step))
    else:
        length = ctx.size_of(base, axis)
        whole = ctx.call("Range", ctx.const(np.asarray(0, np.int64)), ctx.operand(length, I64), ctx.const(np.asarray(1, np.int64)))
        stop = start if end is None else end
        if end is None:
            stop = start + 1 if isinstance(start, int) and start != -1 else END if start == -1 else _plus_one(ctx, start)
        positions = ctx.narrow(whole, 0, start, stop, step)
    moved = [axis, *(i for i in range(len(base.shape)) if i != axis)]
    back = [moved.index(i) for i in range(len(moved))]
    updates = ctx.transpose(ctx.cast(new, base.dtype), moved)
    rows = ctx.call("ScatterND", ctx.transpose(base, moved), ctx.unsqueeze(positions, [1]), updates)
    return ctx.transpose(rows, back)


def _plus_one(ctx: AtenContext, start: int | Sym) -> int | Sym:
    assert isinstance(start, Sym)
    return Sym(ctx.call("Add", start.value, ctx.like(1, start.value)))


def _stretched(ctx: AtenContext, base: Value, new: Value, axis: int, count: int) -> Value:
    sizes = ctx.sizes_of(base)
    sizes[axis] = count
    return ctx.expand(new, sizes)


@converts("aten.narrow", "aten.narrow_copy")
def narrow(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    axis, start, length = ctx.dim("dim", len(x.shape)), ctx.size(ctx.args.get("start"), "start"), ctx.size(ctx.args.get("length"), "length")
    if isinstance(start, int) and isinstance(length, int):
        size = x.shape[axis]
        start = start + size if start < 0 and isinstance(size, int) else start
        return ctx.narrow(x, axis, start, start + length)
    a, b = (ctx.operand(v, I64) for v in (start, length))
    return ctx.narrow(x, axis, start, Sym(ctx.call("Add", a, b)))


@writes("aten.narrow")
def write_narrowed(ctx: AtenContext, base: Value, new: Value) -> Value:
    axis, start = ctx.dim("dim", len(base.shape)), ctx.integer("start")
    size = base.shape[axis]
    start = start + size if start < 0 and isinstance(size, int) else start
    return put_range(ctx, base, new, axis, start, start + ctx.integer("length"), 1)


def _parts(ctx: AtenContext, x: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    if len(sizes) == 1:
        return [x]
    return list(ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes)))


def _split_sizes(ctx: AtenContext, x: Value, axis: int) -> list[int]:
    """Sizes of the parts of every splitting operator."""
    total = x.shape[axis]
    name = ctx.op.split(".")[1]
    if name == "unbind":
        return [1] * ctx.static(total, "the dimension unbind takes apart")
    key = next(k for k in ("split_sizes", "split_size", "chunks", "sections", "indices_or_sections", "indices") if ctx.has(k))
    given = ctx.integers(key)
    if key == "indices":
        n = ctx.static(total, "a dimension split at indices")
        ends = [*given, n]
        return [e - b for b, e in zip([0, *given], ends, strict=True)]
    if len(given) > 1 or key == "split_sizes" or (key == "split_size" and isinstance(ctx.args[key], list)):
        return given
    n = ctx.static(total, "a dimension split into parts")
    if key == "split_size":
        each = max(given[0], 1)
        return [min(each, n - k) for k in range(0, n, each)] or [0]
    if given[0] < 1:
        raise MalformedModelError(f"{given[0]} parts")
    if key == "chunks":
        each = -(-n // given[0])
        return [min(each, n - k) for k in range(0, n, each)] if each else [0] * given[0]
    return [n // given[0] + (i < n % given[0]) for i in range(given[0])]


@converts(
    "aten.split", "aten.split_with_sizes", "aten.chunk", "aten.unsafe_split", "aten.unsafe_chunk", "aten.tensor_split",
    "aten.split_copy", "aten.split_with_sizes_copy", "aten.unsafe_split_with_sizes",
)  # fmt: skip
def split(ctx: AtenContext) -> list[Value]:
    x = ctx.tensor("self")
    axis = ctx.dim("dim", len(x.shape), 0)
    return _parts(ctx, x, axis, _split_sizes(ctx, x, axis))


@converts("aten.unbind", "aten.unbind_copy")
def unbind(ctx: AtenContext) -> list[Value]:
    x = ctx.tensor("self")
    axis = ctx.dim("dim", len(x.shape), 0)
    return [ctx.squeeze(p, [axis]) for p in _parts(ctx, x, axis, _split_sizes(ctx, x, axis))]


@writes("aten.split", "aten.split_with_sizes", "aten.chunk", "aten.tensor_split", "aten.unbind")
def write_part(ctx: AtenContext, base: Value, new: Value) -> Value:
    axis = ctx.dim("dim", len(base.shape), 0)
    sizes = _split_sizes(ctx, base, axis)
    k = ctx.args["#result"]
    begin = sum(sizes[:k])
    if ctx.op.startswith("aten.unbind"):
        new = ctx.unsqueeze(new, [axis])
    return put_range(ctx, base, new, axis, begin, begin + sizes[k], 1)


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
        flat = _rolled(ctx, ctx.reshape(x, (-1,)), 0, shifts[0])
        return ctx.view(flat, ctx.sizes_of(x))
    for shift, a in zip(shifts, axes, strict=True):
        x = _rolled(ctx, x, ctx.axis(a, len(x.shape)), shift)
    return x


def _rolled(ctx: AtenContext, x: Value, axis: int, shift: int) -> Value:
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


@converts("aten.diagonal", "aten.diagonal_copy")
def diagonal(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    rank = len(x.shape)
    a, b, offset = ctx.dim("dim1", rank, 0), ctx.dim("dim2", rank, 1), ctx.integer("offset", 0)
    rows, columns = ctx.static(x.shape[a], "the diagonal's first dimension"), ctx.static(x.shape[b], "the diagonal's second dimension")
    first, second = (0, offset) if offset >= 0 else (-offset, 0)
    n = max(0, min(rows - first, columns - second))
    index = np.stack([np.arange(n) + first, np.arange(n) + second], axis=1).astype(np.int64)
    moved = ctx.transpose(x, [a, b, *(i for i in range(rank) if i not in (a, b))])
    y = ctx.call("GatherND", moved, ctx.const(index))
    return ctx.transpose(y, [*range(1, len(y.shape)), 0])


@converts("aten.unfold")
def unfold(ctx: AtenContext) -> Value:
    """Windows of one dimension, as a new last dimension."""
    x = ctx.tensor("self")
    rank = len(x.shape)
    axis, size, step = ctx.dim("dimension", rank), ctx.integer("size"), ctx.integer("step")
    total = ctx.static(x.shape[axis], "the unfolded dimension")
    if size > total or size < 0 or step < 1:
        raise MalformedModelError(f"windows of {size} by {step} in a dimension of {total}")
    count = (total - size) // step + 1
    ctx.computed((count, size))
    index = np.arange(count)[:, None] * step + np.arange(size)[None, :]
    y = ctx.call("Gather", x, ctx.const(index.astype(np.int64)), axis=axis)
    return ctx.transpose(y, [*range(axis + 1), *range(axis + 2, rank + 1), axis + 1])


@converts("aten.as_strided", "aten.as_strided_copy")
def as_strided(ctx: AtenContext) -> Value:
    """Any view of memory: an index for each element, worked out at conversion. The input is taken to lie contiguous."""
    x = ctx.tensor("self")
    sizes, strides = ctx.integers("size", []), ctx.integers("stride", [])
    ctx.static_shape(x, "as_strided's input")
    ctx.computed(sizes)
    index = np.asarray(ctx.integer("storage_offset", 0), np.int64)
    for n, s in zip(sizes, strides, strict=True):
        index = index[..., None] + np.arange(n, dtype=np.int64) * s
    return ctx.call("Gather", ctx.reshape(x, (-1,)), ctx.const(index), axis=0)
