"""Operators that sample feature maps at computed positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.ops.definition import INDEX, Arg, Bool, Enum, Float, Int, Port, op
from edgekit.ops.traits import FloatOnly
from edgekit.types import F32, I32, I64, Array, TensorType

FAR = np.float32(1e7)
"""Positions beyond this (and NaN) are taken to lie this far outside."""


@op(id=158, category="layout")
class GridSample:
    """Sample ``x`` [N, C, spatial...] at the positions ``grid`` [N, out..., r], given as (x, y, z) in [-1, 1] from border to border.

    -1 and 1 are the centres of the outer elements with ``align_corners``, else their outer edges. Outside, ``zeros`` reads 0,
    ``border`` the nearest element, ``reflection`` mirrors. Positions are float32; nearest rounds halves to even. ``cubic`` is Keys'
    convolution with -0.75 (as PyTorch has it).
    """

    inputs = (Port("x", F32), Port("grid", F32))
    outputs = (Port("y", F32),)
    attrs = (
        Enum("mode", "linear", ("linear", "nearest", "cubic")),
        Enum("padding_mode", "zeros", ("zeros", "border", "reflection")),
        Bool("align_corners", False),
    )
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, grid: Arg, *, mode: str, padding_mode: str, align_corners: bool) -> TensorType:
        if not 3 <= x.rank <= 5 or grid.rank != x.rank or grid.shape[-1] != x.rank - 2:
            raise ValueError("a tensor [N, C, spatial...] and a grid [N, out..., number of spatial dimensions] are needed")
        return TensorType(F32, (*x.shape[:2], *grid.shape[1:-1]))

    @staticmethod
    def reference(x: Array, grid: Array, *, mode: str, padding_mode: str, align_corners: bool) -> Array:
        spatial = x.shape[2:]
        taps = []
        for axis, n in enumerate(spatial):
            position = _denormalized(grid[..., len(spatial) - 1 - axis], n, align_corners)
            taps.append(_axis_taps(position, n, mode, padding_mode, align_corners))
        points = grid.shape[1:-1]
        y = np.zeros((x.shape[0], *points, x.shape[1]))
        batch = np.arange(x.shape[0]).reshape(-1, *[1] * len(points))
        last = np.moveaxis(x, 1, -1).astype(np.float64)
        for pick in np.ndindex(*[len(t) for t in taps]):
            index = tuple(t[k][0] for t, k in zip(taps, pick, strict=True))
            weight = np.ones((x.shape[0], *points))
            for t, k in zip(taps, pick, strict=True):
                weight = weight * t[k][1]
            y += last[(batch, *index)] * weight[..., None]
        return np.moveaxis(y, -1, 1).astype(np.float32)


def _denormalized(position: Array, n: int, align_corners: bool) -> Array:
    one, two, size = np.float32(1), np.float32(2), np.float32(n)
    at = (position + one) / two * (size - one) if align_corners else ((position + one) * size - one) / two
    at = np.where(np.isnan(at), -FAR, at)
    limited: Array = np.clip(at, -FAR, FAR).astype(np.float32)
    return limited


def _reflected(at: Array, low: float, high: float) -> Array:
    """``at`` mirrored at both borders until it lies between them."""
    span = high - low
    if span <= 0:
        return np.full(at.shape, low, np.float64)
    away = np.abs(at.astype(np.float64) - low) % (2 * span)
    mirrored: Array = low + np.where(away > span, 2 * span - away, away)
    return mirrored


def _axis_taps(at: Array, n: int, mode: str, padding: str, align_corners: bool) -> list[tuple[Array, Array]]:
    """For one axis, pairs of element index and weight (zero where an element outside reads as zero)."""
    low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
    position = np.rint(at).astype(np.float64) if mode == "nearest" else at.astype(np.float64)
    # cubic moves each tap inside on its own, as PyTorch and onnxruntime do, not the position
    outside = ((position < low) | (position > high)) & (mode != "cubic")
    if padding == "border":
        position = np.where(outside, np.clip(position, 0, n - 1), position)
    elif padding == "reflection":
        position = np.where(outside, _reflected(position, low, high), position)
    base = np.rint(position) if mode == "nearest" else np.floor(position)
    t = position - base
    if mode == "nearest":
        weights = {0: np.ones_like(t)}
    elif mode == "linear":
        weights = {0: 1 - t, 1: t}
    else:
        a = -0.75
        weights = {
            -1: ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a,
            0: ((a + 2) * t - (a + 3)) * t * t + 1,
            1: ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1,
            2: ((a * (2 - t) - 5 * a) * (2 - t) + 8 * a) * (2 - t) - 4 * a,
        }
    found = []
    for offset, weight in weights.items():
        index = base + offset
        if padding == "zeros":
            weight = np.where((index < 0) | (index > n - 1), 0.0, weight)
        elif padding == "reflection":
            index = np.where((index < low) | (index > high), np.rint(_reflected(index, low, high)), index)
        found.append((np.clip(index, 0, n - 1).astype(np.int64), weight))
    return found


@op(id=157, category="layout")
class RoiAlign:
    """Pool regions of a feature map ``x`` [N, C, H, W] to one size, sampling bilinearly inside each cell (Mask R-CNN, arXiv 1703.06870).

    ``rois`` [count, 4] are corners (x, y, x, y) in units of the original image, times ``spatial_scale``; ``batch_indices`` [count] says
    which image each lies in. A cell is sampled ``sampling_ratio`` times in each direction (0: as often as it has elements, 4096 times at
    most). ``max`` takes the largest weighted neighbour of all samples, as ONNX defines it.
    """

    inputs = (Port("x", F32), Port("rois", F32), Port("batch_indices", INDEX))
    outputs = (Port("y", F32),)
    attrs = (
        Enum("mode", "avg", ("avg", "max")),
        Enum("coordinate_mode", "half_pixel", ("half_pixel", "output_half_pixel")),
        Int("output_height", 1),
        Int("output_width", 1),
        Int("sampling_ratio", 0),
        Float("spatial_scale", 1.0),
    )
    types = {INDEX: (I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, rois: Arg, batch_indices: Arg, *, output_height: int, output_width: int, sampling_ratio: int, **_: Any) -> TensorType:
        if x.rank != 4 or rois.rank != 2 or rois.shape[1] != 4 or batch_indices.rank != 1:
            raise ValueError("a tensor [N, C, H, W], regions [count, 4] and batch indices [count] are needed")
        if output_height < 1 or output_width < 1 or sampling_ratio < 0:
            raise ValueError(f"output size {output_height} x {output_width}, sampling ratio {sampling_ratio}")
        return TensorType(F32, (rois.shape[0], x.shape[1], output_height, output_width))

    @staticmethod
    def reference(
        x: Array,
        rois: Array,
        batch_indices: Array,
        *,
        mode: str,
        coordinate_mode: str,
        output_height: int,
        output_width: int,
        sampling_ratio: int,
        spatial_scale: float,
    ) -> Array:
        height, width = x.shape[2:]
        y = np.zeros((len(rois), x.shape[1], output_height, output_width))
        half = coordinate_mode == "half_pixel"
        for n, roi in enumerate(rois.astype(np.float64) * spatial_scale - (0.5 if half else 0.0)):
            x0, y0, x1, y1 = roi.tolist()
            w, h = (x1 - x0, y1 - y0) if half else (max(x1 - x0, 1.0), max(y1 - y0, 1.0))
            cell_h, cell_w = h / output_height, w / output_width
            rows = _cell_samples(y0, cell_h, output_height, sampling_ratio, height)
            columns = _cell_samples(x0, cell_w, output_width, sampling_ratio, width)
            image = x[int(batch_indices[n])].astype(np.float64)
            for i, j in np.ndindex(output_height, output_width):
                parts = [image[:, a, b] * (wa * wb) for row in rows[i] for column in columns[j] for a, wa in row for b, wb in column]
                if not parts:
                    continue
                count = len(rows[i]) * len(columns[j])
                y[n, :, i, j] = np.sum(parts, 0) / count if mode == "avg" else np.max(parts, 0)
        return y.astype(np.float32)


def _cell_samples(start: float, cell: float, cells: int, ratio: int, n: int) -> list[list[list[tuple[int, float]]]]:
    """For each cell along one axis, for each sample, the two neighbours and their weights (both zero outside)."""
    count = ratio if ratio > 0 else int(np.ceil(cell))
    out = []
    for c in range(cells):
        samples = []
        for k in range(count):
            at = start + c * cell + (k + 0.5) * cell / count
            if at < -1.0 or at > n:
                samples.append([(0, 0.0), (0, 0.0)])
                continue
            at = max(at, 0.0)
            low = int(at)
            if low >= n - 1:
                samples.append([(n - 1, 1.0), (n - 1, 0.0)])
            else:
                samples.append([(low, 1.0 - (at - low)), (low + 1, at - low)])
        out.append(samples)
    return out
