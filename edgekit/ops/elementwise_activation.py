"""Activation functions. The reference computes in double precision and rounds once."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Enum, Float, T, op
from edgekit.ops.elementwise_common import INF, NUMBERS, FloatFunction, Tabulated, clamp, erf, sigmoid, softplus, through_double
from edgekit.types import Array


@op(id=73, category="activation")
class Sigmoid(FloatFunction):
    """``1 / (1 + exp(-x))``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(sigmoid, x)


@op(id=75, category="activation")
class Relu(Tabulated):
    """``max(x, 0)``; NaN stays NaN."""

    types = {T: NUMBERS}

    @staticmethod
    def reference(x: Array) -> Array:
        return clamp(x, 0.0, INF)


@op(id=76, category="activation")
class LeakyRelu(FloatFunction):
    """``x`` where it is not negative, ``alpha * x`` elsewhere."""

    attrs = (Float("alpha", 0.01),)

    @staticmethod
    def reference(x: Array, *, alpha: float) -> Array:
        return through_double(lambda v: np.where(v < 0, alpha * v, v), x)


@op(id=77, category="activation")
class Elu(FloatFunction):
    """``x`` where it is not negative, ``alpha * (exp(x) - 1)`` elsewhere."""

    attrs = (Float("alpha", 1.0),)

    @staticmethod
    def reference(x: Array, *, alpha: float) -> Array:
        return through_double(lambda v: np.where(v < 0, alpha * np.expm1(v), v), x)


@op(id=78, category="activation")
class Selu(FloatFunction):
    """``gamma * x`` where ``x`` is not negative, ``gamma * alpha * (exp(x) - 1)`` elsewhere."""

    attrs = (Float("alpha", 1.67326319217681884765625), Float("gamma", 1.05070102214813232421875))

    @staticmethod
    def reference(x: Array, *, alpha: float, gamma: float) -> Array:
        return through_double(lambda v: gamma * np.where(v < 0, alpha * np.expm1(v), v), x)


@op(id=79, category="activation")
class Celu(FloatFunction):
    """``x`` where it is not negative, ``alpha * (exp(x / alpha) - 1)`` elsewhere."""

    attrs = (Float("alpha", 1.0),)

    @staticmethod
    def reference(x: Array, *, alpha: float) -> Array:
        return through_double(lambda v: np.where(v < 0, alpha * np.expm1(v / alpha), v), x)


@op(id=80, category="activation")
class Softplus(FloatFunction):
    """``log(1 + exp(x))``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(softplus, x)


@op(id=81, category="activation")
class Softsign(FloatFunction):
    """``x / (1 + |x|)``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(lambda v: v / (1 + np.abs(v)), x)


@op(id=82, category="activation")
class HardSigmoid(FloatFunction):
    """``alpha * x + beta``, held between 0 and 1."""

    attrs = (Float("alpha", 0.2), Float("beta", 0.5))

    @staticmethod
    def reference(x: Array, *, alpha: float, beta: float) -> Array:
        return through_double(lambda v: clamp(alpha * v + beta, 0.0, 1.0), x)


@op(id=83, category="activation")
class HardSwish(FloatFunction):
    """``x * min(max(x + 3, 0), 6) / 6``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(lambda v: v * clamp(v + 3, 0.0, 6.0) / 6, x)


@op(id=84, category="activation")
class Silu(FloatFunction):
    """``x * sigmoid(x)``, also called swish."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(lambda v: v * sigmoid(v), x)


@op(id=85, category="activation")
class Gelu(FloatFunction):
    """``x / 2 * (1 + erf(x / sqrt(2)))``, or with ``approximate="tanh"``
    ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``."""

    attrs = (Enum("approximate", "none", choices=("none", "tanh")),)

    @staticmethod
    def reference(x: Array, *, approximate: str) -> Array:
        def gelu(v: Array) -> Array:
            if approximate == "tanh":
                inner = np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v * v * v))
            else:
                inner = erf(v / np.sqrt(2.0))
            y: Array = 0.5 * v * (1 + inner)
            return y

        return through_double(gelu, x)


@op(id=86, category="activation")
class Mish(FloatFunction):
    """``x * tanh(softplus(x))``."""

    @staticmethod
    def reference(x: Array) -> Array:
        return through_double(lambda v: v * np.tanh(softplus(v)), x)


@op(id=87, category="activation")
class ThresholdedRelu(FloatFunction):
    """``x`` where it is above ``alpha``, 0 elsewhere."""

    attrs = (Float("alpha", 1.0),)

    @staticmethod
    def reference(x: Array, *, alpha: float) -> Array:
        return np.where(x > x.dtype.type(alpha), x, x.dtype.type(0))


@op(id=88, category="activation")
class Clip(Tabulated):
    """``x`` held between ``min`` and ``max``; NaN stays NaN; ``max`` wins where ``min > max``.

    The bounds are float32. On integers ``min`` is rounded up and ``max`` down; integer bounds that float32 cannot hold need ``Min`` and
    ``Max``.
    """

    attrs = (Float("min", -INF), Float("max", INF))
    types = {T: NUMBERS}

    @staticmethod
    def reference(x: Array, *, min: float, max: float) -> Array:
        return clamp(x, min, max)
