"""Audio: DecodeWav, AudioSpectrogram, Mfcc (tensorflow/core/ops/audio_ops.cc)."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.ir import Value
from edgekit_converters.importing.audio import mfcc, spectrogram
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts


@converts("DecodeWav")
def decode_wav(ctx: NodeContext) -> Sequence[Value]:
    """The bytes of a file to samples [samples, channels] and their rate."""
    channels, samples = ctx.attr_int("desired_channels", -1), ctx.attr_int("desired_samples", -1)
    return ctx.call_multi("DecodeWav", ctx.input(0), desired_channels=channels, desired_samples=samples)


@converts("AudioSpectrogram")
def audio_spectrogram(ctx: NodeContext) -> Value:
    """Samples [samples, channels] to power or magnitude [channels, frames, bins]."""
    window, stride, squared = ctx.attr_int("window_size"), ctx.attr_int("stride"), ctx.attr_bool("magnitude_squared", False)
    return spectrogram(ctx, ctx.input(0), window, stride, squared)


@converts("Mfcc")
def mel_cepstrum(ctx: NodeContext) -> Value:
    """Power [channels, frames, bins] and a sample rate to coefficients."""
    limits = ctx.attr_float("lower_frequency_limit", 20.0), ctx.attr_float("upper_frequency_limit", 4000.0)
    filters, kept = ctx.attr_int("filterbank_channel_count", 40), ctx.attr_int("dct_coefficient_count", 13)
    return mfcc(ctx, ctx.input(0), ctx.input(1), limits, filters, kept)
