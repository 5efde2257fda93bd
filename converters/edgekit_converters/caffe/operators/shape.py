"""Layers that move, cut and join (src/caffe/layers)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, Dim
from edgekit_converters.caffe.context import LayerContext, converts
from edgekit_converters.importing.layers import flatten
from edgekit_converters.importing.problems import Unsupported

REDUCTIONS = {"SUM": "ReduceSum", "ASUM": "ReduceL1", "SUMSQ": "ReduceSumSquare", "MEAN": "ReduceMean"}
REDUCTION_CODES = {"1": "SUM", "2": "ASUM", "3": "SUMSQ", "4": "MEAN"}


@converts("Concat")
def concat(ctx: LayerContext) -> Value:
    xs = ctx.present()
    return ctx.call("Concat", *xs, axis=ctx.canonical(ctx.params("concat_param").get_int("axis", 1), xs[0]))


@converts("Slice")
def slice_(ctx: LayerContext) -> list[Value]:
    """Parts that begin at the points, or equal ones."""
    p, x = ctx.params("slice_param"), ctx.input(0)
    axis, count = ctx.canonical(p.get_int("axis", 1), x), len(ctx.layer.tops)
    size = ctx.static(x.shape[axis], "the size that is cut")
    points = p.get_ints("slice_point") or [size // max(count, 1) * i for i in range(1, count)]
    sizes = [b - a for a, b in pairwise([0, *points, size])]
    if len(sizes) != count or min(sizes) < 1 or (not p.get_ints("slice_point") and size % count):
        raise MalformedModelError(f"{size} does not split into {count} parts at {points}")
    return list(ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes))) if count > 1 else [x]


@converts("Split")
def split(ctx: LayerContext) -> list[Value]:
    return [ctx.input(0)] * len(ctx.layer.tops)


@converts("Silence")
def silence(ctx: LayerContext) -> list[Value]:
    return []


@converts("Flatten")
def flat(ctx: LayerContext) -> Value:
    p = ctx.params("flatten_param")
    return flatten(ctx, ctx.input(0), p.get_int("axis", 1), p.get_int("end_axis", -1))


@converts("Reshape")
def reshape(ctx: LayerContext) -> Value:
    """Dimensions from ``axis`` on are replaced: 0 copies one, -1 takes what is left."""
    p, x = ctx.params("reshape_param"), ctx.input(0)
    rank = len(x.shape)
    start, count = p.get_int("axis", 0), p.get_int("num_axes", -1)
    start = start if start >= 0 else rank + start + 1
    end = rank if count == -1 else start + count
    if not 0 <= start <= end <= rank:
        raise MalformedModelError(f"axis {p.get_int('axis', 0)} and num_axes {count} reach beyond an input of rank {rank}")
    groups: list[int | list[int]] = [[i] for i in range(start)]
    for i, d in enumerate(p.message("shape").get_ints("dim")):
        if d == 0 and start + i >= rank:
            raise MalformedModelError(f"dim {i} copies a dimension that {list(x.shape)} does not have")
        groups.append([start + i] if d == 0 else d)
    groups += [[i] for i in range(end, rank)]
    if -1 not in groups:
        return ctx.regroup(x, groups)
    sizes = [g if isinstance(g, int) else ctx.static(x.shape[g[0]], "a dimension beside one that is left open") for g in groups]
    return ctx.reshape(x, sizes)


@converts("Permute")
def permute(ctx: LayerContext) -> Value:
    x = ctx.input(0)
    order = ctx.params("permute_param").get_ints("order")
    perm = [*order, *(i for i in range(len(x.shape)) if i not in order)]
    if sorted(perm) != list(range(len(x.shape))):
        raise MalformedModelError(f"order {order} is no permutation of {len(x.shape)} dimensions")
    return ctx.transpose(x, perm)


@converts("Reduction")
def reduction(ctx: LayerContext) -> Value:
    """Over everything from ``axis`` on."""
    p, x = ctx.params("reduction_param"), ctx.input(0)
    kind = p.get_string("operation", "SUM")
    op = REDUCTIONS.get(REDUCTION_CODES.get(kind, kind))
    if op is None:
        raise MalformedModelError(f"operation {kind}")
    axes = tuple(range(ctx.canonical(p.get_int("axis", 0), x), len(x.shape)))
    y, factor = ctx.call(op, x, axes=axes, keepdims=False), p.get_float("coeff", 1.0)
    return y if factor == 1 else ctx.call("Mul", y, ctx.like(factor, y))


@converts("ArgMax")
def argmax(ctx: LayerContext) -> Value:
    """Positions of the ``top_k`` largest as floats: along ``axis``, or of each item as [N, 1, k], with the values as [N, 2, k]."""
    p, x = ctx.params("argmax_param"), ctx.input(0)
    k, values = p.get_int("top_k", 1), p.get_bool("out_max_val", False)
    if "axis" in p:
        axis = ctx.canonical(p.get_int("axis", 0), x)
        best, places = ctx.call_multi("TopK", x, ctx.i64(k), axis=axis)
        return best if values else ctx.cast(places, F32)
    best, places = ctx.call_multi("TopK", flatten(ctx, x), ctx.i64(k), axis=1)
    parts = [ctx.unsqueeze(ctx.cast(places, F32), [1]), *([ctx.unsqueeze(best, [1])] if values else [])]
    y = parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=1)
    return y if len(x.shape) <= 3 else ctx.unsqueeze(y, range(3, len(x.shape)))


@converts("Crop")
def crop(ctx: LayerContext) -> Value:
    """Dimensions from ``axis`` on are cut to those of the second input."""
    p, x, like = ctx.params("crop_param"), ctx.input(0), ctx.input(1)
    axis = ctx.canonical(p.get_int("axis", 2), x)
    axes = range(axis, len(x.shape))
    offsets = p.get_ints("offset") or [0]
    if len(offsets) not in (1, len(axes)):
        raise MalformedModelError(f"{len(axes)} dimensions are cut, offset has {len(offsets)} numbers")
    starts = offsets if len(offsets) == len(axes) else offsets * len(axes)
    ends = [s + ctx.static(like.shape[a], "the size to crop to") for s, a in zip(starts, axes, strict=True)]
    for a, s, e in zip(axes, starts, ends, strict=True):
        if s < 0 or (isinstance(x.shape[a], int) and e > x.shape[a]):
            raise MalformedModelError(f"{s} to {e} lies outside dimension {a} of {list(x.shape)}")
    return ctx.call("Slice", x, ctx.i64(*starts), ctx.i64(*ends), ctx.i64(*axes))


@converts("Tile")
def tile(ctx: LayerContext) -> Value:
    p, x = ctx.params("tile_param"), ctx.input(0)
    axis = ctx.canonical(p.get_int("axis", 1), x)
    return ctx.call("Tile", x, ctx.i64(*(p.get_int("tiles", 1) if i == axis else 1 for i in range(len(x.shape)))))


@converts("ShuffleChannel")
def shuffle(ctx: LayerContext) -> Value:
    x, groups = ctx.input(0), ctx.params("shuffle_channel_param").get_int("group", 1)
    count = ctx.static(x.shape[1], "the number of channels")
    if groups < 1 or count % groups:
        raise MalformedModelError(f"{count} channels do not split into {groups} groups")
    rest: list[int | list[int]] = [[i] for i in range(2, len(x.shape))]
    split_ = ctx.regroup(x, [[0], groups, count // groups, *rest])
    turned = ctx.transpose(split_, (0, 2, 1, *range(3, len(x.shape) + 1)))
    return ctx.regroup(turned, [[0], count, *([i + 1] for i in range(2, len(x.shape)))])


@converts("BatchReindex")
def batch_reindex(ctx: LayerContext) -> Value:
    return ctx.call("Gather", ctx.input(0), ctx.as_i64(ctx.input(1)), axis=0)


@converts("Padding")
def padding(ctx: LayerContext) -> Value:
    """Zeros around (the oldest files pad before a convolution)."""
    pad = ctx.params("padding_param").get_int("pad", 0)
    return ctx.call("Pad", ctx.input(0), ctx.i64(0, 0, pad, pad, 0, 0, pad, pad))


@converts("Parameter")
def parameter(ctx: LayerContext) -> Value:
    return ctx.blob(0, *ctx.params("parameter_param").message("shape").get_ints("dim"))


@converts("DummyData")
def dummy(ctx: LayerContext) -> list[Value]:
    """Constants, where they are filled with one number."""
    p = ctx.params("dummy_data_param")
    shapes, fillers = p.messages("shape"), p.messages("data_filler")
    if not shapes or len(shapes) not in (1, len(ctx.layer.tops)) or any(f.get_string("type", "constant") != "constant" for f in fillers):
        raise Unsupported("only data filled with a constant, of a shape that is given, is supported.")
    found = []
    for i in range(len(ctx.layer.tops)):
        shape = shapes[i if len(shapes) > 1 else 0].get_ints("dim")
        ctx.computed(shape)
        value = fillers[min(i, len(fillers) - 1)].get_float("value", 0.0) if fillers else 0.0
        found.append(ctx.const(np.full(shape, value, np.float32)))
    return found


def resized(ctx: LayerContext, x: Value, height: int, width: int) -> Value:
    """A bilinear resize with aligned corners."""
    if min(height, width) < 1 or max(height, width) > 1 << 16:
        raise MalformedModelError(f"a size of {height} x {width} to resize to")
    lead: tuple[Dim, ...] = x.shape[:2]
    if all(isinstance(d, int) for d in lead):
        target = ctx.i64(*(d for d in lead if isinstance(d, int)), height, width)
    else:
        target = ctx.call("Concat", ctx.call("Shape", x, start=0, end=2), ctx.i64(height, width), axis=0)
    return ctx.call("Resize", x, target, mode="linear", coordinate_mode="align_corners")


@converts("Interp")
def interp(ctx: LayerContext) -> Value:
    """DeepLab's resize: to a size, by factors, or as the second input; ``pad_beg`` and ``pad_end`` (not positive) cut first."""
    p, x = ctx.params("interp_param"), ctx.input(0)
    begin, end = -p.get_int("pad_beg", 0), -p.get_int("pad_end", 0)
    height, width = (ctx.static(d, "the size that is resized") - begin - end for d in x.shape[2:4])
    if begin < 0 or end < 0 or min(height, width) < 1:
        raise MalformedModelError(f"pad_beg {-begin} and pad_end {-end} of {list(x.shape)}")
    if begin or end:
        x = ctx.call("Slice", x, ctx.i64(begin, begin), ctx.i64(begin + height, begin + width), ctx.i64(2, 3))
    shrink, zoom = p.get_int("shrink_factor", 1), p.get_int("zoom_factor", 1)
    if shrink < 1 or zoom < 1:
        raise MalformedModelError(f"shrink_factor {shrink} and zoom_factor {zoom}")
    if ctx.optional(1) is not None:
        height, width = (ctx.static(d, "the size to resize to") for d in ctx.input(1).shape[2:4])
    elif "height" in p or "width" in p:
        height, width = p.get_int("height", height), p.get_int("width", width)
    else:
        height, width = ((n - 1) // shrink + 1 for n in (height, width))
        height, width = (n + (n - 1) * (zoom - 1) for n in (height, width))
    return resized(ctx, x, height, width)


@converts("Upsample")
def upsample(ctx: LayerContext) -> Value:
    """Each element ``scale`` times in both directions (the forks for YOLO); the fork that undoes a pooling by its mask is refused."""
    p, x = ctx.params("upsample_param"), ctx.input(0)
    if len(ctx.inputs) > 1:
        raise Unsupported("an upsampling by the mask of a pooling is not supported.")
    scale = p.get_int("scale", 0) or p.get_int("stride", 2)
    factors = ctx.const(np.asarray([1, 1, scale, scale], np.float32))
    return ctx.call("Resize", x, None, factors, mode="nearest", coordinate_mode="asymmetric", nearest_mode="floor")
