"""Exponentials, logarithms, trigonometric and hyperbolic functions. The reference computes in double precision and rounds once."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import op
from edgekit.ops.elementwise_common import FloatFunction, erf, through_double
from edgekit.types import Array


@op(id=52, category="math")
class Exp(FloatFunction):
    """``e`` to the power ``x``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.exp, x)


@op(id=53, category="math")
class Log(FloatFunction):
    """The natural logarithm; NaN below zero, -inf at zero."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.log, x)


@op(id=61, category="math")
class Sin(FloatFunction):
    """The sine of an angle in radians."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.sin, x)


@op(id=62, category="math")
class Cos(FloatFunction):
    """The cosine of an angle in radians."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.cos, x)


@op(id=63, category="math")
class Tan(FloatFunction):
    """The tangent of an angle in radians."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.tan, x)


@op(id=64, category="math")
class Asin(FloatFunction):
    """The angle whose sine is ``x``; NaN outside [-1, 1]."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.arcsin, x)


@op(id=65, category="math")
class Acos(FloatFunction):
    """The angle whose cosine is ``x``; NaN outside [-1, 1]."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.arccos, x)


@op(id=66, category="math")
class Atan(FloatFunction):
    """The angle whose tangent is ``x``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.arctan, x)


@op(id=67, category="math")
class Sinh(FloatFunction):
    """The hyperbolic sine."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.sinh, x)


@op(id=68, category="math")
class Cosh(FloatFunction):
    """The hyperbolic cosine."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.cosh, x)


@op(id=69, category="math")
class Asinh(FloatFunction):
    """The inverse of ``Sinh``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.arcsinh, x)


@op(id=70, category="math")
class Acosh(FloatFunction):
    """The inverse of ``Cosh``; NaN below 1."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.arccosh, x)


@op(id=71, category="math")
class Atanh(FloatFunction):
    """The inverse of ``Tanh``; NaN outside [-1, 1]."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.arctanh, x)


@op(id=72, category="activation")
class Tanh(FloatFunction):
    """The hyperbolic tangent."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(np.tanh, x)


@op(id=74, category="math")
class Erf(FloatFunction):
    """The error function ``2 / sqrt(pi) * integral of exp(-t * t) from 0 to x``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(erf, x)
