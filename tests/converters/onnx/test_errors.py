"""What does not convert, and what is broken: every case a clear error, never a crash."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from tests.converters.damage import damaged, refusals
from tests.converters.onnx.models import model, node, save

F = np.float32


def test_all_blockers_are_listed_at_once_with_counts_and_names() -> None:
    nodes = [
        node("StringNormalizer", ["x"], ["a"], name="s1"),
        node("ImageDecoder", ["x"], ["b"], name="u1"),
        node("ImageDecoder", ["a"], ["c"], name="u2"),
        node("BatchNormalization", ["x", "w", "w", "w", "w"], ["y"], name="n1", training_mode=1),
    ]
    proto = model(nodes, {"x": (F, [1, 3, 8, 8])}, ["y", "b", "c"], {"w": np.ones(3, F)})
    with pytest.raises(UnsupportedOpError) as caught:
        converters.load(proto)
    by_op = {b.op: b for b in caught.value.blockers}
    assert by_op["ImageDecoder"].nodes == ("u1", "u2") and by_op["ImageDecoder"].reason == "unsupported-op"
    assert by_op["BatchNormalization"].reason == "unsupported-variant" and by_op["BatchNormalization"].hint
    assert by_op["StringNormalizer"].nodes == ("s1",)
    assert "ImageDecoder x2 ('u1', 'u2')" in str(caught.value)
    assert [b.op for b in converters.check(proto)] == [b.op for b in caught.value.blockers]


def test_the_rest_is_checked_behind_what_does_not_convert() -> None:
    """A second obstacle behind the first is found too, where the model's own types are known."""
    nodes = [node("Frobnicate", ["x"], ["a"], name="f"), node("Conv", ["a", "w"], ["y"], name="c", auto_pad="SAME_UPPER", strides=[4, 4])]
    proto = model(nodes, {"x": (F, [1, 3, "H", "W"])}, ["y"], {"w": np.zeros((4, 3, 3, 3), F)})
    from onnx import TensorProto, helper

    proto.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3, "H", "W"]))
    assert {b.op for b in converters.check(proto)} == {"Frobnicate", "Conv"}


def test_an_automatic_pad_of_windows_with_gaps_needs_a_static_size() -> None:
    proto = model(
        [node("Conv", ["x", "w"], ["y"], name="backbone.3/conv1", auto_pad="SAME_UPPER", strides=[4, 4])],
        {"x": (F, ["N", 3, "H", "W"])}, ["y"], {"w": np.zeros((4, 3, 3, 3), F)},
    )  # fmt: skip
    with pytest.raises(UnsupportedOpError) as caught:
        converters.load(proto)
    (b,) = caught.value.blockers
    assert (b.op, b.nodes, b.reason) == ("Conv", ("backbone.3/conv1",), "dynamic-shape")
    assert "auto_pad=SAME_UPPER" in b.message and "height" in b.message and "'H'" in b.message
    assert b.hint == "Pass --shape x:1,3,224,224"
    assert converters.load(proto, shapes={"x": (1, 3, 224, 224)}).outputs[0].shape == (1, 4, 56, 56)


def test_a_number_of_axes_known_only_at_run_time_is_a_blocker() -> None:
    proto = model([node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)], {"x": (F, [2, 3]), "axes": (np.int64, ["n"])}, ["y"])
    (b,) = converters.check(proto, default_leading=None)
    assert b.reason == "dynamic-shape" and "length is known" in b.message
    assert converters.load(proto, values={"axes": np.array([1])}).outputs[0].shape == (2,)


def test_element_types_that_do_not_exist_here_are_blockers() -> None:
    from onnx import TensorProto, helper

    proto = model([node("Identity", ["x"], ["y"])], {"x": (F, [2])}, ["y"])
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    (b,) = converters.check(proto)
    assert b.reason == "unsupported-type" and "string" in b.message
    proto = model([node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E5M2)], {"x": (F, [2])}, ["y"])
    (b,) = converters.check(proto)
    assert b.reason == "unsupported-type" and "float8e5m2" in b.message
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    proto.graph.input[0].type.CopyFrom(sequence)
    assert "sequence type is not supported" in converters.check(proto)[0].message


def test_names_that_are_no_text(tmp_path: Path) -> None:
    proto = model([node("Relu", ["x"], ["y"])], {"x": (F, [2])}, ["y"])
    entry = proto.opset_import.add()
    entry.domain, entry.version = "com.example", 1
    data = proto.SerializeToString()
    path = tmp_path / "model.onnx"
    for name in (b"com.example", b"test"):
        assert data.count(name) == 1
        path.write_bytes(data.replace(name, b"\xff" + name[1:]))
        with pytest.raises(MalformedModelError, match="not valid UTF-8"):
            converters.load(path)


def _relu() -> Any:
    return model([node("Relu", ["x"], ["y"], name="r")], {"x": (F, [2])}, ["y"])


def _broken(case: str) -> Any:
    proto = _relu()
    graph = proto.graph
    if case == "no graph":
        proto.ClearField("graph")
    elif case == "no opset":
        del proto.opset_import[:]
    elif case == "opset of zero":
        proto.opset_import[0].version = 0
    elif case == "missing initializer":
        graph.node[0].input[0] = "w"
    elif case == "cycle":
        graph.node[0].input[0] = "y2"
        graph.node.append(node("Neg", ["y"], ["y2"], name="n"))
    elif case == "duplicate values":
        graph.node.append(node("Neg", ["x"], ["y"], name="n"))
    elif case == "duplicate inputs":
        graph.input.append(graph.input[0])
    elif case == "duplicate outputs":
        graph.output.append(graph.output[0])
    elif case == "no outputs":
        del graph.output[:]
    elif case == "output never computed":
        graph.output[0].name = "nothing"
    elif case == "negative dimension":
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = -7
    elif case == "no shape":
        graph.input[0].type.tensor_type.ClearField("shape")
    else:
        _broken_tensor(graph, case)
    return proto


def _broken_tensor(graph: Any, case: str) -> None:
    graph.node.append(node("Add", ["y", "w"], ["z"], name="a"))
    t = graph.initializer.add(name="w", data_type=1)
    if case == "short data":
        t.dims.append(2)
        t.raw_data = b"\0" * 7
    elif case == "huge dimensions":
        t.dims.extend([1 << 40, 1 << 40])
        t.raw_data = b"\0" * 8
    elif case == "negative tensor dimension":
        t.dims.append(-2)
        t.raw_data = b""
    elif case == "wrong shape":
        t.dims.append(3)
        t.raw_data = b"\0" * 12
    elif case == "duplicate initializers":
        t.dims.append(2)
        t.raw_data = b"\0" * 8
        graph.initializer.append(t)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no graph", "holds no graph"),
        ("no opset", "names no opset"),
        ("opset of zero", "opset 0 of ai.onnx does not exist"),
        ("missing initializer", "Relu 'r' reads 'w', which nothing computes"),
        ("cycle", "form a cycle through"),
        ("duplicate values", "computes 'y', which is defined twice"),
        ("duplicate inputs", "two inputs share a name"),
        ("duplicate outputs", "two outputs share a name"),
        ("no outputs", "no outputs"),
        ("output never computed", "'nothing' is never computed"),
        ("negative dimension", "negative dimension -7"),
        ("no shape", "declares no shape; give it with shapes= or --shape x:"),
        ("short data", "needs 8 bytes of data, the file holds 7"),
        ("huge dimensions", "tensor .w. has impossible dimensions"),
        ("negative tensor dimension", "negative dimension"),
        ("wrong shape", "Add 'a'.* do not broadcast"),
        ("duplicate initializers", "two initializers are called 'w'"),
    ],
)
def test_broken_models_are_named(case: str, message: str, tmp_path: Path) -> None:
    path = save(_broken(case), tmp_path)
    with pytest.raises(MalformedModelError, match=message) as caught:
        converters.load(path)
    assert str(caught.value).startswith(str(path)), "the message begins with the file"


@pytest.mark.parametrize("content", [b"", b"\x08", b"hello, this is no model", b"\x08\x07\x3a\xff\xff\xff\xff\x0f"])
def test_files_that_are_no_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(MalformedModelError, match=r"model\.onnx"):
        converters.load(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match="there is no such file or folder"):
        converters.load(tmp_path / "absent.onnx")


def _network() -> bytes:
    rng = np.random.default_rng(1)
    nodes = [
        node("Conv", ["x", "w"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"]),
        node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["c"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Concat", ["n1", "rest"], ["shape"], axis=0),
        node("Reshape", ["c", "shape"], ["flat"]),
        node("Gemm", ["flat", "v", "bias"], ["y"], transB=1),
    ]
    constants = {
        "w": rng.standard_normal((4, 3, 3, 3)).astype(F), "zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1]),
        "v": rng.standard_normal((5, 64)).astype(F), "bias": np.zeros(5, F),
    }  # fmt: skip
    data: bytes = model(nodes, {"x": (F, ["N", 3, 8, 8])}, ["y"], constants).SerializeToString()
    return data


def test_two_hundred_truncations_give_clean_errors(tmp_path: Path) -> None:
    data = _network()
    path = tmp_path / "model.onnx"
    start = time.perf_counter()
    for k in range(200):
        path.write_bytes(data[: len(data) * k // 200])
        with pytest.raises(ConversionError):
            converters.load(path)
    assert time.perf_counter() - start < 20


def test_damaged_bytes_never_crash(tmp_path: Path) -> None:
    data = _network()
    path = tmp_path / "model.onnx"

    def load(broken: bytes) -> None:
        path.write_bytes(broken)
        converters.load(path)

    messages = refusals(damaged(data, 300, seed=7, values=128), load)
    assert 0 < len(messages) < 300, "some damage lies in the weights, some in the structure"
    assert all(str(path) in m for m in messages)
