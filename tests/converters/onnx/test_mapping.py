"""Weights that are read where they lie in the file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import EdgekitError, MalformedModelError
from edgekit.types import Array
from edgekit_converters.onnx import mapping
from edgekit_converters.onnx.mapping import split_weights
from tests.converters.onnx.models import model, node, save

W = np.random.default_rng(0).standard_normal((512, 600)).astype(np.float32)


def large(folder: Path, weights: Array = W, **changes: Any) -> Path:
    proto = model([node("MatMul", ["x", "w"], ["y"]), node("Add", ["y", "b"], ["z"])], {"x": (np.float32, [1, 512])}, ["z"],
                  {"w": weights, "b": np.zeros(600, np.float32)})  # fmt: skip
    for name, value in changes.items():
        setattr(proto.graph.initializer[0], name, value)
    return save(proto, folder)


def weights_of(path: Path) -> Array:
    graph = converters.load(path)
    (found,) = [v.const for v in graph.constants() if v.const is not None and v.const.size == W.size]
    return found if found.shape == W.shape else found.T  # FullyConnected has them the other way round


def test_large_weights_stay_in_the_file(tmp_path: Path) -> None:
    path = large(tmp_path)
    split = split_weights(path)
    assert split is not None and len(split[0]) < 4000
    np.testing.assert_array_equal(weights_of(path), W)


def test_small_files_are_left_alone(tmp_path: Path) -> None:
    assert split_weights(save(model([node("Relu", ["x"], ["y"])], {"x": (np.float32, [1])}, ["y"]), tmp_path)) is None


@pytest.mark.parametrize("size", [1, 100, 5000, 600_000, 1_200_000])
def test_truncated_files_are_malformed(tmp_path: Path, size: int) -> None:
    path = large(tmp_path)
    path.write_bytes(path.read_bytes()[:-size])
    with pytest.raises(MalformedModelError):
        converters.load(path)


def test_data_of_the_wrong_size_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match="needs 1228800 bytes of data, the file holds 1228796"):
        converters.load(large(tmp_path, raw_data=W.tobytes()[:-4]))


def test_a_file_cannot_name_the_mapped_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is drawn anew for each file; an entry that guesses the form is a path like any other."""
    path = large(tmp_path)
    names = {split[1].location for split in (split_weights(path), split_weights(path)) if split is not None}
    assert len(names) == 2
    import onnx

    proto = onnx.load_model(path)
    w = proto.graph.initializer[0]
    w.ClearField("raw_data")
    w.data_location = 1
    for key, value in (("location", names.pop()), ("offset", "0"), ("length", str(W.nbytes))):
        entry = w.external_data.add()
        entry.key, entry.value = key, value
    with pytest.raises(MalformedModelError, match="missing"):
        converters.load(save(proto, tmp_path))


@pytest.mark.parametrize("seed", range(60))
def test_damaged_bytes_between_the_weights(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the damage, the cut decides as protobuf would: an error of ours, or a graph."""
    monkeypatch.setattr(mapping, "MIN_FILE_BYTES", 1)
    monkeypatch.setattr(mapping, "MIN_WEIGHT_BYTES", 16)
    small = W[:8, :8]
    proto = model([node("MatMul", ["x", "w"], ["y"])], {"x": (np.float32, [1, 8])}, ["y"], {"w": small})
    data = bytearray(proto.SerializeToString())
    r = np.random.default_rng(seed)
    for at in r.integers(0, len(data), 3):
        data[at] = r.integers(0, 256)
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with contextlib.suppress(EdgekitError):
        converters.load(path)
