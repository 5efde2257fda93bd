"""Resizing, cropping, choosing boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.bicubic import bicubic_weights
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.operators.convolution import per_dimension, window_pads
from edgekit_converters.tensorflow.registry import converts

MAX_BATCH = 64


@converts("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic")
def resize(ctx: NodeContext) -> Value:
    """Interpolate the two middle dimensions (tensorflow/core/util/image_resizer_state.h)."""
    x = ctx.input(0)
    if len(x.shape) != 4:
        raise MalformedModelError(f"a resize of a tensor of rank {len(x.shape)}")
    aligned, centred = ctx.attr_bool("align_corners", False), ctx.attr_bool("half_pixel_centers", False)
    size = ctx.as_i64(ctx.input(1))
    sizes = ctx.call("Concat", ctx.call("Shape", x, end=1), size, ctx.call("Shape", x, start=3), axis=0)
    attrs: dict[str, Any] = {"coordinate_mode": "align_corners" if aligned else "half_pixel" if centred else "asymmetric"}
    if ctx.op == "ResizeNearestNeighbor":
        # the floor of the position; with aligned corners the nearest one, ties upwards
        attrs["coordinate_mode"] = "align_corners" if aligned else "tf_half_pixel_for_nn" if centred else "asymmetric"
        return ctx.call("Resize", x, sizes, mode="nearest", nearest_mode="round_prefer_ceil" if aligned else "floor", **attrs)
    x = ctx.as_float32(x)
    if ctx.op == "ResizeBilinear":
        return ctx.call("Resize", x, sizes, mode="linear", **attrs)
    return _bicubic(ctx, x, (aligned, centred))


def _bicubic(ctx: NodeContext, x: Value, how: tuple[bool, bool]) -> Value:
    """A product with the weights of each axis: TensorFlow's come from a table, which no formula gives exactly."""
    height, width = ctx.constant_ints(1, "the size")
    n, h, w, channels = (ctx.static(d, "the shape") if k else d for k, d in enumerate(x.shape))
    assert isinstance(h, int) and isinstance(w, int) and isinstance(channels, int)
    if min(height, width, h, w) < 1:
        raise MalformedModelError(f"a resize of {h} x {w} to {height} x {width}")
    ctx.computed((height, h))
    ctx.computed((width, w))
    rows = ctx.call("MatMul", ctx.const(bicubic_weights(h, height, *how)), ctx.regroup(x, [[0], h, [2, 3]]))
    lines = ctx.call("Reshape", rows, ctx.i64(-1, w, channels), allow_zero=True)
    made = ctx.call("MatMul", ctx.const(bicubic_weights(w, width, *how)), lines)
    return ctx.call("Reshape", made, ctx.i64(-1 if not isinstance(n, int) else n, height, width, channels), allow_zero=True)


@converts("CropAndResize")
def crop_and_resize(ctx: NodeContext) -> Value:
    """Parts of images, given by boxes (y1, x1, y2, x2) in [0, 1], in one size; ``GridSample`` does the work."""
    image, boxes, index = ctx.as_float32(ctx.input(0)), ctx.input(1), ctx.input(2)
    height, width = ctx.constant_ints(3, "the crop size")
    method = ctx.attr_string("method", "bilinear")
    ctx.computed((height, width))
    h, w = (ctx.static(d, "the image size") for d in image.shape[1:3])
    ys = _positions(ctx, boxes, 0, height, h)  # [boxes, height], in elements
    xs = _positions(ctx, boxes, 1, width, w)
    # GridSample with aligned corners takes -1 to 1 from the first element to the last
    gy, gx = (_normalized(ctx, p, n) for p, n in ((ys, h), (xs, w)))
    count = boxes.shape[0]
    grid_shape = ctx.call("Concat", ctx.call("Shape", boxes, end=1), ctx.i64(height, width, 1), axis=0)
    grid = ctx.call(
        "Concat",
        ctx.call("Expand", ctx.regroup(gx, [[0], 1, width, 1]), grid_shape),
        ctx.call("Expand", ctx.regroup(gy, [[0], height, 1, 1]), grid_shape),
        axis=3,
    )
    source = ctx.transpose(image, (0, 3, 1, 2))
    if not (image.shape[0] == 1 and count == 1):
        source = ctx.call("Gather", source, index, axis=0)
    mode = {"bilinear": "linear", "nearest": "nearest"}.get(method)
    if mode is None:
        raise MalformedModelError(f"the method {method!r}")
    y = ctx.transpose(ctx.call("GridSample", source, grid, mode=mode, padding_mode="border", align_corners=True), (0, 2, 3, 1))
    inside = ctx.call("And", _inside(ctx, ys, h, [[0], height, 1, 1]), _inside(ctx, xs, w, [[0], 1, width, 1]))
    return ctx.call("Where", inside, y, ctx.const(np.float32(ctx.attr_float("extrapolation_value", 0.0))))


def _positions(ctx: NodeContext, boxes: Value, k: int, out: int, size: int) -> Value:
    """Where the elements of each crop lie along one axis of the image: [boxes, out]."""
    corners = ctx.call_multi("Split", boxes, axis=1, sizes=(1, 1, 1, 1))
    start, end = corners[k], corners[k + 2]
    if out == 1:
        middle = ctx.unary_const(ctx.call("Add", start, end), "Mul", 0.5)
        return ctx.unary_const(middle, "Mul", float(size - 1))
    ctx.computed((out,))
    first = ctx.unary_const(start, "Mul", float(size - 1))
    step = ctx.unary_const(ctx.call("Sub", end, start), "Mul", float(np.float32(size - 1) / np.float32(out - 1)))
    return ctx.call("Add", first, ctx.call("Mul", step, ctx.const(np.arange(out, dtype=np.float32)[None, :])))


def _normalized(ctx: NodeContext, p: Value, size: int) -> Value:
    if size == 1:
        return ctx.unary_const(p, "Mul", 0.0)
    return ctx.unary_const(ctx.unary_const(p, "Mul", 2.0 / (size - 1)), "Sub", 1.0)


def _inside(ctx: NodeContext, p: Value, size: int, groups: Sequence[int | Sequence[int]]) -> Value:
    inside = ctx.call("And", ctx.unary_const(p, "GreaterOrEqual", 0.0), ctx.unary_const(p, "LessOrEqual", float(size - 1)))
    return ctx.regroup(inside, groups)


@converts("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5")
def non_max_suppression(ctx: NodeContext) -> Sequence[Value]:
    """Boxes [n, 4] chosen by their scores [n]; V4 and V5 may pad the answer to its full length."""
    boxes, scores = ctx.as_float32(ctx.input(0)), ctx.as_float32(ctx.input(1))
    most = ctx.as_i64(ctx.reshape(ctx.input(2), (1,)))
    if ctx.op == "NonMaxSuppression":
        iou: Value = ctx.const(np.asarray([ctx.attr_float("iou_threshold", 0.5)], np.float32))
    else:
        iou = ctx.reshape(ctx.as_float32(ctx.input(3)), (1,))
    threshold = ctx.reshape(ctx.as_float32(ctx.input(4)), (1,)) if len(ctx.items) > 4 else None
    if len(ctx.items) > 5:
        sigma = ctx.constant_input(5, "soft_nms_sigma")
        if float(sigma.reshape(())) != 0.0:
            raise Unsupported("soft non-maximum suppression is not supported.", "Export with soft_nms_sigma=0.")
    boxes3, scores3 = ctx.unsqueeze(boxes, [0]), ctx.unsqueeze(scores, [0, 1])
    chosen = ctx.call("NonMaxSuppression", boxes3, scores3, most, iou, threshold)
    index64 = ctx.reshape(ctx.call("Slice", chosen, ctx.i64(2), ctx.i64(3), ctx.i64(1)), (-1,))
    if ctx.op in ("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3"):
        return [ctx.cast(index64, I32)]
    count = ctx.call("Shape", index64)
    picked = ctx.call("Gather", scores, index64, axis=0)
    if ctx.attr_bool("pad_to_max_output_size", False):
        missing = ctx.call("Sub", most, count)
        pads = ctx.call("Concat", ctx.i64(0), missing, axis=0)
        index64, picked = ctx.call("Pad", index64, pads), ctx.call("Pad", picked, pads)
        (n,) = ctx.constant_ints(2, "the number of boxes under padding")
        index64, picked = ctx.reshape(index64, (n,)), ctx.reshape(picked, (n,))
    index, valid = ctx.cast(index64, I32), ctx.cast(ctx.scalar(count), I32)
    return [index, valid] if ctx.op == "NonMaxSuppressionV4" else [index, picked, valid]


@converts("CombinedNonMaxSuppression")
def combined_non_max_suppression(ctx: NodeContext) -> Sequence[Value]:
    """The best boxes of all classes in each image: boxes [batch, n, 1, 4] and scores [batch, n, classes]."""
    boxes, scores = ctx.as_float32(ctx.input(0)), ctx.as_float32(ctx.input(1))
    batch = ctx.static(boxes.shape[0], "the batch")
    if not 1 <= batch <= MAX_BATCH:
        raise Unsupported(f"a batch of {batch} images is not supported (1 to {MAX_BATCH}: each is written out).")
    classes = ctx.static(scores.shape[2], "the classes")
    if ctx.static(boxes.shape[2], "the boxes of a class") != 1:
        raise Unsupported("boxes of each class's own are not supported.", "Share the boxes between the classes.")
    (per_class,), (total,) = ctx.constant_ints(2, "the boxes a class"), ctx.constant_ints(3, "the boxes in total")
    iou, least = (ctx.reshape(ctx.as_float32(ctx.input(i)), (1,)) for i in (4, 5))
    n = ctx.static(boxes.shape[1], "the number of boxes")
    if ctx.attr_bool("pad_per_class", False):
        total = min(total, per_class * classes)
    clip = ctx.attr_bool("clip_boxes", True)
    rows = []
    for b in range(batch):
        at = [ctx.i64(b), ctx.i64(b + 1), ctx.i64(0)]
        own_boxes = ctx.reshape(ctx.call("Slice", boxes, *at), (1, n, 4))
        own_scores = ctx.transpose(ctx.call("Slice", scores, *at), (0, 2, 1))
        chosen = ctx.call("NonMaxSuppression", own_boxes, own_scores, ctx.i64(per_class), iou, least)
        rows.append(_best(ctx, own_boxes, own_scores, chosen, total, clip))
    return [parts[0] if batch == 1 else ctx.call("Concat", *parts, axis=0) for parts in zip(*rows, strict=True)]


def _best(ctx: NodeContext, boxes: Value, scores: Value, chosen: Value, total: int, clip: bool) -> list[Value]:
    """The ``total`` best of one image's chosen boxes, zeros behind them."""
    ctx.computed((total, 4))
    picked = ctx.call("Gather", chosen, ctx.i64(1, 2), axis=1)  # class, box
    score = ctx.call("GatherND", ctx.reshape(scores, scores.shape[1:]), picked)
    count = ctx.call("Shape", score)
    # as many as asked for: places without a box get a score below all others
    score = ctx.call("Pad", score, ctx.i64(0, total), ctx.const(np.float32(-np.inf)))
    best, order = ctx.call_multi("TopK", score, ctx.i64(total), axis=0, largest=True, sorted=True)
    padded = ctx.call("Pad", picked, ctx.i64(0, 0, total, 0))
    rows = ctx.call("Gather", padded, order, axis=0)
    valid = ctx.call("Min", count, ctx.i64(total))
    real = ctx.call("Less", ctx.const(np.arange(total, dtype=np.int64)), valid)
    klass, box = (ctx.reshape(v, (total,)) for v in ctx.call_multi("Split", rows, axis=1, sizes=(1, 1)))
    found = ctx.call("Gather", ctx.reshape(boxes, boxes.shape[1:]), box, axis=0)
    found = ctx.call("Clip", found, min=0.0, max=1.0) if clip else found
    zero = ctx.const(np.float32(0))
    return [
        ctx.reshape(ctx.call("Where", ctx.reshape(real, (total, 1)), found, zero), (1, total, 4)),
        ctx.reshape(ctx.call("Where", real, best, zero), (1, total)),
        ctx.reshape(ctx.call("Where", real, ctx.cast(klass, F32), zero), (1, total)),
        ctx.cast(valid, I32),
    ]


@converts("AdjustContrastv2")
def adjust_contrast(ctx: NodeContext) -> Value:
    """Each channel's distance from its mean, scaled."""
    x = ctx.input(0)
    mean = ctx.call("ReduceMean", x, axes=(len(x.shape) - 3, len(x.shape) - 2), keepdims=True)
    return ctx.call("Add", ctx.call("Mul", ctx.call("Sub", x, mean), ctx.cast(ctx.input(1), x.dtype)), mean)


@converts("ExtractImagePatches")
def extract_image_patches(ctx: NodeContext) -> Value:
    """Windows of an image as channels: a convolution with one-hot weights."""
    x = ctx.input(0)
    kernel, strides, rates = (per_dimension(ctx, k, "NHWC", 4) for k in ("ksizes", "strides", "rates"))
    channels = ctx.static(x.shape[3], "the channels")
    taps = kernel[0] * kernel[1]
    ctx.computed((taps, channels, taps, channels))
    weights = np.eye(taps * channels, dtype=np.float32).reshape(taps * channels, *kernel, channels)
    pads = window_pads(ctx, x.shape[1:3], kernel, strides, rates, "NHWC")
    return ctx.call("Conv", x, ctx.const(weights), strides=strides, pads=pads, dilations=rates, groups=1, layout="NHWC")
