"""The single-operator TensorFlow Lite models of Glow (``EDGEKIT_CONFORMANCE``), with their inputs and outputs, on the C runtime."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.types import Array
from tests.require import require, require_folder

ARCHIVE = "conformance_glow.tgz"
CASES = Path("glow/tests/models/tfliteModels")
#: models without data
WITHOUT_DATA = ("tflite_detection_post_processing_fast", "tflite_detection_post_processing_regular")
COUNT = 92
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the unpacked models."""
    archive = require_folder("conformance", "EDGEKIT_CONFORMANCE") / ARCHIVE
    require("conformance", archive.is_file(), f"{archive} is not there")
    folder = tmp_path_factory.mktemp("glow")
    with tarfile.open(archive) as t:
        t.extractall(folder, [m for m in t.getmembers() if Path(m.name).is_relative_to(CASES)], filter="data")
    return folder / CASES


def stored(path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> Array:
    """An array from a data file, which begins with one byte that names the type."""
    raw = path.read_bytes()
    size = int(np.prod(shape)) * dtype.itemsize
    assert len(raw) in (size, size + 1), f"{path.name} holds {len(raw)} bytes, {size} are needed"
    return np.frombuffer(raw[len(raw) - size :], dtype).reshape(shape)


def fault(model: Path, folder: Path) -> str:
    """What is wrong with the outputs of a model; empty where they match."""
    made = edgekit.convert(model, folder / "model.ekm")
    session = edgekit.Session(made.path)
    feeds = {
        v.name: stored(model.with_suffix(f".inp{i}"), np.dtype(v.dtype.numpy), v.type.static_shape())
        for i, v in enumerate(made.graph.inputs)
    }
    for i, got in enumerate(session.run(feeds).values()):
        want = stored(model.with_suffix(f".out{i}"), got.dtype, got.shape)
        if got.dtype.kind == "f":
            error = float(np.abs(got - want).max(initial=0)) / (float(np.ptp(want)) or 1.0)
            if not error <= TOLERANCE:
                return f"output {i} differs by {error:.2e} of the range"
        elif np.abs(got.astype(np.int64) - want.astype(np.int64)).max(initial=0) > 1:
            return f"output {i} differs by more than one unit"
    return ""


def test_every_model_with_data_matches(cases: Path, tmp_path: Path) -> None:
    models = [p for p in sorted(cases.glob("*.tflite")) if p.stem not in WITHOUT_DATA]
    assert len(models) == COUNT
    faults = {p.stem: fault(p, tmp_path) for p in models}
    assert {n: f for n, f in faults.items() if f} == {}


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_models_without_data_convert(name: str, cases: Path, tmp_path: Path) -> None:
    assert edgekit.Session(edgekit.convert(cases / f"{name}.tflite", tmp_path / "model.ekm").path).outputs
