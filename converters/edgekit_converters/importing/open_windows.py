"""SAME padding where sizes are not known at conversion: the amounts are computed when the model runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported

if TYPE_CHECKING:
    from edgekit_converters.importing.node import SourceNode


def is_open(x: Value, axes: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether what SAME pads depends on a size that is not known: windows side by side need as much at every size."""
    return any(s > 1 and not isinstance(x.shape[a], int) for a, s in zip(axes, strides, strict=True))


def pad_same(
    ctx: SourceNode, x: Value, axes: Sequence[int], extents: Sequence[int], strides: Sequence[int], fill: Value | None = None
) -> Value:
    """``x`` padded so that ``ceil(size / stride)`` windows fit, whatever the sizes are; the windows themselves then pad nothing.

    The odd element goes behind, as TensorFlow has it.

    Args:
        ctx: of the node.
        x: what is padded.
        axes: of the windows.
        extents: of a window, dilation included.
        strides: of the windows.
        fill: what to pad with; 0 by default.

    Raises:
        Unsupported: the windows leave gaps (an extent above 1 and below the stride): then some sizes need no padding.
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
        elif extent < stride:
            raise Unsupported(
                f"SAME padding of windows of {extent} with stride {stride} needs a static size, got {str(size)!r}.",
                ctx.problems.shape_hint(),
                "dynamic-shape",
            )
        else:
            n = ctx.call("Shape", x, start=axis, end=axis + 1)
            windows = ctx.call("Div", ctx.call("Add", n, ctx.i64(stride - 1)), ctx.i64(stride))
            reach = ctx.call("Add", ctx.call("Mul", windows, ctx.i64(stride)), ctx.i64(extent - stride))
            total = ctx.call("Sub", reach, n)
            half = ctx.call("Div", total, ctx.i64(2))
        begins[axis], ends[axis] = half, ctx.call("Sub", total, half)
    return ctx.call("Pad", x, ctx.call("Concat", *begins, *ends, axis=0), fill)


def pool_same(ctx: SourceNode, op: str, x: Value, kernel: Sequence[int], strides: Sequence[int], layout: str) -> Value:
    """MaxPool or AveragePool with SAME padding, which does not count, over sizes that are not known."""
    rank = len(kernel)
    axes = range(2, rank + 2) if layout == "NCHW" else range(1, rank + 1)
    attrs: dict[str, Any] = {
        "kernel": tuple(kernel), "strides": tuple(strides), "pads": (0,) * (2 * rank), "dilations": (1,) * rank, "layout": layout,
    }  # fmt: skip
    if op == "MaxPool":
        lowest = -np.inf if x.dtype.is_float else np.iinfo(x.dtype.numpy).min
        return ctx.call(op, pad_same(ctx, x, axes, kernel, strides, ctx.like(lowest, x)), **attrs)
    # the average of ones and padded zeros is the share of a window that counts
    sizes = [ctx.call("Shape", x, start=a, end=a + 1) if a in axes else ctx.i64(1) for a in range(rank + 2)]
    ones = ctx.call("Expand", ctx.like(1, x), ctx.call("Concat", *sizes, axis=0))
    share = ctx.call(op, pad_same(ctx, ones, axes, kernel, strides), **attrs)
    return ctx.call("Div", ctx.call(op, pad_same(ctx, x, axes, kernel, strides), **attrs), share)
