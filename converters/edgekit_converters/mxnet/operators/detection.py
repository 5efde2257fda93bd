"""Single-shot detection: anchors, decoding with suppression, regions (src/operator/contrib)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts

VARIANCES = (0.1, 0.1, 0.2, 0.2)
MAX_ANCHORS = 1 << 20


@converts("_contrib_MultiBoxPrior", "MultiBoxPrior")
def multibox_prior(ctx: MxnetContext) -> Value:
    """Anchors [1, H * W * count, 4]: every size with the first ratio, then the first size with the other ratios."""
    x = ctx.input(0)
    height, width = (ctx.static(d, "the feature map's size") for d in x.shape[2:4])
    sizes, ratios = ctx.get_floats("sizes", [1.0]), ctx.get_floats("ratios", [1.0])
    if not sizes or not ratios or min(*sizes, *ratios) <= 0 or height * width * (len(sizes) + len(ratios)) > MAX_ANCHORS:
        raise MalformedModelError(f"anchors of sizes {sizes} and ratios {ratios} over {height} x {width}")
    steps, offsets = ctx.get_floats("steps", [-1.0, -1.0]), ctx.get_floats("offsets", [0.5, 0.5])
    step_y, step_x = (s if s > 0 else 1 / n for s, n in zip(steps, (height, width), strict=True))
    shapes = [(s, math.sqrt(ratios[0])) for s in sizes] + [(sizes[0], math.sqrt(r)) for r in ratios[1:]]
    half = np.asarray([(s * height / width * r / 2, s / r / 2) for s, r in shapes])  # [count, (w, h)]
    y, x_ = np.meshgrid((np.arange(height) + offsets[0]) * step_y, (np.arange(width) + offsets[1]) * step_x, indexing="ij")
    centre = np.stack([x_, y], axis=-1)[:, :, None, :]
    anchors = np.concatenate([centre - half, centre + half], axis=-1).reshape(1, -1, 4).astype(np.float32)
    return ctx.const(np.clip(anchors, 0, 1) if ctx.get_bool("clip", False) else anchors)


@converts("_contrib_MultiBoxDetection", "MultiBoxDetection")
def multibox_detection(ctx: MxnetContext) -> Value:
    """Detections [N, A, (class, score, x0, y0, x1, y1)], best first; suppressed ones have class -1, the places behind all -1.

    Each anchor stands for its best class (class 0, the background, left out). See src/operator/contrib/multibox_detection.cc.
    """
    probabilities, offsets, anchors = ctx.input(0), ctx.input(1), ctx.input(2)
    batch, classes, count = ctx.static_shape(probabilities, "the class scores")
    ctx.computed((batch, classes, count))
    threshold, nms = ctx.get_float("threshold", 0.01), ctx.get_float("nms_threshold", 0.5)
    if ctx.get_int("background_id", 0) != 0 or classes < 2:
        raise MalformedModelError(f"background_id={ctx.get_int('background_id', 0)} of {classes} classes")
    boxes = decode(ctx, ctx.reshape(offsets, (batch, count, 4)), ctx.reshape(anchors, (1, count, 4)))
    foreground = ctx.call("Slice", probabilities, ctx.i64(1), ctx.i64(classes), ctx.i64(1))
    score = ctx.call("ReduceMax", foreground, axes=(1,), keepdims=False)
    best = ctx.call("ArgMax", foreground, axis=1, keepdims=False)
    none = ctx.like(-1, score)
    key = ctx.call("Where", ctx.call("GreaterOrEqual", score, ctx.like(threshold, score)), score, none)
    key, order = ctx.call_multi("TopK", key, ctx.i64(count), axis=1)
    best = ctx.call("GatherElements", best, order, axis=1)
    boxes = ctx.call("GatherND", boxes, ctx.unsqueeze(order, [2]), batch_dims=1)
    valid = ctx.call("Greater", key, ctx.like(-0.5, key))
    kept = valid
    if 0 < nms <= 1:
        kept = survivors(ctx, boxes, key, best, classes - 1, nms)
    label = ctx.call("Where", kept, ctx.cast(best, F32), none)
    rest = ctx.call("Where", ctx.unsqueeze(valid, [2]), boxes, none)
    return ctx.call("Concat", ctx.unsqueeze(label, [2]), ctx.unsqueeze(key, [2]), rest, axis=2)


def decode(ctx: MxnetContext, offsets: Value, anchors: Value) -> Value:
    """Boxes [N, A, 4] as corners from offsets of their centres and the logarithms of their sizes."""
    variances = np.asarray(ctx.get_floats("variances", VARIANCES), np.float32).reshape(1, 1, 4)
    scaled = ctx.call("Mul", offsets, ctx.const(variances))
    shift, growth = ctx.call_multi("Split", scaled, axis=2, sizes=(2, 2))
    low, high = ctx.call_multi("Split", anchors, axis=2, sizes=(2, 2))
    size = ctx.call("Sub", high, low)
    half = ctx.like(0.5, size)
    centre = ctx.call("Add", ctx.call("Mul", shift, size), ctx.call("Mul", ctx.call("Add", low, high), half))
    reach = ctx.call("Mul", ctx.call("Mul", ctx.call("Exp", growth), size), half)
    boxes = ctx.call("Concat", ctx.call("Sub", centre, reach), ctx.call("Add", centre, reach), axis=2)
    return ctx.call("Clip", boxes, min=0.0, max=1.0) if ctx.get_bool("clip", True) else boxes


def survivors(ctx: MxnetContext, boxes: Value, key: Value, best: Value, classes: int, nms: float) -> Value:
    """Which detections [N, A], sorted by score, no better one of their class suppresses (an overlap of ``nms`` does)."""
    batch, count = ctx.static_shape(key, "the scores")
    if 0 < ctx.get_int("nms_topk", -1) < count:
        inside = ctx.const(np.arange(count) < ctx.get_int("nms_topk", -1))
        key = ctx.call("Where", inside, key, ctx.like(-1, key))
    scores = ctx.unsqueeze(key, [1])
    if not ctx.get_bool("force_suppress", False):
        own = ctx.call("Equal", ctx.unsqueeze(best, [1]), ctx.const(np.arange(classes, dtype=np.int64).reshape(1, classes, 1)))
        scores = ctx.call("Where", own, scores, ctx.like(-1, key))
    limit = np.nextafter(np.float32(nms), np.float32(-1))
    chosen = ctx.call("NonMaxSuppression", boxes, scores, ctx.i64(count), ctx.const(limit, F32), ctx.const(-0.5, F32))
    places = ctx.call("Gather", chosen, ctx.const([0, 2], I64), axis=1)
    ones = ctx.call("Expand", ctx.const(1.0, F32), ctx.call("Shape", places, start=0, end=1))
    blank = ctx.const(np.zeros((batch, count), np.float32))
    return ctx.call("Greater", ctx.call("ScatterND", blank, places, ones), ctx.const(0.5, F32))


@converts("_contrib_ROIAlign", "_npx_roi_align")
def roi_align(ctx: MxnetContext) -> Value:
    """``rois`` [count, (image, x0, y0, x1, y1)]."""
    x, rois = ctx.input(0), ctx.input(1)
    if ctx.get_bool("position_sensitive", False):
        raise Unsupported("position-sensitive regions are not supported")
    height, width = (ctx.get_ints("pooled_size") * 2)[:2]
    image, corners = ctx.call_multi("Split", rois, axis=1, sizes=(1, 4))
    return ctx.call(
        "RoiAlign", x, corners, ctx.as_i64(ctx.regroup(image, [[0]])), output_height=height, output_width=width,
        sampling_ratio=max(ctx.get_int("sample_ratio", -1), 0), spatial_scale=ctx.get_float("spatial_scale"),
        coordinate_mode="half_pixel" if ctx.get_bool("aligned", False) else "output_half_pixel",
    )  # fmt: skip
