"""What the elementwise operators share: type lists, shape inference, clamps, and the float32 recipe of their int8 forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Port, T
from edgekit.ops.quant_math import F32Array, clamp_bounds, dequantize, quantize, round_to_quantized
from edgekit.ops.shapes import broadcast
from edgekit.ops.traits import LookupTable
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, DType, QuantParams, TensorType

FLOATS = (F32, F16, F64)
INTEGERS = (I8, U8, I16, U16, I32, U32, I64, U64)
NUMBERS = (*FLOATS, *INTEGERS)
ALL_TYPES = (*NUMBERS, BOOL)
INF = float("inf")


class Binary:
    """Two inputs of one type, the result of the same type, with numpy broadcasting."""

    inputs = (Port("a", T), Port("b", T))
    outputs = (Port("y", T),)

    @staticmethod
    def infer(a: Arg, b: Arg, **attrs: object) -> TensorType:
        return TensorType(a.dtype, broadcast(a.shape, b.shape))


class Comparison:
    """Two inputs of one type, a bool result, with numpy broadcasting."""

    inputs = (Port("a", T), Port("b", T))
    outputs = (Port("y", BOOL),)

    @staticmethod
    def infer(a: Arg, b: Arg) -> TensorType:
        return TensorType(BOOL, broadcast(a.shape, b.shape))


class Unary:
    """One input, the result of the same type and shape."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)

    @staticmethod
    def infer(x: Arg, **attrs: object) -> TensorType:
        return TensorType(x.dtype, x.shape)


class Tabulated(Unary):
    """A function of one element. Its meaning on int8 is what the quantizer's ``Lookup`` does: dequantize, compute, quantize."""

    quant = LookupTable()

    def __init_subclass__(cls) -> None:
        if "reference" in vars(cls):
            reference: Callable[..., Any] = vars(cls)["reference"].__func__

            def quant_reference(x: Array, *, qin: tuple[QuantParams | None], qout: tuple[QuantParams | None], **attrs: Any) -> Array:
                return through_table(reference, x, qin[0], qout[0], **attrs)

            cls.quant_reference = staticmethod(quant_reference)  # type: ignore[attr-defined]


class FloatFunction(Tabulated):
    """A function of one floating-point element."""

    types = {T: FLOATS}


class Predicate:
    """One input, a bool result of the same shape."""

    inputs = (Port("x", T),)
    outputs = (Port("y", BOOL),)

    @staticmethod
    def infer(x: Arg, **attrs: object) -> TensorType:
        return TensorType(BOOL, x.shape)


def through_double(function: Callable[[Array], Array], x: Array) -> Array:
    """``function`` in double precision, the result rounded once to the element type of ``x``."""
    y: Array = np.asarray(function(np.asarray(x, np.float64))).astype(np.asarray(x).dtype)
    return y


def erf(x: Array) -> Array:
    """The error function, in double precision."""
    flat = np.asarray(x, np.float64)
    return np.fromiter(map(math.erf, flat.ravel().tolist()), np.float64, flat.size).reshape(flat.shape)


def softplus(x: Array) -> Array:
    """``log(1 + exp(x))`` without overflow."""
    y: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return y


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))`` without overflow."""
    e = np.exp(-np.abs(x))
    y: Array = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return np.where(np.isnan(x), x, y)


def integer_bounds(lo: float, hi: float, dtype: DType) -> tuple[int, int]:
    """A float clamp on an integer type: ``lo`` rounded up and ``hi`` rounded down, both held to the type's range."""
    info = np.iinfo(dtype.numpy)
    low = int(info.min) if not lo > info.min else int(info.max) if lo >= info.max else math.ceil(lo)
    high = int(info.max) if not hi < info.max else int(info.min) if hi <= info.min else math.floor(hi)
    return low, high


def clamp(y: Array, lo: float, hi: float) -> Array:
    """``min(max(y, lo), hi)`` in the type of ``y``; NaN stays NaN; ``hi`` wins where ``lo > hi``."""
    if lo == -INF and hi == INF:
        return y
    a = np.asarray(y)
    if a.dtype == object:
        raise TypeError("symbolic dimensions cannot be clamped")
    if a.dtype.kind == "f":
        return np.asarray(np.minimum(np.maximum(a, a.dtype.type(lo)), a.dtype.type(hi)))
    low, high = integer_bounds(lo, hi, DType.from_numpy(a.dtype))
    return np.asarray(np.minimum(np.maximum(a, a.dtype.type(low)), a.dtype.type(high)))


def multiplier(numerator: float, *denominators: float) -> np.float32:
    """``(float)(numerator / (d0 * d1 ...))`` in double precision, rounded once to float32."""
    d = np.float64(denominators[0])
    for more in denominators[1:]:
        d = d * np.float64(more)
    return np.float32(np.float64(numerator) / d)


def centered(x: Array, q: QuantParams) -> F32Array:
    """``(float)(x - zero_point)`` of a per-tensor quantized array."""
    return (x.astype(np.int32) - np.int32(q.zero_point[0])).astype(np.float32)


def to_quantized(y: Array, like: Array, q: QuantParams, lo: float = -INF, hi: float = INF) -> Array:
    """float32 in units of the output scale to the integer type of ``like``, with a fused clamp given in real numbers."""
    dtype = DType.from_numpy(like.dtype)
    low, high = clamp_bounds(lo, hi, q, dtype)
    return round_to_quantized(y, q.zero_point[0], low, high, dtype)


def through_table(
    reference: Callable[..., Any], x: Array, qx: QuantParams | None, qy: QuantParams | None, dtype: DType | None = None, **attrs: Any
) -> Array:
    """A function of one element on quantized tensors: dequantize, compute in float32, quantize. What its lookup table holds.

    Args:
        reference: the function.
        x: quantized integers where ``qx`` is given, else real numbers.
        qx: quantization of ``x``.
        qy: quantization of the result; None leaves it real.
        dtype: the result's integer type; that of ``x`` by default.
        **attrs: of the operator.
    """
    real = x if qx is None else dequantize(x, qx)
    y = np.asarray(reference(real, **attrs))
    return y if qy is None else quantize(y, qy, dtype or DType.from_numpy(x.dtype))


def saturating_cast(x: Array, dtype: np.dtype[Any]) -> Array:
    """Floating point to an integer type: toward zero, held to the type's range, NaN to 0."""
    info = np.iinfo(np.dtype(dtype).name)
    whole = np.trunc(np.where(np.isnan(x), 0, np.asarray(x, np.float64)))
    high = whole >= float(info.max)  # the limit itself may round up in double
    low = whole <= float(info.min)
    y: Array = np.where(high | low, 0, whole).astype(dtype)
    return np.where(high, dtype.type(info.max), np.where(low, dtype.type(info.min), y))


def is_symbolic(*arrays: Array) -> bool:
    """True when a value under shape arithmetic holds symbolic dimensions (an object array)."""
    return any(np.asarray(a).dtype == object for a in arrays)


def divide_dims(a: Array, b: Array, *, truncate: bool) -> Array:
    """Integer division of arrays that hold symbolic dimensions.

    Raises:
        ValueError: the sign of a symbolic dividend is not known, and truncation differs from flooring.
    """

    def divide(x: int | SymDim, y: int | SymDim) -> int | SymDim:
        if isinstance(y, int) and y == 0:
            return 0
        if isinstance(x, int) and isinstance(y, int):
            return -(-x // y) if truncate and (x < 0) != (y < 0) else x // y
        difference_matters = truncate and isinstance(x, SymDim) and not known_sign(x) > 0
        if isinstance(x, int) or difference_matters:
            raise ValueError(f"cannot divide {x} by {y}")
        return x // y

    return np.asarray(np.frompyfunc(divide, 2, 1)(a, b), object)


def known_sign(d: int | SymDim) -> int:
    """1 when ``d`` is never negative, -1 when it is always negative, 0 when the ranges of its symbols leave it open."""
    if isinstance(d, int):
        return 1 if d >= 0 else -1
    low, high = d.limits()
    return 1 if low is not None and low >= 0 else -1 if high is not None and high < 0 else 0


def equal_dims(a: Array, b: Array) -> Array:
    """Equality of arrays that hold symbolic dimensions.

    Raises:
        ValueError: the ranges of the symbols leave it open.
    """

    def equal(x: int | SymDim, y: int | SymDim) -> bool:
        difference = x - y
        if isinstance(difference, int):
            return difference == 0
        if known_sign(difference - 1) > 0 or known_sign(difference) < 0:
            return False
        raise ValueError(f"whether {x} equals {y} is not known")

    return np.asarray(np.frompyfunc(equal, 2, 1)(a, b), np.bool_)


def extreme_dims(a: Array, b: Array, *, largest: bool) -> Array:
    """The larger (or smaller) of arrays that hold symbolic dimensions.

    Raises:
        ValueError: the ranges of the symbols leave it open.
    """

    def choose(x: int | SymDim, y: int | SymDim) -> int | SymDim:
        if known_sign(x - y) > 0:
            return x if largest else y
        if known_sign(y - x) > 0:
            return y if largest else x
        raise ValueError(f"which of {x} and {y} is larger is not known")

    return np.asarray(np.frompyfunc(choose, 2, 1)(a, b), object)
