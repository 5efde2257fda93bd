"""SAME padding: as much as makes ``ceil(size / stride)`` windows, computed when the model runs where that depends on open sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.ir import Value
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


def computes_pads(x: Value, axes: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether what SAME pads depends on sizes that are not known, and can be computed.

    Windows side by side need as much at every size. Where windows leave gaps (an extent above 1 and below the stride) some sizes need no
    padding, which has no form here.

    Args:
        x: what the windows slide over.
        axes: of the windows.
        extents: of a window, dilation included.
        strides: of the windows.
    """
    shapes = [(e, s) for a, e, s in zip(axes, extents, strides, strict=True) if s > 1 and not isinstance(x.shape[a], int)]
    return bool(shapes) and all(e == 1 or e >= s for e, s in shapes)


def pad_same(
    ctx: SourceNode, x: Value, axes: Sequence[int], extents: Sequence[int], strides: Sequence[int], *, fill: Value | None = None,
    odd_first: bool = False,
) -> Value:  # fmt: skip
    """``x`` padded so that ``ceil(size / stride)`` windows fit, whatever the sizes are; the windows themselves then pad nothing.

    Args:
        ctx: of the node.
        x: what is padded; ``computes_pads`` must hold.
        axes: of the windows.
        extents: of a window, dilation included.
        strides: of the windows.
        fill: what to pad with; 0 by default.
        odd_first: an odd element goes in front instead of behind.
    """
    begins = [ctx.i64(0) for _ in x.shape]
    ends = list(begins)
    for axis, extent, stride in zip(axes, extents, strides, strict=True):
        size = x.shape[axis]
        if isinstance(size, int):
            fixed = max((-(-size // stride) - 1) * stride + extent - size, 0)
            total, half = ctx.i64(fixed), ctx.i64(fixed // 2)
        elif extent == 1:
            continue
        else:
            n = ctx.call("Shape", x, start=axis, end=axis + 1)
            windows = ctx.call("Div", ctx.call("Add", n, ctx.i64(stride - 1)), ctx.i64(stride))
            reach = ctx.call("Add", ctx.call("Mul", windows, ctx.i64(stride)), ctx.i64(extent - stride))
            total = ctx.call("Sub", reach, n)
            half = ctx.call("Div", total, ctx.i64(2))
        larger = ctx.call("Sub", total, half)
        begins[axis], ends[axis] = (larger, half) if odd_first else (half, larger)
    return ctx.call("Pad", x, ctx.call("Concat", *begins, *ends, axis=0), fill)


def pool_same(
    ctx: SourceNode, op: str, x: Value, kernel: Sequence[int], strides: Sequence[int], layout: str, *, odd_first: bool = False
) -> Value:
    """MaxPool or AveragePool with SAME padding, which does not count, over sizes that are not known."""
    rank = len(kernel)
    axes = range(2, rank + 2) if layout == "NCHW" else range(1, rank + 1)
    attrs: dict[str, Any] = {
        "kernel": tuple(kernel), "strides": tuple(strides), "pads": (0,) * (2 * rank), "dilations": (1,) * rank, "layout": layout,
    }  # fmt: skip
    if op == "MaxPool":
        lowest = -np.inf if x.dtype.is_float else np.iinfo(x.dtype.numpy).min
        return ctx.call(op, pad_same(ctx, x, axes, kernel, strides, fill=ctx.like(lowest, x), odd_first=odd_first), **attrs)
    # the average of ones and padded zeros is the share of a window that counts
    sizes = [ctx.call("Shape", x, start=a, end=a + 1) if a in axes else ctx.i64(1) for a in range(rank + 2)]
    ones = ctx.call("Expand", ctx.like(1, x), ctx.call("Concat", *sizes, axis=0))
    total, share = (ctx.call(op, pad_same(ctx, v, axes, kernel, strides, odd_first=odd_first), **attrs) for v in (x, ones))
    return ctx.call("Div", total, share)
