"""Strides, pads and dilations of windows, ``auto_pad`` included (https://onnx.ai/onnx/operators/onnx__Conv.html)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Dim
from edgekit_converters.importing.windows import computes_pads, pad_same, same_pads
from edgekit_converters.onnx.context import NodeContext

AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class SpatialAttributes:
    """One entry a spatial dimension; ``pads`` holds all begins, then all ends."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    output_padding: tuple[int, ...] = ()


def slide(ctx: NodeContext, x: Value, kernel: Sequence[int]) -> tuple[Value, SpatialAttributes]:
    """What to slide the node's window over, and the window. Where ``auto_pad`` depends on open sizes, the padding is computed."""
    auto_pad, rank = ctx.get_string("auto_pad", "NOTSET"), len(kernel)
    if auto_pad.startswith("SAME_") and len(x.shape) == rank + 2 and not x.type.is_static:
        # the checks of everything else, with sizes that do not matter
        window = spatial_attributes(ctx, x, kernel, [1] * rank)
        extents = [(k - 1) * d + 1 for k, d in zip(kernel, window.dilations, strict=True)]
        if computes_pads(x, range(2, rank + 2), extents, window.strides):
            padded = pad_same(ctx, x, range(2, rank + 2), extents, window.strides, odd_first=auto_pad == "SAME_LOWER")
            return padded, replace(window, pads=(0,) * (2 * rank))
    return x, spatial_attributes(ctx, x, kernel)


def spatial_attributes(ctx: NodeContext, x: Value, kernel: Sequence[int], sizes: Sequence[Dim] | None = None) -> SpatialAttributes:
    """The node's window over ``x`` [N, C, spatial...], or over other sizes.

    Raises:
        Unsupported: ``auto_pad`` needs a size that is symbolic.
        MalformedModelError: lists of the wrong length, an unknown ``auto_pad``.
    """
    rank = len(kernel)
    if ctx.has("kernel_shape") and ctx.get_ints("kernel_shape") != list(kernel):
        raise MalformedModelError(f"kernel_shape {ctx.get_ints('kernel_shape')} differs from the weights' {list(kernel)}")
    if len(x.shape) != rank + 2:
        raise MalformedModelError(f"a kernel of {rank} dimensions does not fit an input of rank {len(x.shape)}")
    strides = ctx.get_ints("strides", [1] * rank)
    dilations = ctx.get_ints("dilations", [1] * rank)
    for what, values in (("strides", strides), ("dilations", dilations)):
        if len(values) != rank or min(values) < 1:
            raise MalformedModelError(f"{what} needs {rank} positive numbers, got {values}")
    auto_pad = ctx.get_string("auto_pad", "NOTSET") or "NOTSET"
    if auto_pad not in AUTO_PADS:
        raise MalformedModelError(f"auto_pad={auto_pad} is none of {', '.join(AUTO_PADS)}")
    if auto_pad == "NOTSET":
        pads = tuple(ctx.get_ints("pads", [0] * (2 * rank)))
        if len(pads) != 2 * rank:
            raise MalformedModelError(f"pads needs {2 * rank} numbers, got {list(pads)}")
    elif auto_pad == "VALID":
        pads = (0,) * (2 * rank)
    else:
        over = x.shape[2:] if sizes is None else sizes
        pads = same_pads(ctx, f"auto_pad={auto_pad}", over, kernel, strides, dilations, odd_first=auto_pad == "SAME_LOWER")
    return SpatialAttributes(tuple(kernel), tuple(strides), pads, tuple(dilations))
