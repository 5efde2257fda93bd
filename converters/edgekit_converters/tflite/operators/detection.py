"""``TFLite_Detection_PostProcess``: boxes from anchors, then suppression of overlaps (tensorflow/lite/kernels/detection_postprocess.cc)."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.flexbuffer import options
from edgekit_converters.tflite.registry import converts


@converts("CUSTOM:TFLite_Detection_PostProcess")
def detection_post_process(ctx: NodeContext) -> list[Value]:
    """Boxes [1, D, 4], classes [1, D], scores [1, D] and their count [1], D the most detections; the rest is 0.

    This is the fast way: each anchor takes part with its best class.
    """
    o = options(ctx.custom)
    if o.get("use_regular_nms", False):
        raise Unsupported("the suppression of each class on its own (use_regular_nms) is not supported.")
    if int(o.get("max_classes_per_detection", 1)) != 1:
        raise Unsupported("more than one class for each detection is not supported.")
    try:
        limit, classes = int(o["max_detections"]), int(o["num_classes"])
        threshold, overlap = float(o["nms_score_threshold"]), float(o["nms_iou_threshold"])
        y_scale, x_scale, h_scale, w_scale = (float(o[f"{k}_scale"]) for k in "yxhw")
    except (KeyError, TypeError, ValueError) as e:
        raise MalformedModelError(f"an option is missing or no number: {e}") from e
    encoded, scores, anchors = ctx.real(0), ctx.real(1), ctx.real(2)
    if len(encoded.shape) != 3 or encoded.shape[0] != 1 or len(scores.shape) != 3 or not 1 <= limit <= 1 << 16:
        raise Unsupported(f"boxes of shape {list(encoded.shape)} and {limit} detections are not supported.")
    n, columns = ctx.static(encoded.shape[1], "the number of anchors"), ctx.static(scores.shape[2], "the number of classes")
    if not 0 <= columns - classes <= 1:
        raise MalformedModelError(f"{columns} columns of scores for {classes} classes")
    boxes = _decoded(ctx, ctx.reshape(encoded, (n, encoded.shape[2])), anchors, (y_scale, x_scale, h_scale, w_scale))
    own = ctx.reshape(ctx.call("Slice", scores, ctx.i64(columns - classes), ctx.i64(columns), ctx.i64(2)), (n, classes))
    best = ctx.call("ReduceMax", own, axes=(1,), keepdims=False)
    label = ctx.cast(ctx.call("ArgMax", own, axis=1, keepdims=False), F32)
    chosen = ctx.call(
        "NonMaxSuppression", ctx.reshape(boxes, (1, n, 4)), ctx.reshape(best, (1, 1, n)), ctx.i64(limit),
        ctx.const(np.asarray([overlap], np.float32)), ctx.const(np.asarray([threshold], np.float32)),
    )  # fmt: skip
    index = ctx.call("Gather", chosen, ctx.const(np.asarray(2, np.int64)), axis=1)  # [found]
    found = ctx.call("Shape", index)
    results = []
    for values, width in ((boxes, 4), (label, 0), (best, 0)):
        rows = ctx.call("Gather", values, index, axis=0)
        padded = ctx.call("Concat", rows, ctx.const(np.zeros((limit, 4) if width else (limit,), np.float32)), axis=0)
        cut = ctx.call("Slice", padded, ctx.i64(0), ctx.i64(limit), ctx.i64(0))
        results.append(ctx.reshape(cut, (1, limit, 4) if width else (1, limit)))
    return [*results, ctx.cast(ctx.cast(found, I64), F32)]


def _decoded(ctx: NodeContext, encoded: Value, anchors: Value, scales: tuple[float, float, float, float]) -> Value:
    """Corners [n, 4] (y, x, y, x) from offsets to anchors, both as centre and size."""

    def part(v: Value, start: int) -> Value:
        return ctx.call("Slice", v, ctx.i64(start), ctx.i64(start + 2), ctx.i64(1))

    to_center = ctx.call("Div", part(encoded, 0), ctx.const(np.asarray([scales[:2]], np.float32)))
    to_size = ctx.call("Div", part(encoded, 2), ctx.const(np.asarray([scales[2:]], np.float32)))
    center = ctx.call("Add", ctx.call("Mul", to_center, part(anchors, 2)), part(anchors, 0))
    half = ctx.call("Mul", ctx.call("Mul", ctx.call("Exp", to_size), part(anchors, 2)), ctx.const(np.float32(0.5)))
    return ctx.call("Concat", ctx.call("Sub", center, half), ctx.call("Add", center, half), axis=1)
