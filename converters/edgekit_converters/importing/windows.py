"""Padding that the source names by a word: as much as keeps ``ceil(size / stride)`` windows."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.types import Dim
from edgekit_converters.importing.node import SourceNode

#: what spatial dimensions are called in messages, by their number
SPATIAL_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def same_pads(
    ctx: SourceNode,
    setting: str,
    sizes: Sequence[Dim],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    *,
    odd_first: bool = False,
) -> tuple[int, ...]:
    """Pads that make ``ceil(size / stride)`` windows; a stride of 1 needs no size.

    Args:
        setting: what asks for it, in the source's words, for the message.
        sizes: of the input's spatial dimensions; kernel, strides and dilations are one entry each, too.
        odd_first: an odd element goes in front (ONNX's SAME_LOWER) instead of behind.

    Returns:
        all begins, then all ends.

    Raises:
        Unsupported: a size is needed and symbolic.
    """
    smaller, larger = [], []
    names = SPATIAL_NAMES.get(len(kernel), ("size",) * len(kernel))
    for size, k, s, d, name in zip(sizes, kernel, strides, dilations, names, strict=True):
        extent = (k - 1) * d + 1
        if s == 1:
            total = extent - 1
        else:
            known = ctx.static(size, f"{setting} with stride {s} depends on the {name}, which")
            total = max((-(-known // s) - 1) * s + extent - known, 0)
        smaller.append(total // 2)
        larger.append(total - total // 2)
    return (*larger, *smaller) if odd_first else (*smaller, *larger)
