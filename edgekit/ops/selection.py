"""Operators whose results depend on comparing values: which elements, in which order, how many."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Bool, Int, Optional, Port, T, op
from edgekit.ops.layout import ALL_TYPES
from edgekit.ops.shapes import element_count, int_list, normalize_axis, same_scale, unknown_dim, upper
from edgekit.ops.traits import FloatOnly, NotNumeric, SameScale
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Dim, TensorType

NUMBERS = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, F64)


@op(id=151, category="selection")
class NonZero:
    """Positions of the elements that are not zero (NaN counts as not zero): int64 ``[rank, count]``, in row-major order."""

    inputs = (Port("x", T),)
    outputs = (Port("y", I64),)
    types = {T: ALL_TYPES}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg) -> TensorType:
        return TensorType(I64, (x.rank, unknown_dim("count", element_count(x.shape))))

    @staticmethod
    def reference(x: Array) -> Array:
        if x.ndim == 0:
            return np.zeros((0, int(x != 0)), np.int64)
        return np.array(np.nonzero(x), np.int64)


@op(id=154, category="selection")
class Compress:
    """Keep the entries along ``axis`` (or, with ``flat``, of the flattened tensor) whose condition is true.

    A condition shorter than the axis leaves out the rest.
    """

    inputs = (Port("x", T), Port("condition", BOOL))
    outputs = (Port("y", T),)
    attrs = (Int("axis", 0), Bool("flat", False))
    types = {T: ALL_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, condition: Arg, *, axis: int, flat: bool) -> TensorType:
        if condition.rank != 1:
            raise ValueError(f"the condition must have rank 1, not {condition.rank}")
        a = 0 if flat else normalize_axis(axis, x.rank)
        dim: Dim = element_count(x.shape) if flat else x.shape[a]
        n = condition.shape[0]
        if isinstance(dim, int) and isinstance(n, int) and n > dim:
            raise ValueError(f"{n} conditions for {dim} elements")
        if condition.value is not None:
            count: Dim = int(np.count_nonzero(condition.value))
        else:
            limits = [u for u in (upper(dim), upper(n)) if u is not None]
            count = unknown_dim("count", min(limits) if limits else None)
        return same_scale(x, (count,) if flat else [*x.shape[:a], count, *x.shape[a + 1 :]])

    @staticmethod
    def reference(x: Array, condition: Array, *, axis: int, flat: bool) -> Array:
        return np.compress(condition, x, None if flat else axis)


@op(id=155, category="selection")
class TopK:
    """The ``k`` largest (or smallest) elements along ``axis`` and their positions, best first.

    Of equal elements the one with the lower index comes first. NaN counts as larger than everything. ``k`` is one int64.
    Without ``sorted`` callers may not rely on the order; EdgeKit sorts all the same.
    """

    inputs = (Port("x", T), Port("k", I64))
    outputs = (Port("values", T), Port("indices", I64))
    attrs = (Int("axis", -1), Bool("largest", True), Bool("sorted", True))
    types = {T: NUMBERS}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, k: Arg, *, axis: int, largest: bool, sorted: bool) -> list[TensorType]:
        if x.rank == 0:
            raise ValueError("a tensor of rank 0 has no axis to choose from")
        a = normalize_axis(axis, x.rank)
        known = int_list(k)
        count: Dim = unknown_dim("k", x.shape[a]) if known is None else known[0]
        if isinstance(count, int) and (count < 0 or (isinstance(x.shape[a], int) and count > x.shape[a])):
            raise ValueError(f"k is {count}, dimension {a} is {x.shape[a]}")
        shape = [*x.shape[:a], count, *x.shape[a + 1 :]]
        return [same_scale(x, shape), TensorType(I64, tuple(shape))]

    @staticmethod
    def reference(x: Array, k: Array, *, axis: int, largest: bool, sorted: bool) -> tuple[Array, Array]:
        n = x.shape[axis]
        if largest:  # sorting the reversed axis upwards puts, read backwards, the lower index of equals first
            order = n - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
        else:
            order = np.argsort(x, axis, kind="stable")
        first = np.take(order, np.arange(int(k.reshape(-1)[0])), axis).astype(np.int64)
        return np.take_along_axis(x, first, axis), first


def _corners(boxes: Array, center_point_box: bool) -> tuple[Array, Array, Array, Array]:
    """Lower and upper corner of boxes ``[..., 4]`` in float32: y0, x0, y1, x1."""
    b = boxes.astype(np.float32)
    if center_point_box:
        cx, cy, w, h = (b[..., i] for i in range(4))
        half_w, half_h = w / np.float32(2), h / np.float32(2)
        return cy - half_h, cx - half_w, cy + half_h, cx + half_w
    return (
        np.minimum(b[..., 0], b[..., 2]),
        np.minimum(b[..., 1], b[..., 3]),
        np.maximum(b[..., 0], b[..., 2]),
        np.maximum(b[..., 1], b[..., 3]),
    )


def _overlaps(corners: tuple[Array, Array, Array, Array], i: int, j: int, threshold: np.float32) -> bool:
    """Whether the intersection over union of boxes i and j is above the threshold; float32, each operation rounded once."""
    y0, x0, y1, x1 = corners
    w = min(x1[i], x1[j]) - max(x0[i], x0[j])
    h = min(y1[i], y1[j]) - max(y0[i], y0[j])
    if not (w > 0 and h > 0):
        return False
    inter = w * h
    area_i = (y1[i] - y0[i]) * (x1[i] - x0[i])
    area_j = (y1[j] - y0[j]) * (x1[j] - x0[j])
    union = area_i + area_j - inter
    return bool(inter > 0 and area_i > 0 and area_j > 0 and union > 0 and inter / union > threshold)


@op(id=156, category="selection")
class NonMaxSuppression:
    """Choose boxes by score, class by class, leaving out those that overlap a chosen one too much.

    ``boxes`` [batch, n, 4] as two opposite corners (y, x, y, x), or with ``center_point_box`` as (x, y, width, height) around the centre;
    ``scores`` [batch, classes, n]; ``max_output`` boxes a class at most (absent or 0: none); a box is left out when its intersection
    over union with a chosen one is above ``iou_threshold`` (default 0), or its score is not above ``score_threshold`` (absent: no limit).
    Of equal scores the lower index goes first. Gives int64 ``[count, 3]``: batch, class, box. Arithmetic is float32 and exact.
    """

    inputs = (
        Port("boxes", F32),
        Port("scores", F32),
        Optional("max_output", I64),
        Optional("iou_threshold", F32),
        Optional("score_threshold", F32),
    )
    outputs = (Port("y", I64),)
    attrs = (Bool("center_point_box", False),)
    quant = FloatOnly()

    @staticmethod
    def infer(
        boxes: Arg, scores: Arg, max_output: Arg | None, iou_threshold: Arg | None, score_threshold: Arg | None, *, center_point_box: bool
    ) -> TensorType:
        if boxes.rank != 3 or scores.rank != 3 or boxes.shape[2] != 4:
            raise ValueError("boxes [batch, n, 4] and scores [batch, classes, n] are needed")
        for a, b in ((boxes.shape[0], scores.shape[0]), (boxes.shape[1], scores.shape[2])):
            if isinstance(a, int) and isinstance(b, int) and a != b:
                raise ValueError(f"boxes and scores differ: {a} against {b}")
        limits = [n for n in (upper(boxes.shape[1]),) if n is not None]
        known = [0] if max_output is None else int_list(max_output)
        if known is not None and isinstance(known[0], int):
            limits.append(max(0, known[0]))
        each = min(limits) if limits else None
        pairs = upper(scores.shape[0] * scores.shape[1])
        count: Dim = 0 if each == 0 else unknown_dim("count", None if each is None or pairs is None else each * pairs)
        return TensorType(I64, (count, 3))

    @staticmethod
    def reference(
        boxes: Array,
        scores: Array,
        max_output: Array | None,
        iou_threshold: Array | None,
        score_threshold: Array | None,
        *,
        center_point_box: bool,
    ) -> Array:
        most = 0 if max_output is None else int(max_output.reshape(-1)[0])
        iou = np.float32(0) if iou_threshold is None else iou_threshold.reshape(-1)[0]
        out: list[tuple[int, int, int]] = []
        for batch in range(scores.shape[0]):
            corners = _corners(boxes[batch], center_point_box)
            for klass in range(scores.shape[1]):
                s = scores[batch, klass]
                order = [int(i) for i in np.argsort(-s, kind="stable") if score_threshold is None or s[i] > score_threshold.reshape(-1)[0]]
                chosen: list[int] = []
                for i in order:
                    if len(chosen) >= most:
                        break
                    if not any(_overlaps(corners, i, j, iou) for j in chosen):
                        chosen.append(i)
                out.extend((batch, klass, i) for i in chosen)
        return np.array(out, np.int64).reshape(-1, 3)
