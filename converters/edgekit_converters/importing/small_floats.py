"""Floating-point types of 8 and 4 bits, which only weights have: every one of their numbers is a float32.

Facts: "OCP 8-bit Floating Point Specification" (E4M3FN, E5M2), "OCP Microscaling Formats" 1.0 (E8M0, E2M1), and, for the forms without a
negative zero, Noune et al., "8-bit Numerical Formats for Deep Neural Networks" (2022).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from edgekit.types import Array

NAMES = ("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0", "float4e2m1")


@cache
def numbers(name: str) -> Array:
    """The float32 that each bit pattern stands for: 256 of them, 16 for ``float4e2m1``."""
    if name == "float8e8m0":
        return np.append(np.exp2(np.arange(255, dtype=np.float64) - 127), np.nan).astype(np.float32)
    if name == "float4e2m1":
        return _signed(np.arange(8), 1, 1)
    mantissa = 2 if "e5m2" in name else 3
    unsigned_zero = name.endswith("uz")
    bias = (15 if mantissa == 2 else 7) + unsigned_zero
    out = _signed(np.arange(128), mantissa, bias)
    if unsigned_zero:
        out[128] = np.nan  # where the negative zero would be
    elif mantissa == 2:
        out[[0x7C, 0xFC]] = np.inf, -np.inf
        out[[0x7D, 0x7E, 0x7F, 0xFD, 0xFE, 0xFF]] = np.nan
    else:
        out[[0x7F, 0xFF]] = np.nan
    return out


def _signed(bits: Array, mantissa: int, bias: int) -> Array:
    """The positive numbers, then the negative ones."""
    exponent, fraction = bits >> mantissa, (bits & ((1 << mantissa) - 1)) / (1 << mantissa)
    size = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * np.exp2(exponent - float(bias)))
    return np.concatenate([size, -size]).astype(np.float32)
