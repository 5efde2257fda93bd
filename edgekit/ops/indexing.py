"""Operators that read or write elements at computed positions.

An index outside its dimension is an error where the operator runs (``IndexError`` here, ``EK_ERR_SHAPE`` in C).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.ops.definition import INDEX, Arg, Enum, Int, Port, T, op
from edgekit.ops.layout import ALL_TYPES
from edgekit.ops.quant_math import dtype_range
from edgekit.ops.shapes import int_list, normalize_axis, same_scale, unknown_dim, upper
from edgekit.ops.traits import NotNumeric, SameScale
from edgekit.symbolic import SymDim
from edgekit.types import F32, F64, I16, I32, I64, Array, Dim, DType, QuantParams, TensorType

INDEX_TYPES = (I32, I64)


@op(id=6, category="indexing", symbolic_values=True)
class Gather:
    """Take entries of ``axis`` by index; the dimensions of ``indices`` stand in its place. Negative indices count from the end."""

    inputs = (Port("x", T), Port("indices", INDEX))
    outputs = (Port("y", T),)
    attrs = (Int("axis", 0),)
    types = {T: ALL_TYPES, INDEX: INDEX_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, indices: Arg, *, axis: int) -> TensorType:
        if x.rank == 0:
            raise ValueError("a tensor of rank 0 has no axis to take from")
        a = normalize_axis(axis, x.rank)
        _check_indices(indices, x.shape[a])
        return same_scale(x, [*x.shape[:a], *indices.shape, *x.shape[a + 1 :]])

    @staticmethod
    def reference(x: Array, indices: Array, *, axis: int) -> Array:
        return np.take(x, indices.astype(np.int64), axis)


def _check_indices(indices: Arg, dim: Dim) -> None:
    """Raise on known indices outside ``[-dim, dim)``."""
    if indices.value is not None and indices.value.dtype != object:  # many numbers at once
        low, high = int(indices.value.min(initial=0)), int(indices.value.max(initial=-1))
        known: list[Dim] | None = [i for i in (low, high) if indices.value.size]
    else:
        known = int_list(indices)
    if known and isinstance(dim, int):
        bad = [i for i in known if isinstance(i, int) and not -dim <= i < dim]
        if bad:
            raise ValueError(f"index {bad[0]} is outside a dimension of {dim}")


@op(id=15, category="indexing")
class GatherElements:
    """Take one element for each element of ``indices``, which replaces its own position along ``axis``."""

    inputs = (Port("x", T), Port("indices", INDEX))
    outputs = (Port("y", T),)
    attrs = (Int("axis", 0),)
    types = {T: ALL_TYPES, INDEX: INDEX_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, indices: Arg, *, axis: int) -> TensorType:
        _check_elementwise_indices(x, indices, axis)
        return same_scale(x, indices.shape)

    @staticmethod
    def reference(x: Array, indices: Array, *, axis: int) -> Array:
        where: list[Any] = list(np.indices(indices.shape, sparse=True))
        where[axis] = _wrapped(indices, x.shape[axis])
        y: Array = x[tuple(where)]
        return y


def _check_elementwise_indices(x: Arg, indices: Arg, axis: int) -> None:
    a = normalize_axis(axis, x.rank)
    if indices.rank != x.rank or x.rank == 0:
        raise ValueError(f"indices of rank {indices.rank} for a tensor of rank {x.rank}")
    for i, (d, n) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if i != a and isinstance(d, int) and isinstance(n, int) and n > d:
            raise ValueError(f"dimension {i} of the indices is {n}, above the tensor's {d}")
    _check_indices(indices, x.shape[a])


def _wrapped(indices: Array, dim: int) -> Array:
    """int64 indices counted from the front; raises IndexError outside ``[-dim, dim)``."""
    i = indices.astype(np.int64)
    if i.size and (i.min() < -dim or i.max() >= dim):
        raise IndexError(f"an index is outside a dimension of {dim}")
    return np.where(i < 0, i + dim, i)


@op(id=16, category="indexing")
class GatherND:
    """Take slices at the coordinates in the last dimension of ``indices``, separately for each of the first ``batch_dims`` dimensions."""

    inputs = (Port("x", T), Port("indices", INDEX))
    outputs = (Port("y", T),)
    attrs = (Int("batch_dims", 0),)
    types = {T: ALL_TYPES, INDEX: INDEX_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, indices: Arg, *, batch_dims: int) -> TensorType:
        depth = _depth(indices)
        if not 0 <= batch_dims < min(x.rank, indices.rank) or batch_dims + depth > x.rank:
            raise ValueError(f"coordinates of {depth} with {batch_dims} batch dimensions do not fit a tensor of rank {x.rank}")
        for i in range(batch_dims):
            d, n = x.shape[i], indices.shape[i]
            if isinstance(d, int) and isinstance(n, int) and d != n:
                raise ValueError(f"batch dimension {i} is {d} in the tensor and {n} in the indices")
        return same_scale(x, [*indices.shape[:-1], *x.shape[batch_dims + depth :]])

    @staticmethod
    def reference(x: Array, indices: Array, *, batch_dims: int) -> Array:
        depth = indices.shape[-1]
        batch = [np.arange(n).reshape([-1 if j == i else 1 for j in range(indices.ndim - 1)]) for i, n in enumerate(x.shape[:batch_dims])]
        points = [_wrapped(indices[..., k], x.shape[batch_dims + k]) for k in range(depth)]
        where = (*batch, *points)
        picked: Array = x[where] if where else np.broadcast_to(x, (*indices.shape[:-1], *x.shape)).copy()
        return picked.reshape((*indices.shape[:-1], *x.shape[batch_dims + depth :]))


def _depth(indices: Arg) -> int:
    if indices.rank < 1 or not isinstance(indices.shape[-1], int):
        raise ValueError("the last dimension of the indices must be known")
    return indices.shape[-1]


REDUCTIONS = ("none", "add", "mul", "max", "min")


def _combine(dtype: np.dtype[Any], reduction: str, q: QuantParams | None) -> Callable[[Any, Any], Any]:
    """How one update enters: ``combine(old, new)`` on scalars or slices. Quantized sums and products stay in the tensor's own scale:
    ``clamp(a + b - zp)`` and ``clamp(rne((float)((a - zp) * (b - zp)) * scale) + zp)``."""
    if reduction == "none":
        return lambda old, new: new
    if reduction in ("max", "min"):
        return np.maximum if reduction == "max" else np.minimum
    if q is None:
        if dtype == np.bool_:
            return np.logical_or if reduction == "add" else np.logical_and
        return np.add if reduction == "add" else np.multiply
    lo, hi = dtype_range(DType.from_numpy(dtype))
    zp, scale = q.zero_point[0], np.float32(q.scale[0])

    def add(old: Any, new: Any) -> Any:
        return np.clip(np.int32(old) + np.int32(new) - zp, lo, hi).astype(dtype)

    def mul(old: Any, new: Any) -> Any:
        product = ((np.int32(old) - zp) * (np.int32(new) - zp)).astype(np.float32) * scale
        return (np.rint(np.clip(product, np.float32(lo - zp), np.float32(hi - zp))).astype(np.int32) + zp).astype(dtype)

    return add if reduction == "add" else mul


@op(id=17, category="indexing")
class ScatterElements:
    """Copy ``x``, then write each element of ``updates`` at its own position with ``indices`` along ``axis``, in row-major order."""

    inputs = (Port("x", T), Port("indices", INDEX), Port("updates", T))
    outputs = (Port("y", T),)
    attrs = (Int("axis", 0), Enum("reduction", "none", REDUCTIONS))
    types = {T: ALL_TYPES, INDEX: INDEX_TYPES}
    quant = SameScale((0, 2))

    @staticmethod
    def infer(x: Arg, indices: Arg, updates: Arg, *, axis: int, reduction: str) -> TensorType:
        _check_elementwise_indices(x, indices, axis)
        if not _may_equal(indices.shape, updates.shape):
            raise ValueError("indices and updates differ in shape")
        return same_scale(x, x.shape)

    @staticmethod
    def reference(x: Array, indices: Array, updates: Array, *, axis: int, reduction: str) -> Array:
        return _scatter_elements(x, indices, updates, axis, _combine(x.dtype, reduction, None))

    @staticmethod
    def quant_reference(
        x: Array, indices: Array, updates: Array, *, axis: int, reduction: str, qin: Sequence[QuantParams | None], qout: Any
    ) -> Array:
        return _scatter_elements(x, indices, updates, axis, _combine(x.dtype, reduction, qin[0]))


def _scatter_elements(x: Array, indices: Array, updates: Array, axis: int, combine: Callable[[Any, Any], Any]) -> Array:
    y = x.copy()
    wrapped = _wrapped(indices, x.shape[axis])
    for at in np.ndindex(*indices.shape):
        to = list(at)
        to[axis] = int(wrapped[at])
        y[tuple(to)] = combine(y[tuple(to)], updates[at])
    return y


def _may_equal(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    return len(a) == len(b) and all(not isinstance(p, int) or not isinstance(q, int) or p == q for p, q in zip(a, b, strict=True))


@op(id=18, category="indexing")
class ScatterND:
    """Copy ``x``, then write the slices of ``updates`` at the coordinates in the last dimension of ``indices``, in row-major order."""

    inputs = (Port("x", T), Port("indices", INDEX), Port("updates", T))
    outputs = (Port("y", T),)
    attrs = (Enum("reduction", "none", REDUCTIONS),)
    types = {T: ALL_TYPES, INDEX: INDEX_TYPES}
    quant = SameScale((0, 2))

    @staticmethod
    def infer(x: Arg, indices: Arg, updates: Arg, *, reduction: str) -> TensorType:
        depth = _depth(indices)
        if depth > x.rank:
            raise ValueError(f"coordinates of {depth} for a tensor of rank {x.rank}")
        if not _may_equal(updates.shape, [*indices.shape[:-1], *x.shape[depth:]]):
            raise ValueError("the updates' shape must be that of the indices without the last dimension, then the tensor's remaining ones")
        return same_scale(x, x.shape)

    @staticmethod
    def reference(x: Array, indices: Array, updates: Array, *, reduction: str) -> Array:
        return _scatter_nd(x, indices, updates, _combine(x.dtype, reduction, None))

    @staticmethod
    def quant_reference(x: Array, indices: Array, updates: Array, *, reduction: str, qin: Sequence[QuantParams | None], qout: Any) -> Array:
        return _scatter_nd(x, indices, updates, _combine(x.dtype, reduction, qin[0]))


def _scatter_nd(x: Array, indices: Array, updates: Array, combine: Callable[[Any, Any], Any]) -> Array:
    y = x.copy()
    points = [_wrapped(indices[..., k], x.shape[k]) for k in range(indices.shape[-1])]
    for at in np.ndindex(*indices.shape[:-1]):
        to: tuple[Any, ...] = (*(int(p[at]) for p in points), ...)
        y[to] = combine(y[to], updates[(*at, ...)])
    return y


@op(id=19, category="indexing", symbolic_values=True)
class Range:
    """``start, start + delta, ...`` as long as it stays before ``limit``. All three have rank 0 or one element."""

    inputs = (Port("start", T), Port("limit", T), Port("delta", T))
    outputs = (Port("y", T),)
    types = {T: (F32, F64, I16, I32, I64)}
    quant = NotNumeric()

    @staticmethod
    def infer(start: Arg, limit: Arg, delta: Arg) -> TensorType:
        if any(a.value is None for a in (start, limit, delta)):
            return TensorType(start.dtype, (unknown_dim("length"),))
        s, e, d = (a.value.reshape(-1)[0] for a in (start, limit, delta) if a.value is not None)
        length: Dim
        if any(isinstance(v, SymDim) for v in (s, e, d)):
            span = e - s
            if d == 1 and (isinstance(span, int) or span.lower_bound() >= 0):
                length = span
            else:
                length = unknown_dim("length", _most_steps(span, d))
        else:
            length = _range_length(s, e, d)
        return TensorType(start.dtype, (length,))

    @staticmethod
    def reference(start: Array, limit: Array, delta: Array) -> Array:
        s, e, d = (a.reshape(-1)[0] for a in (start, limit, delta))
        n = _range_length(s, e, d)
        y: Array = (s + np.arange(n).astype(start.dtype) * d).astype(start.dtype)
        return y


def _range_length(start: Any, limit: Any, delta: Any) -> int:
    """``max(ceil((limit - start) / delta), 0)``, in double precision for floats."""
    if delta == 0:
        raise ValueError("the step of the range is 0")
    if isinstance(start, float | np.floating):
        return max(0, int(np.ceil((np.float64(limit) - np.float64(start)) / np.float64(delta))))
    return max(0, -((int(start) - int(limit)) // int(delta)))


def _most_steps(span: Any, delta: Any) -> int | None:
    """The most steps of ``delta`` in ``span``, None where nothing limits them."""
    top = upper(span)
    return top // int(delta) + 1 if top is not None and not isinstance(delta, SymDim) and delta > 0 else None


@op(id=150, category="indexing")
class OneHot:
    """``values[1]`` where the new dimension's position equals the index, ``values[0]`` elsewhere.

    ``depth`` (one int64) is the size of the new dimension, put at ``axis``. Indices in ``[-depth, -1]`` count from the end; those outside
    ``[-depth, depth)`` give ``values[0]`` everywhere.
    """

    inputs = (Port("indices", INDEX), Port("depth", I64), Port("values", T))
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1),)
    types = {T: ALL_TYPES, INDEX: INDEX_TYPES}
    quant = NotNumeric()

    @staticmethod
    def infer(indices: Arg, depth: Arg, values: Arg, *, axis: int) -> TensorType:
        a = normalize_axis(axis, indices.rank + 1)
        if values.rank != 1 or values.shape[0] != 2:
            raise ValueError("values must be two elements: off and on")
        n = int_list(depth)
        size: Dim = unknown_dim("depth") if n is None else n[0]
        if isinstance(size, int) and size < 1:
            raise ValueError(f"depth is {size}")
        return TensorType(values.dtype, (*indices.shape[:a], size, *indices.shape[a:]), values.type.quant)

    @staticmethod
    def reference(indices: Array, depth: Array, values: Array, *, axis: int) -> Array:
        n = int(depth.reshape(-1)[0])
        i = np.expand_dims(indices.astype(np.int64), axis)
        i = np.where(i < 0, i + n, i)
        shape = [1] * i.ndim
        shape[axis] = n
        y: Array = np.where(i == np.arange(n).reshape(shape), values[1], values[0]).astype(values.dtype)
        return y
