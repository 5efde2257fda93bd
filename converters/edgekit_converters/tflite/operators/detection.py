"""Suppression of overlapping boxes: ``TFLite_Detection_PostProcess``, which makes boxes from anchors before, and NON_MAX_SUPPRESSION.

Sources: tensorflow/lite/kernels/detection_postprocess.cc, internal/reference/non_max_suppression.h.
"""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.flexbuffer import options
from edgekit_converters.tflite.registry import converts


@converts("CUSTOM:TFLite_Detection_PostProcess")
def detection_post_process(ctx: NodeContext) -> list[Value]:
    """Boxes [1, D, 4], classes [1, D], scores [1, D] and their count [1], D the most detections; the rest is 0.

    The fast way lets each anchor take part with its best class; the regular way (``use_regular_nms``) suppresses overlaps in each class on
    its own, then keeps the best of all classes.
    """
    o = options(ctx.custom)
    regular = bool(o.get("use_regular_nms", False))
    if int(o.get("max_classes_per_detection", 1)) != 1 and not regular:
        raise Unsupported("more than one class for each detection is not supported.")
    try:
        limit, classes = int(o["max_detections"]), int(o["num_classes"])
        threshold, overlap = float(o["nms_score_threshold"]), float(o["nms_iou_threshold"])
        y_scale, x_scale, h_scale, w_scale = (float(o[f"{k}_scale"]) for k in "yxhw")
    except (KeyError, TypeError, ValueError, OverflowError) as e:
        raise MalformedModelError(f"an option is missing or no number: {e}") from e
    encoded, scores, anchors = ctx.real(0), ctx.real(1), ctx.real(2)
    if len(encoded.shape) != 3 or encoded.shape[0] != 1 or len(scores.shape) != 3 or not 1 <= limit <= 1 << 16:
        raise Unsupported(f"boxes of shape {list(encoded.shape)} and {limit} detections are not supported.")
    n, columns = ctx.static(encoded.shape[1], "the number of anchors"), ctx.static(scores.shape[2], "the number of classes")
    if not 0 <= columns - classes <= 1:
        raise MalformedModelError(f"{columns} columns of scores for {classes} classes")
    boxes = _decoded(ctx, ctx.reshape(encoded, (n, encoded.shape[2])), anchors, (y_scale, x_scale, h_scale, w_scale))
    own = ctx.reshape(ctx.call("Slice", scores, ctx.i64(columns - classes), ctx.i64(columns), ctx.i64(2)), (n, classes))
    if regular:
        each = int(o.get("detections_per_class", 100))
        return _regular(ctx, boxes, own, limit, (each, overlap, threshold))
    best = ctx.call("ReduceMax", own, axes=(1,), keepdims=False)
    label = ctx.cast(ctx.call("ArgMax", own, axis=1, keepdims=False), F32)
    chosen = ctx.call(
        "NonMaxSuppression", ctx.reshape(boxes, (1, n, 4)), ctx.reshape(best, (1, 1, n)), ctx.i64(limit),
        ctx.const(np.asarray([overlap], np.float32)), ctx.const(np.asarray([threshold], np.float32)),
    )  # fmt: skip
    index = ctx.call("Gather", chosen, ctx.const(np.asarray(2, np.int64)), axis=1)  # [found]
    found = ctx.call("Shape", index)
    results = [_padded(ctx, ctx.call("Gather", values, index, axis=0), limit) for values in (boxes, label, best)]
    return [*results, ctx.cast(ctx.cast(found, I64), F32)]


def _padded(ctx: NodeContext, rows: Value, limit: int) -> Value:
    """The first ``limit`` rows as a batch of one, zeros behind."""
    width = tuple(ctx.static(d, "a row") for d in rows.shape[1:])
    ctx.computed((limit, *width))
    joined = ctx.call("Concat", rows, ctx.const(np.zeros((limit, *width), rows.dtype.numpy)), axis=0)
    return ctx.reshape(ctx.call("Slice", joined, ctx.i64(0), ctx.i64(limit), ctx.i64(0)), (1, limit, *width))


def _regular(ctx: NodeContext, boxes: Value, scores: Value, limit: int, rules: tuple[int, float, float]) -> list[Value]:
    """Each class on its own; ``rules``: the most detections of a class, the overlap and the score that count."""
    each, overlap, threshold = rules
    n, classes = (ctx.static(d, "the scores") for d in scores.shape)
    # scores equal to the threshold count
    least = np.nextafter(np.float32(threshold), np.float32(-np.inf), dtype=np.float32)
    chosen = ctx.call(
        "NonMaxSuppression", ctx.reshape(boxes, (1, n, 4)), ctx.unsqueeze(ctx.call("Transpose", scores, perm=(1, 0)), 0), ctx.i64(each),
        ctx.const(np.asarray([overlap], np.float32)), ctx.const(least.reshape(1)),
    )  # fmt: skip
    label, box = (ctx.call("Gather", chosen, ctx.const(np.asarray(k, np.int64)), axis=1) for k in (1, 2))
    place = ctx.call("Add", ctx.call("Mul", box, ctx.const(np.asarray(classes, np.int64))), label)
    values = ctx.call("Gather", ctx.reshape(scores, (-1,)), place, axis=0)
    ctx.computed((limit, 4))
    # zeros that belong to no box stand behind, so that there are enough to choose from
    zeros, below = ctx.const(np.zeros(limit, np.int64)), ctx.const(np.full(limit, -np.inf, np.float32))
    _, order = ctx.call_multi("TopK", ctx.call("Concat", values, below, axis=0), ctx.i64(limit), axis=0)
    found = ctx.call("Min", ctx.call("Shape", box), ctx.i64(limit))
    real = ctx.call("Less", ctx.const(np.arange(limit, dtype=np.int64)), found)

    def picked(of: Value) -> Value:
        return ctx.call("Gather", ctx.call("Concat", of, zeros, axis=0), order, axis=0)

    best = ctx.call("Gather", ctx.call("Concat", values, ctx.const(np.zeros(limit, np.float32)), axis=0), order, axis=0)
    corners = ctx.call("Gather", boxes, picked(box), axis=0)
    corners = ctx.call("Where", ctx.unsqueeze(real, 1), corners, ctx.const(np.zeros((1, 4), np.float32)))
    names = ctx.cast(picked(label), F32)
    return [ctx.unsqueeze(corners, 0), ctx.unsqueeze(names, 0), ctx.unsqueeze(best, 0), ctx.cast(found, F32)]


@converts("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5")
def non_max_suppression(ctx: NodeContext) -> list[Value]:
    """Indices of the boxes that stay, best first, padded with zeros; version 5 gives their scores, too. And their count."""
    boxes, scores = ctx.real(0), ctx.real(1)
    (limit,) = ctx.constant_ints(2, "the number of boxes to keep")
    if len(boxes.shape) != 2 or len(scores.shape) != 1 or not 0 <= limit <= 1 << 16:
        raise MalformedModelError(f"boxes of shape {list(boxes.shape)}, {limit} to keep")
    with_scores = ctx.op.endswith("V5")
    if with_scores and ctx.optional(5) is not None and float(ctx.constant_input(5, "sigma").reshape(-1)[0]) != 0:
        raise Unsupported("soft suppression (a sigma that is not 0) is not supported.")
    # boxes that overlap exactly as much as allowed are left out
    overlap = np.nextafter(ctx.constant_input(3, "the overlap").astype(np.float32).reshape(1), np.float32(-np.inf), dtype=np.float32)
    chosen = ctx.call(
        "NonMaxSuppression", ctx.unsqueeze(boxes, 0), ctx.unsqueeze(ctx.unsqueeze(scores, 0), 0), ctx.i64(limit), ctx.const(overlap),
        ctx.reshape(ctx.real(4), (1,)),
    )  # fmt: skip
    index = ctx.call("Gather", chosen, ctx.const(np.asarray(2, np.int64)), axis=1)
    found = ctx.reshape(ctx.cast(ctx.call("Shape", index), I32), ())
    kept = ctx.reshape(_padded(ctx, ctx.cast(index, I32), limit), (limit,))
    if not with_scores:
        return [kept, found]
    return [kept, ctx.reshape(_padded(ctx, ctx.call("Gather", scores, index, axis=0), limit), (limit,)), found]


def _decoded(ctx: NodeContext, encoded: Value, anchors: Value, scales: tuple[float, float, float, float]) -> Value:
    """Corners [n, 4] (y, x, y, x) from offsets to anchors, both as centre and size."""

    def part(v: Value, start: int) -> Value:
        return ctx.call("Slice", v, ctx.i64(start), ctx.i64(start + 2), ctx.i64(1))

    to_center = ctx.call("Div", part(encoded, 0), ctx.const(np.asarray([scales[:2]], np.float32)))
    to_size = ctx.call("Div", part(encoded, 2), ctx.const(np.asarray([scales[2:]], np.float32)))
    center = ctx.call("Add", ctx.call("Mul", to_center, part(anchors, 2)), part(anchors, 0))
    half = ctx.call("Mul", ctx.call("Mul", ctx.call("Exp", to_size), part(anchors, 2)), ctx.const(np.float32(0.5)))
    return ctx.call("Concat", ctx.call("Sub", center, half), ctx.call("Add", center, half), axis=1)
