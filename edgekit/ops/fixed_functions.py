"""Functions of 16-bit fixed-point numbers, to the bit as gemmlowp computes them (``fixedpoint/fixedpoint.h``, Apache-2.0).

A number with k integer bits in int16 stands for ``raw / 2^(15 - k)``. Products of two such numbers are ``a * b / 2^15`` to the
nearest, ties upwards; divisions by powers of two go to the nearest, ties away from zero. Everything here takes and gives int64 arrays
that hold int16.
"""

from __future__ import annotations

import numpy as np

from edgekit.types import Array

ONE = 32767
"""The largest number without integer bits, which stands for 1."""
EXP_FACTORS = tuple((v + (1 << 15)) >> 16 for v in (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242))
"""exp(-1/4), exp(-1/2), exp(-1), ... exp(-16) without integer bits."""


def wrap16(x: Array) -> Array:
    """The low 16 bits, signed."""
    low: Array = x.astype(np.int16).astype(np.int64)
    return low


def saturate16(x: Array) -> Array:
    """Held to the range of int16."""
    held: Array = np.clip(x, -32768, 32767)
    return held


def rounding_product(a: Array, b: Array | int) -> Array:
    """``a * b / 2^15`` to the nearest, ties upwards."""
    wide: Array = np.asarray(a * b, np.int64) + (1 << 14)
    held: Array = np.minimum(wide >> 15, 32767)
    return held


def rounding_shift(x: Array, bits: int) -> Array:
    """``x / 2^bits`` to the nearest, ties away from zero."""
    if bits == 0:
        return x
    half = 1 << (bits - 1)
    return np.where(x >= 0, (x + half) >> bits, -((-x + half) >> bits))


def exp_of_negative(x: Array, integer_bits: int) -> Array:
    """``exp(x)`` for x <= 0, without integer bits: a Taylor polynomial around -1/8, then a product for each bit above 1/4."""
    fraction = 15 - integer_bits
    quarter = 1 << (fraction - 2)
    near = (x & (quarter - 1)) - quarter  # in [-1/4, 0)
    t = saturate16(near << integer_bits) + (1 << 12)
    t2 = rounding_product(t, t)
    t3, t4 = rounding_product(t2, t), rounding_product(t2, t2)
    tail = rounding_shift(wrap16(rounding_product(rounding_shift(t4, 2) + t3, 10923) + t2), 1)
    y = saturate16(28918 + rounding_product(wrap16(t + tail), 28918))
    rest = wrap16(near - x)
    for i, factor in enumerate(EXP_FACTORS):
        if integer_bits > i - 2:
            y = np.where(rest & (1 << (fraction + i - 2)), rounding_product(y, factor), y)
    if integer_bits > 5:
        y = np.where(x < -(1 << (fraction + 5)), 0, y)
    return np.where(x == 0, ONE, y)


def _reciprocal(a: Array) -> Array:
    """``2 / (1 + a)`` with 2 integer bits, for a in [0, 1]: three steps of Newton's method."""
    half = (a + ONE + 1) >> 1
    x = wrap16(23130 + rounding_product(half, -15420))
    for _ in range(3):
        error = wrap16((1 << 13) - rounding_product(half, x))
        x = wrap16(x + saturate16(rounding_product(x, error) << 2))
    return x


def fixed_sigmoid(x: Array) -> Array:
    """The logistic function of numbers with 3 integer bits; none in the result."""
    at = wrap16(np.where(x > 0, -x, x))  # -|x|; the lowest number has no counterpart
    positive = saturate16(_reciprocal(exp_of_negative(at, 3)) << 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, positive, ONE - positive))


def fixed_tanh(x: Array, integer_bits: int) -> Array:
    """The hyperbolic tangent of numbers with up to 6 integer bits; none in the result."""
    at = np.where(x < 0, x, -x)
    y = saturate16((_reciprocal(exp_of_negative(at, integer_bits + 1)) - (1 << 13)) << 2)
    return np.where(x == 0, 0, np.where(x < 0, -y, y))


def fixed_inverse_root(v: int) -> tuple[int, int]:
    """``1 / sqrt(v)`` as ``multiplier * 2^(shift - 31)``, by five steps of Newton's method on 32-bit numbers with 3 integer bits.

    ``GetInvSqrtQuantizedMultiplierExp`` of tensorflow/lite/kernels/internal/common.h.
    """
    if v <= 1:
        return 0x7FFFFFFF, 0
    shift = 11
    while v >= 1 << 29:
        v //= 4
        shift += 1
    pairs = (31 - v.bit_length()) // 2 - 1
    shift -= pairs
    v = (v << (2 * pairs)) >> 1

    def product(a: int, b: int) -> int:
        return min((a * b + (1 << 30)) >> 31, 0x7FFFFFFF)

    def scaled(a: int, bits: int) -> int:
        return max(min(a << bits, 0x7FFFFFFF), -0x80000000)

    half, x = (v + 1) >> 1, 1 << 28
    for _ in range(5):
        cube = scaled(product(product(x, x), x), 6)
        x = scaled(product((1 << 28) + (1 << 27), x) - product(half, cube), 3)
    x = product(x, 1518500250)
    return (x << -shift, 0) if shift < 0 else (x, -shift)
