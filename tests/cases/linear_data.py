"""Inputs that the cases of the linear operators and pools share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, Tolerance


def cases() -> Iterator[OpCase]:
    """None: this module only helps others."""
    return iter(())


def floats(r: np.random.Generator, *shape: int) -> Array:
    """Standard normal float32."""
    return r.standard_normal(shape, dtype=np.float32)


def int8s(r: np.random.Generator, *shape: int) -> Array:
    """The whole int8 range."""
    return r.integers(-128, 128, shape).astype(np.int8)


def weights8(r: np.random.Generator, *shape: int) -> Array:
    """int8 weights as the quantizer makes them: -127 to 127."""
    return r.integers(-127, 128, shape).astype(np.int8)


def int32s(r: np.random.Generator, n: int, size: int = 5000) -> Array:
    """int32 biases."""
    return r.integers(-size, size, n).astype(np.int32)


def channel_scales(r: np.random.Generator, n: int) -> QuantParams:
    """Symmetric per-channel weight parameters along axis 0."""
    return QuantParams.per_channel(r.uniform(0.002, 0.02, n), axis=0)


def sum_tolerance(terms: int) -> Tolerance:
    """For a float32 sum of ``terms`` products of standard normal numbers against a float64 one.

    The error of such a sum stays below ``terms * 2**-24 * sum |a*b|``; the sum of magnitudes is about ``0.64 * terms``. A running sum's
    rounding errors add up like a random walk, so ``4 * 2**-24 * terms`` leaves room; never below one rounding of a value near 8.
    """
    return Tolerance(max(1e-6, 4 * 2.0**-24 * terms), 1e-5)
