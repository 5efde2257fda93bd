"""Models of the zoo before and after the pipeline on the numpy reference: golden outputs, Transposes left, arena at the lower bound."""

from __future__ import annotations

import pytest

from edgekit import converters
from edgekit.passes import optimize
from edgekit.passes.layout.assign_layout import transposes
from edgekit.plan import plan_memory
from edgekit.reference import run_graph
from tests.zoo.golden import by_name_or_order, differs, golden
from tests.zoo.models import MODELS, Model
from tests.zoo.test_zoo import zoo_for

#: Transposes that move elements: 1 is that of a channels-first image; FastestDet's output is channels first, too
LEFT = {
    "basic_pitch_nmp/nmp": 0,
    "basic_pitch_nmp/nmp.onnx": 0,
    "basic_pitch_nmp/nmp.tflite": 0,
    "fastestdet/FastestDet.onnx": 2,
    "fastestdet/fastestdet_280.pt2": 2,
    "onnx2c_mnist/model.onnx": 0,
    "onnx2c_mnist/pytorch.onnx": 0,
    "ppocr_cls_v2/ch_ppocr_mobile_v2.0_cls_infer.onnx": 1,
    "silero_vad_onnx/silero_vad_16k_op15.onnx": 0,
    "silero_vad_onnx/silero_vad_half.onnx": 0,
    "squeezenet_v1.0_caffe/squeezenet_v1.0.caffemodel": 1,
    "ultraface_slim320/slim-320.caffemodel": 1,
    "ultraface_slim320/version-slim-320.onnx": 1,
    "ultraface_slim320/version-slim-320.pt2": 1,
    "ultraface_slim320/version-slim-320_simplified.onnx": 1,
    "ultraface_slim320/version-slim-320_without_postprocessing.onnx": 1,
}


@pytest.mark.parametrize("model", [m for m in MODELS if m.path in LEFT], ids=lambda m: m.path)
def test_pipeline(model: Model) -> None:
    zoo = zoo_for(model)
    data = golden(zoo, model)
    graph = converters.load(zoo / model.path, {n: a.shape for n, a in data.inputs.items()} if model.shapes else None, default_leading=1)
    done, _ = optimize(graph)
    assert len(transposes(done)) <= LEFT[model.path]
    assert all(n.attrs.get("layout") != "NCHW" for n in done.nodes)
    plan = plan_memory(done)
    assert plan.arena_bytes == plan.lower_bound
    feeds = by_name_or_order(data.inputs, [v.name for v in graph.inputs])
    for g in (graph, done):
        got = by_name_or_order(run_graph(g, feeds), list(data.outputs))
        assert all(differs(got[name], want, model.tolerance) == "" for name, want in data.outputs.items())
