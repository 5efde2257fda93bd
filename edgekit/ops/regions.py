"""Regions of feature maps: pooling them, and keeping those that no better one covers."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import INDEX, Arg, Float, Int, Optional, Port, op
from edgekit.ops.selection import _corners, _overlaps
from edgekit.ops.traits import FloatOnly
from edgekit.types import BOOL, F32, I32, I64, Array, TensorType

#: region borders are held to this before they become integers
FARTHEST = float(1 << 24)


@op(id=247, category="layout")
class RoiPool:
    """The largest element of each cell of regions of ``x`` [N, C, H, W] (Fast R-CNN, arXiv 1504.08083; ONNX MaxRoiPool, Caffe ROIPooling).

    ``rois`` [count, 4] are corners (x, y, x, y); ``batch_indices`` [count] says which image each lies in. Corners times ``spatial_scale``
    are rounded, halves away from zero; the region holds both its corners and is one element wide at least. Cell i of n covers elements
    ``floor(i * size / n)`` to ``ceil((i + 1) * size / n)`` of it, ``size / n`` and the products being float32. Cells without an element of
    ``x`` give 0.
    """

    inputs = (Port("x", F32), Port("rois", F32), Port("batch_indices", INDEX))
    outputs = (Port("y", F32),)
    attrs = (Int("output_height"), Int("output_width"), Float("spatial_scale", 1.0))
    types = {INDEX: (I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, rois: Arg, batch_indices: Arg, *, output_height: int, output_width: int, spatial_scale: float) -> TensorType:
        if x.rank != 4 or rois.rank != 2 or rois.shape[1] != 4 or batch_indices.rank != 1:
            raise ValueError("a tensor [N, C, H, W], regions [count, 4] and batch indices [count] are needed")
        if output_height < 1 or output_width < 1:
            raise ValueError(f"output size {output_height} x {output_width}")
        return TensorType(F32, (rois.shape[0], x.shape[1], output_height, output_width))

    @staticmethod
    def reference(x: Array, rois: Array, batch_indices: Array, *, output_height: int, output_width: int, spatial_scale: float) -> Array:
        y = np.zeros((len(rois), x.shape[1], output_height, output_width), np.float32)
        for n, roi in enumerate(rois):
            corners = [_whole(np.float32(v) * np.float32(spatial_scale)) for v in roi]
            rows = _cells(corners[1], corners[3], output_height, x.shape[2])
            columns = _cells(corners[0], corners[2], output_width, x.shape[3])
            for i, (top, bottom) in enumerate(rows):
                for j, (left, right) in enumerate(columns):
                    if bottom > top and right > left:
                        y[n, :, i, j] = x[int(batch_indices[n]), :, top:bottom, left:right].max(axis=(1, 2))
        return y


def _whole(v: np.float32) -> int:
    """The nearest integer, halves away from zero; 0 for NaN."""
    held = float(np.clip(np.nan_to_num(np.float64(v), nan=0.0, posinf=FARTHEST, neginf=-FARTHEST), -FARTHEST, FARTHEST))
    return int(np.floor(held + 0.5)) if held >= 0 else int(np.ceil(held - 0.5))


def _cells(first: int, last: int, count: int, size: int) -> list[tuple[int, int]]:
    """Where each cell of a region begins and ends along one axis, cut to the tensor."""
    cell = np.float32(max(last - first + 1, 1)) / np.float32(count)
    found = []
    for i in range(count):
        begin, end = int(np.floor(np.float32(i) * cell)) + first, int(np.ceil(np.float32(i + 1) * cell)) + first
        found.append((min(max(begin, 0), size), min(max(end, 0), size)))
    return found


@op(id=248, category="selection")
class SuppressOverlaps:
    """Which boxes stay when each, in the order given, removes the later ones that overlap it too much.

    ``boxes`` [batch, n, 4] as two opposite corners, best first; those where ``candidates`` [batch, n] is false neither stay nor remove any.
    A box is removed when its intersection over union with one that stays is above ``threshold``; with ``classes`` [batch, n] only boxes of
    one class remove each other. Arithmetic is float32 and exact.
    """

    inputs = (Port("boxes", F32), Port("candidates", BOOL), Optional("classes", INDEX))
    outputs = (Port("y", BOOL),)
    attrs = (Float("threshold"),)
    types = {INDEX: (I32, I64)}
    quant = FloatOnly()

    @staticmethod
    def infer(boxes: Arg, candidates: Arg, classes: Arg | None, *, threshold: float) -> TensorType:
        if boxes.rank != 3 or boxes.shape[2] != 4 or candidates.rank != 2 or (classes is not None and classes.rank != 2):
            raise ValueError("boxes [batch, n, 4], candidates [batch, n] and classes [batch, n] are needed")
        for other in (candidates, classes):
            for a, b in zip(boxes.shape, () if other is None else other.shape, strict=False):
                if isinstance(a, int) and isinstance(b, int) and a != b:
                    raise ValueError(f"boxes, candidates and classes differ: {a} against {b}")
        return TensorType(BOOL, (boxes.shape[0], boxes.shape[1]))

    @staticmethod
    def reference(boxes: Array, candidates: Array, classes: Array | None, *, threshold: float) -> Array:
        y = np.zeros(candidates.shape, np.bool_)
        limit = np.float32(threshold)
        for batch in range(len(boxes)):
            corners = _corners(boxes[batch], False)
            stay: list[int] = []
            for i in np.flatnonzero(candidates[batch]).tolist():
                rivals = stay if classes is None else [j for j in stay if classes[batch, j] == classes[batch, i]]
                if not any(_overlaps(corners, i, j, limit) for j in rivals):
                    stay.append(i)
            y[batch, stay] = True
        return y
