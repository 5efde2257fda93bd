"""Conversions through the Python API."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.errors import ConversionError, QuantizationError
from edgekit.format import read_model
from edgekit.ir import GraphBuilder, graph_hash
from edgekit.reference import run_graph
from edgekit.symbolic import SymDim
from edgekit.types import F32
from tests.digits import MODEL, DigitsFiles, digits_files


@pytest.fixture
def digits() -> DigitsFiles:
    return digits_files()


def test_twice_gives_the_same_bytes(digits: DigitsFiles, tmp_path: Path) -> None:
    again = edgekit.convert(MODEL, tmp_path / "a.ekm")
    int8 = edgekit.convert(MODEL, tmp_path / "b.ekm", quantize="int8", calibration=digits.calibration)
    assert again.sha256 == digits.floats.sha256 == hashlib.sha256(again.path.read_bytes()).hexdigest()
    assert int8.sha256 == digits.int8.sha256 != again.sha256


@pytest.mark.parametrize("which", ["floats", "int8"])
def test_peak_memory_is_that_of_the_session(digits: DigitsFiles, which: str) -> None:
    done: edgekit.Conversion = getattr(digits, which)
    for threads in (1, 2):
        with edgekit.Session(done.path, threads=threads) as session:
            assert session.peak_memory_bytes == done.arena_bytes > 0


def test_round_trip_keeps_the_graph(digits: DigitsFiles, tmp_path: Path) -> None:
    for done in (digits.floats, digits.int8):
        loaded = edgekit.load(done.path)
        assert graph_hash(loaded) == graph_hash(done.graph)
        again = edgekit.convert(done.path, tmp_path / "again.ekm")
        feeds = {"image": digits.images[:1]}
        with edgekit.Session(done.path) as a, edgekit.Session(again.path) as b:
            assert a.run(feeds)["logits"].tobytes() == b.run(feeds)["logits"].tobytes()


def test_accuracy_and_bits(digits: DigitsFiles) -> None:
    graph = read_model(digits.int8.path)
    with edgekit.Session(digits.floats.path) as floats, edgekit.Session(digits.int8.path) as int8:
        for image, label in zip(digits.images, digits.labels, strict=True):
            feeds = {"image": image[None]}
            assert floats.run(feeds)["logits"].argmax() == label
            got = int8.run(feeds)["logits"]
            assert got.argmax() == label
            assert got.tobytes() == run_graph(graph, feeds)["logits"].tobytes()


def test_metadata_says_where_it_came_from(digits: DigitsFiles) -> None:
    with edgekit.Session(digits.int8.path) as session:
        m = session.metadata
    assert m["source.name"] == "digits.onnx" and m["source.format"] == "onnx"
    assert m["source.sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert m["quantization.recipe"] == "int8" and float(m["quantization.sqnr_db.logits"]) > 25
    assert m["edgekit.version"] == edgekit.__version__
    assert not any(str(MODEL.parent) in v for v in m.values()), "absolute paths would make conversions differ between machines"


def test_quantized_from_an_iterable_equals_the_folder(digits: DigitsFiles, tmp_path: Path) -> None:
    from samples import digits_data

    samples = digits_data.load().calibration(20)
    done = edgekit.quantize(MODEL, tmp_path / "q.ekm", "int8", [s[None] for s in samples])
    assert graph_hash(done.graph) == graph_hash(digits.int8.graph)
    streamed = edgekit.quantize(MODEL, tmp_path / "s.ekm", "int8", ({"image": s[None]} for s in samples))
    assert graph_hash(streamed.graph) == graph_hash(digits.int8.graph)


def test_recipes_with_observers_differ(digits: DigitsFiles, tmp_path: Path) -> None:
    hashes = {
        graph_hash(edgekit.quantize(MODEL, tmp_path / "q.ekm", f"int8:{o}", digits.calibration).graph)
        for o in ("min-max", "mse", "percentile:99")
    }
    assert len(hashes) == 3


def test_a_symbolic_batch_from_a_graph(tmp_path: Path) -> None:
    b = GraphBuilder("scale")
    x = b.input("x", F32, (SymDim.symbol("n", 1, 6), 3))
    b.output(b.call("Mul", x, b.constant(np.array([1, 2, 3], np.float32))), "y")
    done = edgekit.convert(b.graph, tmp_path / "s.ekm")
    with edgekit.Session(done.path) as session:
        assert session.inputs[0].is_dynamic and session.inputs[0].max_shape == (6, 3)
        for n in (1, 6, 4):
            assert session.run({"x": np.ones((n, 3), np.float32)})["y"].shape == (n, 3)
        with pytest.raises(edgekit.errors.RuntimeLibraryError, match=r"up to \[6, 3\]"):
            session.run({"x": np.ones((7, 3), np.float32)})


def test_dimensions_without_a_bound_are_named(tmp_path: Path) -> None:
    b = GraphBuilder("scale")
    x = b.input("photo", F32, (1, 3, SymDim.symbol("H"), SymDim.symbol("W")))
    b.output(b.call("Relu", x), "y")
    with pytest.raises(ConversionError, match=r"'photo'\): float32\[1, 3, H, W\] has .* Pass --shape photo:1,3,1\.\.SIZE,1\.\.SIZE"):
        edgekit.convert(b.graph, tmp_path / "s.ekm")
    done = edgekit.convert(b.graph, tmp_path / "s.ekm", shapes={"photo": (1, 3, 8, 8)})
    assert done.graph.inputs[0].shape == (1, 3, 8, 8)


def test_progress_is_told(digits: DigitsFiles, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    options = edgekit.ConvertOptions(progress=lambda *a: seen.append(a), calibration_limit=4, labels=tuple("0123456789"))
    done = edgekit.convert(MODEL, tmp_path / "q.ekm", quantize="int8", calibration=digits.calibration, options=options)
    assert [s for s in seen if s[0] == "calibrate"] == [("calibrate", i, 4) for i in range(1, 5)]
    assert done.graph.metadata["labels"].split("\n") == list("0123456789")


def test_int8_needs_data_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(QuantizationError, match="calibration"):
        edgekit.convert(tmp_path / "not even there.onnx", tmp_path / "q.ekm", quantize="int8")


def test_prune_and_simulate(digits: DigitsFiles, tmp_path: Path) -> None:
    done, pruned = edgekit.prune(MODEL, tmp_path / "p.ekm", 0.7)
    assert abs(pruned.sparsity - 0.7) < 0.01 and done.nbytes == done.path.stat().st_size
    s = edgekit.simulate(done.path, "snapdragon-865")
    assert s.arena_bytes == done.arena_bytes and s.low < s.seconds < s.high
