"""Cases of the operators of audio front ends: transforms against numpy's, integers against their definition worked out step by step."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np

from tests.cases.case import OpCase, op_case, rng


def cases() -> Iterator[OpCase]:
    yield from _dft()
    yield from _fixed_rfft()
    yield from _frame()
    yield from _mel()
    yield from _wav()
    yield from _integers()


def _pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1).astype(np.float32)


def _dft() -> Iterator[OpCase]:
    r = rng("Dft")
    for n in (1, 2, 3, 4, 5, 6, 7, 8, 16, 30, 49, 97, 128, 400, 512):
        x = r.standard_normal((2, 3, n, 1)).astype(np.float32)
        full = np.fft.fft(x[..., 0])
        yield op_case("Dft", f"real{n}", [x], {"length": n}, expected=[_pairs(full)])
        yield op_case("Dft", f"onesided{n}", [x], {"length": n, "onesided": True}, expected=[_pairs(full[..., : n // 2 + 1])])
        half = r.standard_normal((2, n // 2 + 1, 2)).astype(np.float32)
        back = np.fft.irfft(half[..., 0] + 1j * half[..., 1], n)[..., None].astype(np.float32)
        yield op_case("Dft", f"irfft{n}", [half], {"length": n, "onesided": True, "inverse": True}, expected=[back])
        z = r.standard_normal((2, n, 2)).astype(np.float32)
        both = z[..., 0] + 1j * z[..., 1]
        yield op_case("Dft", f"complex{n}", [z], {"length": n}, expected=[_pairs(np.fft.fft(both))])
        yield op_case("Dft", f"inverse{n}", [z], {"length": n, "inverse": True}, expected=[_pairs(np.fft.ifft(both))])
    x = r.standard_normal((2, 10, 1)).astype(np.float32)
    z = r.standard_normal((10, 2)).astype(np.float32)
    for n in (6, 7, 16, 17):
        yield op_case("Dft", f"real_fit{n}", [x], {"length": n, "onesided": True})
        yield op_case("Dft", f"complex_fit{n}", [z], {"length": n})
        yield op_case("Dft", f"irfft_fit{n}", [z], {"length": n, "onesided": True, "inverse": True})
    yield op_case("Dft", "inverse_of_real", [x], {"length": 10, "inverse": True})
    yield op_case("Dft", "nothing_in", [np.zeros((2, 0, 2), np.float32)], {"length": 3}, expected=[np.zeros((2, 3, 2), np.float32)])
    yield op_case("Dft", "no_lines", [np.zeros((0, 4, 1), np.float32)], {"length": 4})


def _fixed_rfft() -> Iterator[OpCase]:
    r = rng("FixedRfft")
    for dtype in (np.int16, np.int32):
        info = np.iinfo(dtype)
        for n in (4, 8, 16, 32, 64, 512, 1024):
            name = f"{np.dtype(dtype)}_{n}"
            x = r.integers(info.min, info.max, (2, n), dtype, endpoint=True)
            yield op_case("FixedRfft", name, [x], {"length": n})
            z = r.integers(info.min, info.max, (2, n // 2 + 1, 2), dtype, endpoint=True)
            yield op_case("FixedRfft", f"{name}_inverse", [z], {"length": n, "inverse": True})
        yield op_case("FixedRfft", f"{np.dtype(dtype)}_padded", [r.integers(-99, 99, (480,)).astype(dtype)], {"length": 512})
        limits = np.tile(np.array([info.min, info.max], dtype), 16)
        yield op_case("FixedRfft", f"{np.dtype(dtype)}_limits", [limits], {"length": 32})
        yield op_case("FixedRfft", f"{np.dtype(dtype)}_lowest", [np.full(32, info.min, dtype)], {"length": 32})
    # a constant comes out in bin 0 alone; here every division rounds up to the exact quotient
    constant = np.zeros((9, 2), np.int16)
    constant[0, 0] = 8192
    yield op_case("FixedRfft", "constant", [np.full(16, 8192, np.int16)], {"length": 16}, expected=[constant])
    zero = np.zeros((9, 2), np.int16)
    yield op_case("FixedRfft", "silence", [np.zeros(16, np.int16)], {"length": 16}, expected=[zero])


def _frame() -> Iterator[OpCase]:
    r = rng("Frame")
    for dtype in (np.float32, np.int8, np.int16, np.int64, np.bool_):
        x = r.integers(0, 2, (2, 11)).astype(dtype)
        want = np.stack([x[:, i : i + 4] for i in (0, 3, 6)], 1)
        yield op_case("Frame", np.dtype(dtype).name, [x], {"length": 4, "step": 3}, expected=[want])
    x = r.standard_normal((2, 3, 50)).astype(np.float32)
    yield op_case("Frame", "apart", [x], {"length": 3, "step": 7})
    yield op_case("Frame", "one", [x], {"length": 50, "step": 1 << 40}, expected=[x[:, :, None]])
    yield op_case("Frame", "too_short", [x], {"length": 51, "step": 2}, expected=[np.zeros((2, 3, 0, 51), np.float32)])
    yield op_case("Frame", "line", [np.arange(6, dtype=np.float32)], {"length": 2, "step": 2}, expected=[np.arange(6.0).reshape(3, 2)])


def _mel() -> Iterator[OpCase]:
    r = rng("MelFilterbank")
    x = np.abs(r.standard_normal((2, 5, 257))).astype(np.float32)
    rate = np.array(16000, np.int32)
    yield op_case("MelFilterbank", "defaults", [x, rate], {"channels": 40})
    yield op_case("MelFilterbank", "wide", [x, np.array([16000], np.int32)], {"channels": 40, "lower_limit": 0.0, "upper_limit": 7999.0})
    yield op_case("MelFilterbank", "beyond_half_the_rate", [x, rate], {"channels": 10, "upper_limit": 20000.0})
    yield op_case("MelFilterbank", "more_filters_than_bins", [x[:, :, :9], rate], {"channels": 30})
    yield op_case("MelFilterbank", "constant_rate", [x[0], np.array(8000, np.int32)], {"channels": 13}, constants=[1])
    # one filter over bins 0, 2000, 4000, 6000, 8000 Hz, from 900 to 7000 Hz: rises to its centre, falls behind it
    mel = {f: 1127.0 * math.log1p(f / 700.0) for f in (900, 2000, 4000, 6000, 7000)}
    centre = (mel[900] + mel[7000]) / 2
    weights = [0.0, (mel[2000] - mel[900]) / (centre - mel[900])]
    weights += [(mel[7000] - mel[f]) / (mel[7000] - centre) for f in (4000, 6000)]
    attrs = {"channels": 1, "lower_limit": 900.0, "upper_limit": 7000.0}
    one = np.arange(1, 6, dtype=np.float32)
    total = np.array([np.dot(weights, one[:4])], np.float32)
    yield op_case("MelFilterbank", "by_hand", [one, rate], attrs, expected=[total])


def wav_bytes(samples: np.ndarray, rate: int = 16000, before: bytes = b"", after: bytes = b"", extra: bytes = b"") -> np.ndarray:
    """A 16-bit WAV file of [samples, channels] as uint8."""
    channels = samples.shape[1]
    data = samples.astype("<i2").tobytes()
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16 + len(extra), 1, channels, rate, rate * channels * 2, channels * 2, 16) + extra
    body = b"WAVE" + before + fmt + after + struct.pack("<4sI", b"data", len(data)) + data
    return np.frombuffer(struct.pack("<4sI", b"RIFF", len(body)) + body, np.uint8)


def _wav() -> Iterator[OpCase]:
    r = rng("DecodeWav")
    rate = np.array(16000, np.int32)
    mono, stereo = (r.integers(-32768, 32767, (20, c), endpoint=True) for c in (1, 2))
    for name, samples in (("mono", mono), ("stereo", stereo)):
        want = (samples / 32768).astype(np.float32)
        file = wav_bytes(samples)
        yield op_case("DecodeWav", f"{name}_as_it_is", [file], expected=[want, rate])
        fixed = {"desired_channels": 1, "desired_samples": 16}
        yield op_case("DecodeWav", f"{name}_cut", [file], fixed, expected=[want[:16, :1], rate])
        fixed = {"desired_channels": 3, "desired_samples": 30}
        more = np.zeros((30, 3), np.float32)
        more[:20] = want[:, [0, min(1, want.shape[1] - 1), want.shape[1] - 1]]
        yield op_case("DecodeWav", f"{name}_more", [file], fixed, expected=[more, rate])
        yield op_case("DecodeWav", f"{name}_channels", [file], {"desired_channels": 1}, expected=[want[:, :1], rate])
    chunks = struct.pack("<4sI3s", b"JUNK", 3, b"abc") + struct.pack("<4sI", b"bext", 0)
    file = wav_bytes(mono, 44100, chunks, struct.pack("<4sI2s", b"LIST", 2, b"xy"), b"\0\0")
    yield op_case("DecodeWav", "other_chunks", [file], expected=[(mono / 32768).astype(np.float32), np.array(44100, np.int32)])
    silent = wav_bytes(np.zeros((0, 1)))
    yield op_case("DecodeWav", "no_samples", [silent], {"desired_samples": 4}, expected=[np.zeros((4, 1), np.float32), rate])


def _integers() -> Iterator[OpCase]:
    r = rng("FixedPoint")
    small = np.array([0, 1, 2, 3, 4, 6, 7, 12, 13, 65535 * 65535, 2**32 - 65536, 2**32 - 65535, 2**32 - 1], np.uint64)
    large = np.array([2**32, 2**63, 2**64 - 1, (2**32 - 1) ** 2, (2**32 - 1) ** 2 - 2**32, 10**18 + 10**9], np.uint64)
    want = [[0, 1, 1, 2, 2, 2, 3, 3, 4, 65535, 65535, 65535, 65535], [65536, 3037000500, 2**32 - 1, 2**32 - 1, 2**32 - 2, 1000000000]]
    want[1][5] = round(math.sqrt(10**18 + 10**9))
    yield op_case("IntegerSqrt", "below_32_bits", [small], expected=[np.array(want[0], np.uint32)])
    yield op_case("IntegerSqrt", "uint32", [small.astype(np.uint32)], expected=[np.array(want[0], np.uint32)])
    yield op_case("IntegerSqrt", "beyond", [large], expected=[np.array(want[1], np.uint32)])
    yield op_case("IntegerSqrt", "random", [r.integers(0, 2**64, 500, np.uint64) >> r.integers(0, 63, 500).astype(np.uint64)])

    spread = (r.integers(0, 2**32, 600, np.uint64) >> r.integers(0, 32, 600).astype(np.uint64)).astype(np.uint32)
    corners = np.array([0, 1, 2, 3, 65535, 65536, 65537, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    for scale, shift in ((64, 0), (64, 3), (1 << 20, 0), (2**31 - 1, 31), (0, 1)):
        values = np.concatenate([corners, spread])
        yield op_case("FixedLog", f"scale{scale}_shift{shift}", [values], {"output_scale": scale, "correction_bits": shift})
    powers = np.array([2, 4, 1024, 65536, 2**31], np.uint32)
    naturals = np.floor(1000 * np.log(powers.astype(np.float64)) + 0.5).astype(np.int16)  # powers of two meet the table's points
    yield op_case("FixedLog", "powers", [powers], {"output_scale": 1000}, expected=[naturals])

    table = r.integers(-(2**15), 2**15, 125).astype(np.int16)
    noise = np.concatenate([corners, spread])
    x = np.concatenate([corners[::-1], spread[::-1]])
    for shift in (0, 6, 20):
        yield op_case("Pcan", f"shift{shift}", [x, noise, table], {"snr_shift": shift}, constants=[2])
    flat = np.full(130, 0, np.int16)
    flat[[0, 1, 2, *range(2, 125, 4)]] = 100  # one gain for any noise
    signal = np.array([[0, 1, 100, 5242, 5243, 100000]], np.uint32)
    shared = signal.astype(np.int64) * 100 >> 6
    want_pcan = np.where(shared < 8192, shared * shared >> 20, (shared >> 6) - 64).astype(np.uint32)
    noises = np.array([[0, 1, 2, 3, 1 << 20, 2**32 - 1]], np.uint32)
    yield op_case("Pcan", "flat", [signal, noises, flat], {"snr_shift": 6}, expected=[want_pcan])
