"""Layers that move elements: reshape, permute, crop, pad, repeat, upsample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Dim
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.convolution import layer_rank
from edgekit_converters.keras.registry import layer

#: interpolation by name: mode, coordinates, and the constant of a cubic
MODES: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "coordinate_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"},
    "bilinear": {"mode": "linear", "coordinate_mode": "half_pixel"},
    "bicubic": {"mode": "cubic", "coordinate_mode": "half_pixel", "cubic_a": -0.5, "exclude_outside": True},
}


@layer("Flatten")
def flatten(ctx: LayerContext) -> Value:
    """Everything but the batch in one dimension; channels-first inputs are put channels last before."""
    x = ctx.x
    rank = len(x.shape)
    if ctx.get("data_format", default=None) is not None and ctx.layout == "NCHW" and rank > 2 and ctx.layer.version > 1:
        x = ctx.transpose(x, [0, *range(2, rank), 1])
    if rank == 1:
        return ctx.unsqueeze(x, [1])
    return ctx.regroup(x, [[0], list(range(1, rank))])


@layer("Reshape")
def reshape(ctx: LayerContext) -> Value:
    target = [int(d) for d in ctx.get("target_shape")]
    return reshaped(ctx, ctx.x, target)


def reshaped(ctx: LayerContext, x: Value, target: Sequence[int]) -> Value:
    """The batch as it is, then ``target`` (-1 allowed once)."""
    if list(target).count(-1) > 1:
        raise MalformedModelError(f"target_shape {list(target)} has more than one open dimension")
    rest: list[Dim] = list(x.shape[1:])
    if -1 in target and all(isinstance(d, int) for d in rest):
        known = int(np.prod([d for d in target if d != -1], dtype=np.int64))
        size = int(np.prod([d for d in rest if isinstance(d, int)], dtype=np.int64))
        if known and size % known == 0:
            target = [size // known if d == -1 else d for d in target]
    if -1 not in target:
        return ctx.regroup(x, [[0], *target])
    if isinstance(x.shape[0], int):
        return ctx.reshape(x, [x.shape[0], *target])
    shape = ctx.call("Concat", ctx.shape_values(x, 0, 1), ctx.i64(*target), axis=0)
    return ctx.call("Reshape", x, shape, allow_zero=True)


@layer("Permute")
def permute(ctx: LayerContext) -> Value:
    dims = [int(d) for d in ctx.get("dims")]
    if sorted(dims) != list(range(1, len(ctx.x.shape))):
        raise MalformedModelError(f"dims {dims} do not permute a tensor of rank {len(ctx.x.shape)}")
    return ctx.transpose(ctx.x, [0, *dims])


@layer("RepeatVector")
def repeat_vector(ctx: LayerContext) -> Value:
    x = ctx.unsqueeze(ctx.x, [1])
    return ctx.call("Tile", x, ctx.i64(1, ctx.integer("n", "length"), 1))


def _pairs(ctx: LayerContext, rank: int, name: str, default: Any) -> list[tuple[int, int]]:
    """Amounts before and after each dimension: a number, one a dimension, or a pair a dimension."""
    value = ctx.get(name, default=default)
    if isinstance(value, int):
        return [(value, value)] * rank
    if rank == 1 and isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return [(value[0], value[1])]
    if not isinstance(value, list) or len(value) != rank:
        if isinstance(value, list) and len(value) == 2 * rank:  # Keras 1: all four sides
            return [(int(value[2 * i]), int(value[2 * i + 1])) for i in range(rank)]
        raise MalformedModelError(f"the setting {name!r} is {value!r}")
    found = [(v, v) if isinstance(v, int) else tuple(int(n) for n in v) for v in value]
    if any(len(p) != 2 or min(p) < 0 for p in found):
        raise MalformedModelError(f"the setting {name!r} is {value!r}")
    return [(p[0], p[1]) for p in found]


@layer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(ctx: LayerContext) -> Value:
    rank = layer_rank(ctx)
    pairs = _pairs(ctx, rank, "padding", 1)
    first = 2 if ctx.layout == "NCHW" else 1
    axes = list(range(first, first + rank))
    return ctx.call("Pad", ctx.x, ctx.i64(*(p[0] for p in pairs), *(p[1] for p in pairs)), None, ctx.i64(*axes))


@layer("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(ctx: LayerContext) -> Value:
    rank, x = layer_rank(ctx), ctx.x
    pairs = _pairs(ctx, rank, "cropping", 0)
    first = 2 if ctx.layout == "NCHW" else 1
    axes = list(range(first, first + rank))
    for a, (before, after) in zip(axes, pairs, strict=True):
        size = x.shape[a]
        if isinstance(size, int) and before + after >= size:
            raise MalformedModelError(f"cropping {before} and {after} leaves nothing of {size}")
    return ctx.call("Pad", x, ctx.i64(*(-p[0] for p in pairs), *(-p[1] for p in pairs)), None, ctx.i64(*axes))


@layer("UpSampling1D", "UpSampling2D", "UpSampling3D")
def up_sampling(ctx: LayerContext) -> Value:
    rank, x = layer_rank(ctx), ctx.x
    factors = ctx.integers(rank, "size", default=2)
    mode = ctx.choice(tuple(MODES), "interpolation", default="nearest")
    first = 2 if ctx.layout == "NCHW" else 1
    scales = [1.0] * len(x.shape)
    scales[first : first + rank] = [float(f) for f in factors]
    return ctx.call("Resize", x, None, ctx.const(np.asarray(scales, np.float32)), **MODES[mode])


def resized(ctx: LayerContext, x: Value, layout: str, sizes: Sequence[int], interpolation: str, antialias: bool = False) -> Value:
    """Images of another height and width.

    Raises:
        Unsupported: an interpolation that is not one of Keras' three.
    """
    if interpolation not in MODES:
        raise Unsupported(f"interpolation={interpolation!r} is not supported; {', '.join(MODES)} are.")
    rank = len(x.shape)
    at = rank - 3 if layout == "NHWC" else rank - 2
    have = [ctx.static(d, "resizing needs a size which") for d in x.shape[at : at + 2]]
    if list(sizes) == have:
        return x
    scales = [1.0] * rank
    scales[at : at + 2] = [s / h for s, h in zip(sizes, have, strict=True)]
    target = [d if isinstance(d, int) else -1 for d in x.shape]
    target[at : at + 2] = list(sizes)
    how = dict(MODES[interpolation])
    if antialias and interpolation != "nearest":
        how |= {"antialias": True, "exclude_outside": True}
    if -1 not in target:
        return ctx.call("Resize", x, ctx.i64(*target), **how)
    shape = ctx.call("Concat", ctx.shape_values(x, 0, at), ctx.i64(*target[at:]), axis=0)
    return ctx.call("Resize", x, shape, **how)
