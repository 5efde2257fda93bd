"""Indexing (pytensor/tensor/subtensor.py).

The indices of a node stand in ``idx_list``: numbers (of inputs; types of inputs in older versions), and slices of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytensor.context import ApplyContext, converts
from edgekit_converters.pytensor.operators.shapes import vector

END, START = (1 << 31) - 1, -(1 << 31) + 1
Entry = Value | slice


def entries(ctx: ApplyContext, first: int) -> list[Entry]:
    """The index of each dimension: a value, or a slice of values and None; inputs from ``first`` on hold them."""
    at = first

    def take(part: Any) -> Value | None:
        nonlocal at
        if part is None:
            return None
        if isinstance(part, int):  # the number of an input
            return ctx.input(first + part)
        at += 1
        return ctx.input(at - 1)

    found: list[Entry] = []
    for e in ctx.kernel.idx_list:
        if isinstance(e, slice):
            found.append(slice(take(e.start), take(e.stop), take(e.step)))
        else:
            v = take(e)
            if v is None:
                raise Unsupported("an index None is not supported.")
            found.append(v)
    return found


def cut(ctx: ApplyContext, x: Value, index: list[Entry]) -> Value:
    """The slices of an index applied; bounds may be computed at run time."""
    axes, starts, ends, steps = [], [], [], []
    for axis, e in enumerate(index):
        if not isinstance(e, slice) or (e.start is None and e.stop is None and e.step is None):
            continue
        step = 1 if e.step is None else int(ctx.constant_value(e.step, "the step of a slice").reshape(-1)[0])
        if step == 0:
            raise MalformedModelError("a slice of step 0")
        axes.append(axis)
        starts.append(ctx.const(0 if step > 0 else END) if e.start is None else e.start)
        ends.append(ctx.const(END if step > 0 else START) if e.stop is None else e.stop)
        steps.append(step)
    if not axes:
        return x
    return ctx.call("Slice", x, vector(ctx, starts), vector(ctx, ends), ctx.i64(*axes), ctx.i64(*steps))


@converts("Subtensor")
def subtensor(ctx: ApplyContext) -> Value:
    index = entries(ctx, 1)
    y = cut(ctx, ctx.input(0), index)
    for axis in reversed(range(len(index))):
        e = index[axis]
        if isinstance(e, Value):
            y = ctx.call("Gather", y, ctx.as_i64(ctx.scalar(e)), axis=axis)
    return y


@converts("AdvancedSubtensor1")
def take_rows(ctx: ApplyContext) -> Value:
    return ctx.call("Gather", ctx.input(0), ctx.as_i64(ctx.input(1)), axis=0)


def tensor_index(ctx: ApplyContext) -> list[Entry]:
    """The index of an AdvancedSubtensor; older versions have one input a dimension, slices among them."""
    if getattr(ctx.kernel, "idx_list", None) is not None:
        return entries(ctx, 1)
    found: list[Entry] = []
    for v in ctx.inputs[1:]:
        if v is None:
            raise Unsupported("slices or None beside tensors as an index are not supported in this version.")
        found.append(v)
    return found


def coordinates(ctx: ApplyContext, tensors: Sequence[Value]) -> Value:
    """Tensors of positions, broadcast together, as one tensor whose last dimension is a coordinate."""
    if len(tensors) == 1:
        return ctx.unsqueeze(ctx.as_i64(tensors[0]), [len(tensors[0].shape)])
    shape = np.broadcast_shapes(*(ctx.static_shape(t, "an index") for t in tensors))
    wide = [ctx.call("Expand", ctx.as_i64(t), ctx.i64(*shape)) if t.shape != shape else ctx.as_i64(t) for t in tensors]
    return ctx.call("Concat", *(ctx.unsqueeze(t, [len(shape)]) for t in wide), axis=len(shape))


@converts("AdvancedSubtensor")
def advanced(ctx: ApplyContext) -> Value:
    """One tensor of positions, a mask, or tensors for the first dimensions together."""
    index = tensor_index(ctx)
    x = cut(ctx, ctx.input(0), index)
    at = [i for i, e in enumerate(index) if isinstance(e, Value)]
    tensors = [e for e in index if isinstance(e, Value)]
    if len(at) == 1:
        if tensors[0].dtype is BOOL:
            if len(tensors[0].shape) != 1:
                raise Unsupported(f"a mask of rank {len(tensors[0].shape)} is not supported.")
            return ctx.call("Compress", x, tensors[0], axis=at[0])
        return ctx.call("Gather", x, ctx.as_i64(tensors[0]), axis=at[0])
    if at != list(range(at[0], at[0] + len(at))) or any(t.dtype is BOOL for t in tensors):
        raise Unsupported("tensors as an index of dimensions that do not lie side by side are not supported.")
    rank = len(x.shape)
    order = [*at, *(i for i in range(rank) if i not in at)]
    moved = ctx.transpose(x, order)
    wide = max(len(t.shape) for t in tensors)
    y = ctx.call("GatherND", moved, coordinates(ctx, tensors))
    if at[0] == 0:
        return y
    lead = range(wide, wide + at[0])  # the dimensions before the index come first again
    return ctx.transpose(y, [*lead, *range(wide), *range(wide + at[0], len(y.shape))])


@converts("IncSubtensor")
def inc_subtensor(ctx: ApplyContext) -> Value:
    """A copy of ``x`` with a part set or added to; the part is worked out at conversion."""
    x, y = ctx.input(0), ctx.input(1)
    shape = ctx.static_shape(x, "the tensor that is written to")
    ctx.computed(shape)

    def number(v: Value | None) -> int | None:
        return None if v is None else int(ctx.constant_value(v, "where a tensor is written to").reshape(-1)[0])

    index = tuple(slice(number(e.start), number(e.stop), number(e.step)) if isinstance(e, slice) else number(e) for e in entries(ctx, 2))
    places = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)[index]
    updates = ctx.call("Expand", ctx.cast(y, x.dtype), ctx.i64(*places.shape)) if y.shape != places.shape else ctx.cast(y, x.dtype)
    flat = ctx.reshape(x, (-1,))
    kind = "none" if ctx.kernel.set_instead_of_inc else "add"
    done = ctx.call("ScatterElements", flat, ctx.const(places.reshape(-1)), ctx.reshape(updates, (-1,)), axis=0, reduction=kind)
    return ctx.reshape(done, shape)


@converts("AdvancedIncSubtensor1")
def inc_rows(ctx: ApplyContext) -> Value:
    return written(ctx, [ctx.input(2)])


@converts("AdvancedIncSubtensor")
def inc_advanced(ctx: ApplyContext) -> Value:
    """Tensors of positions for the first dimensions together."""
    index = entries(ctx, 2) if getattr(ctx.kernel, "idx_list", None) is not None else [v for v in ctx.inputs[2:] if v is not None]
    tensors = [e for e in index if isinstance(e, Value)]
    whole = all(isinstance(e, Value) or (e.start is None and e.stop is None and e.step is None) for e in index)
    if not whole or any(not isinstance(e, Value) for e in index[: len(tensors)]) or any(t.dtype is BOOL for t in tensors):
        raise Unsupported("writing to anything but positions in the first dimensions is not supported.")
    return written(ctx, tensors)


def written(ctx: ApplyContext, tensors: Sequence[Value]) -> Value:
    """A copy of the first input with the second set at, or added to, positions."""
    x, y = ctx.input(0), ctx.cast(ctx.input(1), ctx.input(0).dtype)
    places = coordinates(ctx, tensors)
    want = (*places.shape[:-1], *x.shape[len(tensors) :])
    if tuple(y.shape) != want:
        y = ctx.call("Expand", y, ctx.i64(*(ctx.static(d, "the part that is written") for d in want)))
    kind = "none" if ctx.kernel.set_instead_of_inc else "add"
    return ctx.call("ScatterND", x, places, y, reduction=kind)


@converts("Nonzero")
def nonzero(ctx: ApplyContext) -> list[Value]:
    """One list of positions for each dimension."""
    x = ctx.input(0)
    found = ctx.call("NonZero", x)
    return [ctx.call("Gather", found, ctx.const(np.asarray(i, np.int64)), axis=0) for i in range(len(x.shape))]
