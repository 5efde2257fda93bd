"""Strides, pads and dilations of windows, ``auto_pad`` included (https://onnx.ai/onnx/operators/onnx__Conv.html)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.windows import same_pads
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


def spatial_attributes(ctx: NodeContext, x: Value, kernel: Sequence[int]) -> SpatialAttributes:
    """The node's window over ``x`` [N, C, spatial...].

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
        sizes = x.shape[2:]
        pads = same_pads(ctx, f"auto_pad={auto_pad}", sizes, kernel, strides, dilations, odd_first=auto_pad == "SAME_LOWER")
    return SpatialAttributes(tuple(kernel), tuple(strides), pads, tuple(dilations))
