"""TensorFlow Lite's custom audio operators: AudioSpectrogram and Mfcc (tensorflow/lite/kernels/audio_spectrogram.cc, mfcc.cc)."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.audio import mfcc, spectrogram
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.flexbuffer import options
from edgekit_converters.tflite.registry import converts


def _numbers(ctx: NodeContext, *names: str) -> list[int]:
    """Whole numbers among the options; fractions are dropped, as the original does."""
    o = options(ctx.custom)
    missing = [n for n in names if n not in o]
    if missing:
        raise MalformedModelError(f"the options {missing} are missing")
    return [int(o[n]) for n in names]


@converts("CUSTOM:AudioSpectrogram")
def audio_spectrogram(ctx: NodeContext) -> Value:
    """Audio [samples, channels] to power [channels, frames, bins]."""
    window, stride, squared = _numbers(ctx, "window_size", "stride", "magnitude_squared")
    return spectrogram(ctx, ctx.real(0), window, stride, bool(squared))


@converts("CUSTOM:Mfcc")
def mel_cepstrum(ctx: NodeContext) -> Value:
    """Power [channels, frames, bins] to coefficients."""
    low, high, filters, kept = _numbers(
        ctx, "lower_frequency_limit", "upper_frequency_limit", "filterbank_channel_count", "dct_coefficient_count"
    )
    return mfcc(ctx, ctx.real(0), ctx.input(1), (low, high), filters, kept)
