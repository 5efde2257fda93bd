"""The integer arithmetic of ``docs/numerics.md``, in numpy. C and OpenCL must give the same bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.types import Array, DType, QuantParams

F32Array = npt.NDArray[np.float32]


def dtype_range(dtype: DType) -> tuple[int, int]:
    """Smallest and largest value of an integer type."""
    info = np.iinfo(dtype.numpy)
    return int(info.min), int(info.max)


def requantize_multiplier(s_in: float, s_w: npt.ArrayLike, s_out: float) -> F32Array:
    """``m[c] = (float)((double)s_in * s_w[c] / s_out)``."""
    return (np.float64(s_in) * np.asarray(s_w, np.float64) / np.float64(s_out)).astype(np.float32)


def requantize(acc: Array, multiplier: Array, zero_point: int, lo: int, hi: int, dtype: DType = DType.I8) -> Array:
    """``clamp(rne((float)acc * m) + zp, lo, hi)``; the clamp happens in float before rounding so that huge values stay defined.

    Args:
        acc: int32 accumulators, any shape that broadcasts with ``multiplier``.
        multiplier: float32.
        zero_point: of the output.
        lo, hi: inclusive clamp in the quantized domain.
        dtype: the result's element type.
    """
    scaled = acc.astype(np.int32).astype(np.float32) * multiplier.astype(np.float32)
    return round_to_quantized(scaled, zero_point, lo, hi, dtype)


FIXED_BITS = 31
REQUANTIZE_MODES = ("float", "fixed_up", "fixed_away")
"""How a sum is brought to the output's scale (append-only): see ``requantize`` and ``fixed_requantize``."""


def fixed_multiplier(m: npt.ArrayLike) -> tuple[Array, Array]:
    """Positive real multipliers as ``q * 2^(shift - 31)``: ``q`` in [2^30, 2^31) and the shift, int64.

    ``m = f * 2^shift`` with ``f`` in [0.5, 1), ``q = floor(f * 2^31 + 0.5)``; ``q = 0`` below 2^-32. That is ``QuantizeMultiplier`` of
    tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    f, shift = np.frexp(np.asarray(m, np.float64))
    q = np.floor(f * 2.0**FIXED_BITS + 0.5).astype(np.int64)
    full = q == 1 << FIXED_BITS
    q, shift = np.where(full, q // 2, q), shift.astype(np.int64) + full
    gone = shift < -FIXED_BITS
    return np.where(gone, 0, q), np.where(gone, 0, np.minimum(shift, FIXED_BITS))


def fixed_requantize(acc: Array, multiplier: npt.ArrayLike, mode: str) -> Array:
    """``acc * m`` in fixed point with two roundings, as gemmlowp and ruy compute it; int64.

    Args:
        acc: int32 values.
        multiplier: ``m``, in double, broadcast against ``acc``.
        mode: see ``fixed_multiply``.
    """
    return fixed_multiply(acc, *fixed_multiplier(multiplier), mode)


def fixed_multiply(acc: Array, q: npt.ArrayLike, shift: npt.ArrayLike, mode: str) -> Array:
    """``acc * q * 2^(shift - 31)``, rounded twice; int64.

    First ``t = acc * q / 2^31`` is rounded to the nearest integer, ties upwards, then ``t / 2^-shift``: ties upwards, too
    (``"fixed_up"``), or away from zero (``"fixed_away"``). A shift above 0 multiplies ``acc`` before, wrapping in int32.

    Args:
        acc: int32 values.
        q: in [2^30, 2^31) or 0, broadcast against ``acc``.
        shift: in [-31, 31].
        mode: which of the two.
    """
    left, right = np.maximum(shift, 0), np.maximum(np.negative(shift), 0)
    wide = (acc.astype(np.int64) << left).astype(np.int32).astype(np.int64) * np.asarray(q, np.int64)
    t = (wide + (1 << 30)) >> FIXED_BITS
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    if mode == "fixed_up":
        return (t + half) >> right
    return np.where(t >= 0, (t + half) >> right, -((-t + half) >> right))


def round_to_quantized(scaled: Array, zero_point: int, lo: int, hi: int, dtype: DType = DType.I8) -> Array:
    """float32 in units of the output scale to integers: clamp to ``[lo - zp, hi - zp]``, round half to even, add ``zp``.

    NaN becomes the zero point.
    """
    x = np.asarray(scaled, np.float32)
    clamped = np.clip(np.where(np.isnan(x), np.float32(0), x), np.float32(lo - zero_point), np.float32(hi - zero_point))
    rounded: Array = np.rint(clamped).astype(np.int32) + np.int32(zero_point)
    return rounded.astype(dtype.numpy)


def per_axis(values: Array, q: QuantParams, rank: int) -> Array:
    """Scales or zero points in the shape that broadcasts against a tensor of ``rank`` dimensions."""
    if q.axis is None:
        return values.reshape(())
    shape = [1] * rank
    shape[q.axis] = -1
    return values.reshape(shape)


def quantize(x: Array, q: QuantParams, dtype: DType = DType.I8) -> Array:
    """float32 to integers: ``clamp(rne(x / scale) + zp)`` with a true float32 division."""
    lo, hi = dtype_range(dtype)
    scale = per_axis(q.scale_array(), q, x.ndim)
    zp = per_axis(q.zero_point_array(), q, x.ndim)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = x.astype(np.float32) / scale
    scaled = np.where(np.isnan(scaled), np.float32(0), scaled)
    clamped = np.clip(scaled, (lo - zp).astype(np.float32), (hi - zp).astype(np.float32))
    return (np.rint(clamped).astype(np.int64) + zp).astype(dtype.numpy)


def dequantize(x: Array, q: QuantParams) -> F32Array:
    """Integers to float32: ``(float)(x - zp) * scale``."""
    scale = per_axis(q.scale_array(), q, x.ndim)
    zp = per_axis(q.zero_point_array(), q, x.ndim)
    return ((x.astype(np.int32) - zp).astype(np.float32) * scale).astype(np.float32)


def clamp_bounds(lo: float, hi: float, q: QuantParams, dtype: DType = DType.I8) -> tuple[int, int]:
    """A float clamp (fused activation) in the quantized domain of ``q``; infinities leave the type's own range."""
    qlo, qhi = dtype_range(dtype)
    if np.isfinite(lo):
        qlo = int(quantize(np.asarray(lo, np.float32), q, dtype))
    if np.isfinite(hi):
        qhi = int(quantize(np.asarray(hi, np.float32), q, dtype))
    return qlo, max(qlo, qhi)
