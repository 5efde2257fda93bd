"""Other outputs and inputs than the model's own: what lies outside need not convert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.cli.app import run
from edgekit.errors import ConversionError, UnsupportedOpError
from edgekit.ir import Graph, Part
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx import models as onnx_models
from tests.converters.onnx.models import node
from tests.converters.tensorflow.models import Maker, Type, save
from tests.converters.tflite.models import Op, Subgraph, Tensor
from tests.converters.tflite.models import model as tflite_model
from tests.require import require_module

R = np.random.default_rng(8)
X = R.normal(size=(1, 4)).astype(np.float32)
K = R.normal(size=(4, 3)).astype(np.float32)


def frozen_graph(folder: Path) -> Path:
    """A decoder in front that does not convert, a head for training behind."""
    m = Maker()
    m.add("Placeholder", name="jpeg", dtype=Type("object"))
    m.add("DecodeJpeg", "jpeg", name="decoded", channels=3)
    m.add("Frobnicate", "decoded", name="features", T=Type("float32"))
    m.const(K, "kernel")
    m.add("MatMul", "features", "kernel", name="logits", T=Type("float32"))
    m.add("Softmax", "logits", name="scores", T=Type("float32"))
    m.input("labels", (1, 3))
    m.add("Twiddle", "logits", "labels", name="loss", T=Type("float32"))
    return save(m.graph(), folder)


def onnx_model(folder: Path) -> Path:
    require_module("onnx", "onnx", "pip install onnx")
    nodes = [
        node("Frobnicate", ["jpeg"], ["features"]),
        node("MatMul", ["features", "kernel"], ["logits"]),
        node("Softmax", ["logits"], ["scores"]),
        node("Twiddle", ["logits", "labels"], ["loss"]),
    ]
    inputs: dict[str, Any] = {"jpeg": (np.float32, ["n"]), "labels": (np.float32, [1, 3])}
    return onnx_models.save(onnx_models.model(nodes, inputs, ["scores", "loss"], {"kernel": K}), folder)


def lite_model(folder: Path) -> Path:
    tensors = [
        Tensor("jpeg", (7,)),
        Tensor("features", (1, 4)),
        Tensor("kernel", (3, 4), data=np.ascontiguousarray(K.T)),
        Tensor("logits", (1, 3)),
        Tensor("scores", (1, 3)),
        Tensor("labels", (1, 3)),
        Tensor("loss", (1, 3)),
    ]
    ops = [
        Op("CUSTOM:Frobnicate", ["jpeg"], ["features"]),
        Op("FULLY_CONNECTED", ["features", "kernel"], ["logits"]),
        Op("SOFTMAX", ["logits"], ["scores"], {"beta": 1.0}),
        Op("CUSTOM:Twiddle", ["logits", "labels"], ["loss"]),
    ]
    path = folder / "m.tflite"
    path.write_bytes(tflite_model(Subgraph(tensors, ops, ["jpeg", "labels"], ["scores", "loss"])))
    return path


MAKERS = [frozen_graph, onnx_model, lite_model]
SHAPES: dict[str, converters.ShapeSpec] = {"features": (1, 4)}


def names(graph: Graph) -> tuple[list[str], list[str]]:
    return [v.name for v in graph.inputs], graph.output_names


def compute(graph: Graph, **feeds: Array) -> dict[str, Array]:
    return run_graph(graph, feeds)


@pytest.mark.parametrize("make", MAKERS)
def test_between_inner_tensors(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(UnsupportedOpError):
        converters.load(path)
    graph = converters.load(path, SHAPES, part=Part(("scores", "logits"), ("features",)))
    assert names(graph) == (["features"], ["scores", "logits"])
    got = compute(graph, features=X)
    np.testing.assert_allclose(got["logits"], X @ K, rtol=1e-5)
    exp = np.exp(X @ K)
    np.testing.assert_allclose(got["scores"], exp / exp.sum(), rtol=1e-5)


@pytest.mark.parametrize("make", MAKERS)
def test_blockers_outside_are_not_named(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    ops = {b.op.removeprefix("CUSTOM:") for b in converters.check(path)}
    assert {"Frobnicate", "Twiddle"} <= ops
    ops = {b.op.removeprefix("CUSTOM:") for b in converters.check(path, part=Part(("scores",)))}
    assert "Frobnicate" in ops and "Twiddle" not in ops
    assert converters.check(path, SHAPES, part=Part(("logits",), ("features",))) == []


@pytest.mark.parametrize("make", MAKERS)
def test_names_that_are_not_there(make: Any, tmp_path: Path) -> None:
    path = make(tmp_path)
    part = Part(("logit",), ("features",)) if make is not frozen_graph else Part(("logit",), ("logits",))
    with pytest.raises((ConversionError, UnsupportedOpError)) as e:
        converters.load(path, part=part)
    if make is not frozen_graph:  # which may yet have it inside a function, and is imported whole
        assert "did you mean 'logits'" in str(e.value)


def test_outputs_of_nodes_with_several(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (2, 6))
    m.add("Split", m.const(np.int32(1)), "x", name="parts", num_split=3, T=Type("float32"))
    m.add("Add", "parts:1", "parts:2", name="y", T=Type("float32"))
    path = save(m.graph(), tmp_path)
    x = R.normal(size=(2, 6)).astype(np.float32)
    graph = converters.load(path, part=Part(("parts:2", "y:0")))
    got = compute(graph, x=x)
    np.testing.assert_array_equal(got["parts:2"], x[:, 4:])
    np.testing.assert_array_equal(got["y:0"], x[:, 2:4] + x[:, 4:])
    graph = converters.load(path, {"parts:1": (2, 2), "parts:2": (2, 2)}, part=Part(("y",), ("parts:2", "parts:1")))
    assert names(graph) == (["parts:2", "parts:1"], ["y"])
    np.testing.assert_array_equal(run_graph(graph, {"parts:1": x[:, :2], "parts:2": x[:, 2:4]})["y"], x[:, :2] + x[:, 2:4])


def test_placeholders_that_the_usual_outputs_do_not_need(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (4,))
    m.input("z", (4,))
    m.add("Mul", "x", "z", name="side", T=Type("float32"))
    m.add("NoOp", "^side", name="end")
    m.add("Assert", m.const(np.bool_(True)), "side", name="check")
    m.add("Relu", "x", name="y", T=Type("float32"))
    graph = converters.load(save(m.graph(), tmp_path), part=Part(("side",)))
    assert names(graph) == (["x", "z"], ["side"])
    x = R.normal(size=4).astype(np.float32)
    np.testing.assert_array_equal(compute(graph, x=x, z=x)["side"], x * x)


def test_a_frozen_input_may_be_left_over(tmp_path: Path) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    nodes = [node("Relu", ["x"], ["a"]), node("Mul", ["a", "gain"], ["y"])]
    inputs: dict[str, Any] = {"x": (np.float32, [4]), "gain": (np.float32, [1])}
    path = onnx_models.save(onnx_models.model(nodes, inputs, ["y"]), tmp_path)
    with pytest.raises(ConversionError, match="still needs the input 'gain'"):
        converters.load(path, part=Part((), ("a",)))
    graph = converters.load(path, values={"gain": np.float32([3])}, part=Part((), ("a",)))
    assert names(graph) == (["a"], ["y"])
    x = R.normal(size=4).astype(np.float32)
    np.testing.assert_allclose(compute(graph, a=x)["y"], x * 3)


def test_types_of_inner_inputs_are_inferred(tmp_path: Path) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    nodes = [node("ArgMax", ["x"], ["best"], axis=1, keepdims=0), node("Gather", ["table", "best"], ["y"])]
    table = R.normal(size=(4, 2)).astype(np.float32)
    path = onnx_models.save(onnx_models.model(nodes, {"x": (np.float32, [3, 4])}, ["y"], {"table": table}), tmp_path)
    graph = converters.load(path, part=Part((), ("best",)))
    assert str(graph.inputs[0].type) == "int64[3]"
    np.testing.assert_array_equal(compute(graph, best=np.array([1, 0, 3]))["y"], table[[1, 0, 3]])


def test_variables_of_tensorflow_lite_go_on(tmp_path: Path) -> None:
    """``total += x`` and ``y = -total``, of which the total is asked for."""
    tensors = [
        Tensor("x", (2,)),
        Tensor("h", (), extra={"type": 13}),
        *(Tensor(n, (2,)) for n in ("old", "total", "y")),
    ]
    ops = [
        Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}),
        Op("READ_VARIABLE", ["h"], ["old"]),
        Op("ADD", ["old", "x"], ["total"]),
        Op("ASSIGN_VARIABLE", ["h", "total"], []),
        Op("NEG", ["total"], ["y"]),
    ]
    path = tmp_path / "m.tflite"
    path.write_bytes(tflite_model(Subgraph(tensors, ops, ["x"], ["y"])))
    done = edgekit.convert(path, tmp_path / "m.ekm", options=edgekit.ConvertOptions(outputs=("total",)))
    with edgekit.Session(done.path) as session:
        x = np.float32([1, 2])
        for k in range(1, 4):
            np.testing.assert_array_equal(session.run({"x": x})["total"], k * x)


def test_formats_that_are_cut_behind_the_import(tmp_path: Path) -> None:
    require_module("h5py", "h5py", "pip install edgekit[keras]")
    from tests.converters.keras.files import layer, sequential, write_hdf5

    hidden = layer("Dense", "hidden", units=3, activation="linear", use_bias=False, batch_input_shape=[None, 4])
    config = sequential([{k: one[k] for k in ("class_name", "config")} for one in (hidden, layer("ReLU", "last"))])
    path = write_hdf5(tmp_path / "m.h5", config, {"hidden": [K]})
    whole = edgekit.load(path)
    inner = whole.nodes[-1].input(0).name
    graph = edgekit.load(path, outputs=[inner])
    assert graph.output_names == [inner] and len(graph.nodes) < len(whole.nodes)
    np.testing.assert_allclose(run_graph(graph, {graph.inputs[0].name: X})[inner], X @ K, rtol=1e-5)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = frozen_graph(tmp_path), tmp_path / "m.ekm"
    options = ["--outputs", "scores,logits", "--inputs", "features", "--shape", "features:1,4"]
    assert run(["check", str(path), "--json"]) == 3
    capsys.readouterr()
    assert run(["check", str(path), "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["models"][str(path)]["converts"]
    assert run(["convert", str(path), "-o", str(out), *options]) == 0
    with edgekit.Session(out) as session:
        got = session.run({"features": X})
    assert list(got) == ["scores", "logits"]
    np.testing.assert_allclose(got["logits"], X @ K, rtol=1e-4)
    again = edgekit.convert(out, tmp_path / "less.ekm", options=edgekit.ConvertOptions(outputs=("logits",)))
    assert again.graph.output_names == ["logits"]


def test_operators_that_no_output_needs(tmp_path: Path) -> None:
    """Left over from training, say: they need not convert. An input that only they read stays."""
    require_module("onnx", "onnx", "pip install onnx")
    nodes = [node("RandomUniformLike", ["x"], ["noise"]), node("Frobnicate", ["noise", "z"], ["lost"]), node("Relu", ["x"], ["y"])]
    inputs: dict[str, Any] = {"x": (np.float32, [1, 4]), "z": (np.float32, [2])}
    path = onnx_models.save(onnx_models.model(nodes, inputs, ["y"]), tmp_path)
    graph = converters.load(path)
    assert names(graph) == (["x", "z"], ["y"]) and [n.op for n in graph.nodes] == ["Relu"]

    tensors = [Tensor("x", (1, 4)), Tensor("shape", (1,), "int32", np.int32([4])), Tensor("noise", (4,)), Tensor("y", (1, 4))]
    lite = tmp_path / "m.tflite"
    lite.write_bytes(
        tflite_model(Subgraph(tensors, [Op("RANDOM_UNIFORM", ["shape"], ["noise"]), Op("RELU", ["x"], ["y"])], ["x"], ["y"]))
    )
    assert [n.op for n in converters.load(lite).nodes] == ["Relu"]
