"""TensorFlow Lite Micro's signal operators (tflite-micro, signal/), bit for bit; audio front ends are made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I16, I32, I64, U32, U64, Array, DType, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.flexbuffer import options
from edgekit_converters.tflite.registry import converts

WORD = 0xFFFFFFFF


def option(ctx: NodeContext, name: str) -> int:
    """A whole number among the options, which must be there."""
    o = options(ctx.custom)
    if name not in o or o[name] != int(o[name]):
        raise MalformedModelError(f"the option {name!r} is missing or no whole number")
    return int(o[name])


def typed(ctx: NodeContext, i: int, dtype: DType) -> Value:
    """The i-th input, which must be of that element type."""
    v = ctx.input(i)
    if v.dtype is not dtype:
        raise MalformedModelError(f"input {i} is {v.dtype.label}, {dtype.label} is needed")
    return v


@converts("CUSTOM:SignalWindow")
def window(ctx: NodeContext) -> Value:
    """``x * window >> shift`` in int16, saturating."""
    shift = option(ctx, "shift")
    if not 0 <= shift < 32:
        raise MalformedModelError(f"a shift of {shift} bits")
    wide = ctx.call("Mul", ctx.cast(typed(ctx, 0, I16), I32), ctx.cast(typed(ctx, 1, I16), I32))
    y = ctx.call("BitShift", wide, ctx.const(np.asarray(shift, np.int32)), direction="right")
    return ctx.cast(ctx.call("Clip", y, min=-32768.0, max=32767.0), I16)


@converts("CUSTOM:SignalFftAutoScale")
def fft_auto_scale(ctx: NodeContext) -> Sequence[Value]:
    """The input shifted left as far as its largest magnitude allows, and by how many bits. -32768 allows none."""
    x = ctx.cast(typed(ctx, 0, I16), I32)
    if not x.shape:
        raise MalformedModelError("a tensor of rank 1 or more is needed")
    top = ctx.call("ReduceMax", ctx.call("Abs", x), axes=tuple(range(len(x.shape))), keepdims=False)
    # one bit for each power of two below 2^15 that lies above the magnitude
    free = ctx.cast(ctx.call("Less", top, ctx.const(np.asarray([1 << k for k in range(15)], np.int32))), I32)
    bits = ctx.call("ReduceSum", free, axes=(0,), keepdims=False)
    factor = ctx.call("Gather", ctx.const(np.asarray([1 << k for k in range(16)], np.int32)), bits, axis=0)
    return [ctx.cast(ctx.call("Mul", x, factor), I16), bits]


def _length(ctx: NodeContext) -> int:
    n = option(ctx, "fft_length")
    if n < 2 or n > 1 << 24:
        raise MalformedModelError(f"a transform of length {n}")
    return n


def _fixed_length(n: int) -> None:
    if n < 4 or n & (n - 1):
        raise Unsupported(f"a fixed-point transform of length {n} is not supported.", "Use a power of two.")


@converts("CUSTOM:SignalRfft")
def rfft(ctx: NodeContext) -> Value:
    """Bins [..., fft_length + 2], real and imaginary parts interleaved; integers divided by the length on the way."""
    x, n = ctx.input(0), _length(ctx)
    if x.dtype is F32:
        y = ctx.call("Dft", ctx.unsqueeze(x, len(x.shape)), length=n, onesided=True)
    else:
        _fixed_length(n)
        y = ctx.call("FixedRfft", x, length=n)
    return ctx.regroup(y, (*x.shape[:-1], (n // 2 + 1) * 2))


@converts("CUSTOM:SignalIrfft")
def irfft(ctx: NodeContext) -> Value:
    """The inverse of SignalRfft."""
    x, n = ctx.input(0), _length(ctx)
    bins = ctx.regroup(x, (*x.shape[:-1], n // 2 + 1, 2))
    if x.dtype is F32:
        y = ctx.call("Dft", bins, length=n, onesided=True, inverse=True)
        return ctx.regroup(y, (*x.shape[:-1], n))
    _fixed_length(n)
    return ctx.call("FixedRfft", bins, length=n, inverse=True)


@converts("CUSTOM:SignalEnergy")
def energy(ctx: NodeContext) -> Value:
    """Squared magnitudes of the bins from start_index to end_index; the others, which the original leaves open, are 0."""
    x = typed(ctx, 0, I16)
    start, end = option(ctx, "start_index"), option(ctx, "end_index")
    n = ctx.static(x.shape[-1], "the number of bins")
    if n % 2 or not 0 <= start <= end <= n // 2:
        raise MalformedModelError(f"bins {start} to {end} of {n // 2}")
    pairs = ctx.cast(ctx.regroup(x, (*x.shape[:-1], n // 2, 2)), I64)
    y = ctx.call("ReduceSumSquare", pairs, axes=(len(x.shape),), keepdims=False)
    inside = np.zeros(n // 2, np.int64)
    inside[start:end] = 1
    return ctx.cast(ctx.call("Mul", y, ctx.const(inside)), U32)


@converts("CUSTOM:SignalFilterBank")
def filter_bank(ctx: NodeContext) -> Value:
    """Weighted sums of bins in uint64: a channel adds its bins by ``weights``, and those of the channel before by ``unweights``."""
    x, channels = typed(ctx, 0, U32), option(ctx, "num_channels")
    names = ("the weights", "the unweights", "the first bins", "the first weights", "the widths")
    weights, unweights, bins, starts, widths = (ctx.constant_input(i, n).reshape(-1).astype(np.int64) for i, n in enumerate(names, 1))
    n = ctx.static(x.shape[0], "the number of bins") if len(x.shape) == 1 else 0
    if channels < 1 or min(len(bins), len(starts), len(widths)) < channels + 1 or n < 1:
        raise MalformedModelError(f"{channels} channels over a spectrum of shape {list(x.shape)}")
    spans = []
    for i in range(channels + 1):
        b, w, width = int(bins[i]), int(starts[i]), max(int(widths[i]), 0)
        if width and (b < 0 or w < 0 or b + width > n or w + width > min(len(weights), len(unweights))):
            raise MalformedModelError(f"channel {i} reaches outside its bins or weights")
        spans.append((np.arange(b, b + width), weights[w : w + width], unweights[w : w + width]))
    # channel 0 of the original is scratch; row c takes the falling side of channel c and the rising side of c + 1
    widest = max(1, *(len(spans[c][0]) + len(spans[c + 1][0]) for c in range(channels)))
    ctx.computed((channels, widest))
    index, factor = np.zeros((channels, widest), np.int64), np.zeros((channels, widest), np.int64)
    for c in range(channels):
        rows = np.concatenate([spans[c][0], spans[c + 1][0]])
        index[c, : len(rows)] = rows
        factor[c, : len(rows)] = np.concatenate([spans[c][2], spans[c + 1][1]])
    picked = ctx.call("Gather", ctx.cast(x, U64), ctx.const(index), axis=0)
    return ctx.call("ReduceSum", ctx.call("Mul", picked, ctx.const(factor.astype(np.uint64))), axes=(1,), keepdims=False)


@converts("CUSTOM:SignalFilterBankSquareRoot")
def square_root(ctx: NodeContext) -> Value:
    """Rounded square roots, shifted right by the second input."""
    root = ctx.call("IntegerSqrt", typed(ctx, 0, U64))
    bits = ctx.input(1)
    shift = ctx.cast(ctx.reshape(bits, ()) if bits.shape else bits, U32)
    return ctx.call("BitShift", root, shift, direction="right")


@converts("CUSTOM:SignalFilterBankSpectralSubtraction")
def spectral_subtraction(ctx: NodeContext) -> Sequence[Value]:
    """The signal less an estimate of the noise, which follows it slowly from run to run; and that estimate."""
    x = typed(ctx, 0, U32)
    n = option(ctx, "num_channels")
    if tuple(x.shape) != (n,) or not 1 <= n <= 1 << 20:
        raise MalformedModelError(f"{n} channels, but an input of shape {list(x.shape)}")
    extra, weigh = option(ctx, "smoothing_bits"), option(ctx, "spectral_subtraction_bits")
    if not 0 <= extra < 32 or not 0 <= weigh < 64:
        raise MalformedModelError(f"shifts of {extra} and {weigh} bits")
    clamping = bool(options(ctx.custom).get("clamping", False))

    def each(even: str, odd: str) -> Value:
        out = np.empty(n, np.uint64)
        out[0::2], out[1::2] = option(ctx, even) & WORD, option(ctx, odd) & WORD
        return ctx.const(out)

    def shifted(v: Value, bits: int, direction: str = "right") -> Value:
        moved = ctx.call("BitShift", v, ctx.const(np.asarray(bits, np.uint64)), direction=direction)
        return ctx.call("BitwiseAnd", moved, ctx.const(np.asarray(WORD, np.uint64)))

    before = state(ctx, "noise_estimate", TensorType(U32, (n,)))
    signal = ctx.cast(x, U64)
    raised = shifted(signal, extra, "left")
    share = ctx.call("Mul", raised, each("smoothing", "alternate_smoothing"))
    rest = ctx.call("Mul", ctx.cast(before, U64), each("one_minus_smoothing", "alternate_one_minus_smoothing"))
    noise = shifted(ctx.call("Add", share, rest), weigh)
    held = ctx.call("Min", noise, raised)
    least = ctx.const(np.asarray(option(ctx, "min_signal_remaining") & WORD, np.uint64))
    floor = shifted(ctx.call("Mul", signal, least), weigh)
    y = ctx.call("Max", shifted(ctx.call("Sub", raised, held), extra), floor)
    estimate = ctx.cast(held if clamping else noise, U32)
    keep(ctx, "noise_estimate", estimate)
    return [ctx.cast(y, U32), estimate]


@converts("CUSTOM:SignalPCAN")
def pcan(ctx: NodeContext) -> Value:
    """Gain control by the noise."""
    return ctx.call("Pcan", typed(ctx, 0, U32), typed(ctx, 1, U32), typed(ctx, 2, I16), snr_shift=option(ctx, "snr_shift"))


@converts("CUSTOM:SignalFilterBankLog")
def filter_bank_log(ctx: NodeContext) -> Value:
    """Logarithms in int16."""
    scale, bits = option(ctx, "output_scale"), option(ctx, "input_correction_bits")
    return ctx.call("FixedLog", typed(ctx, 0, U32), output_scale=scale, correction_bits=bits)


# -- state -------------------------------------------------------------------------------------------------------------


def _key(ctx: NodeContext, what: str) -> str:
    if ctx.importer.depth:
        raise Unsupported("an operator with a state of its own inside control flow is not supported.")
    return f"operator:{ctx.importer.index}:{ctx.output_indices[0] if ctx.output_indices else 0}:{what}"


def state(ctx: NodeContext, what: str, type_: TensorType, initial: Array | None = None) -> Value:
    """The present value of an operator's own state."""
    variable = ctx.session.variable(_key(ctx, what), f"{ctx.name}/{what}")
    if initial is not None:
        variable.initial = initial
    return ctx.session.read(variable, type_, 0)


def keep(ctx: NodeContext, what: str, value: Value) -> None:
    """What the state is at the next run."""
    ctx.session.variable(_key(ctx, what), f"{ctx.name}/{what}").current = value
