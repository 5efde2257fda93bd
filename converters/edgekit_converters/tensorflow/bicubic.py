"""The weights of TensorFlow's bicubic resize, which come from a table (tensorflow/core/kernels/image/resize_bicubic_op.cc)."""

from __future__ import annotations

import numpy as np

from edgekit.types import Array

TABLE_SIZE = 1024


def bicubic_weights(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """What each output element takes from each input element along one axis: float32 [out, size].

    With half pixel centres the kernel is Keys' with -0.5, and taps outside the image are left out and the others scaled up; else it is that
    with -0.75, and taps outside read the edge. Positions are rounded to 1024ths of an element.
    """
    a = np.float32(-0.5 if half_pixel_centers else -0.75)
    scale = np.float32(size - 1) / np.float32(out - 1) if align_corners and out > 1 else np.float32(size) / np.float32(out)
    place = np.arange(out, dtype=np.float32)
    place = (place + np.float32(0.5)) * scale - np.float32(0.5) if half_pixel_centers else place * scale
    first = np.floor(place)
    offset = np.rint((place - first) * TABLE_SIZE).astype(np.int64)
    taps = [_far(offset, a), _near(offset, a), _near(TABLE_SIZE - offset, a), _far(TABLE_SIZE - offset, a)]
    matrix = np.zeros((out, size), np.float32)
    for k, weight in enumerate(taps):
        index = first.astype(np.int64) - 1 + k
        held = np.clip(index, 0, size - 1)
        used = np.where(held == index, weight, 0) if half_pixel_centers else weight
        np.add.at(matrix, (np.arange(out), held), used.astype(np.float32))
    if half_pixel_centers:
        total = matrix.sum(axis=1, keepdims=True)
        matrix = np.where(np.abs(total) >= 1000 * np.finfo(np.float32).tiny, matrix / np.where(total == 0, 1, total), matrix)
    return matrix.astype(np.float32)


def _near(offset: Array, a: np.float32) -> Array:
    """The kernel within one element of its centre."""
    x = offset.astype(np.float64) / TABLE_SIZE
    return (((a + 2) * x - (a + 3)) * x * x + 1).astype(np.float32)


def _far(offset: Array, a: np.float32) -> Array:
    """The kernel between one and two elements from its centre."""
    x = offset.astype(np.float64) / TABLE_SIZE + 1
    return (((a * x - 5 * a) * x + 8 * a) * x - 4 * a).astype(np.float32)
