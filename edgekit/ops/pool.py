"""Pooling: one value a window and channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Bool, Enum, Float, Int, Ints, Port, T, op
from edgekit.ops.quant_math import clamp_bounds, round_to_quantized
from edgekit.ops.spatial import LAYOUT, Window, from_channels_last, join_layout, split_layout, to_channels_last
from edgekit.ops.traits import FloatOnly, Reduction, SameScale
from edgekit.types import F16, F32, I8, U8, Array, DType, QuantParams, TensorType

INF = float("inf")
WINDOW = (Ints("kernel"), Ints("strides"), Ints("pads"), Ints("dilations"), Bool("ceil_mode", False))


def _window(attrs: dict[str, Any]) -> Window:
    return Window(attrs["kernel"], attrs["strides"], attrs["pads"], attrs["dilations"], attrs["ceil_mode"])


def _lowest(dtype: np.dtype[Any]) -> float | int:
    return -INF if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _counts(window: Window, sizes: tuple[int, ...], out: tuple[int, ...], include_pad: bool) -> Array:
    """How many positions each window averages over: [out..., 1], at least 1."""
    counts = np.ones((1,) * (len(out) + 1), np.int64)
    for i, (size, n) in enumerate(zip(sizes, out, strict=True)):
        lo, hi = (-window.pads[i], size + window.pads[i + window.rank]) if include_pad else (0, size)
        first = np.arange(n) * window.strides[i] - window.pads[i]
        taps = first[:, None] + np.arange(window.kernel[i]) * window.dilations[i]
        inside = ((taps >= lo) & (taps < hi)).sum(axis=1)
        counts = counts * inside.reshape([-1 if j == i else 1 for j in range(len(out) + 1)])
    return np.maximum(counts, 1)


def _window_sum(x: Array, window: Window, out: tuple[int, ...]) -> Array:
    """Sum of every window: [N, out..., C] in the type of ``x`` [N, spatial..., C]."""
    padded = window.padded(x, 0, out)
    total = np.zeros((x.shape[0], *out, x.shape[-1]), x.dtype)
    for tap in window.taps():
        total += padded[window.tap_slice(tap, out)]
    return total


def _requantize_mean(total: Array, counts: Array, qx: QuantParams, qy: QuantParams) -> Array:
    """``clamp(rne((float)total * m) + zy)`` with ``m = (float)((double)sx / ((double)sy * count))``."""
    multiplier = (np.float64(qx.scale[0]) / (np.float64(qy.scale[0]) * counts)).astype(np.float32)
    return round_to_quantized(total.astype(np.int32).astype(np.float32) * multiplier, qy.zero_point[0], -128, 127)


def _integer_mean(total: Array, counts: Array, mode: str) -> Array:
    """``total / counts`` rounded to the nearest integer, ties upwards or away from zero; then clamped to int8."""
    t, n = total.astype(np.int64), counts.astype(np.int64)
    near = (2 * t + n) // (2 * n) if mode == "up" else np.sign(t) * ((2 * np.abs(t) + n) // (2 * n))
    mean: Array = np.clip(near, -128, 127).astype(np.int8)
    return mean


class _Pool:
    """What the sliding pools share."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)

    @staticmethod
    def infer(x: Arg, *, layout: str, **attrs: Any) -> TensorType:
        batch, spatial, channels = split_layout(x.shape, layout)
        return TensorType(x.dtype, join_layout(batch, _window(attrs).output_sizes(spatial), channels, layout))


@op(id=125, category="pool")
class MaxPool(_Pool):
    """Largest element of each window, then an optional clamp.

    Padding never wins; a window of nothing but padding gives the lowest value. What a NaN gives is not specified.

    On int8 the elements are compared as they are; the clamp is quantized with the output's parameters.
    """

    attrs = (*WINDOW, LAYOUT, Float("clamp_min", -INF), Float("clamp_max", INF))
    types = {T: (F32, F16, I8, U8)}
    quant = SameScale()

    @staticmethod
    def reference(x: Array, *, layout: str, clamp_min: float, clamp_max: float, **attrs: Any) -> Array:
        y = MaxPool.largest(x, layout, _window(attrs))
        return np.clip(y, clamp_min, clamp_max).astype(x.dtype) if (clamp_min, clamp_max) != (-INF, INF) else y

    @staticmethod
    def quant_reference(
        x: Array, *, layout: str, clamp_min: float, clamp_max: float, qin: Any, qout: tuple[QuantParams], **attrs: Any
    ) -> Array:
        lo, hi = clamp_bounds(clamp_min, clamp_max, qout[0], DType.from_numpy(x.dtype))
        return np.clip(MaxPool.largest(x, layout, _window(attrs)), lo, hi).astype(x.dtype)

    @staticmethod
    def largest(x: Array, layout: str, window: Window) -> Array:
        """The largest element of every window."""
        last = to_channels_last(x, layout)
        out = window.static_sizes(last.shape[1:-1])
        low = _lowest(x.dtype)
        padded = window.padded(last, low, out)
        y = np.full((last.shape[0], *out, last.shape[-1]), low, x.dtype)
        for tap in window.taps():
            y = np.maximum(y, padded[window.tap_slice(tap, out)])
        return from_channels_last(y, layout)


@op(id=126, category="pool")
class AveragePool(_Pool):
    """Mean of each window. With ``count_include_pad`` the pads named by ``pads`` count as zeros; without, only elements count.

    On int8: ``clamp(rne((float)sum(qx - zx) * m) + zy)`` with an exact int32 sum and
    ``m = (float)((double)sx / ((double)sy * count))``, count being the window's own. Where ``rounding`` is ``up`` or ``away``, input and
    output have one scale and zero point, and the mean of the stored integers is rounded to the nearest, ties upwards or away from zero, as
    TensorFlow Lite does (``reference_integer_ops::AveragePool``: away; legacy uint8, held as int8: upwards).
    """

    attrs = (*WINDOW, Bool("count_include_pad", False), LAYOUT, Enum("rounding", "even", choices=("even", "up", "away")))
    types = {T: (F32, F16, I8)}
    quant = Reduction()

    @staticmethod
    def reference(x: Array, *, layout: str, count_include_pad: bool, rounding: str, **attrs: Any) -> Array:
        window, last = _window(attrs), to_channels_last(x, layout)
        out = window.static_sizes(last.shape[1:-1])
        total = _window_sum(last.astype(np.float64), window, out)
        return from_channels_last((total / _counts(window, last.shape[1:-1], out, count_include_pad)).astype(x.dtype), layout)

    @staticmethod
    def quant_reference(
        x: Array,
        *,
        layout: str,
        count_include_pad: bool,
        rounding: str,
        qin: tuple[QuantParams],
        qout: tuple[QuantParams],
        **attrs: Any,
    ) -> Array:
        window, last = _window(attrs), to_channels_last(x, layout)
        out = window.static_sizes(last.shape[1:-1])
        total = _window_sum(last.astype(np.int32) - np.int32(qin[0].zero_point[0]), window, out)
        counts = _counts(window, last.shape[1:-1], out, count_include_pad)
        if rounding != "even":
            return from_channels_last(_integer_mean(total + qin[0].zero_point[0] * counts, counts, rounding), layout)
        return from_channels_last(_requantize_mean(total, counts, qin[0], qout[0]), layout)


class _GlobalPool:
    """What the global pools share: every spatial dimension becomes 1."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (LAYOUT,)

    @staticmethod
    def infer(x: Arg, *, layout: str) -> TensorType:
        batch, spatial, channels = split_layout(x.shape, layout)
        if any(isinstance(d, int) and d == 0 for d in spatial):
            raise ValueError("a global pool needs at least one position")
        return TensorType(x.dtype, join_layout(batch, (1,) * len(spatial), channels, layout))


def _spatial_axes(rank: int, layout: str) -> tuple[int, ...]:
    return tuple(range(2, rank)) if layout == "NCHW" else tuple(range(1, rank - 1))


@op(id=127, category="pool")
class GlobalAveragePool(_GlobalPool):
    """Mean over all spatial positions, which stay as dimensions of size 1. int8 as ``AveragePool``."""

    types = {T: (F32, F16, I8)}
    quant = Reduction()

    @staticmethod
    def reference(x: Array, *, layout: str) -> Array:
        mean: Array = np.mean(x.astype(np.float64), axis=_spatial_axes(x.ndim, layout), keepdims=True)
        return mean.astype(x.dtype)

    @staticmethod
    def quant_reference(x: Array, *, layout: str, qin: tuple[QuantParams], qout: tuple[QuantParams]) -> Array:
        axes = _spatial_axes(x.ndim, layout)
        total = np.sum(x.astype(np.int64) - qin[0].zero_point[0], axis=axes, keepdims=True)
        count = np.asarray(int(np.prod([x.shape[a] for a in axes])), np.int64)
        return _requantize_mean(total, count, qin[0], qout[0])


@op(id=128, category="pool")
class GlobalMaxPool(_GlobalPool):
    """Largest element over all spatial positions, which stay as dimensions of size 1."""

    types = {T: (F32, F16, I8, U8)}
    quant = SameScale()

    @staticmethod
    def reference(x: Array, *, layout: str) -> Array:
        y: Array = np.max(x, axis=_spatial_axes(x.ndim, layout), keepdims=True)
        return y


@op(id=129, category="pool")
class LpPool(_Pool):
    """``(sum |x|^p)^(1/p)`` of each window; padding contributes nothing."""

    attrs = (*WINDOW, Int("p", 2), LAYOUT)
    types = {T: (F32, F16)}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, *, layout: str, **attrs: Any) -> TensorType:
        p = attrs.pop("p")
        if p < 1:
            raise ValueError(f"p must be at least 1, got {p}")
        return _Pool.infer(x, layout=layout, **attrs)

    @staticmethod
    def reference(x: Array, *, layout: str, p: int, **attrs: Any) -> Array:
        window, last = _window(attrs), to_channels_last(x, layout)
        out = window.static_sizes(last.shape[1:-1])
        total = _window_sum(np.abs(last.astype(np.float64)) ** p, window, out)
        return from_channels_last((total ** (1.0 / p)).astype(x.dtype), layout)
