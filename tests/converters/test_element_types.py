"""Models in float16 and in float64, of every format, convert and run with the source's own element types at inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.types import F16, F32, Array
from tests.converters.keras import files as keras_files
from tests.converters.mxnet.models import Net
from tests.converters.onnx import models as onnx_models
from tests.converters.tensorflow import models as tensorflow_models
from tests.converters.tflite import models as tflite_models
from tests.require import require_folder, require_module

Writer = Callable[[Path, Array, Array], Path]

R = np.random.default_rng(11)
X = R.standard_normal((2, 32))
FIRST, LAST = R.standard_normal((64, 32)) / 5, R.standard_normal((48, 64)) / 5
#: of the range: float16 gives 11 bits, float32 arithmetic 24
TOLERANCE = {"float16": 2e-3, "float64": 1e-6}


def onnx_file(folder: Path, a: Array, b: Array) -> Path:
    nodes = [
        onnx_models.node("MatMul", ["x", "a"], ["p"]),
        onnx_models.node("Relu", ["p"], ["q"]),
        onnx_models.node("Gemm", ["q", "b"], ["y"], transB=1),
    ]
    constants = {"a": np.ascontiguousarray(a.T), "b": b}
    return onnx_models.save(onnx_models.model(nodes, {"x": (a.dtype, (2, 32))}, ["y"], constants), folder)


def tflite_file(folder: Path, a: Array, b: Array) -> Path:
    t, kind = tflite_models, a.dtype.name
    tensors = [
        t.Tensor("x", (2, 32), kind),
        t.Tensor("a", a.shape, kind, a),
        t.Tensor("p", (2, 64), kind),
        t.Tensor("b", b.shape, kind, b),
        t.Tensor("y", (2, 48), kind),
    ]
    ops = [t.Op("FULLY_CONNECTED", ["x", "a", ""], ["p"], {"activation": 1}), t.Op("FULLY_CONNECTED", ["p", "b", ""], ["y"])]
    path = folder / "model.tflite"
    path.write_bytes(t.model(t.Subgraph(tensors, ops, ["x"], ["y"])))
    return path


def tensorflow_file(folder: Path, a: Array, b: Array) -> Path:
    m = tensorflow_models.Maker()
    kind = tensorflow_models.Type(a.dtype.name)
    p = m.add("MatMul", m.input("x", (2, 32), a.dtype.name), m.const(np.ascontiguousarray(a.T)), T=kind)
    m.add("MatMul", m.add("Relu", p, T=kind), m.const(b), T=kind, transpose_b=True, name="y")
    return tensorflow_models.save(m.graph(), folder)


def mxnet_file(folder: Path, a: Array, b: Array) -> Path:
    net = Net()
    x = net.var("x", __shape__="(2, 32)", __dtype__="2" if a.dtype == np.float16 else "1")
    p = net.op("FullyConnected", "first", x, net.var("a", a), num_hidden=64, no_bias=True)
    q = net.op("Activation", "relu", p, act_type="relu")
    return net.save(folder, net.op("FullyConnected", "last", q, net.var("b", b), num_hidden=48, no_bias=True))


def keras_file(folder: Path, a: Array, b: Array) -> Path:
    k, kind = keras_files, a.dtype.name
    layers = [
        k.entry("x", [None, 32], kind),
        k.layer("Dense", "dense", k.call("x"), units=64, use_bias=False, activation="relu", dtype=kind),
        k.layer("Dense", "dense_1", k.call("dense"), units=48, use_bias=False, dtype=kind),
    ]
    arrays = {"layers/dense": [a.T], "layers/dense_1": [b.T]}
    return k.write_archive(folder / "m.keras", k.functional(layers, ["x"], ["dense_1"]), arrays)


def torch_file(folder: Path, a: Array, b: Array) -> Path:
    require_module("torch", "torch", "pip install torch")
    import torch

    net = torch.nn.Sequential(torch.nn.Linear(32, 64, bias=False), torch.nn.ReLU(), torch.nn.Linear(64, 48, bias=False))
    net.load_state_dict({"0.weight": torch.from_numpy(a), "2.weight": torch.from_numpy(b)})
    kind = torch.float16 if a.dtype == np.float16 else torch.float64
    program = torch.export.export(net.to(kind).eval(), (torch.zeros(2, 32, dtype=kind),))
    torch.export.save(program, str(folder / "net.pt2"))
    return folder / "net.pt2"


WRITERS = (onnx_file, tensorflow_file, mxnet_file, keras_file, torch_file)
CASES = [pytest.param(w, kind, id=f"{w.__name__}-{kind}") for w in WRITERS for kind in ("float16", "float64")]
CASES.append(pytest.param(tflite_file, "float16", id="tflite_file-float16"))  # TensorFlow Lite has no float64 arithmetic


def run(path: Path, x: Array, folder: Path) -> tuple[edgekit.Conversion, Array]:
    done = edgekit.convert(path, folder / "model.ekm", shapes={edgekit.load(path).inputs[0].name: x.shape})
    with edgekit.Session(done.path) as session:
        (y,) = session.run({session.inputs[0].name: x}).values()
    return done, y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("write", "kind"), CASES)
def test_a_model_keeps_its_element_type(write: Writer, kind: str, tmp_path: Path) -> None:
    a, b, x = FIRST.astype(kind), LAST.astype(kind), X.astype(kind)
    done, y = run(write(tmp_path, a, b), x, tmp_path)
    want = np.maximum(x.astype(np.float64) @ a.astype(np.float64).T, 0) @ b.astype(np.float64).T
    assert done.graph.inputs[0].dtype.label == kind and y.dtype == kind
    np.testing.assert_allclose(y.astype(np.float64), want, atol=TOLERANCE[kind] * np.ptp(want))
    if kind == "float16":
        weights = [v for v in done.graph.constants() if v.const is not None and v.const.size >= a.size]
        assert len(weights) == 2 and all(v.dtype is F16 for v in weights)
        assert any("float16 is computed in float32" in n for n in done.notes)


@pytest.mark.parametrize("write", [onnx_file, tensorflow_file])
def test_weights_of_bfloat16_take_two_bytes(write: Writer, tmp_path: Path) -> None:
    """They reach the graph as float32 whose lower halves are zero; float16 holds the same numbers."""

    def rounded(w: Array) -> Array:
        return (w.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)

    a, b, x = rounded(FIRST), rounded(LAST), X.astype(np.float32)
    done, y = run(write(tmp_path, a, b), x, tmp_path)
    assert [v.dtype for v in done.graph.constants()] == [F16, F16]
    np.testing.assert_allclose(y, np.maximum(x @ a.T, 0) @ b.T, atol=1e-4)


def test_other_weights_stay_as_they_are(tmp_path: Path) -> None:
    done, _ = run(onnx_file(tmp_path, FIRST.astype(np.float32), LAST.astype(np.float32)), X.astype(np.float32), tmp_path)
    assert [v.dtype for v in done.graph.constants()] == [F32, F32]


def test_double_products_of_small_models_are_exact_and_of_large_ones_float32(tmp_path: Path) -> None:
    for size, limit in ((8, 1e-15), (128, 1e-6)):
        w, x = R.standard_normal((size, size)), R.standard_normal((size, size))
        proto = onnx_models.model([onnx_models.node("MatMul", ["x", "w"], ["y"])], {"x": (np.float64, x.shape)}, ["y"], {"w": w})
        done, y = run(onnx_models.save(proto, tmp_path), x, tmp_path)
        assert y.dtype == np.float64 and np.abs(y - x @ w).max() < limit * np.ptp(x @ w)
        assert any("float64 is computed in float32" in n for n in done.notes) == (size == 128)


def test_long_indices_are_computed_as_such(tmp_path: Path) -> None:
    nodes = [
        onnx_models.node("Mul", ["i", "factor"], ["j"]),
        onnx_models.node("Add", ["j", "offset"], ["k"]),
        onnx_models.node("Mod", ["k", "rows"], ["at"]),
        onnx_models.node("Gather", ["table", "at"], ["y"]),
    ]
    table = np.arange(14, dtype=np.int64).reshape(7, 2)
    constants = {"factor": np.array(1 << 33), "offset": np.array(5), "rows": np.array(7), "table": table}
    proto = onnx_models.model(nodes, {"i": (np.int64, (3,))}, ["k", "y"], constants)
    done = edgekit.convert(onnx_models.save(proto, tmp_path), tmp_path / "m.ekm")
    i = np.array([1, 2, 1 << 20], np.int64)
    with edgekit.Session(done.path) as session:
        got = session.run({"i": i})
    want = i * (1 << 33) + 5
    np.testing.assert_array_equal(got["k"], want)
    np.testing.assert_array_equal(got["y"], table[want % 7])


def in_half(proto: Any) -> Any:
    """A copy of an ONNX model in which every float32 is float16, but for what an operator takes in float32 alone."""
    import onnx
    from onnx import numpy_helper

    out = onnx.ModelProto.FromString(proto.SerializeToString())
    graph = out.graph
    kept = {n.input[i] for n in graph.node if n.op_type in ("Resize", "Upsample") for i in (1, 2) if i < len(n.input)}
    for t in graph.initializer:
        if t.data_type == onnx.TensorProto.FLOAT and t.name not in kept:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name))
    for v in (*graph.input, *graph.output):
        if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            v.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    for n in graph.node:
        for a in n.attribute:
            if a.name == "value" and a.t.data_type == onnx.TensorProto.FLOAT and n.output[0] not in kept:
                a.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(a.t).astype(np.float16)))
            if n.op_type == "Cast" and a.name == "to" and a.i == onnx.TensorProto.FLOAT:
                a.i = onnx.TensorProto.FLOAT16
    del graph.value_info[:]
    return out


#: model -> largest difference from the float32 golden, of the range: most is the rounding of the weights
ZOO = {
    "ultraface_slim320/version-slim-320.onnx": 2e-3,
    "ultraface_slim320/version-slim-320_simplified.onnx": 3e-3,
    "ppocr_cls_v2/ch_ppocr_mobile_v2.0_cls_infer.onnx": 3e-3,
    "onnx2c_mnist/model.onnx": 2e-3,
    "onnx2c_mnist/pytorch.onnx": 1e-3,
}


@pytest.mark.parametrize("name", ZOO)
def test_zoo_models_in_float16(name: str, tmp_path: Path) -> None:
    import onnx

    path = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name
    proto = onnx.load(path)
    with np.load(f"{path}.golden.npz") as golden:
        x = golden["in0"].astype(np.float16)
        want = [golden[f"out{k}"] for k in range(len(proto.graph.output))]
    shapes = {proto.graph.input[0].name: x.shape}
    whole = edgekit.convert(path, tmp_path / "whole.ekm", shapes=shapes)
    onnx.save(in_half(proto), tmp_path / "half.onnx")
    done = edgekit.convert(tmp_path / "half.onnx", tmp_path / "half.ekm", shapes=shapes)
    assert done.nbytes < 0.62 * whole.nbytes
    assert done.arena_bytes <= whole.arena_bytes + 4 * x.size + 4096
    with edgekit.Session(done.path) as session:
        got = session.run({session.inputs[0].name: x})
    for y, w in zip(got.values(), want, strict=True):
        assert y.dtype == np.float16 and y.shape == w.shape
        assert np.abs(y.astype(np.float64) - w).max() < ZOO[name] * np.ptp(w)
