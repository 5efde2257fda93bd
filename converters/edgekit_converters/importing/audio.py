"""TensorFlow's audio operators (``audio_ops.cc``), which TensorFlow Lite has too: spectrograms and mel-frequency cepstral coefficients."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value

LONGEST_WINDOW = 1 << 24
MOST_CHANNELS = 1 << 12
#: below this a filter's sum counts as this much (mfcc.cc)
FLOOR = 1e-12


class Calls(Protocol):
    """What is used of an importer's context."""

    def call(self, op: str, *inputs: Value | None, **attrs: Any) -> Value:
        """Add a node of one output."""
        ...

    def const(self, array: Any) -> Value:
        """A constant."""
        ...


def spectrogram(ctx: Calls, audio: Value, window_size: int, stride: int, squared: bool) -> Value:
    """``AudioSpectrogram``: the power (or magnitude) in the bins of each frame (``spectrogram.cc``).

    Args:
        ctx: makes the nodes.
        audio: [samples, channels].
        window_size: samples of a frame; they pass a periodic Hann window and are padded to a power of two.
        stride: samples from one frame to the next.
        squared: give the power.

    Returns:
        [channels, frames, bins].
    """
    if len(audio.shape) != 2 or not 2 <= window_size <= LONGEST_WINDOW or stride < 1:
        raise MalformedModelError(f"windows of {window_size} every {stride} of audio of shape {list(audio.shape)}")
    frames = ctx.call("Frame", ctx.call("Transpose", audio, perm=(1, 0)), length=window_size, step=stride)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window_size) / window_size)
    windowed = ctx.call("Mul", frames, ctx.const(hann.astype(np.float32)))
    samples = ctx.call("Reshape", windowed, ctx.const(np.asarray([0, 0, window_size, 1], np.int64)))
    bins = ctx.call("Dft", samples, length=1 << (window_size - 1).bit_length(), onesided=True)
    power = ctx.call("ReduceSumSquare", bins, axes=(3,), keepdims=False)
    return power if squared else ctx.call("Sqrt", power)


def mfcc(ctx: Calls, power: Value, sample_rate: Value, limits: tuple[float, float], filters: int, coefficients: int) -> Value:
    """``Mfcc``: the cosine transform of the logarithms of mel bands (``mfcc.cc``, ``mfcc_dct.cc``).

    Args:
        ctx: makes the nodes.
        power: a squared spectrogram [channels, frames, bins].
        sample_rate: in Hz, one int32.
        limits: the lowest and the highest frequency, in Hz.
        filters: number of mel bands.
        coefficients: how many are kept.

    Returns:
        [channels, frames, coefficients].
    """
    if len(power.shape) != 3 or not 1 <= coefficients <= filters <= MOST_CHANNELS:
        raise MalformedModelError(f"{coefficients} coefficients of {filters} bands of a spectrogram of shape {list(power.shape)}")
    magnitude = ctx.call("Sqrt", power)
    bands = ctx.call("MelFilterbank", magnitude, sample_rate, channels=filters, lower_limit=limits[0], upper_limit=limits[1])
    logs = ctx.call("Log", ctx.call("Clip", bands, min=FLOOR, max=math.inf))
    angles = np.outer(np.arange(filters) + 0.5, np.arange(coefficients)) * (np.pi / filters)
    return ctx.call("MatMul", logs, ctx.const((math.sqrt(2.0 / filters) * np.cos(angles)).astype(np.float32)))
