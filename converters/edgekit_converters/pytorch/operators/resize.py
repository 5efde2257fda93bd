"""Resizing and sampling between elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import ConvertFunction, converts


def _resized(ctx: AtenContext, rank: int, mode: str, exact: bool, antialias: bool = False) -> Value:
    """Sizes decide the result's shape; given scales decide where it is read, as in torch without ``recompute_scale_factor``."""
    x = ctx.tensor("input" if "input" in ctx.args else "self")
    if len(x.shape) != rank + 2:
        raise MalformedModelError(f"an input of rank {rank + 2} is needed, got {len(x.shape)}")
    scales = _scales(ctx, rank)
    align = ctx.flag("align_corners", False) if mode != "nearest" else False
    coordinate = "align_corners" if align else ("pytorch_half_pixel" if mode == "cubic" else "half_pixel")
    nearest = "round_prefer_floor"
    if mode == "nearest":
        coordinate, nearest = ("half_pixel", "round_prefer_ceil") if exact else ("asymmetric", "floor")
    attrs: dict[str, Any] = {"mode": mode, "coordinate_mode": coordinate, "nearest_mode": nearest}
    if antialias:
        attrs |= {"antialias": True, "exclude_outside": True, "cubic_a": -0.5}
    own = ctx.sizes_of(x)
    if ctx.has("output_size"):
        wanted = ctx.sizes("output_size")
        if len(wanted) != rank:
            raise MalformedModelError(f"output_size needs {rank} sizes, got {len(wanted)}")
        if scales is None or align:
            return ctx.call("Resize", x, ctx.shape_list([*own[:2], *wanted]), None, None, **attrs)
        if not all(isinstance(n, int) and int(np.floor(n * s)) == w for n, w, s in zip(x.shape[2:], wanted, scales, strict=True)):
            return ctx.call("Resize", x, ctx.shape_list([*own[:2], *wanted]), None, None, **attrs)
    if scales is None:
        raise MalformedModelError("neither output_size nor scale_factors are given")
    sizes = [int(np.floor(n * s)) if isinstance(n, int) else None for n, s in zip(x.shape[2:], scales, strict=True)]
    if align and all(n is not None for n in sizes):
        return ctx.call("Resize", x, ctx.shape_list([*own[:2], *(n for n in sizes if n is not None)]), None, None, **attrs)
    return ctx.call("Resize", x, None, ctx.const(np.asarray([1.0, 1.0, *scales], np.float32)), None, **attrs)


def _scales(ctx: AtenContext, rank: int) -> list[float] | None:
    if ctx.has("scale_factors"):
        given = ctx.args["scale_factors"]
        items = given if isinstance(given, list) else [given]
        if not all(isinstance(s, int | float) for s in items) or len(items) not in (1, rank):
            raise MalformedModelError(f"scale_factors needs {rank} numbers")
        return [float(s) for s in items] * (rank if len(items) == 1 else 1)
    names = {1: ("scales",), 2: ("scales_h", "scales_w"), 3: ("scales_d", "scales_h", "scales_w")}[rank]
    return [ctx.real(n) for n in names] if all(ctx.has(n) for n in names) else None


def _upsample(rank: int, mode: str, exact: bool = False, antialias: bool = False) -> ConvertFunction:
    return lambda ctx: _resized(ctx, rank, mode, exact, antialias)


for _rank, _linear in ((1, "linear1d"), (2, "bilinear2d"), (3, "trilinear3d")):
    converts(f"aten.upsample_nearest{_rank}d")(_upsample(_rank, "nearest"))
    converts(f"aten._upsample_nearest_exact{_rank}d")(_upsample(_rank, "nearest", True))
    converts(f"aten.upsample_{_linear}")(_upsample(_rank, "linear"))
converts("aten.upsample_bicubic2d")(_upsample(2, "cubic"))
converts("aten._upsample_bilinear2d_aa")(_upsample(2, "linear", False, True))
converts("aten._upsample_bicubic2d_aa")(_upsample(2, "cubic", False, True))

_INTERPOLATIONS = ("linear", "nearest", "cubic")
_PADDINGS = ("zeros", "border", "reflection")


@converts("aten.grid_sampler", "aten.grid_sampler_2d", "aten.grid_sampler_3d")
def grid_sampler(ctx: AtenContext) -> Value:
    x, grid = ctx.tensor("input"), ctx.tensor("grid")
    mode, padding = ctx.integer("interpolation_mode"), ctx.integer("padding_mode")
    if mode not in range(3) or padding not in range(3):
        raise MalformedModelError(f"interpolation_mode {mode} and padding_mode {padding} are not known")
    if len(x.shape) != 4:
        raise Unsupported("sampling over three dimensions is not supported.")
    y = ctx.call(
        "GridSample", ctx.cast(x, F32), ctx.cast(grid, F32), mode=_INTERPOLATIONS[mode], padding_mode=_PADDINGS[padding],
        align_corners=ctx.flag("align_corners", False),
    )  # fmt: skip
    return ctx.cast(y, x.dtype)


@converts("aten.affine_grid_generator")
def affine_grid_generator(ctx: AtenContext) -> Value:
    """Base points times the matrices of ``theta``."""
    theta = ctx.tensor("theta")
    sizes = ctx.integers("size")
    align = ctx.flag("align_corners", False)
    spatial = sizes[2:]
    ctx.computed((*spatial, len(spatial) + 1))

    def line(n: int) -> Array:
        edge = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        return edge if align else edge * (n - 1) / n

    axes = np.meshgrid(*(line(n) for n in spatial), indexing="ij")
    base = np.stack([*reversed(axes), np.ones(spatial)], axis=-1).reshape(1, -1, len(spatial) + 1)
    y = ctx.call("MatMul", ctx.const(base.astype(theta.dtype.numpy)), theta, transpose_b=True)
    return ctx.view(y, [ctx.size_of(theta, 0), *spatial, len(spatial)])


def _windows(ctx: AtenContext) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, dilation, padding and stride."""
    kernel, dilation = ctx.integers("kernel_size", None, 2), ctx.integers("dilation", [1], 2)
    return kernel, dilation, ctx.integers("padding", [0], 2), ctx.integers("stride", [1], 2)


@converts("aten.im2col")
def im2col(ctx: AtenContext) -> Value:
    """Windows as columns: a convolution with weights that pick each tap."""
    x = ctx.tensor("self")
    kernel, dilation, padding, stride = _windows(ctx)
    single = len(x.shape) == 3
    x = ctx.unsqueeze(x, [0]) if single else x
    channels = ctx.static(x.shape[1], "the number of channels")
    taps = kernel[0] * kernel[1]
    ctx.computed((channels, taps, taps))
    weights = np.tile(np.eye(taps, dtype=np.float32).reshape(taps, *kernel, 1), (channels, 1, 1, 1))
    y = ctx.call(
        "Conv", x, ctx.const(weights.astype(x.dtype.numpy)), strides=tuple(stride), pads=(*padding, *padding), dilations=tuple(dilation),
        groups=channels, layout="NCHW",
    )  # fmt: skip
    y = ctx.view(y, [*ctx.sizes_of(y)[:2], -1])
    return ctx.squeeze(y, [0]) if single else y


@converts("aten.col2im")
def col2im(ctx: AtenContext) -> Value:
    """Overlapping windows are added up: a transposed convolution with weights that put each tap in its place."""
    x = ctx.tensor("self")
    image = ctx.integers("output_size", None, 2)
    kernel, dilation, padding, stride = _windows(ctx)
    single = len(x.shape) == 2
    x = ctx.unsqueeze(x, [0]) if single else x
    taps = kernel[0] * kernel[1]
    depth = ctx.static(x.shape[1], "the number of channels")
    if taps < 1 or depth % taps:
        raise MalformedModelError(f"{depth} channels do not hold blocks of {taps}")
    channels = depth // taps
    ctx.computed((channels, taps, taps))
    counts = [(image[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2)]
    spread = [image[i] + 2 * padding[i] - ((counts[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1) for i in range(2)]
    weights = np.tile(np.eye(taps, dtype=x.dtype.numpy).reshape(1, *kernel, taps), (channels, 1, 1, 1))
    y = ctx.call(
        "ConvTranspose", ctx.regroup(x, [[0], [1], *counts]), ctx.const(weights), strides=tuple(stride), pads=(*padding, *padding),
        dilations=tuple(dilation), output_padding=tuple(spread), groups=channels, layout="NCHW",
    )  # fmt: skip
    return ctx.squeeze(y, [0]) if single else y
