"""Tensor lists (TF2) and tensor arrays (TF1) while importing.

A list is held as one tensor [length, *element], which loops carry like any other. Only a list whose element shape nobody has said yet has
no tensor: it is an ``Unwritten``, and becomes one when its first element is written. A tensor array is a handle and a ``flow`` that orders
reads and writes; here the flow is what carries the content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.symbolic import SymDim
from edgekit.types import I32, I64, Dim, DType, TensorType
from edgekit_converters.importing.problems import Unsupported

if TYPE_CHECKING:
    from edgekit_converters.tensorflow.context import Item, NodeContext


@dataclass(frozen=True, eq=False)
class Unwritten:
    """A list without content.

    Attributes:
        dtype: of its elements.
        size: how many there are, one int32; None for an empty list that grows.
        element: the element shape as far as it is known; None dimensions are open, None as a whole says nothing.
    """

    dtype: DType
    size: Value | None
    element: tuple[int | None, ...] | None
    kind = "tensor list"

    def moved(self, capture: Callable[[Value], Value]) -> Unwritten:
        """The same inside a body that captures what it uses from outside."""
        return self if self.size is None else replace(self, size=capture(self.size))


@dataclass(frozen=True, eq=False)
class ArrayHandle:
    """What TensorArrayV3 gives besides the flow.

    Attributes:
        content: the array as it is made.
        grows: whether writing behind the end makes it longer.
    """

    content: Unwritten
    grows: bool = False
    kind = "tensor array"

    def moved(self, capture: Callable[[Value], Value]) -> ArrayHandle:
        """The same inside a body that captures what it uses from outside."""
        return ArrayHandle(self.content.moved(capture), self.grows)


def made(ctx: NodeContext, empty: Unwritten) -> Value | Unwritten:
    """A new list: zeros where the element shape is known."""
    if empty.element is None or any(d is None for d in empty.element):
        return empty
    return filled(ctx, empty, ctx.i64(*(d for d in empty.element if d is not None)))


def filled(ctx: NodeContext, empty: Unwritten, element: Value) -> Value:
    """Zeros for every element of a list; ``element`` is the element shape."""
    count = ctx.i64(0) if empty.size is None else ctx.reshape(ctx.as_i64(empty.size), (1,))
    return ctx.call("Expand", ctx.const(np.zeros((), empty.dtype.numpy)), ctx.call("Concat", count, element, axis=0))


def content(ctx: NodeContext, item: Item, element: Sequence[int | None] | None = None) -> Value:
    """A list as a tensor.

    Args:
        ctx: of the node that reads it.
        item: the list.
        element: the element shape where the node knows it.

    Raises:
        Unsupported: nothing says the element shape.
    """
    if isinstance(item, Value):
        return item
    if not isinstance(item, Unwritten):
        raise MalformedModelError("a tensor list is needed")
    if element is not None and all(d is not None for d in element):
        return filled(ctx, item, ctx.i64(*(d for d in element if d is not None)))
    raise Unsupported("it reads a list before anything was written into it, and nothing says the shape of its elements.")


def like(ctx: NodeContext, item: Item, element: Value) -> Value:
    """A list as a tensor that can take ``element``."""
    return filled(ctx, item, ctx.shape_of(element)) if isinstance(item, Unwritten) else content(ctx, item)


def write(ctx: NodeContext, item: Item, index: Value, element: Value, grows: bool = False) -> Value:
    """The list with another element at ``index``; ``grows`` says that it may lie behind the end."""
    rows = like(ctx, item, element)
    if grows:
        rows = _grown(ctx, rows, index)
    at = ctx.reshape(ctx.as_i64(index), (1, 1))
    return ctx.call("ScatterND", rows, at, ctx.unsqueeze(element, [0]))


def _grown(ctx: NodeContext, rows: Value, index: Value) -> Value:
    """The list, continued with zeros up to ``index`` where that lies behind its end."""
    count = ctx.call("Shape", rows, start=0, end=1)
    needed = ctx.call("Add", ctx.reshape(ctx.as_i64(index), (1,)), ctx.i64(1))
    missing = ctx.call("Sub", ctx.call("Max", count, needed), count)
    zeros = ctx.call("Expand", ctx.like(0, rows), ctx.call("Concat", missing, ctx.call("Shape", rows, start=1), axis=0))
    return ctx.call("Concat", rows, zeros, axis=0)


def read(ctx: NodeContext, rows: Value, index: Value) -> Value:
    """One element."""
    return ctx.call("Gather", rows, ctx.scalar(index), axis=0)


def picked(ctx: NodeContext, rows: Value, indices: Value) -> Value:
    """Several elements, stacked; all in order are the list itself."""
    return rows if counts_all(ctx, indices, rows) else ctx.call("Gather", rows, indices, axis=0)


def scattered(ctx: NodeContext, item: Item, indices: Value, values: Value) -> Value:
    """The list with the rows of ``values`` at ``indices``."""
    if isinstance(item, Unwritten):
        size = None if item.size is None else ctx.known_ints(item.size)
        whole = size is not None and size[0] == values.shape[0]
        if counts_all(ctx, indices, values) and (whole or item.size is None):
            return values
        item = filled(ctx, item, ctx.call("Shape", values, start=1))
    return ctx.call("ScatterND", content(ctx, item), ctx.unsqueeze(ctx.as_i64(indices), [1]), values)


def counts_all(ctx: NodeContext, indices: Value, rows: Value) -> bool:
    """Whether ``indices`` are 0, 1, 2 ... to the last of ``rows``."""
    known = ctx.known_ints(indices)
    return known is not None and rows.shape[0] == len(known) and known == list(range(len(known)))


def length(ctx: NodeContext, item: Item) -> Value:
    """How many elements, as one int32."""
    if isinstance(item, Unwritten):
        return ctx.const(np.asarray(0, np.int32)) if item.size is None else ctx.cast(ctx.scalar(item.size), I32)
    return ctx.cast(ctx.reshape(ctx.call("Shape", content(ctx, item), start=0, end=1), ()), I32)


def joined(ctx: NodeContext, rows: Value) -> list[Value]:
    """The elements behind each other along their first axis, and their lengths."""
    if len(rows.shape) < 2:
        raise MalformedModelError("elements of rank 1 or more are needed")
    rest = [[i] for i in range(2, len(rows.shape))]
    lengths = ctx.call("Expand", ctx.call("Shape", rows, start=1, end=2), ctx.call("Shape", rows, start=0, end=1))
    return [ctx.regroup(rows, [[0, 1], *rest]), lengths]


def parted(ctx: NodeContext, value: Value, lengths: Value) -> Value:
    """The parts of a tensor along its first axis as elements; they must be of one length."""
    known = [int(v) for v in ctx.constant_value(lengths, "the lengths of the elements").reshape(-1)]
    if not known or any(n != known[0] for n in known) or known[0] < 0:
        raise Unsupported("elements of different lengths are not supported.")
    if isinstance(value.shape[0], int) and value.shape[0] != len(known) * known[0]:
        raise MalformedModelError(f"{len(known)} parts of {known[0]} rows of a tensor of {value.shape[0]}")
    return ctx.reshape(value, (len(known), known[0], *ctx.static_shape(value, "the tensor to split")[1:]))


def settled(ctx: NodeContext, empty: Unwritten, found: TensorType, near: Sequence[Value]) -> Value:
    """A list before a loop that writes it first: zeros of the shape it has behind a trip.

    Args:
        ctx: of the loop.
        empty: the list.
        found: its type behind a trip.
        near: values outside that may have the open dimensions of ``found``.

    Raises:
        Unsupported: a dimension cannot be told outside.
    """
    parts = [_dimension(ctx, d, near) for d in found.shape[1:]]
    return filled(ctx, replace(empty, dtype=found.dtype), ctx.call("Concat", *parts, axis=0) if parts else ctx.i64())


def _dimension(ctx: NodeContext, dim: Dim, near: Sequence[Value]) -> Value:
    if isinstance(dim, int):
        return ctx.i64(dim)
    for v in near:
        for axis, d in enumerate(v.shape):
            if isinstance(d, SymDim) and d == dim:
                return ctx.cast(ctx.call("Shape", v, start=axis, end=axis + 1), I64)
    hint = ctx.problems.shape_hint()
    raise Unsupported(f"the size {str(dim)!r} of the elements that a loop writes is not known before it.", hint, "dynamic-shape")
