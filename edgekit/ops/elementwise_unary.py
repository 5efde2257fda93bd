"""Arithmetic and rounding of one tensor, element by element. Integers wrap around."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Bool, T, op
from edgekit.ops.elementwise_common import FLOATS, NUMBERS, FloatFunction, Predicate, Tabulated, through_double
from edgekit.ops.traits import FloatOnly
from edgekit.types import Array


@op(id=50, category="elementwise")
class Abs(Tabulated):
    """The absolute value; the smallest signed integer stays as it is."""

    types = {T: NUMBERS}

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(np.abs(x))


@op(id=51, category="elementwise", symbolic_values=True)
class Neg(Tabulated):
    """``-x``."""

    types = {T: NUMBERS}

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(-x)


@op(id=54, category="elementwise")
class Sqrt(FloatFunction):
    """The square root, correctly rounded; NaN below zero."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.sqrt, x)


@op(id=55, category="elementwise")
class Rsqrt(FloatFunction):
    """``1 / sqrt(x)``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(lambda v: 1 / np.sqrt(v), x)


@op(id=56, category="elementwise")
class Reciprocal(FloatFunction):
    """``1 / x``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(lambda v: 1 / v, x)


@op(id=57, category="elementwise")
class Floor(FloatFunction):
    """The largest whole number not above ``x``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(np.floor(x))


@op(id=58, category="elementwise")
class Ceil(FloatFunction):
    """The smallest whole number not below ``x``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(np.ceil(x))


@op(id=59, category="elementwise")
class Round(FloatFunction):
    """The nearest whole number, ties to even."""

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(np.rint(x))


@op(id=60, category="elementwise")
class Sign(Tabulated):
    """-1, 0 or 1; NaN stays NaN."""

    types = {T: NUMBERS}

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(np.sign(x))


@op(id=91, category="comparison")
class IsNaN(Predicate):
    """True where ``x`` is not a number."""

    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(np.isnan(x))


@op(id=92, category="comparison")
class IsInf(Predicate):
    """True where ``x`` is infinite, of the signs asked for."""

    attrs = (Bool("detect_positive", True), Bool("detect_negative", True))
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def reference(x: Array, *, detect_positive: bool, detect_negative: bool) -> Array:
        return np.asarray((np.isposinf(x) & detect_positive) | (np.isneginf(x) & detect_negative))
