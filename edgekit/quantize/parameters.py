"""From real ranges to scales and zero points."""

from __future__ import annotations

import numpy as np

from edgekit.types import Array, QuantParams

#: below this a tensor counts as constant zero; keeps every scale a normal float32
_SMALLEST_SPAN = 1e-30


def activation_params(low: float, high: float) -> QuantParams:
    """Asymmetric int8 over [low, high], widened so that zero is exact (``docs/numerics.md``)."""
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    if not high - low > _SMALLEST_SPAN:
        return QuantParams.per_tensor(1.0, 0)
    scale = float(np.float32((high - low) / 255.0))
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return QuantParams.per_tensor(scale, zero_point)


def weight_params(w: Array, axis: int | None) -> QuantParams:
    """Symmetric int8 in [-127, 127], one scale an index of ``axis`` or one for all."""
    a = np.abs(w.astype(np.float64))
    if axis is None:
        return QuantParams.per_tensor(_weight_scale(float(a.max(initial=0.0))), 0)
    largest = a.max(axis=tuple(i for i in range(w.ndim) if i != axis), initial=0.0)
    return QuantParams.per_channel([_weight_scale(float(m)) for m in largest], axis)


def _weight_scale(largest: float) -> float:
    return largest / 127.0 if largest > _SMALLEST_SPAN else 1.0


def quantize_weights(w: Array, q: QuantParams) -> Array:
    """float32 weights to int8 in [-127, 127], rounded half to even."""
    scale = q.scale_array().astype(np.float64)
    if q.axis is not None:
        shape = [1] * w.ndim
        shape[q.axis] = -1
        scale = scale.reshape(shape)
    return np.clip(np.rint(w.astype(np.float64) / scale), -127, 127).astype(np.int8)
