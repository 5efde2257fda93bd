"""Operators that fold axes into one number, and running sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.ops.definition import INDEX, Arg, Bool, Int, Ints, Port, T, op
from edgekit.ops.quant_math import dtype_range, requantize
from edgekit.ops.shapes import element_count, normalize_axes, normalize_axis
from edgekit.ops.traits import FloatOnly, NotNumeric, Reduction, SameScale
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Dim, DType, QuantParams, TensorType

FLOATS = (F32, F16, F64)
NUMBERS = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, F64)
SUMMED = (F32, F16, I8, U8, I16, I32, U32, I64, U64, F64)


def _reduced_axes(rank: int, axes: Sequence[int]) -> tuple[int, ...]:
    return normalize_axes(axes, rank) if axes else tuple(range(rank))


def _reduced_shape(shape: Sequence[Dim], axes: Sequence[int], keepdims: bool) -> tuple[Dim, ...]:
    gone = _reduced_axes(len(shape), axes)
    return tuple(1 if i in gone else d for i, d in enumerate(shape) if keepdims or i not in gone)


def _wide(x: Array) -> Array:
    """``x`` in the type that sums are kept in: double precision for floats, 64-bit (wrapping) for integers; sizes stay what they are."""
    if x.dtype == object:
        return x
    return x.astype(np.float64 if x.dtype.kind == "f" else np.uint64 if x.dtype.kind == "u" else np.int64)


def _narrow(y: Any, dtype: np.dtype[Any]) -> Array:
    return np.asarray(y).astype(dtype)


class _Reduce:
    """What all reductions share. ``axes`` empty means all; ``keepdims`` leaves a 1 where an axis was."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs: tuple[Any, ...] = (Ints("axes", ()), Bool("keepdims", True))

    @staticmethod
    def infer(x: Arg, *, axes: Sequence[int], keepdims: bool) -> TensorType:
        return TensorType(x.dtype, _reduced_shape(x.shape, axes, keepdims))


def _integer_sum(
    x: Array, axes: Sequence[int], keepdims: bool, qin: Sequence[QuantParams | None], qout: Sequence[QuantParams | None], mean: bool
) -> Array:
    """Exact sums of ``q - zp``, then one requantize with ``m = (float)((double)s_in / ((double)s_out * count))``; 1 for a plain sum."""
    a, b = qin[0], qout[0]
    if a is None or b is None:
        raise ValueError("a quantized sum needs the quantization of its input and of its output")
    over = _reduced_axes(x.ndim, axes)
    count = int(np.prod([x.shape[i] for i in over], dtype=np.int64))
    total = (x.astype(np.int64) - a.zero_point[0]).sum(axis=over, keepdims=keepdims)
    m = np.float32(np.float64(a.scale[0]) / (np.float64(b.scale[0]) * (max(1, count) if mean else 1)))
    dtype = DType.from_numpy(x.dtype)
    lo, hi = dtype_range(dtype)
    return requantize(total, np.asarray(m), b.zero_point[0], lo, hi, dtype)


@op(id=180, category="reduction", symbolic_values=True)
class ReduceSum(_Reduce):
    """Sum over ``axes`` (all when empty). Floats are summed in double precision, integers wrap around.

    On int8: exact int32 sum of ``q - zp``, then one requantize; at most 2^23 elements a sum.
    """

    types = {T: SUMMED}
    quant = Reduction()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _narrow(_wide(x).sum(axis=_reduced_axes(x.ndim, axes), keepdims=keepdims), x.dtype)

    @staticmethod
    def quant_reference(x: Array, *, axes: Sequence[int], keepdims: bool, qin: Any, qout: Any) -> Array:
        return _integer_sum(x, axes, keepdims, qin, qout, mean=False)


@op(id=181, category="reduction")
class ReduceMean(_Reduce):
    """Mean over ``axes`` (all when empty). Floats in double precision; integers truncate toward zero.

    On int8: exact int32 sum of ``q - zp``, then one requantize whose multiplier holds the division by the count.
    """

    types = {T: SUMMED}
    quant = Reduction()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        over = _reduced_axes(x.ndim, axes)
        count = int(np.prod([x.shape[i] for i in over], dtype=np.int64))
        total = _wide(x).sum(axis=over, keepdims=keepdims)
        if x.dtype.kind == "f":
            return _narrow(total / count if count else total * np.nan, x.dtype)
        if count == 0:
            return _narrow(total * 0, x.dtype)
        quotient = np.abs(total) // count if x.dtype.kind == "i" else total // np.uint64(count)
        return _narrow(np.sign(total) * quotient if x.dtype.kind == "i" else quotient, x.dtype)

    @staticmethod
    def quant_reference(x: Array, *, axes: Sequence[int], keepdims: bool, qin: Any, qout: Any) -> Array:
        return _integer_sum(x, axes, keepdims, qin, qout, mean=True)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype == np.bool_ else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype == np.bool_ else np.iinfo(dtype).max


@op(id=182, category="reduction")
class ReduceMax(_Reduce):
    """Largest element over ``axes`` (all when empty); NaN wins. Of no elements: the lowest value of the type."""

    types = {T: (*NUMBERS, BOOL)}
    quant = SameScale()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _narrow(np.max(x, axis=_reduced_axes(x.ndim, axes), keepdims=keepdims, initial=_lowest(x.dtype)), x.dtype)


@op(id=183, category="reduction")
class ReduceMin(_Reduce):
    """Smallest element over ``axes`` (all when empty); NaN wins. Of no elements: the highest value of the type."""

    types = {T: (*NUMBERS, BOOL)}
    quant = SameScale()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _narrow(np.min(x, axis=_reduced_axes(x.ndim, axes), keepdims=keepdims, initial=_highest(x.dtype)), x.dtype)


@op(id=184, category="reduction", symbolic_values=True)
class ReduceProd(_Reduce):
    """Product over ``axes`` (all when empty). Floats in double precision, integers wrap around."""

    types = {T: (F32, F16, F64, I32, U32, I64, U64)}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _narrow(_wide(x).prod(axis=_reduced_axes(x.ndim, axes), keepdims=keepdims), x.dtype)


def _reduce_wide(
    x: Array, axes: Sequence[int], keepdims: bool, f: Callable[[Array], Array], after: Callable[[Array], Array] | None = None
) -> Array:
    total = f(_wide(x)).sum(axis=_reduced_axes(x.ndim, axes), keepdims=keepdims)
    return _narrow(total if after is None else after(total), x.dtype)


@op(id=185, category="reduction")
class ReduceL1(_Reduce):
    """Sum of absolute values over ``axes`` (all when empty)."""

    types = {T: (F32, F16, F64, I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _reduce_wide(x, axes, keepdims, np.abs)


@op(id=186, category="reduction")
class ReduceL2(_Reduce):
    """Square root of the sum of squares over ``axes`` (all when empty)."""

    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _reduce_wide(x, axes, keepdims, np.square, np.sqrt)


@op(id=187, category="reduction")
class ReduceLogSumExp(_Reduce):
    """``log(sum(exp(x)))`` over ``axes`` (all when empty), with the largest element taken out first so that nothing overflows."""

    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        over = _reduced_axes(x.ndim, axes)
        wide = _wide(x)
        top = np.max(wide, axis=over, keepdims=True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, 0.0)
        total = np.log(np.exp(wide - top).sum(axis=over, keepdims=True)) + top
        return _narrow(total if keepdims else total.reshape(_reduced_shape(x.shape, axes, False)), x.dtype)


@op(id=188, category="reduction")
class ReduceSumSquare(_Reduce):
    """Sum of squares over ``axes`` (all when empty)."""

    types = {T: (F32, F16, F64, I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array, *, axes: Sequence[int], keepdims: bool) -> Array:
        return _reduce_wide(x, axes, keepdims, np.square)


class _ArgReduce:
    """What ArgMax and ArgMin share."""

    inputs = (Port("x", T),)
    outputs = (Port("y", I64),)
    attrs = (Int("axis", 0), Bool("keepdims", True), Bool("select_last", False))
    types = {T: NUMBERS}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, axis: int, keepdims: bool, select_last: bool) -> TensorType:
        if x.rank == 0:
            raise ValueError("a tensor of rank 0 has no axis")
        a = normalize_axis(axis, x.rank)
        if x.shape[a] == 0:
            raise ValueError(f"dimension {a} is empty: no element is the best")
        return TensorType(I64, _reduced_shape(x.shape, (a,), keepdims))


def _arg_best(f: Callable[..., Any], x: Array, axis: int, keepdims: bool, select_last: bool) -> Array:
    if not select_last:
        return np.asarray(f(x, axis=axis, keepdims=keepdims), np.int64)
    return np.asarray(x.shape[axis] - 1 - f(np.flip(x, axis), axis=axis, keepdims=keepdims), np.int64)


@op(id=189, category="reduction")
class ArgMax(_ArgReduce):
    """Position of the largest element along ``axis``: the first of equals, or the last with ``select_last``. NaN counts as the largest."""

    @staticmethod
    def reference(x: Array, *, axis: int, keepdims: bool, select_last: bool) -> Array:
        return _arg_best(np.argmax, x, axis, keepdims, select_last)


@op(id=190, category="reduction")
class ArgMin(_ArgReduce):
    """Position of the smallest element along ``axis``: the first of equals, or the last with ``select_last``. NaN counts as smallest."""

    @staticmethod
    def reference(x: Array, *, axis: int, keepdims: bool, select_last: bool) -> Array:
        return _arg_best(np.argmin, x, axis, keepdims, select_last)


@op(id=191, category="reduction")
class CumSum:
    """Running sum along ``axis`` (one int32 or int64, rank 0 or one element).

    ``exclusive`` leaves out the element itself, ``reverse`` starts at the end. Floats are summed in double precision and rounded at
    each element.
    """

    inputs = (Port("x", T), Port("axis", INDEX))
    outputs = (Port("y", T),)
    attrs = (Bool("exclusive", False), Bool("reverse", False))
    types = {T: (F32, F16, F64, I32, U32, I64, U64), INDEX: (I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, axis: Arg, *, exclusive: bool, reverse: bool) -> TensorType:
        if x.rank == 0 or element_count(axis.shape) != 1:
            raise ValueError("a tensor of rank 1 or more and one axis are needed")
        if axis.value is not None:
            normalize_axis(int(axis.value.reshape(-1)[0]), x.rank)
        return TensorType(x.dtype, x.shape)

    @staticmethod
    def reference(x: Array, axis: Array, *, exclusive: bool, reverse: bool) -> Array:
        a = int(axis.reshape(-1)[0])
        wide = np.flip(_wide(x), a) if reverse else _wide(x)
        total = np.cumsum(wide, axis=a)
        if exclusive:
            total = np.roll(total, 1, a)
            total[tuple(0 if i == a % x.ndim else slice(None) for i in range(x.ndim))] = 0
        return _narrow(np.flip(total, a) if reverse else total, x.dtype)
