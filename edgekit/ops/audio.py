"""Operators of audio front ends."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Float, Int, Port, T, op
from edgekit.ops.shapes import lower, unknown_dim
from edgekit.ops.traits import FloatOnly, NotNumeric, SameScale
from edgekit.symbolic import Room, Symbol, SymDim
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Dim, TensorType

ALL = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, BOOL, F64)
WAV_HEADER_BYTES = 44
#: chunks of a WAV file that may stand before the one that tells the format
WAV_SKIPPED = (b"JUNK", b"bext", b"iXML", b"qlty", b"mext", b"levl", b"link", b"axml")


@op(id=222, category="signal")
class Frame:
    """Overlapping frames of the last axis: [..., n] becomes [..., frames, length].

    Frame i holds the elements from ``i * step`` on. What does not fill a frame at the end is left out.
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("length"), Int("step"))
    types = {T: ALL}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, *, length: int, step: int) -> TensorType:
        if x.rank < 1 or length < 1 or step < 1:
            raise ValueError(f"frames of {length} every {step} of a tensor of rank {x.rank}")
        n = x.shape[-1]
        frames: Dim
        if isinstance(n, int):
            frames = (n - length) // step + 1 if n >= length else 0
        elif lower(n) >= length:
            frames = (n - length) // step + 1
        else:
            frames = unknown_dim("frames", (n - length) // step + 1)
        q = x.type.quant
        return TensorType(x.dtype, (*x.shape[:-1], frames, length), q if q is not None and q.is_per_tensor else None)

    @staticmethod
    def reference(x: Array, *, length: int, step: int) -> Array:
        frames = max((x.shape[-1] - length) // step + 1, 0)
        at = np.arange(frames)[:, None] * step + np.arange(length)
        return x[..., at]


@op(id=223, category="signal")
class MelFilterbank:
    """Triangular filters on the mel scale over a spectrum ``x`` [..., bins] of magnitudes from 0 to half the sample rate (in Hz).

    The filters' centres are evenly spaced in mel, 1127 ln(1 + f / 700), between the two limits; bin 0 and those outside the limits are
    left out. The result is [..., channels]. This is TensorFlow's filter bank (``mfcc_mel_filterbank.cc``, after HTK).
    """

    inputs = (Port("x", F32), Port("sample_rate", I32))
    outputs = (Port("y", F32),)
    attrs = (Int("channels"), Float("lower_limit", 20.0), Float("upper_limit", 4000.0))
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, sample_rate: Arg, *, channels: int, lower_limit: float, upper_limit: float) -> TensorType:
        if x.rank < 1 or not isinstance(x.shape[-1], int) or x.shape[-1] < 2 or any(d != 1 for d in sample_rate.shape):
            raise ValueError("a spectrum [..., bins] of 2 bins or more and one sample rate are needed")
        if not 1 <= channels <= 1 << 16 or not 0 <= lower_limit < upper_limit < np.inf:
            raise ValueError(f"{channels} filters from {lower_limit} to {upper_limit} Hz")
        return TensorType(F32, (*x.shape[:-1], channels))

    @staticmethod
    def reference(x: Array, sample_rate: Array, *, channels: int, lower_limit: float, upper_limit: float) -> Array:
        weights = mel_weights(x.shape[-1], int(sample_rate.reshape(-1)[0]), channels, lower_limit, upper_limit)
        return np.asarray(x.astype(np.float64) @ weights).astype(np.float32)


def mel_weights(bins: int, sample_rate: int, channels: int, lower_limit: float, upper_limit: float) -> Array:
    """The filters as a matrix [bins, channels], in double precision.

    Raises:
        ValueError: the sample rate is not positive.
    """
    if sample_rate <= 0:
        raise ValueError(f"a sample rate of {sample_rate} Hz")
    low, high = (1127.0 * np.log1p(f / 700.0) for f in (lower_limit, upper_limit))
    spacing = (high - low) / (channels + 1)
    hertz = 0.5 * sample_rate / (bins - 1)
    first, last = int(min(1.5 + lower_limit / hertz, bins)), int(min(upper_limit / hertz, bins - 1))
    out = np.zeros((bins, channels))
    for i in range(first, last + 1):
        mel = 1127.0 * np.log1p(i * hertz / 700.0)
        band = 0
        while band < channels and low + spacing * (band + 1) < mel:
            band += 1
        # between the centres of the filters band - 1 and band
        upper = low + spacing * (band + 1)
        weight = (upper - mel) / (upper - (low + spacing * band))
        if band > 0:
            out[i, band - 1] = weight
        if band < channels:
            out[i, band] = 1.0 - weight
    return out


@op(id=224, category="signal")
class DecodeWav:
    """The samples [samples, channels] of a WAV file given as bytes, in [-1, 1), and its sample rate in Hz: TensorFlow's ``DecodeWav``.

    Only 16-bit PCM. ``desired_samples`` cuts, or pads with zeros; ``desired_channels`` cuts, or repeats the last one; -1 takes what the
    file has. Bytes that are no such file are an error of the run.
    """

    inputs = (Port("contents", U8),)
    outputs = (Port("audio", F32), Port("sample_rate", I32))
    attrs = (Int("desired_channels", -1), Int("desired_samples", -1))
    quant = NotNumeric()

    @staticmethod
    def infer(contents: Arg, *, desired_channels: int, desired_samples: int) -> tuple[TensorType, TensorType]:
        if contents.rank != 1 or desired_channels < -1 or desired_samples < -1:
            raise ValueError(f"the bytes of a file are needed; {desired_samples} samples of {desired_channels} channels")
        n = contents.shape[0]
        most: Dim = (n - WAV_HEADER_BYTES) // 2 if not isinstance(n, int) or n > WAV_HEADER_BYTES else 0
        samples: Dim = desired_samples if desired_samples >= 0 else unknown_dim("samples", most)
        channels: Dim = (
            desired_channels if desired_channels >= 0 else unknown_dim("channels", max(most, 1) if isinstance(most, int) else most)
        )
        if desired_samples < 0 and desired_channels < 0 and isinstance(most, int):
            room = Room("?", 2, most)  # their product is what the file has room for
            samples, channels = (SymDim.of(Symbol(f"?{name}", 0, most, room)) for name in ("samples", "channels"))
        return TensorType(F32, (samples, channels)), TensorType(I32, ())

    @staticmethod
    def reference(contents: Array, *, desired_channels: int, desired_samples: int) -> tuple[Array, Array]:
        data, sample_rate = read_wav(contents.tobytes())
        samples = len(data) if desired_samples < 0 else desired_samples
        channels = data.shape[1] if desired_channels < 0 else desired_channels
        out = np.zeros((samples, channels), np.float32)
        k = min(samples, len(data))
        out[:k] = data[:k, np.minimum(np.arange(channels), data.shape[1] - 1)].astype(np.float32) / np.float32(32768)
        return out, np.asarray(sample_rate, np.uint32).astype(np.int32)


def read_wav(data: bytes) -> tuple[Array, int]:
    """The int16 samples [samples, channels] and the sample rate of a WAV file, as strictly as TensorFlow's ``wav_io.cc`` reads it.

    Raises:
        ValueError: it is none, or of another kind than 16-bit PCM.
    """

    def take(at: int, count: int) -> bytes:
        if at + count > len(data):
            raise ValueError(f"the WAV data end within {count} bytes at {at}")
        return data[at : at + count]

    def number(at: int, count: int) -> int:
        return int.from_bytes(take(at, count), "little")

    if take(0, 4) != b"RIFF" or take(8, 4) != b"WAVE":
        raise ValueError("no WAV data: RIFF and WAVE are missing")
    at = 12
    while take(at, 4) != b"fmt ":
        if take(at, 4) not in WAV_SKIPPED:
            raise ValueError(f"a chunk {take(at, 4)!r} before the format")
        at += 8 + number(at + 4, 4)
    size, coding, channels, rate = number(at + 4, 4), number(at + 8, 2), number(at + 10, 2), number(at + 12, 4)
    per_second, per_sample, bits = number(at + 16, 4), number(at + 20, 2), number(at + 22, 2)
    if size not in (16, 18) or coding != 1 or channels < 1 or bits != 16:
        raise ValueError(f"WAV data of coding {coding}, {channels} channels, {bits} bits: 16-bit PCM is read")
    if per_sample != 2 * channels or per_second != per_sample * rate % (1 << 32):
        raise ValueError("the sizes in the WAV header contradict each other")
    at += 8 + size
    found: Array | None = None
    while at < len(data):
        name, length = take(at, 4), number(at + 4, 4)
        at += 8
        if length > 0x7FFFFFFF:
            raise ValueError(f"a WAV chunk of {length} bytes")
        if name != b"data":
            at += length
            continue
        if found is not None:
            raise ValueError("WAV data with two data chunks")
        count = length // per_sample * channels
        found = np.frombuffer(take(at, 2 * count), "<i2").reshape(-1, channels)
        at += 2 * count
    if found is None:
        raise ValueError("WAV data without a data chunk")
    return found, rate
