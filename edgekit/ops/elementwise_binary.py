"""Arithmetic on two tensors, element by element, with numpy broadcasting.

Integers wrap around. Division by an integer zero gives 0. A clamp on an integer tensor rounds its bounds inwards.
"""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import T1, Arg, Float, Port, T, op
from edgekit.ops.definition import Bool as BoolAttr
from edgekit.ops.elementwise_common import (
    FLOATS,
    INF,
    NUMBERS,
    Binary,
    centered,
    clamp,
    divide_dims,
    extreme_dims,
    is_symbolic,
    multiplier,
    saturating_cast,
    through_double,
    to_quantized,
)
from edgekit.ops.shapes import broadcast
from edgekit.ops.traits import Elementwise, FloatOnly
from edgekit.types import I32, I64, Array, QuantParams, TensorType

CLAMP = (Float("clamp_min", -INF), Float("clamp_max", INF))
QIn = tuple[QuantParams, QuantParams]
QOut = tuple[QuantParams]


@op(id=20, category="elementwise", symbolic_values=True, commutative=True)
class Add(Binary):
    """``a + b``, then an optional clamp (a fused activation).

    On int8: ``clamp(rne((float)(qa - za) * ma + (float)(qb - zb) * mb) + zy)`` with ``ma = (float)((double)sa / sy)`` and ``mb`` alike,
    every multiply and add rounded once to float32.
    """

    attrs = CLAMP
    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float) -> Array:
        return clamp(a + b, clamp_min, clamp_max)

    @staticmethod
    def quant_reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        y = centered(a, qa) * multiplier(qa.scale[0], qy.scale[0]) + centered(b, qb) * multiplier(qb.scale[0], qy.scale[0])
        return to_quantized(y, a, qy, clamp_min, clamp_max)


@op(id=21, category="elementwise", symbolic_values=True)
class Sub(Binary):
    """``a - b``, then an optional clamp (a fused activation).

    On int8: as ``Add``, with the second product subtracted.
    """

    attrs = CLAMP
    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float) -> Array:
        return clamp(a - b, clamp_min, clamp_max)

    @staticmethod
    def quant_reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        y = centered(a, qa) * multiplier(qa.scale[0], qy.scale[0]) - centered(b, qb) * multiplier(qb.scale[0], qy.scale[0])
        return to_quantized(y, a, qy, clamp_min, clamp_max)


@op(id=22, category="elementwise", symbolic_values=True, commutative=True)
class Mul(Binary):
    """``a * b``, then an optional clamp (a fused activation).

    On int8: ``clamp(rne(((float)(qa - za) * (float)(qb - zb)) * m) + zy)`` with ``m = (float)((double)sa * sb / sy)``.
    """

    attrs = CLAMP
    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float) -> Array:
        return clamp(a * b, clamp_min, clamp_max)

    @staticmethod
    def quant_reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        y = (centered(a, qa) * centered(b, qb)) * multiplier(qa.scale[0] * qb.scale[0], qy.scale[0])
        return to_quantized(y, a, qy, clamp_min, clamp_max)


@op(id=23, category="elementwise", symbolic_values=True)
class Div(Binary):
    """``a / b``, then an optional clamp (a fused activation). Integers truncate toward zero; ``x / 0`` is 0 for them.

    On int8: ``clamp(rne(((float)(qa - za) / (float)(qb - zb)) * m) + zy)`` with ``m = (float)((double)sa / ((double)sb * sy))``;
    0 / 0 gives the zero point.
    """

    attrs = CLAMP
    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float) -> Array:
        if is_symbolic(a, b):
            return clamp(divide_dims(a, b, truncate=True), clamp_min, clamp_max)
        if a.dtype.kind == "f":
            return clamp(a / b, clamp_min, clamp_max)
        safe = np.where(b == 0, b.dtype.type(1), b)
        floor = a // safe
        inexact_and_negative = (a - floor * safe != 0) & ((a < 0) != (safe < 0))
        y = np.where(b == 0, a.dtype.type(0), floor + inexact_and_negative.astype(a.dtype))
        return clamp(y, clamp_min, clamp_max)

    @staticmethod
    def quant_reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        y = (centered(a, qa) / centered(b, qb)) * multiplier(qa.scale[0], qb.scale[0], qy.scale[0])
        return to_quantized(y, a, qy, clamp_min, clamp_max)


@op(id=24, category="elementwise")
class Pow:
    """``a`` to the power ``b``, in the type of ``a``.

    Computed in double precision and rounded once, unless both are integers: those multiply exactly and wrap around, and a negative
    exponent gives the truncated reciprocal (0 for a zero base).
    """

    inputs = (Port("a", T), Port("b", T1))
    outputs = (Port("y", T),)
    types = {T: (*FLOATS, I32, I64), T1: (*FLOATS, I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def infer(a: Arg, b: Arg) -> TensorType:
        return TensorType(a.dtype, broadcast(a.shape, b.shape))

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        if a.dtype.kind == "f":
            y: Array = np.power(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)
            return y
        if b.dtype.kind == "f":
            real = np.power(a.astype(np.float64), b.astype(np.float64))
            return saturating_cast(real, a.dtype)
        n = b.astype(np.int64)
        positive = np.power(a, np.maximum(n, 0).astype(np.int64), dtype=np.int64).astype(a.dtype)
        odd = np.where(n % 2 == 0, 1, a).astype(a.dtype)
        reciprocal = np.where(np.abs(a) == 1, odd, a.dtype.type(0))
        return np.where(n < 0, reciprocal, positive)


@op(id=25, category="elementwise", symbolic_values=True)
class Mod(Binary):
    """Remainder of ``a / b``: with the sign of ``b``, or of ``a`` when ``fmod`` is set. For integers ``x mod 0`` is 0."""

    attrs = (BoolAttr("fmod", False),)
    types = {T: NUMBERS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array, *, fmod: bool) -> Array:
        if is_symbolic(a, b):
            return np.asarray(a - divide_dims(a, b, truncate=fmod) * b)
        if a.dtype.kind == "f":
            return np.asarray(np.fmod(a, b) if fmod else np.mod(a, b))
        safe = np.where(b == 0, b.dtype.type(1), b)
        y = np.fmod(a, safe) if fmod else np.mod(a, safe)
        return np.where(b == 0, a.dtype.type(0), y)


@op(id=26, category="elementwise", symbolic_values=True, commutative=True)
class Min(Binary):
    """The smaller of ``a`` and ``b``; NaN if either is NaN.

    On int8: both in units of the output scale, ``(float)(q - z) * m`` with ``m = (float)((double)s / sy)``, then the smaller, rounded.
    """

    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return extreme_dims(a, b, largest=False) if is_symbolic(a, b) else np.asarray(np.minimum(a, b))

    @staticmethod
    def quant_reference(a: Array, b: Array, *, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        fa, fb = centered(a, qa) * multiplier(qa.scale[0], qy.scale[0]), centered(b, qb) * multiplier(qb.scale[0], qy.scale[0])
        return to_quantized(np.minimum(fa, fb), a, qy)


@op(id=27, category="elementwise", symbolic_values=True, commutative=True)
class Max(Binary):
    """The larger of ``a`` and ``b``; NaN if either is NaN. On int8 as ``Min``."""

    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return extreme_dims(a, b, largest=True) if is_symbolic(a, b) else np.asarray(np.maximum(a, b))

    @staticmethod
    def quant_reference(a: Array, b: Array, *, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        fa, fb = centered(a, qa) * multiplier(qa.scale[0], qy.scale[0]), centered(b, qb) * multiplier(qb.scale[0], qy.scale[0])
        return to_quantized(np.maximum(fa, fb), a, qy)


@op(id=41, category="elementwise")
class PRelu:
    """``x`` where it is not negative, ``slope * x`` elsewhere; ``slope`` broadcasts.

    On int8: ``(float)(qx - zx) * m`` with ``m = (float)((double)sx / sy)`` where ``qx >= zx``, else
    ``((float)(qx - zx) * (float)(qs - zs)) * n`` with ``n = (float)((double)sx * ss / sy)``; then rounded.
    """

    inputs = (Port("x", T), Port("slope", T))
    outputs = (Port("y", T),)
    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def infer(x: Arg, slope: Arg) -> TensorType:
        return TensorType(x.dtype, broadcast(x.shape, slope.shape))

    @staticmethod
    def reference(x: Array, slope: Array) -> Array:
        return np.where(x < 0, x * slope, x)

    @staticmethod
    def quant_reference(x: Array, slope: Array, *, qin: QIn, qout: QOut) -> Array:
        (qx, qs), qy = qin, qout[0]
        fx, fs = centered(x, qx), centered(slope, qs)
        positive = fx * multiplier(qx.scale[0], qy.scale[0])
        negative = (fx * fs) * multiplier(qx.scale[0] * qs.scale[0], qy.scale[0])
        return to_quantized(np.where(fx < 0, negative, positive), x, qy)


@op(id=42, category="elementwise", commutative=True)
class SquaredDifference(Binary):
    """``(a - b) ** 2``.

    On int8: ``d = (float)(qa - za) * sa - (float)(qb - zb) * sb``, then ``rne((d * d) * m) + zy`` with ``m = (float)(1 / (double)sy)``,
    every operation rounded once to float32.
    """

    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        d = a - b
        return np.asarray(d * d)

    @staticmethod
    def quant_reference(a: Array, b: Array, *, qin: QIn, qout: QOut) -> Array:
        (qa, qb), qy = qin, qout[0]
        d = centered(a, qa) * np.float32(qa.scale[0]) - centered(b, qb) * np.float32(qb.scale[0])
        return to_quantized((d * d) * multiplier(1.0, qy.scale[0]), a, qy)


@op(id=43, category="elementwise", symbolic_values=True)
class FloorDiv(Binary):
    """``floor(a / b)``; ``x / 0`` is 0 for integers."""

    types = {T: NUMBERS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        if is_symbolic(a, b):
            return divide_dims(a, b, truncate=False)
        if a.dtype.kind == "f":
            return np.asarray(np.floor(a / b))
        return np.where(b == 0, a.dtype.type(0), a // np.where(b == 0, b.dtype.type(1), b))


@op(id=44, category="elementwise")
class Atan2(Binary):
    """The angle of the point ``(b, a)``: ``atan(a / b)`` in the right quadrant, in radians."""

    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return through_double(lambda x: np.arctan2(x, b.astype(np.float64)), a)
