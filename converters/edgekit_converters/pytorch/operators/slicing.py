"""Operators that take parts of tensors or put new parts in. Most are views: a write to their result reaches their input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I64
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.registry import converts, writes

END = (1 << 63) - 1


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


@converts("aten.diagonal", "aten.diagonal_copy")
def diagonal(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    rank = len(x.shape)
    a, b, offset = ctx.dim("dim1", rank, 0), ctx.dim("dim2", rank, 1), ctx.integer("offset", 0)
    rows, columns = ctx.static(x.shape[a], "the diagonal's first dimension"), ctx.static(x.shape[b], "the diagonal's second dimension")
    first, second = (0, offset) if offset >= 0 else (-offset, 0)
    n = max(0, min(rows - first, columns - second))
    ctx.computed((n, 2))
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
