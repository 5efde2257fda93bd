"""TensorLists, alone and through loops of functions, and the audio operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.cli.app import run
from edgekit.errors import UnsupportedOpError
from edgekit.reference import run_graph
from tests.cases.signal import wav_bytes
from tests.converters.tensorflow.models import Function, Maker, Shape, Type, compute, load

R = np.random.default_rng(11)


def test_lists_without_a_loop(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (4, 2, 3))
    shape = m.ints(2, 3)
    m.add("TensorListFromTensor", "x", shape, name="list", element_dtype=Type("float32"))
    m.add("TensorListGetItem", "list", m.const(np.int32(2)), shape, name="third", element_dtype=Type("float32"))
    m.add("TensorListGather", "list", m.ints(3, 0), shape, name="some", element_dtype=Type("float32"))
    m.add("TensorListLength", "list", name="length")
    m.add("TensorListElementShape", "list", name="element", shape_type=Type("int32"))
    m.add("TensorListSetItem", "list", m.const(np.int32(0)), "third", name="set", element_dtype=Type("float32"))
    m.add("TensorListPushBack", "set", "third", name="longer", element_dtype=Type("float32"))
    m.add("TensorListPopBack", "longer", shape, name="popped", element_dtype=Type("float32"))
    m.add("TensorListStack", "popped", shape, name="rest", element_dtype=Type("float32"))
    m.add("Identity", "popped:1", name="last")
    m.add("TensorListConcatV2", "longer", shape, m.const(np.zeros(0, np.int64)), name="joined", element_dtype=Type("float32"))
    m.add("TensorListResize", "list", m.const(np.int32(5)), name="resized")
    m.add("TensorListStack", "resized", shape, name="five", element_dtype=Type("float32"))
    graph = load(m.graph(), tmp_path)
    x = R.normal(size=(4, 2, 3)).astype(np.float32)
    found = dict(zip(graph.output_names, compute(graph, x), strict=True))
    changed = np.concatenate([x[2:3], x[1:]])
    want = {
        "some": x[[3, 0]], "length": 4, "element": [2, 3], "rest": changed, "last": x[2], "joined": np.concatenate([*changed, x[2]]),
        "five": np.concatenate([x, np.zeros((1, 2, 3))]),
    }  # fmt: skip
    for name, expected in want.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


def test_lists_are_scattered_split_and_joined(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (4, 3))
    shape, count = m.ints(3), m.const(np.int32(6))
    m.add("TensorListScatterV2", "x", m.ints(1, 0, 5, 3), shape, count, name="scattered", element_dtype=Type("float32"))
    m.add("TensorListStack", "scattered", shape, name="rows", element_dtype=Type("float32"))
    m.add("TensorListSplit", "x", m.ints(2, 3), m.const(np.array([2, 2])), name="split", element_dtype=Type("float32"))
    m.add("TensorListStack", "split", m.ints(2, 3), name="parts", element_dtype=Type("float32"))
    m.add("TensorListConcatLists", "scattered", "scattered", name="twice", element_dtype=Type("float32"))
    m.add("TensorListStack", "twice", shape, name="both", element_dtype=Type("float32"))
    graph = load(m.graph(), tmp_path)
    x = R.normal(size=(4, 3)).astype(np.float32)
    rows = np.zeros((6, 3), np.float32)
    rows[[1, 0, 5, 3]] = x
    found = dict(zip(graph.output_names, compute(graph, x), strict=True))
    np.testing.assert_array_equal(found["rows"], rows)
    np.testing.assert_array_equal(found["parts"], x.reshape(2, 2, 3))
    np.testing.assert_array_equal(found["both"], np.concatenate([rows, rows]))


def mapped(element: Callable[[Maker, str], str], reserve: Callable[[Maker], str], name: str) -> Any:
    """``tf.map_fn`` over the rows of x: a While of functions that writes a list."""
    test = Maker()
    test.add("Less", "i", "n", name="go")
    condition = test.function(f"{name}_cond", ["i", "n", "out", "rows"], {"go": "go:z:0"})
    trip = Maker()
    open_shape = trip.ints(-1)
    row = trip.add("TensorListGetItem", "rows", "i", f"{open_shape}:output:0", name="row", element_dtype=Type("float32"))
    y = element(trip, f"{row}:item:0")
    grows = {"resize_if_index_out_of_bounds": True} if name == "growing" else {}
    trip.add("TensorListSetItem", "out", "i", y, name="written", element_dtype=Type("float32"), **grows)
    trip.add("AddV2", "i", f"{trip.const(np.int32(1), 'one')}:output:0", name="next", T=Type("int32"))
    results = {"i_out": "next:z:0", "n_out": "n", "out_out": "written:output_handle:0", "rows_out": "rows"}
    body = trip.function(f"{name}_body", ["i", "n", "out", "rows"], results)
    m = Maker()
    m.input("x", (4, None))
    m.add("TensorListFromTensor", "x", m.ints(-1), name="rows", element_dtype=Type("float32"))
    inputs = [m.const(np.int32(0)), m.const(np.int32(4)), reserve(m), "rows"]
    m.add("StatelessWhile", *inputs, name="loop", cond=Function(f"{name}_cond"), body=Function(f"{name}_body"))
    m.add("TensorListStack", "loop:2", m.ints(-1), name="y", element_dtype=Type("float32"))
    return m.graph([condition, body])


def test_a_list_that_a_loop_writes_gets_its_shape_from_the_first_trip(tmp_path: Path) -> None:
    def reserve(m: Maker) -> str:
        return m.add("TensorListReserve", m.const(np.int32(-1)), m.const(np.int32(4)), name="empty", element_dtype=Type("float32"))

    proto = mapped(lambda b, row: f"{b.add('Tanh', row, name='t')}:y:0", reserve, "plain")
    graph = load(proto, tmp_path)
    x = R.normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_allclose(compute(graph, x)[0], np.tanh(x), rtol=1e-6)


def test_a_list_that_grows_in_a_loop(tmp_path: Path) -> None:
    def reserve(m: Maker) -> str:
        return m.add("TensorListReserve", m.const(np.int32(-1)), m.const(np.int32(0)), name="empty", element_dtype=Type("float32"))

    proto = mapped(lambda b, row: f"{b.add('Neg', row, name='t')}:y:0", reserve, "growing")
    graph = load(proto, tmp_path, shapes={"x": (4, 5)})
    x = R.normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_array_equal(compute(graph, x)[0], -x)


def test_parts_of_different_lengths_are_a_blocker(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (5,))
    m.add("TensorListSplit", "x", m.ints(-1), m.const(np.array([2, 3])), name="split", element_dtype=Type("float32"))
    m.add("TensorListStack", "split", m.ints(-1), name="y", element_dtype=Type("float32"))
    with pytest.raises(UnsupportedOpError, match="different lengths"):
        load(m.graph(), tmp_path)


def test_sound_is_decoded_and_transformed(tmp_path: Path) -> None:
    m = Maker()
    m.add("Placeholder", name="wav", dtype=Type("object"), shape=Shape(()))
    m.add("DecodeWav", "wav", name="sound", desired_channels=1, desired_samples=600)
    m.add("AudioSpectrogram", "sound", name="power", window_size=250, stride=125, magnitude_squared=True)
    limits = {"lower_frequency_limit": 100.0, "upper_frequency_limit": 3000.0, "filterbank_channel_count": 10, "dct_coefficient_count": 4}
    m.add("Mfcc", "power", "sound:1", name="y", **limits)
    samples = R.integers(-20000, 20000, (500, 2))
    file = wav_bytes(samples, 8000)
    graph = load(m.graph(), tmp_path, shapes={"wav": (len(file),)})
    assert graph.outputs[0].shape == (1, 3, 4)
    (found,) = run_graph(graph, {"wav": file}).values()
    audio = np.concatenate([samples[:, 0] / 32768, np.zeros(100)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(250) / 250)
    power = np.stack([np.abs(np.fft.rfft(audio[i : i + 250] * hann, 256)) ** 2 for i in (0, 125, 250)])
    np.testing.assert_allclose(found[0], cepstrum(power, 8000, 100, 3000, 10, 4), rtol=1e-4, atol=1e-4)
    (tmp_path / "sound.wav").write_bytes(file.tobytes())
    path, out = tmp_path / "model.ekm", tmp_path / "out"
    notes = edgekit.convert(tmp_path / "model.pb", path).notes  # nothing said of the size: files of any usual length go in
    assert any("files of up to 65536 bytes" in n for n in notes)
    assert run(["run", str(path), "--input", str(tmp_path / "sound.wav"), "--output-dir", str(out)]) == 0
    np.testing.assert_allclose(np.load(out / "y.npy"), found, rtol=1e-3, atol=1e-3)
    assert edgekit.convert(tmp_path / "model.pb", path, shapes={"wav": (len(file),)}).graph.inputs[0].shape == (len(file),)


def cepstrum(power: np.ndarray, rate: int, low: float, high: float, filters: int, kept: int) -> np.ndarray:
    """Each bin's magnitude is shared between the filters around it; logarithms; a cosine transform."""
    mel = 1127 * np.log1p(np.arange(power.shape[-1]) * rate / 2 / (power.shape[-1] - 1) / 700)
    edges = np.linspace(1127 * np.log1p(low / 700), 1127 * np.log1p(high / 700), filters + 2)
    rise = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    logs = np.log(np.maximum(np.sqrt(power) @ np.clip(np.minimum(rise, fall), 0, None), 1e-12))
    return np.asarray(np.sqrt(2 / filters) * logs @ np.cos(np.pi / filters * np.outer(np.arange(filters) + 0.5, np.arange(kept))))
