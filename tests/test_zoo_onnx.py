"""The ONNX models of the zoo (``EDGEKIT_MODEL_ZOO``): each imports and gives its golden outputs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
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


def golden(path: Path) -> tuple[list[Array], list[Array]]:
    """The stored inputs and outputs of a model."""
    with np.load(path.with_name(f"{path.name}.golden.npz")) as data:
        ins = sorted(k for k in data.files if k.removeprefix("in").isdigit())
        outs = sorted(k for k in data.files if k.removeprefix("out").isdigit())
        return [data[k] for k in ins], [data[k] for k in outs]


def load(path: Path, inputs: list[Array]) -> tuple[converters.Graph, dict[str, Array]]:
    """The model with its shapes bound to those of the golden inputs, and the feeds by name."""
    names = [v.name for v in converters.load(path).inputs]
    feeds = dict(zip(names, inputs, strict=True))
    graph = converters.load(path, shapes={n: a.shape for n, a in feeds.items()})
    return graph, {v.name: feeds[v.name] for v in graph.inputs}


def relative_error(got: Array, want: Array) -> float:
    """Largest difference as part of the range of ``want``."""
    spread = float(want.max() - want.min()) or float(np.abs(want).max()) or 1.0
    return float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max()) / spread


@pytest.mark.parametrize("name", MODELS)
def test_reference_gives_the_golden_outputs(name: str) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    inputs, want = golden(path)
    start = time.perf_counter()
    graph, feeds = load(path, inputs)
    assert time.perf_counter() - start < MAX_SECONDS
    got = list(run_graph(graph, feeds).values())
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.shape == b.shape
        assert relative_error(a, b) < TOLERANCE


@pytest.mark.parametrize("name", MODELS)
def test_check_finds_nothing_in_less_than_two_seconds(name: str) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    inputs, _ = golden(path)
    names = [v.name for v in converters.load(path).inputs]
    start = time.perf_counter()
    blockers = converters.check(path, shapes=dict(zip(names, (a.shape for a in inputs), strict=True)))
    assert time.perf_counter() - start < 2.0
    assert blockers == []
