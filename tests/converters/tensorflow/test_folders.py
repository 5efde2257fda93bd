"""SavedModel folders, TensorFlow Hub archives, TensorFlow.js graph models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit_converters.tensorflow.bundle import Bundle, slice_key
from edgekit_converters.tensorflow.folder import DiskFolder
from edgekit_converters.tensorflow.protos import messages
from tests.converters.damage import damaged, refusals
from tests.converters.tensorflow.folders import (
    KERNEL,
    dense_model,
    hub_archive,
    info,
    javascript_model,
    model_without_signature,
    restoring,
    saved_model,
    write_bundle,
    write_bundle_with_objects,
)
from tests.converters.tensorflow.models import Maker, Type, compute, shape_proto

R = np.random.default_rng(5)
X = R.normal(size=(2, 4)).astype(np.float32)


def test_a_saved_model_with_a_variable_found_by_its_restore_function(tmp_path: Path) -> None:
    folder = dense_model(tmp_path / "model")
    for source in (folder, folder / "saved_model.pb"):
        graph = edgekit.load(source, shapes={"x": (2, 4)})
        assert [v.name for v in graph.inputs] == ["x"] and graph.output_names == ["y"]
        np.testing.assert_allclose(compute(graph, X)[0], X @ KERNEL, rtol=1e-6)
    assert graph.metadata["source.signatures"] == "serving_default, twice"


def test_another_signature(tmp_path: Path) -> None:
    folder = dense_model(tmp_path / "model")
    graph = edgekit.load(folder, signature="twice")
    assert graph.output_names == ["sum"]
    with pytest.raises(ConversionError, match="no signature 'thrice'"):
        edgekit.load(folder, signature="thrice")


@pytest.mark.parametrize("inner", ["", "some/where"])
def test_a_hub_archive(tmp_path: Path, inner: str) -> None:
    graph = edgekit.load(hub_archive(tmp_path, inner))
    np.testing.assert_allclose(compute(graph, X)[0], X @ KERNEL, rtol=1e-6)


def state_model(folder: Path) -> Path:
    """A counter: ``total += x``; it reads the variable behind the assignment."""
    m = Maker()
    m.input("x", (3,))
    m.add("VarHandleOp", name="total", shared_name="total", dtype=Type("float32"))
    m.add("AssignAddVariableOp", "total", "x", name="assign", dtype=Type("float32"))
    m.add("ReadVariableOp", "total", "^assign", name="read", dtype=Type("float32"))
    restore, operation = restoring(m, {"total": "total/.ATTRIBUTES/VARIABLE_VALUE"})
    signatures = {"serving_default": ({"x": info("x:0", (3,))}, {"sum": info("read:0", (3,))})}
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(saved_model(m.graph([restore]), signatures, operation).SerializeToString())
    write_bundle(folder, {"total/.ATTRIBUTES/VARIABLE_VALUE": np.array([1, 2, 3], np.float32)})
    return folder


def test_a_variable_that_is_assigned_is_a_state(tmp_path: Path) -> None:
    graph = edgekit.load(state_model(tmp_path / "m"))
    (state,) = graph.states
    assert graph.output_names[0] == "sum"
    np.testing.assert_array_equal(state.initial, [1, 2, 3])
    x = np.array([1, 1, 2], np.float32)
    found = run_graph(graph, {"x": x, state.name: np.array([1, 2, 3], np.float32)})
    np.testing.assert_array_equal(found["sum"], [2, 3, 5])


def test_variables_of_tf1_and_of_the_object_graph(tmp_path: Path) -> None:
    """Without a restore operation: a tensor of the variable's own name, or the name in the checkpoint's object graph."""
    m = Maker()
    m.input("x", (None, 4))
    m.add("VariableV2", name="w", dtype=Type("float32"))
    m.add("Identity", "w", name="w/read", T=Type("float32"))
    m.add("VarHandleOp", name="b_handle", shared_name="b", dtype=Type("float32"))
    m.add("ReadVariableOp", "b_handle", name="b", dtype=Type("float32"))
    m.add("MatMul", "x", "w/read", name="product", T=Type("float32"))
    m.add("AddV2", "product", "b", name="y", T=Type("float32"))
    graph = messages()["TrackableObjectGraph"]()
    graph.nodes.add().attributes.add(name="VARIABLE_VALUE", full_name="b", checkpoint_key="path/.ATTRIBUTES/VARIABLE_VALUE")
    (tmp_path / "saved_model.pb").write_bytes(
        saved_model(m.graph(), {"only": ({"x": info("x:0", (None, 4))}, {"y": info("y:0", (None, 3))})}).SerializeToString()
    )
    write_bundle(tmp_path, {"w": KERNEL, "path/.ATTRIBUTES/VARIABLE_VALUE": np.ones(3, np.float32)})
    with pytest.raises(UnsupportedOpError, match="no value for the variable 'b'"):
        edgekit.load(tmp_path)
    write_bundle_with_objects(tmp_path, {"w": KERNEL, "path/.ATTRIBUTES/VARIABLE_VALUE": np.ones(3, np.float32)}, graph)
    np.testing.assert_allclose(compute(edgekit.load(tmp_path, shapes={"x": (2, 4)}), X)[0], X @ KERNEL + 1, rtol=1e-6)


def test_a_model_without_signature_is_its_call(tmp_path: Path) -> None:
    """Of its traces the one for inference; the variable is found by its path in both object graphs."""
    graph = edgekit.load(model_without_signature(tmp_path / "m"))
    assert [v.name for v in graph.inputs] == ["features"] and graph.output_names == ["output"]
    np.testing.assert_allclose(compute(graph, X)[0], X @ KERNEL, rtol=1e-6)
    several = model_without_signature(tmp_path / "several", 2)
    with pytest.raises(ConversionError, match="choose one of its functions"):
        edgekit.load(several)
    assert edgekit.load(several, signature="method_1").output_names == ["output"]


def test_a_tensor_in_parts(tmp_path: Path) -> None:
    whole = R.normal(size=(100, 3)).astype(np.float32)
    entries = {}
    for start, length, at in ((0, 30, 0), (30, 70, 30)):
        entry = messages()["BundleEntryProto"](dtype=1, shape=shape_proto((length, 3)), offset=at * 12, size=length * 12)
        entries[slice_key("part", [(start, length), (0, -1)])] = entry.SerializeToString()
    full = messages()["BundleEntryProto"](dtype=1, shape=shape_proto((100, 3)))
    for start, length in ((0, 30), (30, 70)):
        part = full.slices.add()
        part.extent.add(start=start, length=length)
        part.extent.add()
    write_bundle(tmp_path, {"whole": whole}, {b"part": full.SerializeToString(), **entries})
    bundle = Bundle(DiskFolder(tmp_path), "variables/variables")
    np.testing.assert_array_equal(bundle.read("part"), whole)
    assert sorted(bundle.keys()) == ["part", "whole"]


def test_ordered_code() -> None:
    """The examples of tensorflow/core/lib/strings/ordered_code_test.cc: numbers of one, two and three bytes."""
    assert slice_key("a\x00b", []) == b"\x00a\x00\xffb\x00\x01\x00"
    key = slice_key("", [(63, -1), (64, 8191), (8192, -64)])
    assert key[3:] == b"\x01\x03" + b"\xbf\x7f" + b"\xc0\x40" + b"\xdf\xff" + b"\xe0\x20\x00" + b"\x40"


def small_javascript_model(folder: Path, quantization: str) -> tuple[Path, np.ndarray]:  # type: ignore[type-arg]
    m = Maker()
    m.input("x", (None, 4))
    m.const(np.zeros((4, 3), np.float32), "w")
    m.const(np.ones(3, np.float32), "b")
    m.add("_FusedMatMul", "x", "w", "b", name="y", T=Type("float32"), fused_ops=["BiasAdd", "Relu"], num_args=1)
    entry = {"name": "w", "shape": [4, 3], "dtype": "float32"}
    bias = {"name": "b", "shape": [3], "dtype": "float32"}, np.ones(3, np.float32).tobytes()
    if quantization:
        stored = np.dtype(quantization)
        codes = R.integers(0, 200, (4, 3)).astype(stored)
        how = {"dtype": quantization} if stored.kind == "f" else {"dtype": quantization, "scale": 0.25, "min": -3.0}
        weights, data = (codes * 0.25 - 3.0 if stored.kind == "u" else codes).astype(np.float32), codes.tobytes()
        first = {**entry, "quantization": how}, data
    else:
        weights, first = KERNEL, (entry, KERNEL.tobytes())
    signature = {
        "inputs": {"image": {"name": "x:0", "dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": "-1"}, {"size": "4"}]}}},
        "outputs": {"scores": {"name": "y:0"}},
    }
    return javascript_model(folder, [first, bias], m.graph(), None if quantization == "uint8" else signature), weights


@pytest.mark.parametrize("quantization", ["", "uint8", "uint16", "float16"])
def test_a_javascript_graph_model(tmp_path: Path, quantization: str) -> None:
    path, weights = small_javascript_model(tmp_path, quantization)
    graph = edgekit.load(path, shapes=None)
    assert ([v.name for v in graph.inputs], graph.output_names) == ((["x"], ["y"]) if quantization == "uint8" else (["image"], ["scores"]))
    np.testing.assert_allclose(compute(graph, X)[0], np.maximum(X @ weights + 1, 0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["weightsManifest"][0]["paths"].pop(), "lies at bytes"),
        (lambda m: m["weightsManifest"][0]["paths"].append("../../etc/passwd"), "outside the model's folder"),
        (lambda m: m["weightsManifest"][0]["weights"][0].pop("shape"), "weightsManifest is broken"),
        (lambda m: m["weightsManifest"][0]["weights"][0].update(shape=[-1, 3]), "weightsManifest is broken"),
        (lambda m: m["modelTopology"]["node"][0].update(attr=7), "holds no GraphDef"),
        (lambda m: m.update(modelTopology={"node": []}), "no outputs|nothing"),
        (lambda m: m.update(modelTopology={}), "layers model"),
    ],
)
def test_broken_javascript_models(tmp_path: Path, change: object, message: str) -> None:
    path, _ = small_javascript_model(tmp_path, "uint8")
    model = json.loads(path.read_text())
    change(model)  # type: ignore[operator]
    path.write_text(json.dumps(model))
    with pytest.raises(ConversionError, match=message):
        converters.find_converter(path).load(path, converters.LoadOptions())


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_truncations_and_damage_give_conversion_errors(tmp_path: Path, name: str) -> None:
    folder = dense_model(tmp_path / "model")
    path = folder / name
    data = path.read_bytes()
    for n in range(0, len(data), 7):
        path.write_bytes(data[:n])
        with pytest.raises(ConversionError):
            edgekit.load(folder)
            raise ConversionError("a shorter message is a message, too")

    def load(broken: bytes) -> None:
        path.write_bytes(broken)
        edgekit.load(folder)

    assert refusals(damaged(data, 300, seed=5), load)


def test_a_checkpoint_that_does_not_hold_what_the_index_says(tmp_path: Path) -> None:
    folder = dense_model(tmp_path / "model")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"\0" * 20)
    with pytest.raises(MalformedModelError, match="bytes 0 to 48 are named, the file has 20"):
        edgekit.load(folder)
    index = folder / "variables" / "variables.index"
    data = bytearray(index.read_bytes())
    data[3] ^= 1
    index.write_bytes(data)
    with pytest.raises(MalformedModelError, match="checksum of the block at byte 0"):
        edgekit.load(folder)
