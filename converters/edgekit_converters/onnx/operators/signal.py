"""Fourier transforms of static length, and weights of mel bands."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts


def transform(ctx: NodeContext, x: Value, axis: int, length: int, inverse: bool, onesided: bool) -> Value:
    """The discrete Fourier transform of ``x`` [..., 1 or 2] along ``axis``; the result is [..., 2]."""
    rank = len(x.shape)
    order = [*(i for i in range(rank - 1) if i != axis), axis, rank - 1]
    lines = ctx.transpose(ctx.cast(x, F32), order)
    y = ctx.call("Dft", lines, length=length, inverse=inverse, onesided=onesided and not inverse)
    if onesided and inverse:
        y = ctx.call("Slice", y, ctx.i64(0), ctx.i64(length // 2 + 1), ctx.i64(rank - 2))
    return ctx.cast(ctx.transpose(y, [order.index(i) for i in range(rank)]), x.dtype)


def _dft(ctx: NodeContext, axis: int) -> Value:
    x = ctx.input(0)
    if len(x.shape) < 2 or x.shape[-1] not in (1, 2):
        raise MalformedModelError("an input whose last dimension is 1 (real) or 2 (complex) is needed")
    axis = ctx.axis(axis, len(x.shape))
    length = ctx.optional(1)
    n = (
        ctx.static(x.shape[axis], "the transformed dimension")
        if length is None
        else int(ctx.constant_value(length, "dft_length").reshape(-1)[0])
    )
    if n < 1 or axis == len(x.shape) - 1:
        raise MalformedModelError(f"a transform of length {n} along axis {axis} is not possible")
    return transform(ctx, x, axis, n, bool(ctx.get_int("inverse", 0)), bool(ctx.get_int("onesided", 0)))


@converts("DFT", since=17)
def dft_17(ctx: NodeContext) -> Value:
    return _dft(ctx, ctx.get_int("axis", 1))


@converts("DFT", since=20)
def dft(ctx: NodeContext) -> Value:
    given = ctx.optional(2)
    if given is None or ctx.numbers(given) is not None:
        return _dft(ctx, -2 if given is None else ctx.constant_ints(2, "axis")[0])
    if ctx.get_int("onesided", 0) or ctx.optional(1) is not None:
        message = "an axis that is computed at run time needs a transform that keeps all sizes"
        raise Unsupported(message, "Make the axis a constant of the model.", "dynamic-input")
    return _along_computed_axis(ctx, ctx.scalar(ctx.as_i64(given)))


def _along_computed_axis(ctx: NodeContext, axis: Value) -> Value:
    """The transforms along all axes, of which the run picks one."""
    rank = len(ctx.input(0).shape)
    stacked = ctx.call("Concat", *(ctx.unsqueeze(_dft(ctx, k), [0]) for k in range(rank - 1)), axis=0)
    zero, beyond = ctx.const(0, I64), ctx.const(rank, I64)
    front = ctx.call("Where", ctx.call("Less", axis, zero), ctx.call("Add", axis, beyond), axis)
    held = ctx.call("Where", ctx.call("Less", front, zero), beyond, front)  # so that the run refuses it
    return ctx.call("Gather", stacked, held, axis=0)


@converts("STFT", since=17)
def stft(ctx: NodeContext) -> Value:
    """Overlapping frames, a window, a transform of each."""
    signal, window = ctx.input(0), ctx.optional(2)
    known = ctx.numbers(ctx.input(1))
    step = None if known is None else int(known.reshape(-1)[0])
    if ctx.optional(3) is not None:
        length = ctx.constant_ints(3, "frame_length")[0]
    elif window is not None:
        length = ctx.static(window.shape[0], "the window's length")
    else:
        raise MalformedModelError("neither a window nor frame_length is given")
    total = ctx.static(signal.shape[1], "the signal's length")
    if (step is not None and step < 1) or not 1 <= length <= total:
        raise MalformedModelError(f"frames of {length} every {step} do not fit a signal of {total}")
    if len(signal.shape) == 3:
        if signal.shape[2] != 1:
            raise Unsupported("a complex signal is not supported.")
        signal = ctx.regroup(signal, [[0], [1]])
    cut = ctx.unsqueeze(_frames(ctx, signal, total, length, step), [-1])
    if window is not None:
        cut = ctx.call("Mul", cut, ctx.unsqueeze(ctx.cast(window, cut.dtype), [-1]))
    return transform(ctx, cut, 2, length, False, bool(ctx.get_int("onesided", 1)))


def _frames(ctx: NodeContext, signal: Value, total: int, length: int, step: int | None) -> Value:
    """[batch, frames, length] of [batch, total]; as many frames as a step that is computed at run time lets fit."""
    if step is not None:
        return ctx.call("Frame", signal, length=length, step=step)
    ctx.computed((length,))
    begins = ctx.call("Range", ctx.const(0, I64), ctx.const(total - length + 1, I64), ctx.scalar(ctx.as_i64(ctx.input(1))))
    index = ctx.call("Add", ctx.unsqueeze(begins, [1]), ctx.const(np.arange(length, dtype=np.int64)))
    return ctx.call("Gather", signal, index, axis=1)


@converts("MelWeightMatrix", since=17)
def mel_weight_matrix(ctx: NodeContext) -> Value:
    """Triangular filters on the mel scale, worked out at conversion."""
    names = ("num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz")
    bins, length, rate, low, high = (float(ctx.constant_input(i, n).reshape(-1)[0]) for i, n in enumerate(names))
    columns, rows = int(bins), int(length) // 2 + 1
    if columns < 1 or length < 1 or rate <= 0:
        raise MalformedModelError(f"{columns} filters over a transform of {int(length)} at {rate} Hz are not possible")
    ctx.computed((rows, columns))

    def mel(hertz: float) -> float:
        return 2595.0 * float(np.log10(1.0 + hertz / 700.0))

    edges = np.arange(columns + 2, dtype=np.float64) * ((mel(high) - mel(low)) / (columns + 2)) + mel(low)
    at = ((700.0 * (10.0 ** (edges / 2595.0) - 1.0)) * (length + 1) // rate).astype(np.int64)
    out = np.zeros((rows, columns), np.float32)
    for c in range(columns):
        lower, centre, upper = at[c], at[c + 1], at[c + 2]
        rise = centre - lower
        if rise == 0:
            out[np.clip(centre, 0, rows - 1), c] = 1
        else:
            rising = np.arange(max(lower, 0), min(centre + 1, rows))
            out[rising, c] = (rising - lower) / rise
        if upper > centre:
            falling = np.arange(max(centre, 0), min(upper, rows))
            out[falling, c] = (upper - falling) / (upper - centre)
    return ctx.const(out.astype(ctx.get_dtype("output_datatype", F32).numpy))
