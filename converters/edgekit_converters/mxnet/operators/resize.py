"""Resizing (src/operator/nn/upsampling.cc, src/operator/contrib/bilinear_resize.cc)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.layers import Sliding, transposed_convolution
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts

MAX_SCALE = 1 << 12


@converts("UpSampling")
def upsampling(ctx: MxnetContext) -> Value:
    """Nearest: every input to ``scale`` times the first one's size, joined or summed. Bilinear: a deconvolution with given weights."""
    scale, x = ctx.get_int("scale"), ctx.input(0)
    if not 1 <= scale <= MAX_SCALE:
        raise MalformedModelError(f"scale={scale}")
    if ctx.get_choice("sample_type", "", ("nearest", "bilinear")) == "bilinear":
        channels = ctx.static(x.shape[1], "the number of channels")
        pad = (scale - 1 + 1) // 2
        slide = Sliding((scale, scale), (pad, pad), (1, 1))
        return transposed_convolution(ctx, x, ctx.input(1), None, slide, channels)
    xs = ctx.present()
    if len(xs) == 1:
        return nearest(ctx, x, scale)
    target = ctx.static(x.shape[2], "the height that all inputs are brought to") * scale
    parts = [nearest(ctx, v, target // ctx.static(v.shape[2], "the height")) for v in xs]
    if ctx.get_choice("multi_input_mode", "concat", ("concat", "sum")) == "concat":
        return ctx.call("Concat", *parts, axis=1)
    y = parts[0]
    for p in parts[1:]:
        y = ctx.call("Add", y, p)
    return y


def nearest(ctx: MxnetContext, x: Value, scale: int) -> Value:
    scales = ctx.const(np.asarray([1, 1, scale, scale], np.float32))
    return ctx.call("Resize", x, None, scales, mode="nearest", coordinate_mode="asymmetric", nearest_mode="floor")


@converts("_contrib_BilinearResize2D")
def bilinear(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    align = ctx.get_bool("align_corners", True)
    mode = ctx.get_choice("mode", "size", ("size", "odd_scale", "like", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"))
    shape = x.shape[2:4]
    if mode == "size" and not ctx.has("scale_height"):
        return resized(ctx, x, [ctx.get_int("height", 1), ctx.get_int("width", 1)], align)
    if mode == "like":
        return resized(ctx, x, [ctx.static(d, "the size to resize to") for d in ctx.input(1).shape[2:4]], align)
    sizes = [ctx.static(d, "the size that is resized") for d in shape]
    if mode in ("size", "odd_scale"):
        scales = (ctx.get_float("scale_height"), ctx.get_float("scale_width"))
        if mode == "size":
            return resized(ctx, x, [int(n * s) for n, s in zip(sizes, scales, strict=True)], align)
        return resized(ctx, x, [int(n * s) if n % 2 == 0 else int((n - 1) * s) + 1 for n, s in zip(sizes, scales, strict=True)], align)
    odd, step = "odd" in mode, -1 if mode.endswith("down") else 1
    return resized(ctx, x, [n if n % 2 == odd else n + step for n in sizes], align)


def resized(ctx: MxnetContext, x: Value, sizes: Sequence[int], align: bool) -> Value:
    if min(sizes) < 1 or max(sizes) > 1 << 16:
        raise MalformedModelError(f"a size of {list(sizes)} to resize to")
    lead = x.shape[:2]
    if all(isinstance(d, int) for d in lead):
        target = ctx.i64(*lead, *sizes)
    else:
        target = ctx.call("Concat", ctx.call("Shape", x, start=0, end=2), ctx.i64(*sizes), axis=0)
    return ctx.call("Resize", x, target, mode="linear", coordinate_mode="align_corners" if align else "half_pixel")


@converts("BilinearSampler")
def bilinear_sampler(ctx: MxnetContext) -> Value:
    """``grid`` [N, 2, H, W] holds x and y from -1 to 1, corners aligned."""
    grid = ctx.transpose(ctx.input(1), (0, 2, 3, 1))
    return ctx.call("GridSample", ctx.input(0), grid, mode="linear", padding_mode="zeros", align_corners=True)


@converts("GridGenerator")
def grid_generator(ctx: MxnetContext) -> Value:
    """An affine grid [N, 2, H, W] from [N, 6] matrices."""
    if ctx.get_choice("transform_type", "", ("affine", "warp")) == "warp":
        raise Unsupported("a grid from a flow (transform_type=warp) is not supported.")
    return affine_grid(ctx, ctx.input(0), ctx.get_ints("target_shape"))


def affine_grid(ctx: MxnetContext, theta: Value, size: Sequence[int]) -> Value:
    if len(size) != 2 or min(size) < 2:
        raise MalformedModelError(f"target_shape={list(size)}")
    height, width = size
    ctx.computed((height, width, 3))
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.ones(height * width)]).astype(np.float32)
    grid = ctx.call("MatMul", ctx.regroup(theta, [[0], 2, 3]), ctx.const(points))
    return ctx.regroup(grid, [[0], [1], height, width])


@converts("SpatialTransformer")
def spatial_transformer(ctx: MxnetContext) -> Value:
    x, theta = ctx.input(0), ctx.input(1)
    grid = affine_grid(ctx, ctx.cast(theta, F32), ctx.get_ints("target_shape"))
    return ctx.call("GridSample", x, ctx.transpose(grid, (0, 2, 3, 1)), mode="linear", padding_mode="zeros", align_corners=True)
