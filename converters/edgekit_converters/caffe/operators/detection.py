"""Single-shot detection: anchors, decoding and suppression (the SSD fork's prior_box_layer.cpp, detection_output_layer.cpp)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.caffe.context import LayerContext, converts
from edgekit_converters.caffe.prototext import Message
from edgekit_converters.importing.problems import Unsupported

MAX_PRIORS, MAX_IMAGES, MAX_RATIOS = 1 << 20, 64, 1024
CODES = {"1": "CORNER", "2": "CENTER_SIZE", "3": "CORNER_SIZE"}
NEVER = -3.4028235e38


def pair(p: Message, name: str, one: str, default: float) -> tuple[float, float]:
    """``step_h`` and ``step_w``, or ``step`` for both; the default where none is given."""
    if f"{name}_h" in p or f"{name}_w" in p:
        return p.get_float(f"{name}_h", default), p.get_float(f"{name}_w", default)
    return (p.get_float(one, default),) * 2


@converts("PriorBox")
def prior_box(ctx: LayerContext) -> Value:
    """Anchors and variances [1, 2, H * W * count * 4]: sizes, then means of least and largest, then aspect ratios, at every position."""
    p, x = ctx.params("prior_box_param"), ctx.input(0)
    height, width = (ctx.static(d, "the feature map's size") for d in x.shape[2:4])
    image_h, image_w = pair(p, "img", "img_size", 0.0)
    if not image_h or not image_w:
        image_h, image_w = (float(ctx.static(d, "the image's size")) for d in ctx.input(1).shape[2:4])
    step_h, step_w = pair(p, "step", "step", 0.0)
    if not step_h or not step_w:
        step_h, step_w = image_h / height, image_w / width
    least, largest = p.get_floats("min_size"), p.get_floats("max_size")
    if (
        not least
        or min(least) <= 0
        or (largest and len(largest) != len(least))
        or max(1, height) * max(1, width) * count_shapes(p) > MAX_PRIORS
    ):
        raise MalformedModelError(f"anchors of min_size {least} and max_size {largest} over {height} x {width}")
    shapes: list[tuple[float, float]] = []
    for i, small in enumerate(least):
        shapes.append((small, small))
        if largest:
            shapes.append((math.sqrt(small * largest[i]),) * 2)
        shapes += [(small * math.sqrt(r), small / math.sqrt(r)) for r in ratios(p)]
    half = np.asarray(shapes) / 2
    offset = p.get_float("offset", 0.5)
    y, x_ = np.meshgrid((np.arange(height) + offset) * step_h, (np.arange(width) + offset) * step_w, indexing="ij")
    centre = np.stack([x_, y], axis=-1)[:, :, None, :]
    boxes = np.concatenate([centre - half, centre + half], axis=-1) / [image_w, image_h, image_w, image_h]
    if p.get_bool("clip", False):
        boxes = boxes.clip(0, 1)
    variance = p.get_floats("variance") or [0.1]
    if len(variance) not in (1, 4):
        raise MalformedModelError(f"variance has {len(variance)} numbers")
    flat = boxes.reshape(-1)
    spread = np.resize(np.asarray(variance * (4 // len(variance))), flat.size)
    return ctx.const(np.stack([flat, spread])[None].astype(np.float32))


def count_shapes(p: Message) -> int:
    """How many anchors stand at a position, at most."""
    return len(p.get_floats("min_size")) * (2 + 2 * len(p.get_floats("aspect_ratio")))


def ratios(p: Message) -> list[float]:
    """Aspect ratios other than 1, each once, with their inverses."""
    found = [1.0]
    for r in p.get_floats("aspect_ratio"):
        if r <= 0 or len(found) > MAX_RATIOS:
            raise MalformedModelError(f"an aspect ratio of {r}, of {len(p.get_floats('aspect_ratio'))}")
        if all(abs(r - known) >= 1e-6 for known in found):
            found += [r, 1 / r] if p.get_bool("flip", True) else [r]
    return found[1:]


@converts("DetectionOutput")
def detection_output(ctx: LayerContext) -> Value:
    """Detections [1, 1, count, (image, label, score, x0, y0, x1, y1)], by image, label and score; the count follows from the data."""
    p, nms = ctx.params("detection_output_param"), ctx.params("detection_output_param").message("nms_param")
    if nms.get_float("eta", 1.0) != 1:
        raise Unsupported("an overlap threshold that adapts (eta) is not supported.")
    location, confidence = ctx.input(0), ctx.input(1)
    batch = ctx.static(location.shape[0], "the number of images")
    classes, shared = p.get_int("num_classes", 0), p.get_bool("share_location", True)
    count = ctx.static(ctx.input(2).shape[2], "the number of anchors") // 4
    ctx.computed((batch, max(classes, 1), count))
    if classes < 1 or not 1 <= batch <= MAX_IMAGES:
        raise MalformedModelError(f"{classes} classes, {batch} images")
    labels = [c for c in range(classes) if c != p.get_int("background_label_id", 0)]
    places = 1 if shared else classes
    boxes = decoded(ctx, p, ctx.reshape(location, (batch, count, places, 4)), count)
    boxes = ctx.transpose(boxes, (0, 2, 1, 3))
    scores = ctx.transpose(ctx.reshape(confidence, (batch, count, classes)), (0, 2, 1))
    scores = ctx.call("Gather", scores, ctx.const(labels, I64), axis=1)
    limit = nms.get_int("top_k", -1)
    best = min(limit, count) if limit > 0 else count
    scores, order = ctx.call_multi("TopK", scores, ctx.i64(best), axis=2)
    if shared:
        chosen = ctx.call("GatherND", ctx.reshape(boxes, (batch, count, 4)), ctx.unsqueeze(order, [3]), batch_dims=1)
    else:
        own = ctx.call("Gather", boxes, ctx.const(labels, I64), axis=1)
        chosen = ctx.call("GatherND", own, ctx.unsqueeze(order, [3]), batch_dims=2)
    rows = batch * len(labels)
    chosen, scores = ctx.reshape(chosen, (rows, best, 4)), ctx.reshape(scores, (rows, 1, best))
    least = ctx.const(p.get_float("confidence_threshold", NEVER), F32)
    overlap = ctx.const(nms.get_float("nms_threshold", 0.3), F32)
    kept = ctx.call("NonMaxSuppression", chosen, scores, ctx.i64(best), overlap, least)
    at = ctx.call("Gather", kept, ctx.const([0, 2], I64), axis=1)
    row = ctx.call("Slice", kept, ctx.i64(0), ctx.i64(1), ctx.i64(1))
    image = ctx.call("FloorDiv", row, ctx.i64(len(labels)))
    number = ctx.call("Sub", row, ctx.call("Mul", image, ctx.i64(len(labels))))
    label = ctx.call("Gather", ctx.const(labels, F32), number, axis=0)
    score = ctx.unsqueeze(ctx.call("GatherND", ctx.reshape(scores, (rows, best)), at), [1])
    found = ctx.call("Concat", ctx.cast(image, F32), label, score, ctx.call("GatherND", chosen, at), axis=1)
    keep = p.get_int("keep_top_k", -1)
    if 0 <= keep < len(labels) * best:
        found = strongest(ctx, found, keep, batch)
    return ctx.unsqueeze(found, [0, 1])


def decoded(ctx: LayerContext, p: Message, offsets: Value, count: int) -> Value:
    """Boxes [N, count, places, 4] as corners."""
    anchors, variances = ctx.call_multi("Split", ctx.reshape(ctx.input(2), (2, count, 1, 4)), axis=0, sizes=(1, 1))
    if not p.get_bool("variance_encoded_in_target", False):
        offsets = ctx.call("Mul", offsets, variances)
    code = CODES.get(p.get_string("code_type", "CORNER"), p.get_string("code_type", "CORNER"))
    if code == "CORNER":
        return ctx.call("Add", anchors, offsets)
    low, high = ctx.call_multi("Split", anchors, axis=3, sizes=(2, 2))
    size = ctx.call("Sub", high, low)
    if code == "CORNER_SIZE":
        return ctx.call("Add", anchors, ctx.call("Mul", offsets, ctx.call("Concat", size, size, axis=3)))
    if code != "CENTER_SIZE":
        raise MalformedModelError(f"code_type {code}")
    shift, growth = ctx.call_multi("Split", offsets, axis=3, sizes=(2, 2))
    half = ctx.like(0.5, size)
    centre = ctx.call("Add", ctx.call("Mul", shift, size), ctx.call("Mul", ctx.call("Add", low, high), half))
    reach = ctx.call("Mul", ctx.call("Mul", ctx.call("Exp", growth), size), half)
    return ctx.call("Concat", ctx.call("Sub", centre, reach), ctx.call("Add", centre, reach), axis=3)


def strongest(ctx: LayerContext, found: Value, keep: int, batch: int) -> Value:
    """The ``keep`` best detections of each image, in the order they have."""
    parts = []
    for image in range(batch):
        own = found
        if batch > 1:
            column = ctx.reshape(ctx.call("Slice", found, ctx.i64(0), ctx.i64(1), ctx.i64(1)), (-1,))
            own = ctx.call("Compress", found, ctx.call("Equal", column, ctx.like(image, column)), axis=0)
        score = ctx.reshape(ctx.call("Slice", own, ctx.i64(2), ctx.i64(3), ctx.i64(1)), (-1,))
        size = ctx.call("Min", ctx.call("Shape", score), ctx.i64(keep))
        _, best = ctx.call_multi("TopK", score, size, axis=0)
        ordered, _ = ctx.call_multi("TopK", best, size, axis=0, largest=False)
        parts.append(ctx.call("Gather", own, ordered, axis=0))
    return parts[0] if batch == 1 else ctx.call("Concat", *parts, axis=0)


@converts("ROIPooling")
def roi_pooling(ctx: LayerContext) -> Value:
    """Regions [count, (image, x0, y0, x1, y1)]."""
    p = ctx.params("roi_pooling_param")
    rois = ctx.reshape(ctx.input(1), (-1, 5)) if len(ctx.input(1).shape) != 2 else ctx.input(1)
    image, corners = ctx.call_multi("Split", rois, axis=1, sizes=(1, 4))
    height, width = p.get_int("pooled_h", 0), p.get_int("pooled_w", 0)
    batch, scale = ctx.as_i64(ctx.regroup(image, [[0]])), p.get_float("spatial_scale", 1.0)
    return ctx.call("RoiPool", ctx.input(0), corners, batch, output_height=height, output_width=width, spatial_scale=scale)
