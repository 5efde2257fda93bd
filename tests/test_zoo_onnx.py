"""The ONNX models of the zoo (``EDGEKIT_MODEL_ZOO``): each imports and gives its golden outputs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.ir import Graph
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.require import require_folder

MODELS = (
    "basic_pitch_nmp/nmp.onnx",
    "fastestdet/FastestDet.onnx",
    "onnx2c_mnist/model.onnx",
    "onnx2c_mnist/pytorch.onnx",
    "ppocr_cls_v2/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    "silero_vad_onnx/silero_vad_16k_op15.onnx",
    "silero_vad_onnx/silero_vad_half.onnx",
    "ultraface_slim320/version-slim-320.onnx",
    "ultraface_slim320/version-slim-320_simplified.onnx",
    "ultraface_slim320/version-slim-320_without_postprocessing.onnx",
)
#: largest error of an output, as part of its range
TOLERANCE = 1e-4
MAX_SECONDS = 5.0


def golden(path: Path) -> tuple[dict[str, Array], list[Array]]:
    """The stored inputs by name, and the outputs, of a model."""
    with np.load(path.with_name(f"{path.name}.golden.npz")) as data:
        outs = sorted((k for k in data.files if k.removeprefix("out").isdigit()), key=lambda k: int(k[3:]))
        return {str(n): data[f"in{i}"] for i, n in enumerate(data["in_names"])}, [data[k] for k in outs]


def load(path: Path, feeds: dict[str, Array]) -> Graph:
    """The model with its shapes bound to those of the golden inputs."""
    return converters.load(path, shapes={n: a.shape for n, a in feeds.items()})


def relative_error(got: Array, want: Array) -> float:
    """Largest difference as part of the range of ``want``."""
    spread = float(want.max() - want.min()) or float(np.abs(want).max()) or 1.0
    return float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max()) / spread


@pytest.mark.parametrize("name", MODELS)
def test_reference_gives_the_golden_outputs(name: str) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    feeds, want = golden(path)
    start = time.perf_counter()
    graph = load(path, feeds)
    assert time.perf_counter() - start < MAX_SECONDS
    assert [v.name for v in graph.inputs] == list(feeds)
    got = list(run_graph(graph, feeds).values())
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        assert relative_error(a, b) < TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_check_finds_nothing_in_less_than_two_seconds(name: str) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    feeds, _ = golden(path)
    start = time.perf_counter()
    blockers = converters.check(path, shapes={n: a.shape for n, a in feeds.items()})
    assert time.perf_counter() - start < 2.0
    assert blockers == []


@pytest.mark.parametrize("name", MODELS)
def test_the_runtime_gives_the_golden_outputs(name: str, tmp_path: Path) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    feeds, want = golden(path)
    start = time.perf_counter()
    edgekit.convert(path, tmp_path / "model.ekm", shapes={n: a.shape for n, a in feeds.items()})
    assert time.perf_counter() - start < MAX_SECONDS
    session = edgekit.Session(tmp_path / "model.ekm")
    assert [v.name for v in session.inputs] == list(feeds)
    got = list(session.run(feeds).values())
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        assert relative_error(a, b) < TOLERANCE
