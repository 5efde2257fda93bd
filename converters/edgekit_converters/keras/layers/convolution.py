"""Convolutions: plain, transposed, depthwise, separable, locally connected; kernels of every Keras version."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array, Dim
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.windows import computes_pads, pad_same, same_pads
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.functions import activate
from edgekit_converters.keras.layers.core import kernel_bias
from edgekit_converters.keras.registry import Variable, layer

PADDINGS = ("valid", "same", "causal", "full")


def spatial(x: Value, layout: str) -> list[Dim]:
    """The spatial dimensions of a tensor."""
    return list(x.shape[1:-1] if layout == "NHWC" else x.shape[2:])


def spatial_axes(rank: int, layout: str) -> range:
    """Where the spatial dimensions are."""
    return range(2, rank + 2) if layout == "NCHW" else range(1, rank + 1)


def is_open_same(ctx: LayerContext, x: Value, extents: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the padding is "same" and computed when the model runs."""
    same = ctx.choice(PADDINGS, "padding", default="valid") == "same"
    return same and len(x.shape) == len(strides) + 2 and computes_pads(x, spatial_axes(len(strides), ctx.layout), extents, strides)


def window_pads(
    ctx: LayerContext, x: Value, layout: str, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """The pads that the setting ``padding`` stands for."""
    rank = len(kernel)
    if len(x.shape) != rank + 2:
        raise MalformedModelError(f"a kernel of {rank} dimensions does not fit an input of rank {len(x.shape)}")
    padding = ctx.choice(PADDINGS, "padding", default="valid")
    if padding == "valid":
        return [0] * (2 * rank)
    if padding == "causal":
        return [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)] + [0] * rank
    if padding == "full":
        return [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)] * 2
    return list(same_pads(ctx, "padding='same'", spatial(x, layout), kernel, strides, dilations))


def kernel_of(ctx: LayerContext, rank: int, role: str = "kernel", transposed: bool = False) -> Array:
    """A kernel as [kernel..., in, out] (transposed: [kernel..., out, in]), whatever version and back end it was saved by."""
    w = ctx.weight(role)
    if ctx.layer.version == 1:
        w = _keras1_kernel(ctx, w, rank, transposed)
    if w.ndim != rank + 2:
        raise MalformedModelError(f"the array {role!r} has the shape {list(w.shape)}, {rank + 2} dimensions are needed")
    if ctx.importer.backend == "theano":  # which convolves with kernels turned round
        w = w[(slice(None, None, -1),) * rank]
    return w


def _keras1_kernel(ctx: LayerContext, w: Array, rank: int, transposed: bool) -> Array:
    """keras/engine/topology.py of Keras 2.0, preprocess_weights_for_loading."""
    kernel, filters = ctx.integers(rank, "kernel_size"), ctx.integer("filters")
    if rank == 1:
        if w.ndim == 4 and (list(w.shape[:2]) != [kernel[0], 1] or w.shape[3] != filters):
            w = np.transpose(w, (2, 3, 1, 0))
        return w[:, 0] if w.ndim == 4 else w
    if w.ndim != rank + 2:
        return w
    first = ctx.layout == "NCHW"
    if transposed:
        return np.transpose(w, (2, 3, 0, 1) if first else (0, 1, 3, 2)) if rank == 2 else w
    return np.transpose(w, (*range(2, rank + 2), 1, 0)) if first else w


def convolve(ctx: LayerContext, x: Value, kernel: Array, bias: Value | None, rank: int, name: str = "kernel", groups: int = 1) -> Value:
    """A convolution with [kernel..., in / groups, out] and the settings strides, padding, dilation_rate."""
    strides, dilations = ctx.integers(rank, "strides", default=1), ctx.integers(rank, "dilation_rate", default=1)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilations, strict=False)]
    if is_open_same(ctx, x, extents, strides):
        x, pads = pad_same(ctx, x, spatial_axes(rank, ctx.layout), extents, strides), [0] * (2 * rank)
    else:
        pads = window_pads(ctx, x, ctx.layout, kernel.shape[:rank], strides, dilations)
    w = ctx.parameter(np.moveaxis(kernel, -1, 0), name)
    return ctx.call(
        "Conv", ctx.real(x), w, bias, strides=tuple(strides), pads=tuple(pads), dilations=tuple(dilations), groups=groups, layout=ctx.layout
    )


def layer_rank(ctx: LayerContext) -> int:
    """The number of spatial dimensions in the class name, e.g. 2 of ``Conv2DTranspose``."""
    for rank in (1, 2, 3):
        if f"{rank}D" in ctx.op or f"{rank}d" in ctx.op:
            return rank
    raise MalformedModelError(f"{ctx.op} names no number of dimensions")


@layer("Conv1D", "Conv2D", "Conv3D", variables=kernel_bias)
def conv(ctx: LayerContext) -> Value:
    rank = layer_rank(ctx)
    kernel = kernel_of(ctx, rank)
    y = convolve(ctx, ctx.x, kernel, ctx.bias(), rank, groups=ctx.integer("groups", default=1))
    return activate(ctx, y, ctx.get("activation", default=None))


@layer("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", variables=kernel_bias)
def conv_transpose(ctx: LayerContext) -> Value:
    """The gradient of a convolution; keras/src/backend/common/backend_utils.py has the output sizes."""
    rank, layout, x = layer_rank(ctx), ctx.layout, ctx.real(ctx.x)
    kernel = kernel_of(ctx, rank, transposed=True)
    strides, dilations = ctx.integers(rank, "strides", default=1), ctx.integers(rank, "dilation_rate", default=1)
    padding = ctx.choice(("valid", "same"), "padding", default="valid")
    extra = ctx.get("output_padding", default=None)
    more = [None] * rank if extra is None else ctx.integers(rank, "output_padding")
    begins, ends, trailing = [], [], []
    for i, s in enumerate(strides):
        extent = (kernel.shape[i] - 1) * dilations[i] + 1
        # the output's size beyond (size - 1) * stride; the gradient of SAME or VALID pads what the extent has too much
        given = more[i]
        if padding == "valid":
            beyond = max(extent, s) if given is None else extent + given
            total = 0
        else:
            beyond = s if given is None else extent % 2 + given
            total = max(extent - beyond, 0)
        if beyond < 1:
            raise MalformedModelError(f"output_padding {given} leaves nothing of the output")
        begins.append(total // 2)
        ends.append(total - total // 2)
        trailing.append(beyond - (extent - total))
    w = ctx.parameter(np.moveaxis(kernel, rank, 0), "kernel")
    y = ctx.call(
        "ConvTranspose",
        x,
        w,
        ctx.bias(),
        strides=tuple(strides),
        pads=(*begins, *ends),
        dilations=tuple(dilations),
        output_padding=tuple(trailing),
        groups=1,
        layout=layout,
    )
    return activate(ctx, y, ctx.get("activation", default=None))


def depthwise_kernel(kernel: Array) -> Array:
    """[kernel..., C, multiplier] as the kernel [kernel..., 1, C * multiplier] of C groups."""
    return np.ascontiguousarray(kernel).reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])


def _depthwise(layer_: Layer) -> Sequence[Variable]:
    kernel = Variable("depthwise_kernel")
    return (kernel, Variable("bias")) if layer_.config.get("use_bias", True) else (kernel,)


@layer("DepthwiseConv1D", "DepthwiseConv2D", variables=_depthwise)
def depthwise_conv(ctx: LayerContext) -> Value:
    rank = layer_rank(ctx)
    kernel = _plain_kernel(ctx, "depthwise_kernel", rank)
    y = convolve(ctx, ctx.x, depthwise_kernel(kernel), ctx.bias(), rank, "depthwise_kernel", kernel.shape[-2])
    return activate(ctx, y, ctx.get("activation", default=None))


def _plain_kernel(ctx: LayerContext, role: str, rank: int) -> Array:
    w = ctx.weight(role)
    if ctx.layer.version == 1 and ctx.layout == "NCHW" and w.ndim == rank + 2:
        w = np.transpose(w, (*range(2, rank + 2), 1, 0))
    if w.ndim != rank + 2:
        raise MalformedModelError(f"the array {role!r} has the shape {list(w.shape)}, {rank + 2} dimensions are needed")
    return w


def _separable(layer_: Layer) -> Sequence[Variable]:
    kernels = (Variable("depthwise_kernel"), Variable("pointwise_kernel"))
    return (*kernels, Variable("bias")) if layer_.config.get("use_bias", True) else kernels


@layer("SeparableConv1D", "SeparableConv2D", variables=_separable)
def separable_conv(ctx: LayerContext) -> Value:
    """A depthwise convolution, then one of 1 x 1."""
    rank = layer_rank(ctx)
    depthwise, pointwise = (_plain_kernel(ctx, f"{k}_kernel", rank) for k in ("depthwise", "pointwise"))
    if any(k != 1 for k in pointwise.shape[:rank]):
        raise MalformedModelError(f"the pointwise kernel has the shape {list(pointwise.shape)}")
    y = convolve(ctx, ctx.x, depthwise_kernel(depthwise), None, rank, "depthwise_kernel", depthwise.shape[-2])
    ones = (1,) * rank
    w = ctx.parameter(np.moveaxis(pointwise, -1, 0), "pointwise_kernel")
    y = ctx.call("Conv", y, w, ctx.bias(), strides=ones, pads=(0,) * (2 * rank), dilations=ones, groups=1, layout=ctx.layout)
    return activate(ctx, y, ctx.get("activation", default=None))


@layer("LocallyConnected1D", "LocallyConnected2D", variables=kernel_bias)
def locally_connected(ctx: LayerContext) -> Value:
    """A convolution with weights of its own at each position: patches, then one matrix product a position.

    The kernel is [positions, taps * channels, filters] (implementation 1); taps in Keras' order: position of the tap, then channel.
    """
    rank, layout, x = layer_rank(ctx), ctx.layout, ctx.real(ctx.x)
    if ctx.integer("implementation", default=1) != 1:
        raise Unsupported("only implementation=1 is supported.", "Build the layer with implementation=1 and save again.")
    kernel, strides = ctx.integers(rank, "kernel_size"), ctx.integers(rank, "strides", default=1)
    if ctx.choice(("valid",), "padding", default="valid") != "valid" or len(x.shape) != rank + 2:
        raise MalformedModelError(f"an input of rank {len(x.shape)}")
    channels = ctx.static(x.shape[1 if layout == "NCHW" else -1], "the number of channels")
    taps = math.prod(kernel)
    ctx.computed((taps * channels, taps * channels))
    patches = np.zeros((taps * channels, *kernel, channels), np.float32)
    for t, at in enumerate(np.ndindex(*kernel)):
        for c in range(channels):
            patches[(c * taps + t if layout == "NCHW" else t * channels + c, *at, c)] = 1.0
    columns = ctx.call(
        "Conv",
        ctx.transpose(x, (0, *range(2, rank + 2), 1)) if layout == "NCHW" else x,
        ctx.parameter(patches, "patches"),
        strides=tuple(strides),
        pads=(0,) * (2 * rank),
        dilations=(1,) * rank,
        groups=1,
        layout="NHWC",
    )
    sizes = [ctx.static(d, "the output size") for d in columns.shape[1:-1]]
    weights = ctx.weight("kernel")
    positions = math.prod(sizes)
    if weights.shape[:2] != (positions, taps * channels):
        raise MalformedModelError(
            f"the array 'kernel' has the shape {list(weights.shape)}, [{positions}, {taps * channels}, ...] is needed"
        )
    flat = ctx.transpose(ctx.regroup(columns, [[0], positions, taps * channels]), (1, 0, 2))
    y = ctx.transpose(ctx.call("MatMul", flat, ctx.parameter(weights, "kernel")), (1, 0, 2))
    y = ctx.regroup(y, [[0], *sizes, int(weights.shape[2])])
    if ctx.has("bias"):
        y = ctx.call("Add", y, ctx.parameter(ctx.weight("bias"), "bias"))
    y = activate(ctx, y, ctx.get("activation", default=None))
    return ctx.transpose(y, (0, rank + 1, *range(1, rank + 1))) if layout == "NCHW" else y
