"""TensorFlow Lite Micro's signal operators and TensorFlow Lite's custom audio operators, on the C runtime."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.errors import MalformedModelError, UnsupportedOpError
from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model

WORD = 0xFFFFFFFF


def session_of(
    tmp_path: Path, op: str, inputs: list[Array], outputs: list[tuple[tuple[int, ...], str]], options: dict[str, Any], fixed: int = 99
) -> edgekit.Session:
    """A model of one operator; inputs from position ``fixed`` on are constants."""
    ins = [Tensor(f"x{i}", a.shape, a.dtype.name, a if i >= fixed else None) for i, a in enumerate(inputs)]
    outs = [Tensor(f"y{i}", shape, dtype) for i, (shape, dtype) in enumerate(outputs)]
    node = Op(f"CUSTOM:{op}", [t.name for t in ins], [t.name for t in outs], custom=options)
    graph = Subgraph([*ins, *outs], [node], [t.name for t in ins[:fixed]], [t.name for t in outs])
    path = tmp_path / "model.tflite"
    path.write_bytes(model(graph))
    edgekit.convert(path, tmp_path / "model.ekm")
    return edgekit.Session(tmp_path / "model.ekm")


def run(tmp_path: Path, op: str, inputs: list[Array], outputs: list[tuple[tuple[int, ...], str]], options: dict[str, Any]) -> list[Array]:
    s = session_of(tmp_path, op, inputs, outputs, options)
    return list(s.run({f"x{i}": a for i, a in enumerate(inputs)}).values())


def randoms(low: int, high: int, shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(low, high, shape, dtype, endpoint=True)


def test_window_saturates_and_rounds_down(tmp_path: Path) -> None:
    x, w = randoms(-32768, 32767, (2, 40), "int16"), randoms(-32768, 32767, (40,), "int16", 1)
    (y,) = run(tmp_path, "SignalWindow", [x, w], [((2, 40), "int16")], {"shift": 12})
    want = [[max(-32768, min(32767, (int(a) * int(b)) >> 12)) for a, b in zip(row, w, strict=True)] for row in x]
    assert y.tolist() == want


@pytest.mark.parametrize("top", [0, 1, 2, 255, 256, 16383, 16384, 32767, -32767, -32768])
def test_auto_scale_uses_the_free_bits(tmp_path: Path, top: int) -> None:
    x = np.array([0, top, top // 3], np.int16)
    y, bits = run(tmp_path, "SignalFftAutoScale", [x], [((3,), "int16"), ((), "int32")], {"unused": 0})
    free = max(15 - abs(top).bit_length(), 0)
    assert bits == free and y.tolist() == [int(v) << free for v in x]


def test_transforms_of_floats(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((3, 20)).astype(np.float32)
    (y,) = run(tmp_path, "SignalRfft", [x], [((3, 34), "float32")], {"T": 0, "fft_length": 32})
    bins = np.fft.rfft(x, 32)
    np.testing.assert_allclose(y.reshape(3, 17, 2), np.stack([bins.real, bins.imag], -1), rtol=1e-5, atol=1e-5)
    (back,) = run(tmp_path, "SignalIrfft", [y], [((3, 32), "float32")], {"T": 0, "fft_length": 32})
    np.testing.assert_allclose(back[:, :20], x, atol=1e-6)
    np.testing.assert_allclose(back[:, 20:], 0, atol=1e-6)


@pytest.mark.parametrize(("dtype", "scale"), [("int16", 1), ("int32", 1 << 16)])
def test_transforms_of_integers_come_close_to_those_of_floats(tmp_path: Path, dtype: str, scale: int) -> None:
    x = randoms(-30000, 30000, (2, 60), "int32").astype(np.int64) * scale
    (y,) = run(tmp_path, "SignalRfft", [x.astype(dtype)], [((2, 66), dtype)], {"T": 7, "fft_length": 64})
    bins = np.fft.rfft(x, 64) / 64
    assert np.abs(y.reshape(2, 33, 2) - np.stack([bins.real, bins.imag], -1)).max() < 4 * max(1, scale // 4096)
    (back,) = run(tmp_path, "SignalIrfft", [y], [((2, 64), dtype)], {"T": 7, "fft_length": 64})
    assert np.abs(back - np.fft.irfft(bins / 64 * 64)).max() < 30000 * scale // 100


def test_energy_of_some_bins(tmp_path: Path) -> None:
    x = randoms(-32768, 32767, (20,), "int16")
    x[4:6] = -32768
    (y,) = run(tmp_path, "SignalEnergy", [x], [((10,), "uint32")], {"start_index": 2, "end_index": 9})
    want = [int(a) ** 2 + int(b) ** 2 if 2 <= i < 9 else 0 for i, (a, b) in enumerate(x.reshape(-1, 2))]
    assert y.tolist() == want and want[2] == 1 << 31


def test_filter_bank(tmp_path: Path) -> None:
    bins, first, widths = np.array([1, 3, 6, 8], np.int16), np.array([0, 2, 6, 8], np.int16), np.array([2, 4, 2, 0], np.int16)
    weights, unweights = randoms(-4096, 4096, (8,), "int16", 2), randoms(-4096, 4096, (8,), "int16", 3)
    x = randoms(0, WORD, (12,), "uint32", 4)
    s = session_of(
        tmp_path, "SignalFilterBank", [x, weights, unweights, bins, first, widths], [((3,), "uint64")], {"num_channels": 3}, fixed=1
    )
    y = s.run({"x0": x})["y0"]
    want, rising = [], 0
    for i in range(4):
        falling = 0
        for j in range(int(widths[i])):
            rising += int(weights[first[i] + j]) * int(x[bins[i] + j])
            falling += int(unweights[first[i] + j]) * int(x[bins[i] + j])
        want.append(rising % (1 << 64))
        rising = falling
    assert y.tolist() == want[1:]


def test_square_root_shifts(tmp_path: Path) -> None:
    x = np.array([0, 2, 3, 10**12, 2**64 - 1], np.uint64)
    (y,) = run(tmp_path, "SignalFilterBankSquareRoot", [x, np.array(3, np.int32)], [((5,), "uint32")], {"unused": 0})
    assert y.tolist() == [0, 0, 0, 125000, WORD >> 3]


OPTIONS = {
    "alternate_one_minus_smoothing": 15401, "alternate_smoothing": 983, "clamping": False, "min_signal_remaining": 819, "num_channels": 5,
    "one_minus_smoothing": 15975, "smoothing": 409, "smoothing_bits": 10, "spectral_subtraction_bits": 14,
}  # fmt: skip


@pytest.mark.parametrize("clamping", [False, True])
def test_spectral_subtraction_keeps_its_estimate(tmp_path: Path, clamping: bool) -> None:
    outputs: list[tuple[tuple[int, ...], str]] = [((5,), "uint32"), ((5,), "uint32")]
    o = OPTIONS | {"clamping": clamping}
    s = session_of(tmp_path, "SignalFilterBankSpectralSubtraction", [np.zeros(5, np.uint32)], outputs, o)
    for _ in range(2):
        noise = [0] * 5
        for frame in range(6):
            x = randoms(0, (1 << 21) if frame % 2 else WORD, (5,), "uint32", frame)
            got = s.run({"x0": x})
            want = []
            for i, v in enumerate(x.tolist()):
                smooth, rest = (409, 15975) if i % 2 == 0 else (983, 15401)
                raised = (v << 10) & WORD
                noise[i] = ((raised * smooth + noise[i] * rest) >> 14) & WORD
                held = min(noise[i], raised)
                if clamping:
                    noise[i] = held
                want.append(max((raised - held) >> 10, v * 819 >> 14))
            assert got["y0"].tolist() == want
            assert got["y1"].tolist() == noise
        s.reset()


def test_gain_control_and_logarithm(tmp_path: Path) -> None:
    table = np.zeros(125, np.int16)
    table[[0, 1, 2, *range(2, 125, 4)]] = 200
    x = np.array([0, 100, 70000], np.uint32)
    (y,) = run(tmp_path, "SignalPCAN", [x, np.array([1, 9, 77], np.uint32), table], [((3,), "uint32")], {"snr_shift": 6})
    gained = [v * 200 >> 6 for v in x.tolist()]
    assert y.tolist() == [v * v >> 20 if v < 8192 else (v >> 6) - 64 for v in gained]
    (logs,) = run(tmp_path, "SignalFilterBankLog", [x], [((3,), "int16")], {"input_correction_bits": 3, "output_scale": 64})
    assert np.abs(logs - [0, 64 * math.log(800), 64 * math.log(560000)]).max() <= 1


@pytest.mark.parametrize(
    ("op", "inputs", "outputs", "options"),
    [
        ("SignalWindow", [np.zeros(4, np.float32), np.zeros(4, np.int16)], [((4,), "int16")], {"shift": 1}),
        ("SignalWindow", [np.zeros(4, np.int16)] * 2, [((4,), "int16")], {"shift": 40}),
        ("SignalWindow", [np.zeros(4, np.int16)] * 2, [((4,), "int16")], {"other": 1}),
        ("SignalRfft", [np.zeros(4, np.int16)], [((6,), "int16")], {"fft_length": -4}),
        ("SignalRfft", [np.zeros(4, np.int16)], [((6,), "int16")], {"fft_length": 2}),
        ("SignalRfft", [np.zeros(40, np.int16)], [((34,), "int16")], {"fft_length": 32}),
        ("SignalEnergy", [np.zeros(20, np.int16)], [((10,), "uint32")], {"start_index": 2, "end_index": 99}),
        ("SignalEnergy", [np.zeros(21, np.int16)], [((10,), "uint32")], {"start_index": 2, "end_index": 9}),
        ("SignalPCAN", [np.zeros(4, np.uint32)] * 2 + [np.zeros(9, np.int16)], [((4,), "uint32")], {"snr_shift": 2}),
        ("SignalFilterBankLog", [np.zeros(4, np.uint32)], [((4,), "int16")], {"output_scale": 1, "input_correction_bits": 40}),
        ("SignalFilterBankSpectralSubtraction", [np.zeros(4, np.uint32)], [((4,), "uint32")] * 2, OPTIONS),
    ],
)
def test_impossible_options_are_errors(tmp_path: Path, op: str, inputs: Any, outputs: Any, options: Any) -> None:
    with pytest.raises((MalformedModelError, UnsupportedOpError)):
        session_of(tmp_path, op, inputs, outputs, options)


def test_a_filter_bank_that_reaches_outside_is_an_error(tmp_path: Path) -> None:
    small, far = np.array([0, 1], np.int16), np.array([0, 11], np.int16)
    weights = np.zeros(4, np.int16)
    inputs: list[Array] = [np.zeros(12, np.uint32), weights, weights, far, small, np.array([1, 2], np.int16)]
    with pytest.raises(MalformedModelError, match="outside"):
        session_of(tmp_path, "SignalFilterBank", inputs, [((1,), "uint64")], {"num_channels": 1}, fixed=1)


def test_spectrogram_and_mel_cepstrum(tmp_path: Path) -> None:
    audio = np.random.default_rng(0).standard_normal((2000, 2)).astype(np.float32)
    options = {"window_size": 400, "stride": 160, "magnitude_squared": 1}
    (power,) = run(tmp_path, "AudioSpectrogram", [audio], [((2, 11, 257), "float32")], options)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    want = np.stack([[np.abs(np.fft.rfft(audio[i : i + 400, c] * hann, 512)) ** 2 for i in range(0, 1601, 160)] for c in (0, 1)])
    np.testing.assert_allclose(power, want, rtol=1e-4, atol=1e-4)
    (magnitude,) = run(tmp_path, "AudioSpectrogram", [audio], [((2, 11, 257), "float32")], options | {"magnitude_squared": 0})
    np.testing.assert_allclose(magnitude, np.sqrt(want), rtol=1e-4, atol=1e-4)
    options = {"upper_frequency_limit": 4000, "lower_frequency_limit": 20, "filterbank_channel_count": 20, "dct_coefficient_count": 7}
    rate = np.array([16000], np.int32)
    (y,) = run(tmp_path, "Mfcc", [power, rate], [((2, 11, 7), "float32")], options)
    np.testing.assert_allclose(y, cepstrum(power, 16000, 20, 4000, 20, 7), rtol=1e-4, atol=1e-4)


def cepstrum(power: Array, rate: int, low: float, high: float, filters: int, kept: int) -> Array:
    """Each bin's magnitude is shared between the two filters whose centres lie around it; logarithms; a cosine transform."""
    mels = np.linspace(1127 * math.log1p(low / 700), 1127 * math.log1p(high / 700), filters + 2)
    hertz = rate / 2 / (power.shape[-1] - 1)
    bands = np.zeros((*power.shape[:-1], filters))
    for i in range(int(1.5 + low / hertz), int(high / hertz) + 1):
        mel = 1127 * math.log1p(i * hertz / 700)
        for c in range(filters):
            share = min((mel - mels[c]) / (mels[c + 1] - mels[c]), (mels[c + 2] - mel) / (mels[c + 2] - mels[c + 1]))
            bands[..., c] += max(share, 0) * np.sqrt(power[..., i])
    logs = np.log(np.maximum(bands, 1e-12))
    cosines = np.cos(np.pi / filters * np.outer(np.arange(kept), np.arange(filters) + 0.5))
    return np.asarray(math.sqrt(2 / filters) * logs @ cosines.T)


@pytest.mark.parametrize("op", ["RESHAPE", "SQUEEZE", "EXPAND_DIMS"])
def test_complex_tensors_change_their_shape(tmp_path: Path, op: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 1, 30)).astype(np.float32)
    shape = {"RESHAPE": (51,), "SQUEEZE": (3, 17), "EXPAND_DIMS": (3, 1, 1, 17)}[op]
    second = {"RESHAPE": Tensor("to", (1,), "int32", np.array([51])), "EXPAND_DIMS": Tensor("to", (), "int32", np.array(1))}.get(op)
    tensors = [
        Tensor("x", (3, 1, 30)), Tensor("length", (2,), "int32", np.array([1, 32])), Tensor("bins", (3, 1, 17), "complex64"),
        Tensor("moved", shape, "complex64"), Tensor("y", shape), *([second] if second else []),
    ]  # fmt: skip
    nodes = [Op("RFFT2D", ["x", "length"], ["bins"]), Op(op, ["bins", *(["to"] if second else [])], ["moved"])]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, [*nodes, Op("COMPLEX_ABS", ["moved"], ["y"])], ["x"], ["y"])))
    edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm")
    y = edgekit.Session(tmp_path / "m.ekm").run({"x": x})["y"]
    np.testing.assert_allclose(y, np.abs(np.fft.rfft(x, 32)).reshape(shape), rtol=1e-5, atol=1e-5)


def test_shapes_of_complex_tensors_follow_their_input(tmp_path: Path) -> None:
    """A file that was made for any number of frames declares one frame; what is fed decides."""
    x = np.random.default_rng(1).standard_normal((1, 5, 1, 30)).astype(np.float32)
    tensors = [
        Tensor("x", (1, 5, 1, 30)), Tensor("length", (2,), "int32", np.array([1, 32])), Tensor("bins", (1, 1, 1, 17), "complex64"),
        Tensor("frames", (1, 1, 17), "complex64"), Tensor("to", (2,), "int32", np.array([-1, 17])),
        Tensor("rows", (1, 17), "complex64"), Tensor("real", (1, 17)),
    ]  # fmt: skip
    nodes = [
        Op("RFFT2D", ["x", "length"], ["bins"]),
        Op("SQUEEZE", ["bins"], ["frames"], {"dims": [2]}),
        Op("RESHAPE", ["frames", "to"], ["rows"]),
        Op("CAST", ["rows"], ["real"]),
    ]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, nodes, ["x"], ["real"])))
    edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm")
    y = edgekit.Session(tmp_path / "m.ekm").run({"x": x})["real"]
    np.testing.assert_allclose(y, np.fft.rfft(x, 32).real.reshape(5, 17), rtol=1e-5, atol=1e-5)


def test_casts_to_complex_numbers(tmp_path: Path) -> None:
    tensors = [Tensor("x", (2, 3)), Tensor("z", (2, 3), "complex64"), Tensor("size", (2, 3)), Tensor("imaginary", (2, 3))]
    nodes = [Op("CAST", ["x"], ["z"]), Op("COMPLEX_ABS", ["z"], ["size"]), Op("IMAG", ["z"], ["imaginary"])]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, nodes, ["x"], ["size", "imaginary"])))
    edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm")
    x = np.float32([[1, -2, 3], [-4, 5, 0]])
    got = edgekit.Session(tmp_path / "m.ekm").run({"x": x})
    np.testing.assert_allclose(got["size"], np.abs(x))
    assert not got["imaginary"].any()
