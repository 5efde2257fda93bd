"""Single-shot detection: anchors, decoding with suppression, regions (src/operator/contrib)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
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
    if not sizes or not ratios or min(*sizes, *ratios) <= 0 or max(1, height) * max(1, width) * (len(sizes) + len(ratios)) > MAX_ANCHORS:
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
        kept = survivors(ctx, boxes, valid, best, nms)
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


def survivors(ctx: MxnetContext, boxes: Value, valid: Value, best: Value, nms: float) -> Value:
    """Which detections [N, A], sorted by score, no better one of their class suppresses (an overlap of ``nms`` does)."""
    count = ctx.static(valid.shape[1], "the number of anchors")
    if 0 < ctx.get_int("nms_topk", -1) < count:
        valid = ctx.call("And", valid, ctx.const(np.arange(count)[None] < ctx.get_int("nms_topk", -1)))
    limit = float(np.nextafter(np.float32(nms), np.float32(-1)))
    return ctx.call("SuppressOverlaps", boxes, valid, None if ctx.get_bool("force_suppress", False) else best, threshold=limit)


@converts("_contrib_box_nms", "_contrib_box_non_maximum_suppression", "_npx_box_nms")
def box_nms(ctx: MxnetContext) -> Value:
    """Rows of ``data`` [..., n, width], best first, without those a better one overlaps; the places behind are all -1.

    See src/operator/contrib/bounding_box-inl.h.
    """
    data = ctx.input(0)
    rank, shape = len(data.shape), ctx.static_shape(data, "the boxes")
    if rank < 2:
        raise MalformedModelError(f"boxes of rank {rank}")
    count, width = shape[-2:]
    at, score_at, id_at = ctx.get_int("coord_start", 2), ctx.get_int("score_index", 1), ctx.get_int("id_index", -1)
    if not (0 <= at <= width - 4 and 0 <= score_at < width and id_at < width):
        raise MalformedModelError(f"coord_start={at}, score_index={score_at} and id_index={id_at} do not fit rows of {width}")
    rows = ctx.reshape(data, (int(np.prod(shape[:-2])), count, width))

    def column(v: Value, i: int, size: int = 1) -> Value:
        part = ctx.call("Slice", v, ctx.i64(i), ctx.i64(i + size), ctx.i64(2))
        return part if size > 1 else ctx.regroup(part, [[0], [1]])

    score = column(rows, score_at)
    valid = ctx.call("Greater", score, ctx.like(ctx.get_float("valid_thresh", 0.0), score))
    background = ctx.get_int("background_id", -1)
    if id_at >= 0 and background >= 0:
        valid = ctx.call("And", valid, ctx.call("Not", ctx.call("Equal", column(rows, id_at), ctx.like(background, rows))))
    limit = ctx.get_int("topk", -1)
    best = min(limit, count) if limit > 0 else count
    key, order = ctx.call_multi("TopK", ctx.call("Where", valid, score, ctx.like(-np.inf, score)), ctx.i64(best), axis=1)
    rows = ctx.call("GatherND", rows, ctx.unsqueeze(order, [2]), batch_dims=1)
    boxes, start, end = column(rows, at, 4), *(ctx.get_choice(k, "corner", ("corner", "center")) for k in ("in_format", "out_format"))
    corners = boxes if start == "corner" else corners_of(ctx, boxes)
    shared = ctx.get_bool("force_suppress", False) or id_at < 0
    classes = None if shared else ctx.as_i64(column(rows, id_at))
    candidates = ctx.call("Greater", key, ctx.like(-np.inf, key))
    stay = ctx.call("SuppressOverlaps", corners, candidates, classes, threshold=ctx.get_float("overlap_thresh", 0.5))
    if start != end:
        changed = corners if end == "corner" else centres_of(ctx, boxes)
        parts = [*([column(rows, 0, at)] if at > 1 else [ctx.unsqueeze(column(rows, 0), [2])] if at else []), changed]
        if at + 4 < width:
            rest = column(rows, at + 4, width - at - 4)
            parts.append(rest if width - at - 4 > 1 else ctx.unsqueeze(rest, [2]))
        rows = ctx.call("Concat", *parts, axis=2)
    flags, packed = ctx.call_multi("TopK", ctx.cast(stay, F32), ctx.i64(best), axis=1)  # those that stay first, in their order
    rows = ctx.call("GatherND", rows, ctx.unsqueeze(packed, [2]), batch_dims=1)
    rows = ctx.call("Where", ctx.call("Greater", ctx.unsqueeze(flags, [2]), ctx.like(0.5, flags)), rows, ctx.like(-1, rows))
    if best < count:
        rows = ctx.call("Pad", rows, ctx.i64(0, 0, 0, 0, count - best, 0), ctx.like(-1, rows))
    return ctx.reshape(rows, shape)


def corners_of(ctx: MxnetContext, boxes: Value) -> Value:
    """Corners of boxes [N, n, (x, y, width, height)]."""
    centre, size = ctx.call_multi("Split", boxes, axis=2, sizes=(2, 2))
    half = ctx.call("Mul", size, ctx.like(0.5, size))
    return ctx.call("Concat", ctx.call("Sub", centre, half), ctx.call("Add", centre, half), axis=2)


def centres_of(ctx: MxnetContext, boxes: Value) -> Value:
    """Centres and sizes of boxes given by corners."""
    low, high = ctx.call_multi("Split", boxes, axis=2, sizes=(2, 2))
    centre = ctx.call("Mul", ctx.call("Add", low, high), ctx.like(0.5, low))
    return ctx.call("Concat", centre, ctx.call("Sub", high, low), axis=2)


@converts("ROIPooling", "_npx_roi_pooling")
def roi_pooling(ctx: MxnetContext) -> Value:
    """``rois`` [count, (image, x0, y0, x1, y1)]."""
    height, width = (ctx.get_ints("pooled_size") * 2)[:2]
    image, corners = ctx.call_multi("Split", ctx.input(1), axis=1, sizes=(1, 4))
    batch = ctx.as_i64(ctx.regroup(image, [[0]]))
    scale = ctx.get_float("spatial_scale")
    return ctx.call("RoiPool", ctx.input(0), corners, batch, output_height=height, output_width=width, spatial_scale=scale)


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
