"""Convolutions, in both layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Dim
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.windows import computes_pads, pad_same, same_pads
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.dilation import Batched, Pads
from edgekit_converters.tensorflow.registry import converts


def layout_of(ctx: NodeContext, default: str = "NHWC") -> str:
    """EdgeKit's name of the data format."""
    text = ctx.attr_string("data_format", default)
    if text not in ("NHWC", "NCHW", "NDHWC", "NCDHW"):
        raise Unsupported(f"the data format {text} is not supported.")
    return "NCHW" if text.startswith("NC") else "NHWC"


def spatial(values: Sequence[Any], layout: str) -> tuple[Any, ...]:
    """The spatial entries of a list with one entry a dimension."""
    return tuple(values[2:]) if layout == "NCHW" else tuple(values[1:-1])


def per_dimension(ctx: NodeContext, name: str, layout: str, rank: int) -> tuple[int, ...]:
    """A window's numbers (strides, dilations, ksize) in the spatial dimensions; batch and channels must have 1."""
    numbers = ctx.attr_ints(name, [1] * rank)
    if len(numbers) == 1:
        numbers = numbers * rank
    if len(numbers) != rank:
        raise MalformedModelError(f"{name} {numbers} for a tensor of rank {rank}")
    if numbers[0] != 1 or numbers[1 if layout == "NCHW" else -1] != 1:
        raise Unsupported(f"{name} {numbers} along the batch or the channels are not supported.")
    return spatial(numbers, layout)


def window_pads(
    ctx: NodeContext, sizes: Sequence[Dim], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], layout: str
) -> tuple[int, ...]:
    """Begins and ends of the padding; SAME puts the odd element behind."""
    if min(*strides, *dilations, *kernel) < 1:
        raise MalformedModelError(f"a window of {list(kernel)} with strides {list(strides)} and dilations {list(dilations)}")
    padding = ctx.attr_string("padding")
    n = len(kernel)
    if padding == "VALID":
        return (0,) * (2 * n)
    if padding == "EXPLICIT":
        given = ctx.attr_ints("explicit_paddings")
        if len(given) != 2 * (n + 2) or min(given) < 0:
            raise MalformedModelError(f"explicit paddings {given}")
        pairs = spatial([(given[2 * i], given[2 * i + 1]) for i in range(n + 2)], layout)
        return (*(p[0] for p in pairs), *(p[1] for p in pairs))
    if padding != "SAME":
        raise MalformedModelError(f"the padding {padding!r}")
    return same_pads(ctx, "padding=SAME", sizes, kernel, strides, dilations)


def padded(
    ctx: NodeContext, x: Value, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], layout: str
) -> tuple[Value, tuple[int, ...]]:
    """What to slide a window over, and its pads. Where SAME padding depends on a size that is not known, the padding is computed."""
    n = len(kernel)
    axes = spatial(range(n + 2), layout)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if ctx.attr_string("padding") != "SAME" or min(*strides, *extents) < 1 or not computes_pads(x, axes, extents, strides):
        return x, window_pads(ctx, spatial(x.shape, layout), kernel, strides, dilations, layout)
    return pad_same(ctx, x, axes, extents, strides), (0,) * (2 * n)


def channels_of(ctx: NodeContext, x: Value, layout: str) -> int:
    """The number of channels."""
    return ctx.static(x.shape[1 if layout == "NCHW" else -1], "the channels")


Dilation = tuple[Sequence[int], Pads]


def convolve(ctx: NodeContext, x: Value, bias: Value | None = None, dilation: Dilation | None = None) -> Value:
    """A convolution with weights [kernel..., in / groups, out].

    Args:
        x: what is convolved.
        bias: a number for each output channel.
        dilation: dilations and pads in place of the node's own.
    """
    w = ctx.input(1)
    rank = len(x.shape)
    if rank not in (4, 5) or len(w.shape) != rank:
        raise MalformedModelError(f"a convolution of a tensor of rank {rank} with weights of rank {len(w.shape)}")
    layout = layout_of(ctx)
    kernel = ctx.static_shape(w, "the weights")
    strides, dilations = per_dimension(ctx, "strides", layout, rank), per_dimension(ctx, "dilations", layout, rank)
    channels = channels_of(ctx, x, layout)
    if kernel[-2] < 1 or channels % kernel[-2]:
        raise MalformedModelError(f"{channels} channels for weights of shape {list(kernel)}")
    x, pads = padded(ctx, x, kernel[:-2], strides, dilations, layout)
    moved = ctx.transpose(w, (rank - 1, *range(rank - 1)))
    attrs: dict[str, Any] = {"strides": strides, "pads": pads, "dilations": dilations, "layout": layout}
    return ctx.call("Conv", x, moved, bias, groups=channels // kernel[-2], **_with(attrs, dilation))


def _with(attrs: dict[str, Any], dilation: Dilation | None) -> dict[str, Any]:
    """The attributes with another dilation."""
    if dilation is None:
        return attrs
    dilations, pads = dilation
    return {**attrs, "dilations": tuple(dilations), "pads": (*(p[0] for p in pads), *(p[1] for p in pads))}


@converts("Conv2D", "Conv3D")
def conv(ctx: NodeContext) -> Item:
    """Convolution."""
    return _maybe_dilated(ctx, convolve)


def _maybe_dilated(ctx: NodeContext, compute: Callable[..., Value]) -> Item:
    """A convolution; behind SpaceToBatchND one that may yet become a dilated one."""
    item = ctx.items[0] if ctx.items else None
    plain = set(ctx.attr_ints("strides", ())) | set(ctx.attr_ints("dilations", ())) <= {1} and ctx.attr_string("padding") == "VALID"
    if not isinstance(item, Batched) or item.dilated is not None or not plain or layout_of(ctx) != "NHWC":
        return compute(ctx, ctx.input(0))
    if len(item.spread.block) != len(ctx.input(1).shape) - 2:
        return compute(ctx, ctx.input(0))
    return Batched(
        lambda: compute(ctx, item.value()), item.spread, item.source, lambda d, pads: compute(ctx, item.source, dilation=(d, pads))
    )


def convolve_depthwise(ctx: NodeContext, x: Value, bias: Value | None = None, dilation: Dilation | None = None) -> Value:
    """A depthwise convolution with weights [h, w, in, multiplier]: output ``c * multiplier + m`` reads channel ``c``."""
    w = ctx.input(1)
    if len(x.shape) != 4 or len(w.shape) != 4:
        raise MalformedModelError(f"a depthwise convolution of a tensor of rank {len(x.shape)} with weights of rank {len(w.shape)}")
    layout = layout_of(ctx)
    h, width, channels, multiplier = ctx.static_shape(w, "the weights")
    if channels_of(ctx, x, layout) != channels:
        raise MalformedModelError(f"{channels_of(ctx, x, layout)} channels for weights of {channels}")
    strides, dilations = per_dimension(ctx, "strides", layout, 4), per_dimension(ctx, "dilations", layout, 4)
    x, pads = padded(ctx, x, (h, width), strides, dilations, layout)
    flat = ctx.reshape(w, (h, width, 1, channels * multiplier))
    moved = ctx.transpose(flat, (3, 0, 1, 2))
    attrs: dict[str, Any] = {"strides": strides, "pads": pads, "dilations": dilations, "layout": layout}
    return ctx.call("Conv", x, moved, bias, groups=channels, **_with(attrs, dilation))


@converts("DepthwiseConv2dNative")
def depthwise_conv(ctx: NodeContext) -> Item:
    """Depthwise convolution."""
    return _maybe_dilated(ctx, convolve_depthwise)


@converts("Conv2DBackpropInput", "Conv3DBackpropInputV2")
def conv_transpose(ctx: NodeContext) -> Value:
    """Transposed convolution to a given output shape, with weights [kernel..., out, in]."""
    x, w = ctx.input(2), ctx.input(1)
    rank = len(x.shape)
    if rank not in (4, 5) or len(w.shape) != rank:
        raise MalformedModelError(f"a transposed convolution of a tensor of rank {rank} with weights of rank {len(w.shape)}")
    layout = layout_of(ctx)
    kernel = ctx.static_shape(w, "the weights")[:-2]
    strides, dilations = per_dimension(ctx, "strides", layout, rank), per_dimension(ctx, "dilations", layout, rank)
    wanted = output_sizes(ctx, ctx.input(0), rank, layout)
    if wanted is None:
        wanted = inferred_sizes(ctx, spatial(x.shape, layout), kernel, strides, dilations)
    pads = window_pads(ctx, wanted, kernel, strides, dilations, layout)
    n = len(kernel)
    extra = []
    for i, size in enumerate(spatial(x.shape, layout)):
        extent = (kernel[i] - 1) * dilations[i] + 1
        made = (ctx.static(size, "a spatial dimension") - 1) * strides[i] + extent - pads[i] - pads[n + i]
        extra.append(ctx.static(wanted[i], "the output shape") - made)
    ends = [pads[n + i] - min(extra[i], 0) for i in range(n)]
    moved = ctx.transpose(w, (rank - 2, *range(rank - 2), rank - 1))
    return ctx.call(
        "ConvTranspose", x, moved, strides=strides, pads=(*pads[:n], *ends), dilations=dilations,
        output_padding=tuple(max(e, 0) for e in extra), groups=1, layout=layout,
    )  # fmt: skip


def output_sizes(ctx: NodeContext, shape: Value, rank: int, layout: str) -> tuple[Dim, ...] | None:
    """The spatial part of a shape given as a tensor; None where it is computed at run time."""
    known = ctx.known(shape)
    if known is None:
        return None
    entries = known.reshape(-1).tolist()
    if len(entries) == rank - 2:  # sizes of the spatial dimensions alone
        return tuple(entries)
    if len(entries) != rank:
        raise MalformedModelError(f"an output shape of {len(entries)} entries for a tensor of rank {rank}")
    return spatial(entries, layout)


def inferred_sizes(
    ctx: NodeContext, sizes: Sequence[Dim], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[Dim, ...]:
    """The usual output sizes: ``in * stride`` under SAME, all that the windows reach under VALID."""
    if ctx.attr_string("padding") == "SAME":
        return tuple(n * s for n, s in zip(sizes, strides, strict=True))
    return tuple(n * s + max((k - 1) * d + 1 - s, 0) for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True))
