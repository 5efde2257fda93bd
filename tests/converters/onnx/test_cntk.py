"""Models as CNTK's exporter writes them: opsets 7 to 9, weights listed as inputs, free axes called None and Sequence, old attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.types import Array
from tests.converters.onnx.models import model, node
from tests.converters.onnx.peer import assert_as_onnxruntime

F = np.float32
R = np.random.default_rng(17)


def real(*shape: int) -> Array:
    return R.standard_normal(shape).astype(F)


def cntk(nodes: Sequence[Any], x: Sequence[int | str], constants: Mapping[str, Array], opset: int, outputs: Sequence[str] = ("y",)) -> Any:
    """A model in CNTK's dialect with one free input ``x``."""
    proto = model(nodes, {"x": (F, list(x))}, list(outputs), constants, opset=opset, ir_version=3, listed=tuple(constants))
    proto.producer_name, proto.producer_version, proto.domain = "CNTK", "2.7", "ai.cntk"
    for o in proto.graph.output:
        o.ClearField("type")
    return proto


@pytest.mark.parametrize("opset", [7, 8, 9])
def test_convolutional_network(tmp_path: Path, opset: int) -> None:
    """Old Pad, BatchNormalization with spatial=1, LRN, pools, Dropout, Flatten by Reshape with a shape that is a weight, Gemm."""
    constants = {
        "w1": real(6, 3, 3, 3), "b1": real(6, 1, 1), "scale": real(6) + 2, "bias": real(6), "mean": real(6), "var": np.abs(real(6)) + 1,
        "slope": np.abs(real(6, 1, 1)), "w2": real(4, 6, 3, 3), "shape": np.array([-1, 16], np.int64), "w3": real(16, 5), "b3": real(5),
    }  # fmt: skip
    old = {"spatial": 1} if opset < 9 else {}
    nodes = [
        node("Pad", ["x"], ["padded"], mode="constant", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.5),
        node("Conv", ["padded", "w1"], ["c1"], auto_pad="VALID", dilations=[1, 1], group=1, kernel_shape=[3, 3], strides=[1, 1]),
        node("Add", ["c1", "b1"], ["a1"]),
        node("BatchNormalization", ["a1", "scale", "bias", "mean", "var"], ["n1"], epsilon=1e-5, momentum=0.9, **old),
        node("PRelu", ["n1", "slope"], ["p1"]),
        node("LRN", ["p1"], ["l1"], size=3, alpha=1e-3, beta=0.75, bias=1.0),
        node("MaxPool", ["l1"], ["m1"], auto_pad="SAME_UPPER", kernel_shape=[3, 3], strides=[2, 2]),
        node("Conv", ["m1", "w2"], ["c2"], auto_pad="SAME_UPPER", kernel_shape=[3, 3], strides=[1, 1]),
        node("Elu", ["c2"], ["e2"], alpha=1.0),
        node("AveragePool", ["e2"], ["v2"], auto_pad="NOTSET", kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2], count_include_pad=1),
        node("Dropout", ["v2"], ["d2"], ratio=0.5),
        node("Reshape", ["d2", "shape"], ["f"]),
        node("Gemm", ["f", "w3", "b3"], ["g"], alpha=1.0, beta=1.0, transA=0, transB=0),
        node("Softmax", ["g"], ["y"], axis=1),
    ]
    proto = cntk(nodes, [1, 3, 8, 8], constants, opset)
    assert_as_onnxruntime(proto, {"x": real(1, 3, 8, 8)}, tmp_path)
    graph = converters.load(proto)
    assert [v.name for v in graph.inputs] == ["x"]  # weights that are listed as inputs are weights
    assert graph.metadata["source.producer"] == "CNTK 2.7"


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("opset", [7, 9])
def test_upsampling_and_transposed_convolution(tmp_path: Path, mode: str, opset: int) -> None:
    scales = np.array([1, 1, 2, 2], F)
    constants = {"w": real(3, 4, 3, 3), **({"scales": scales} if opset == 9 else {})}
    attrs = {"scales": scales.tolist()} if opset == 7 else {}
    nodes = [
        node("Upsample", ["x", *(["scales"] if opset == 9 else [])], ["u"], mode=mode, **attrs),
        node("ConvTranspose", ["u", "w"], ["y"], kernel_shape=[3, 3], strides=[2, 2], output_shape=[16, 12], auto_pad="SAME_UPPER"),
    ]
    assert_as_onnxruntime(cntk(nodes, [1, 3, 4, 3], constants, opset), {"x": real(1, 3, 4, 3)}, tmp_path)


def test_free_batch_and_sequence_axes(tmp_path: Path) -> None:
    """OptimizedRNNStack becomes one LSTM a layer on [Sequence, batch, features]; the directions' results are joined behind it."""
    hidden, features = 4, 3
    constants = {
        "w1": real(2, 4 * hidden, features), "r1": real(2, 4 * hidden, hidden), "b1": real(2, 8 * hidden),
        "w2": real(1, 4 * hidden, 2 * hidden), "r2": real(1, 4 * hidden, hidden), "b2": real(1, 8 * hidden),
        "joined": np.array([0, 0, -1], np.int64), "wd": real(hidden, 2), "bd": real(2),
    }  # fmt: skip
    nodes = [
        node("LSTM", ["x", "w1", "r1", "b1"], ["h1"], hidden_size=hidden, direction="bidirectional",
             activations=["Sigmoid", "Tanh", "Tanh"] * 2),
        node("Transpose", ["h1"], ["t1"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t1", "joined"], ["s1"]),
        node("LSTM", ["s1", "w2", "r2", "b2"], ["h2", "last", "cell"], hidden_size=hidden),
        node("Squeeze", ["h2"], ["q2"], axes=[1]),
        node("MatMul", ["q2", "wd"], ["m"]),
        node("Add", ["m", "bd"], ["y"]),
        node("Squeeze", ["last"], ["z"], axes=[0]),
    ]  # fmt: skip
    fixed = cntk(nodes, [6, 1, features], constants, 8, ("y", "z"))
    x = real(6, 1, features)
    (want, last) = assert_as_onnxruntime(fixed, {"x": x}, tmp_path)
    proto = cntk(nodes, ["Sequence", "None", features], constants, 8, ("y", "z"))
    graph = converters.load(proto, shapes={"x": ((1, 20), 1, features)})
    assert [str(d) for d in graph.inputs[0].shape] == ["Sequence", "1", "3"]
    import edgekit

    with edgekit.Session(edgekit.convert(proto, tmp_path / "free.ekm", shapes={"x": ((1, 20), 1, features)}).path) as session:
        got = session.run({"x": x})
        assert np.allclose(got["y"], want, 1e-4, 1e-5) and np.allclose(got["z"], last, 1e-4, 1e-5)
        assert session.run({"x": x[:2]})["y"].shape == (2, 1, 2)


@pytest.mark.parametrize(
    ("op", "attrs"), [("GRU", {"linear_before_reset": 1}), ("GRU", {"linear_before_reset": 0}), ("RNN", {"activations": ["Relu"]})]
)
def test_other_recurrent_layers(tmp_path: Path, op: str, attrs: dict[str, Any]) -> None:
    gates, hidden = (3 if op == "GRU" else 1), 4
    constants = {
        "w": real(1, gates * hidden, 3),
        "r": real(1, gates * hidden, hidden),
        "b": real(1, 2 * gates * hidden),
        "h0": real(1, 2, hidden),
    }
    nodes = [node(op, ["x", "w", "r", "b", "", "h0"], ["y", "last"], hidden_size=hidden, **attrs)]
    assert_as_onnxruntime(cntk(nodes, [5, 2, 3], constants, 7, ("y", "last")), {"x": real(5, 2, 3)}, tmp_path)


def test_old_attributes(tmp_path: Path) -> None:
    """Slice, Unsqueeze, reductions, TopK and ImageScaler's successors take attributes; Gather reads an embedding."""
    nodes = [
        node("Slice", ["x"], ["s"], axes=[1, 2], starts=[1, 0], ends=[4, -1]),
        node("ReduceLogSum", ["positive"], ["r"], axes=[2], keepdims=0),
        node("Abs", ["s"], ["positive0"]),
        node("Add", ["positive0", "one"], ["positive"]),
        node("Unsqueeze", ["r"], ["u"], axes=[0]),
        node("TopK", ["u"], ["top", "places"], axis=-1, k=2),
        node("Clip", ["top"], ["c"], min=-1.0, max=1.0),
        node("HardSigmoid", ["c"], ["h"], alpha=0.2, beta=0.5),
        node("LogSoftmax", ["h"], ["y"], axis=2),
    ]
    proto = cntk(nodes, [2, 5, 4], {"one": np.array(1, F)}, 7, ("y", "places"))
    assert_as_onnxruntime(proto, {"x": real(2, 5, 4)}, tmp_path)


def test_a_free_batch_axis_is_settled_for_conversion(tmp_path: Path) -> None:
    import edgekit

    nodes = [node("MatMul", ["x", "w"], ["m"]), node("Sigmoid", ["m"], ["y"])]
    proto = cntk(nodes, ["None", 4], {"w": real(4, 3)}, 9)
    done = edgekit.convert(proto, tmp_path / "m.ekm")
    assert done.graph.inputs[0].shape == (1, 4) and any("'None' was set to 1" in n for n in done.notes)
