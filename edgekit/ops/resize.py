"""Operators that sample a tensor between its elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Bool, Enum, Float, Optional, Port, T, op
from edgekit.ops.layout import ALL_TYPES
from edgekit.ops.quant_math import dtype_range, quantize
from edgekit.ops.shapes import int_list, known_length, same_scale, unknown_dim, upper
from edgekit.ops.traits import SameScale
from edgekit.types import F16, F32, I8, I64, U8, Array, Dim, DType, QuantParams, TensorType

INTERPOLATED_TYPES = (F32, F16, I8, U8)
COORDINATE_MODES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
NEAREST_MODES = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class AxisTable:
    """How one axis is resized: output ``i`` is the sum over ``k`` of ``weight[i, k]`` times input ``index[i, k]``.

    Attributes:
        index: int64 ``[out, taps]``.
        weight: float32 ``[out, taps]``.
        outside: bool ``[out]``: the position lies outside the input and takes the extrapolation value.
    """

    index: Array
    weight: Array
    outside: Array


def _source_positions(n: int, out: int, scale: float | None, coordinate_mode: str, roi: tuple[float, float]) -> Array:
    """Where each output element lies on the input axis, in double precision.

    Args:
        n: input size. out: output size.
        scale: the factor asked for; None means ``out / n``, kept as a fraction so that whole positions come out whole.
        coordinate_mode: one of COORDINATE_MODES.
        roi: start and end in units of the axis, for tf_crop_and_resize.
    """
    i = np.arange(out, dtype=np.float64)
    over, under = (float(n), float(out)) if scale is None else (1.0, float(scale))
    length = float(out) if scale is None else float(scale) * n
    if coordinate_mode == "align_corners":
        return i * 0.0 if length == 1.0 else i * (n - 1.0) / (length - 1.0)
    if coordinate_mode == "asymmetric":
        return i * over / under
    if coordinate_mode == "tf_half_pixel_for_nn":
        return (i + 0.5) * over / under
    if coordinate_mode == "tf_crop_and_resize":
        start, end = roi
        if length == 1.0:
            return i * 0.0 + 0.5 * (start + end) * (n - 1.0)
        return start * (n - 1.0) + i * (end - start) * (n - 1.0) / (length - 1.0)
    if coordinate_mode == "pytorch_half_pixel" and length <= 1.0:
        return i * 0.0
    x = (i + 0.5) * over / under - 0.5
    if coordinate_mode == "half_pixel_symmetric":
        return n / 2.0 * (1.0 - out / length) + x
    return x


def _cubic(distance: Array, a: float) -> Array:
    """Keys' cubic convolution kernel with parameter ``a`` (IEEE TASSP 29(6), 1981)."""
    d = np.abs(distance)
    near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    far = ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    return np.where(d <= 1.0, near, np.where(d < 2.0, far, 0.0))


def axis_table(
    n: int, out: int, scale: float | None, roi: tuple[float, float], *, mode: str, coordinate_mode: str, nearest_mode: str, cubic_a: float,
    exclude_outside: bool, antialias: bool
) -> AxisTable:  # fmt: skip
    """The taps of one axis. C computes the same table with the same double-precision steps (``resize.c``)."""
    if scale is not None and np.float32(out / n) == np.float32(scale):
        scale = None  # the factor is the fraction rounded to float32: mean the fraction itself
    x = _source_positions(n, out, scale, coordinate_mode, roi)
    outside = (x < 0) | (x > n - 1) if coordinate_mode == "tf_crop_and_resize" else np.zeros(out, np.bool_)
    if mode == "nearest":
        if nearest_mode == "round_prefer_floor":
            near = np.ceil(x - 0.5)
        elif nearest_mode == "round_prefer_ceil":
            near = np.floor(x + 0.5)
        else:
            near = np.floor(x) if nearest_mode == "floor" else np.ceil(x)
        index = np.clip(near, 0, n - 1).astype(np.int64)[:, None]
        return AxisTable(index, np.ones((out, 1), np.float32), outside)
    radius = 1.0 if mode == "linear" else 2.0
    factor = out / n if scale is None else float(scale)
    shrink = min(factor, 1.0) if antialias else 1.0
    first = int(np.floor(-radius / shrink)) + 1
    taps = 2 - 2 * first
    base = np.floor(x)
    index = base.astype(np.int64)[:, None] + np.arange(first, first + taps)
    distance = (np.arange(first, first + taps)[None, :] - (x - base)[:, None]) * shrink
    weight = np.maximum(1.0 - np.abs(distance), 0.0) if mode == "linear" else _cubic(distance, cubic_a)
    if exclude_outside:
        weight = np.where((index < 0) | (index >= n), 0.0, weight)
    if exclude_outside or antialias:
        total = np.zeros(out)
        for k in range(taps):  # in this order, so that every implementation rounds alike
            total = total + weight[:, k]
        weight = weight / np.where(total == 0.0, 1.0, total)[:, None]
    return AxisTable(np.clip(index, 0, n - 1), weight.astype(np.float32), outside)


def _apply(x: Array, axis: int, table: AxisTable) -> Array:
    """Resize one axis of a float32 array; products and sums are rounded once each, in the order of the taps."""
    shape = [1] * x.ndim
    shape[axis] = -1
    total = np.take(x, table.index[:, 0], axis) * table.weight[:, 0].reshape(shape)
    for k in range(1, table.index.shape[1]):
        total = total + np.take(x, table.index[:, k], axis) * table.weight[:, k].reshape(shape)
    return total


@op(id=14, category="layout")
class Resize:
    """Resize any axes by interpolation (ONNX ``Resize`` semantics).

    ``sizes`` (int64) or ``scales`` (float32) has one entry for each axis. The output size is ``sizes``, or ``floor(in * scale)`` in
    float32. Given both, ``scales`` is only the factor that positions are computed with. A factor that is ``out / in`` rounded to float32
    means that fraction itself. ``roi`` (float32, starts then ends) serves tf_crop_and_resize.

    Source positions and weights are computed in double precision, weights then rounded to float32. The axes are resized in ascending order,
    each sum of ``weight * value`` in float32, in the order of the taps, every operation rounded once; integers are then rounded half to
    even and clamped, so they are the same bits everywhere. ``nearest`` copies.
    """

    inputs = (Port("x", T), Optional("sizes", I64), Optional("scales", F32), Optional("roi", F32))
    outputs = (Port("y", T),)
    attrs = (
        Enum("mode", "nearest", ("nearest", "linear", "cubic")),
        Enum("coordinate_mode", "half_pixel", COORDINATE_MODES),
        Enum("nearest_mode", "round_prefer_floor", NEAREST_MODES),
        Float("cubic_a", -0.75),
        Bool("exclude_outside", False),
        Float("extrapolation_value", 0.0),
        Bool("antialias", False),
    )
    types = {T: ALL_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, sizes: Arg | None, scales: Arg | None, roi: Arg | None, *, mode: str, coordinate_mode: str, **_: Any) -> TensorType:
        if mode != "nearest" and x.dtype not in INTERPOLATED_TYPES:
            raise ValueError(f"{mode} interpolation works on {', '.join(d.label for d in INTERPOLATED_TYPES)}")
        for given in (sizes, scales):
            if given is not None and known_length(given) != x.rank:
                raise ValueError(f"{known_length(given)} sizes or scales for a tensor of rank {x.rank}")
        if roi is None and coordinate_mode == "tf_crop_and_resize":
            raise ValueError("tf_crop_and_resize needs roi")
        if roi is not None and known_length(roi) != 2 * x.rank:
            raise ValueError(f"roi needs {2 * x.rank} numbers")
        if sizes is None and scales is None:
            raise ValueError("sizes or scales are needed")
        if sizes is not None:
            want = int_list(sizes)
            if want is not None and any(isinstance(d, int) and d < 0 for d in want):
                raise ValueError(f"sizes {want} are negative")
            return same_scale(x, want if want is not None else [unknown_dim(f"dim{i}") for i in range(x.rank)])
        assert scales is not None
        if scales.value is None:
            return same_scale(x, [unknown_dim(f"dim{i}") for i in range(x.rank)])
        if not all(np.isfinite(f) and f > 0 for f in scales.value.tolist()):
            raise ValueError(f"scales {scales.value.tolist()} must be positive")
        return same_scale(x, [_scaled(d, np.float32(f), i) for i, (d, f) in enumerate(zip(x.shape, scales.value.tolist(), strict=True))])

    @staticmethod
    def reference(
        x: Array,
        sizes: Array | None,
        scales: Array | None,
        roi: Array | None,
        *,
        mode: str,
        coordinate_mode: str,
        extrapolation_value: float,
        **how: Any,
    ) -> Array:
        shape = _output_shape(x.shape, sizes, scales)
        y = x if mode == "nearest" else x.astype(np.float32)
        outside = np.zeros((1,) * x.ndim, np.bool_)
        if 0 in shape:
            return np.zeros(shape, x.dtype)
        for a, (n, out) in enumerate(zip(x.shape, shape, strict=True)):
            factor = None if scales is None else float(scales[a])
            if n == out and coordinate_mode != "tf_crop_and_resize" and (factor is None or factor == 1.0):
                continue
            ends = (0.0, 1.0) if roi is None else (float(roi[a]), float(roi[a + x.ndim]))
            table = axis_table(n, out, factor, ends, mode=mode, coordinate_mode=coordinate_mode, **how)
            y = np.take(y, table.index[:, 0], a) if mode == "nearest" else _apply(y, a, table)
            outside = outside | table.outside.reshape([-1 if i == a else 1 for i in range(x.ndim)])
        if x.dtype.kind in "iu" and mode != "nearest":
            lo, hi = dtype_range(DType.from_numpy(x.dtype))
            y = np.rint(np.clip(np.where(np.isnan(y), np.float32(0), y), lo, hi))
        y = y.astype(x.dtype)
        return np.where(outside, np.asarray(extrapolation_value).astype(x.dtype), y) if outside.any() else y

    @staticmethod
    def quant_reference(
        x: Array,
        sizes: Array | None,
        scales: Array | None,
        roi: Array | None,
        *,
        extrapolation_value: float,
        qin: Sequence[QuantParams | None],
        qout: Any,
        **how: Any,
    ) -> Array:
        q = qin[0]
        fill = 0.0 if q is None else float(quantize(np.asarray(extrapolation_value, np.float32), q, DType.from_numpy(x.dtype)))
        return Resize.reference(x, sizes, scales, roi, extrapolation_value=fill, **how)


def _scaled(dim: Dim, factor: np.float32, axis: int) -> Dim:
    """``floor(dim * factor)``, the product rounded to float32: 5 * 1.4 is 7."""
    if isinstance(dim, int):
        return int(np.floor(np.float32(dim) * factor))
    if factor == np.floor(factor):
        return dim * int(factor)
    if 1 / factor == np.floor(1 / factor):
        return dim // int(1 / factor)
    top = upper(dim)
    return unknown_dim(f"dim{axis}", None if top is None else int(np.floor(np.float32(top) * factor)))


def _output_shape(shape: Sequence[int], sizes: Array | None, scales: Array | None) -> tuple[int, ...]:
    if sizes is not None:
        return tuple(int(n) for n in sizes)
    assert scales is not None
    return tuple(int(np.floor(np.float32(n) * f)) for n, f in zip(shape, scales, strict=True))
