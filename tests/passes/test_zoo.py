"""The zoo's ONNX models after the pipeline: golden outputs, Transposes left, arena at the lower bound, time."""

from __future__ import annotations

import time

import pytest

from edgekit.passes import optimize
from edgekit.passes.layout.assign_layout import transposes
from edgekit.plan import plan_memory
from edgekit.reference import run_graph
from tests.require import require_folder
from tests.test_zoo_onnx import MODELS, TOLERANCE, golden, load, relative_error

#: Transposes that move elements: 1 is that of a channels-first image; FastestDet also joins its outputs channels first
LEFT = {
    "basic_pitch_nmp/nmp.onnx": 0,
    "fastestdet/FastestDet.onnx": 3,
    "onnx2c_mnist/model.onnx": 0,
    "onnx2c_mnist/pytorch.onnx": 0,
    "ppocr_cls_v2/ch_ppocr_mobile_v2.0_cls_infer.onnx": 1,
    "silero_vad_onnx/silero_vad_16k_op15.onnx": 0,
    "silero_vad_onnx/silero_vad_half.onnx": 0,
    "ultraface_slim320/version-slim-320.onnx": 1,
    "ultraface_slim320/version-slim-320_simplified.onnx": 1,
    "ultraface_slim320/version-slim-320_without_postprocessing.onnx": 1,
}


@pytest.mark.parametrize("name", MODELS)
def test_pipeline(name: str) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    feeds, want = golden(path)
    graph = load(path, feeds)
    started = time.perf_counter()
    done, _ = optimize(graph)
    assert time.perf_counter() - started < 5
    assert len(transposes(done)) <= LEFT[name]
    assert all(n.attrs.get("layout") != "NCHW" for n in done.nodes)
    plan = plan_memory(done)
    assert plan.arena_bytes == plan.lower_bound
    for got, w in zip(run_graph(done, feeds).values(), want, strict=True):
        assert relative_error(got, w) < TOLERANCE
