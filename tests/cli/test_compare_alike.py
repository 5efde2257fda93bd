"""``compare`` and ``report`` read the source as the model's conversion was asked to: frozen inputs, parts, signatures, shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import edgekit
from edgekit.cli.app import EXIT_FAILED, run
from tests.require import require_folder, require_module

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """y = x * rate + table, z = x + rate."""
    h, f = onnx.helper, onnx.TensorProto.FLOAT
    ins = [
        h.make_tensor_value_info("x", f, [1, 4]),
        h.make_tensor_value_info("rate", f, []),
        h.make_tensor_value_info("table", f, [1200, 4]),
    ]
    outs = [h.make_tensor_value_info("y", f, [1200, 4]), h.make_tensor_value_info("z", f, [1, 4])]
    nodes = [h.make_node("Mul", ["x", "rate"], ["m"]), h.make_node("Add", ["m", "table"], ["y"]), h.make_node("Add", ["x", "rate"], ["z"])]
    model = h.make_model(h.make_graph(nodes, "g", ins, outs), opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def convert(source: Path, *options: str) -> Path:
    path = source.with_suffix(".ekm")
    assert run(["convert", str(source), "-o", str(path), *options]) == 0
    return path


def compare(a: Path, b: Path, capsys: Capture) -> Any:
    capsys.readouterr()
    assert run(["compare", str(a), str(b), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_frozen_inputs_and_parts(source: Path, capsys: Capture) -> None:
    model = convert(source, "--freeze", "rate=3", "--outputs", "z")
    found = compare(source, model, capsys)
    assert [(o["name"], o["max_abs"]) for o in found["outputs"]] == [("z", 0.0)]
    assert edgekit.load(model).metadata["source.options"] == ('{"freeze": {"rate": {"dtype": "int64", "values": 3}}, "outputs": ["z"]}')
    report = json.loads(edgekit.report(model, source.parent / "r.json", edgekit.ReportSettings(source=source, runs=1)).read_text())
    assert report["comparison"]["outputs"][0]["max_abs"] == 0


def test_frozen_inputs_on_the_sources_own_runtime(source: Path, capsys: Capture) -> None:
    require_module("onnxruntime", "onnxruntime", "pip install onnxruntime")
    found = compare(source, convert(source, "--freeze", "rate=3"), capsys)["source_runtime"]
    assert found["name"].startswith("onnxruntime") and found["reason"] == ""
    assert [o["name"] for o in found["outputs"]] == ["y", "z"] and all(o["max_abs"] < 1e-6 for o in found["outputs"])
    found = compare(source, convert(source, "--freeze", "rate=3", "--outputs", "z"), capsys)["source_runtime"]
    assert "table" in found["reason"] and found["outputs"][0]["max_abs"] < 1e-6  # onnxruntime wants what only the other output needs


def test_a_second_conversion_keeps_what_was_asked_for(source: Path, tmp_path: Path, capsys: Capture) -> None:
    first = convert(source, "--freeze", "rate=3")
    assert run(["convert", str(first), "-o", str(tmp_path / "second.ekm"), "--outputs", "z"]) == 0
    assert [o["name"] for o in compare(source, tmp_path / "second.ekm", capsys)["outputs"]] == ["z"]


def test_another_model_as_a_yardstick(source: Path, capsys: Capture, tmp_path: Path) -> None:
    """It need not have the input that was frozen."""
    model = convert(source, "--freeze", "rate=3", "--outputs", "z")
    loaded = onnx.load(source)
    rate = onnx.numpy_helper.from_array(np.float32(3), "rate")
    loaded.graph.initializer.append(rate)
    for i, v in reversed(list(enumerate(loaded.graph.input))):
        if v.name != "x":
            del loaded.graph.input[i]
    del loaded.graph.output[0], loaded.graph.node[0:2]
    onnx.save(loaded, tmp_path / "other.onnx")
    assert compare(tmp_path / "other.onnx", model, capsys)["outputs"][0]["max_abs"] == 0


def test_large_frozen_arrays_are_not_noted(source: Path, capsys: Capture, tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", np.ones((1200, 4), np.float32))
    model = convert(source, "--freeze", f"table={tmp_path / 'table.npy'}")
    assert len(edgekit.load(model).metadata["source.options"]) < 200
    assert run(["compare", str(source), str(model)]) == EXIT_FAILED
    assert "'table' was frozen to an array too large" in capsys.readouterr().err


def test_broken_notes(source: Path, capsys: Capture) -> None:
    from edgekit.format import read_model, write_model

    model = convert(source, "--freeze", "rate=3")
    for text in ('{"freeze": {"rate": 3}}', "[]", "{", '{"freeze": {"rate": {"dtype": "no such", "values": 1}}}'):
        graph = read_model(model)
        graph.metadata["source.options"] = text
        write_model(graph, model)
        capsys.readouterr()
        assert run(["compare", str(source), str(model)]) == EXIT_FAILED
        assert "is broken" in capsys.readouterr().err


def test_signatures(tmp_path: Path, capsys: Capture) -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    path = zoo / "aieq_tiny" / "toy_model_with_kv_cache_multi_signature.tflite"
    assert run(["convert", str(path), "-o", str(tmp_path / "m.ekm"), "--signature", "signature_2"]) == 0
    found = compare(path, tmp_path / "m.ekm", capsys)
    assert len(found["outputs"]) == 3 and all(o["max_abs"] == 0 for o in found["outputs"])
    assert run(["inspect", str(path), "--signature", "signature_2", "--json"]) == 0
    ports = json.loads(capsys.readouterr().out)["ports"]
    assert [p["name"] for p in ports if p["kind"] == "output"] == [o["name"] for o in found["outputs"]]


def test_shapes_that_the_source_leaves_open(tmp_path: Path, capsys: Capture) -> None:
    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / "mtcnn_caffe_mxnet" / "det1-0001.params"
    words = ["convert", str(path), "-o", str(tmp_path / "m.ekm"), "--shape", "data:1,3,48,64", "--input-layout", "nhwc"]
    assert run(words) == 0
    assert [o["max_abs"] for o in compare(path, tmp_path / "m.ekm", capsys)["outputs"]] == [0.0, 0.0]
