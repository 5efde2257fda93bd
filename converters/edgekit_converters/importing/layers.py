"""Layers as Caffe, MXNet and Theano have them: channels first, weights with output channels first and the kernel last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Unsupported


@dataclass(frozen=True)
class Sliding:
    """How a kernel slides: one entry a spatial dimension.

    Attributes:
        pads: added on both sides.
    """

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    def check(self, rank: int) -> None:
        """Refuse what makes no sense.

        Raises:
            MalformedModelError: a stride or dilation below 1, a negative pad, another number of entries.
        """
        if any(len(v) != rank for v in (self.strides, self.pads, self.dilations)):
            raise MalformedModelError(f"{rank} strides, pads and dilations are needed, got {self.strides}, {self.pads}, {self.dilations}")
        if min((*self.strides, *self.dilations), default=1) < 1 or min(self.pads, default=0) < 0:
            raise MalformedModelError(f"strides {self.strides}, dilations {self.dilations} or pads {self.pads} are out of range")


def convolution(ctx: Composer, x: Value, w: Value, b: Value | None, sliding: Sliding, groups: int) -> Value:
    """``x`` [N, C, spatial...] convolved with ``w`` [O, C / groups, kernel...]."""
    rank = len(x.shape) - 2
    _check_weights(w, rank, sliding)
    weights = ctx.transpose(w, (0, *range(2, rank + 2), 1))
    return ctx.call(
        "Conv", x, weights, b, strides=sliding.strides, pads=sliding.pads * 2, dilations=sliding.dilations, groups=groups, layout="NCHW"
    )


def transposed_convolution(
    ctx: Composer, x: Value, w: Value, b: Value | None, sliding: Sliding, groups: int, extra: Sequence[int] = ()
) -> Value:
    """The transposed convolution with ``w`` [C, O / groups, kernel...]; ``extra`` rows and columns are added at the ends."""
    rank = len(x.shape) - 2
    _check_weights(w, rank, sliding)
    channels, per_group, *kernel = ctx.static_shape(w, "the weights' shape")
    if groups < 1 or channels % groups:
        raise MalformedModelError(f"{channels} input channels do not split into {groups} groups")
    taps = range(3, rank + 3)
    if w.const is not None:
        split = w.const.reshape(groups, channels // groups, per_group, *kernel)
        moved = np.transpose(split, (0, 2, *taps, 1)).reshape(groups * per_group, *kernel, channels // groups)
        weights = ctx.const(np.ascontiguousarray(moved), name=w.name)
    else:
        parts = ctx.transpose(ctx.reshape(w, (groups, channels // groups, per_group, *kernel)), (0, 2, *taps, 1))
        weights = ctx.reshape(parts, (groups * per_group, *kernel, channels // groups))
    return ctx.call(
        "ConvTranspose", x, weights, b, strides=sliding.strides, pads=sliding.pads * 2, dilations=sliding.dilations,
        output_padding=tuple(extra) or (0,) * rank, groups=groups, layout="NCHW",
    )  # fmt: skip


def _check_weights(w: Value, rank: int, sliding: Sliding) -> None:
    if rank not in (1, 2, 3) or len(w.shape) != rank + 2:
        raise MalformedModelError(f"weights of rank {len(w.shape)} do not fit an input of rank {rank + 2}")
    sliding.check(rank)


def pool(ctx: Composer, x: Value, kind: str, kernel: Sequence[int], sliding: Sliding, *, ceil: bool, count_pads: bool, p: int = 2) -> Value:
    """Max, average or Lp pooling over ``x`` [N, C, spatial...].

    ``ceil`` rounds the number of windows up; no window starts behind the input and its leading pads. With ``count_pads`` an average divides
    by the part of the window that lies inside the padded input.

    Args:
        kind: ``"max"``, ``"avg"``, ``"sum"`` or ``"lp"``.
    """
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3) or len(kernel) != rank or min(kernel) < 1:
        raise MalformedModelError(f"a window of {list(kernel)} does not fit an input of rank {len(x.shape)}")
    sliding.check(rank)
    if kind in ("max", "avg") and any(q >= k for q, k in zip(sliding.pads, kernel, strict=True)):
        raise Unsupported(f"pads {list(sliding.pads)} as large as the window {list(kernel)} are not supported.")
    window = {
        "kernel": tuple(kernel), "strides": sliding.strides, "pads": sliding.pads * 2, "dilations": sliding.dilations, "ceil_mode": ceil,
        "layout": "NCHW",
    }  # fmt: skip
    if kind == "max":
        return ctx.call("MaxPool", x, **window)
    if kind == "avg":
        return ctx.call("AveragePool", x, count_include_pad=count_pads, **window)
    if kind == "lp":
        return ctx.call("LpPool", x, p=p, **window)
    if kind != "sum":
        raise MalformedModelError(f"{kind!r} is no kind of pooling")
    mean = ctx.call("AveragePool", ctx.call("Pad", x, ctx.i64(*_pads(rank, sliding, kernel, x, ctx, ceil))), **{
        **window, "pads": (0,) * (2 * rank), "ceil_mode": False, "count_include_pad": False,
    })  # fmt: skip
    return ctx.call("Mul", mean, ctx.like(int(np.prod(kernel)), x))


def _pads(rank: int, sliding: Sliding, kernel: Sequence[int], x: Value, ctx: Composer, ceil: bool) -> list[int]:
    """Pads of all axes, long enough for the last window of a sum."""
    ends = list(sliding.pads)
    if ceil:
        for i in range(rank):
            size = ctx.static(x.shape[2 + i], "the size that is pooled") + 2 * sliding.pads[i]
            ends[i] += -(size - kernel[i]) % sliding.strides[i]
    return [0, 0, *sliding.pads, 0, 0, *ends]


def flatten(ctx: Composer, x: Value, start: int = 1, end: int = -1) -> Value:
    """Dimensions ``start`` to ``end`` as one."""
    rank = len(x.shape)
    if rank == 0:
        return ctx.reshape(x, (1,))
    first, last = ctx.axis(start, rank + 1), ctx.axis(end, rank)
    if first > last:
        return ctx.unsqueeze(x, [first])
    return ctx.regroup(x, [*([i] for i in range(first)), list(range(first, last + 1)), *([i] for i in range(last + 1, rank))])


def per_channel(ctx: Composer, v: Value, rank: int, axis: int = 1) -> Value:
    """A vector in a shape that broadcasts along ``axis`` of a tensor of ``rank``."""
    count = ctx.static(v.shape[0], "the number of channels") if len(v.shape) == 1 else -1
    shape = [1] * rank
    shape[axis] = count
    if v.const is not None:
        return ctx.const(v.const.reshape(shape), name=v.name)
    return ctx.reshape(v, shape)
