"""Sequences, optionals and narrow element types, which leave no trace in the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import MalformedModelError
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import model, node, save

F = np.float32
X = np.arange(24, dtype=F).reshape(4, 6)


def ran(
    nodes: Sequence[Any], constants: Mapping[str, Array] | None = None, feeds: Mapping[str, Array] | None = None, **options: Any
) -> Array:
    """Output y of nodes on input x."""
    feeds = feeds or {"x": X}
    proto = model(nodes, {k: (a.dtype.type, list(a.shape)) for k, a in feeds.items()}, ["y"], constants, opset=18, **options)
    return run_graph(converters.load(proto), feeds)["y"]


def at(k: int) -> Array:
    return np.array(k, np.int64)


def test_construct_insert_erase_at_length_concat() -> None:
    nodes = [
        node("Neg", ["x"], ["n"]),
        node("SequenceConstruct", ["x", "n"], ["s0"]),
        node("Abs", ["n"], ["a"]),
        node("SequenceInsert", ["s0", "a", "one"], ["s1"]),  # x, a, n
        node("SequenceInsert", ["s1", "n"], ["s2"]),  # x, a, n, n
        node("SequenceErase", ["s2", "zero"], ["s3"]),  # a, n, n
        node("SequenceErase", ["s3"], ["s4"]),  # a, n
        node("Identity", ["s4"], ["s5"]),
        node("SequenceLength", ["s5"], ["length"]),
        node("SequenceAt", ["s5", "minus"], ["last"]),
        node("ConcatFromSequence", ["s5"], ["joined"], axis=-1),
        node("Cast", ["length"], ["l"], to=1),
        node("Concat", ["joined", "last"], ["wide"], axis=1),
        node("Mul", ["wide", "l"], ["y"]),
    ]
    constants = {"one": at(1), "zero": at(0), "minus": at(-1)}
    assert np.array_equal(ran(nodes, constants), 2 * np.concatenate([X, -X, -X], 1))
    wrong = {**constants, "minus": at(5)}
    with pytest.raises(MalformedModelError, match="outside a sequence of 2"):
        ran(nodes, wrong)


@pytest.mark.parametrize(
    ("sizes", "keep", "want"),
    [
        (None, 1, [X[i : i + 1] for i in range(4)]),
        (None, 0, [X[i] for i in range(4)]),
        (at(3), 1, [X[:3], X[3:]]),
        (np.array([1, 3]), 1, [X[:1], X[1:]]),
    ],
)
def test_split(sizes: Array | None, keep: int, want: list[Array]) -> None:
    for k, w in enumerate(want):
        names = ["x"] if sizes is None else ["x", "sizes"]
        nodes = [node("SplitToSequence", names, ["s"], axis=0, keepdims=keep), node("SequenceAt", ["s", "k"], ["y"])]
        assert np.array_equal(ran(nodes, {"k": at(k), **({} if sizes is None else {"sizes": sizes})}), w)


def test_a_position_at_run_time() -> None:
    nodes = [node("SplitToSequence", ["x"], ["s"], axis=0, keepdims=0), node("SequenceAt", ["s", "k"], ["y"])]
    for k in (0, 3, -1):
        assert np.array_equal(ran(nodes, feeds={"x": X, "k": at(k)}), X[k])


def info(name: str, shape: list[Any]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def test_map() -> None:
    from onnx import helper

    body = helper.make_graph([node("Add", ["a", "b"], ["c"]), node("Mul", ["c", "x"], ["d"])], "body", [info("a", [6]), info("b", [6])],
                             [info("d", [4, 6])])  # fmt: skip
    nodes = [
        node("SplitToSequence", ["x"], ["s"], axis=0, keepdims=0),
        node("Neg", ["x"], ["n"]),
        node("SplitToSequence", ["n"], ["t"], axis=0, keepdims=0),
        node("SequenceMap", ["s", "t"], ["u"], body=body),
        node("SequenceMap", ["s", "w"], ["v"], body=body),
        node("SequenceAt", ["u", "k"], ["first"]),
        node("ConcatFromSequence", ["v"], ["second"], axis=0, new_axis=1),
        node("Add", ["first", "second"], ["y"]),
    ]
    w = np.ones(6, F)
    want = np.stack([(row + w) * X for row in X])
    assert np.array_equal(ran(nodes, {"k": at(2), "w": w}), want)


def test_a_loop_that_collects() -> None:
    from onnx import TensorProto, helper

    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    body = helper.make_graph(
        [
            node("Identity", ["cond"], ["go"]),
            node("Gather", ["x", "i"], ["row"]),
            node("SequenceInsert", ["s", "row"], ["t"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("cond", TensorProto.BOOL, []),
            helper.make_value_info("s", kind),
        ],
        [helper.make_tensor_value_info("go", TensorProto.BOOL, []), helper.make_value_info("t", kind), info("row", [6])],
    )
    nodes = [
        node("SequenceEmpty", [], ["empty"]),
        node("Loop", ["trips", "", "empty"], ["all", "rows"], body=body),
        node("ConcatFromSequence", ["all"], ["joined"], axis=0, new_axis=1),
        node("Add", ["joined", "rows"], ["y"]),
    ]
    assert np.array_equal(ran(nodes, {"trips": at(3)}), 2 * X[:3])
    proto = model(nodes, {"x": (F, [4, 6]), "trips": (np.int64, [])}, ["y"], opset=18)
    (b,) = converters.check(proto)
    assert b.reason == "dynamic-input" and "number of trips" in b.message


def test_loops_in_loops_are_bounded() -> None:
    from onnx import TensorProto, helper

    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    nodes = [node("Identity", ["s"], ["t"])]
    for depth in range(4):
        body = helper.make_graph(
            [node("Identity", [f"c{depth}"], [f"go{depth}"]), *nodes],
            f"body{depth}",
            [
                helper.make_tensor_value_info(f"i{depth}", TensorProto.INT64, []),
                helper.make_tensor_value_info(f"c{depth}", TensorProto.BOOL, []),
                helper.make_value_info("s", kind),
            ],
            [helper.make_tensor_value_info(f"go{depth}", TensorProto.BOOL, []), helper.make_value_info("t", kind)],
        )
        nodes = [node("Loop", ["trips", "", "s" if depth < 3 else "empty"], ["t"], body=body)]
    nodes = [node("SequenceEmpty", [], ["empty"]), *nodes, node("SequenceLength", ["t"], ["y"])]
    proto = model(nodes, {"x": (F, [2])}, ["y"], {"trips": at(1000)}, opset=18)
    (b,) = converters.check(proto)
    assert b.op == "Loop" and "more than" in b.message


def test_optionals() -> None:
    nodes = [
        node("Optional", ["x"], ["o"]),
        node("OptionalHasElement", ["o"], ["has"]),
        node("OptionalGetElement", ["o"], ["e"]),
        node("OptionalHasElement", ["x"], ["has_x"]),
        node("And", ["has", "has_x"], ["both"]),
        node("Cast", ["both"], ["f"], to=1),
        node("Mul", ["e", "f"], ["y"]),
    ]
    assert np.array_equal(ran(nodes), X)


def test_what_leaves_the_graph_must_be_tensors() -> None:
    proto = model([node("SequenceConstruct", ["x", "x"], ["y"])], {"x": (F, [2])}, ["y"], opset=18)
    (b,) = converters.check(proto)
    assert b.op == "graph output" and "sequence" in b.message
    proto = model([node("SequenceConstruct", ["x", "x"], ["s"]), node("Relu", ["s"], ["y"])], {"x": (F, [2])}, ["y"], opset=18)
    (b,) = converters.check(proto)
    assert b.op == "Relu" and "reads a sequence" in b.message


@pytest.mark.parametrize(("kind", "low", "high"), [("INT4", -8, 7), ("UINT4", 0, 15), ("INT2", -2, 1), ("UINT2", 0, 3)])
@pytest.mark.parametrize("raw", [False, True])
def test_weights_of_few_bits(kind: str, low: int, high: int, raw: bool) -> None:
    from onnx import TensorProto

    w = np.random.default_rng(0).integers(low, high + 1, (6, 5))
    per = 2 if kind.endswith("4") else 4
    bits = 8 // per
    flat = np.concatenate([w.reshape(-1), np.zeros(-w.size % per, np.int64)]) & ((1 << bits) - 1)
    packed = sum(flat[i::per] << (bits * i) for i in range(per)).astype(np.uint8)
    tensor = TensorProto(name="w", data_type=getattr(TensorProto, kind), dims=[6, 5])
    if raw:
        tensor.raw_data = packed.tobytes()
    else:
        tensor.int32_data.extend(packed.tolist())
    nodes = [node("DequantizeLinear", ["w", "s"], ["d"], axis=1), node("MatMul", ["x", "d"], ["y"])]
    proto = model(nodes, {"x": (F, [4, 6])}, ["y"], {"s": np.linspace(0.1, 0.5, 5, dtype=F)}, opset=21, ir_version=10)
    proto.graph.initializer.append(tensor)
    got = run_graph(converters.load(proto), {"x": X})["y"]
    assert np.allclose(got, X @ (w * np.linspace(0.1, 0.5, 5)).astype(F), 1e-5)
    tensor.ClearField("raw_data" if raw else "int32_data")
    proto.graph.initializer.pop()
    proto.graph.initializer.append(tensor)
    with pytest.raises(MalformedModelError, match="needs"):
        converters.load(proto)


def test_bfloat16() -> None:
    from onnx import TensorProto

    w = np.array([1.5, -2.25, 3.0, 0.0078125, 1e20, -0.0], F)
    tensor = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[6])
    tensor.raw_data = (w.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    proto = model([node("Cast", ["x"], ["h"], to=16), node("Mul", ["h", "w"], ["m"]), node("Cast", ["m"], ["y"], to=1)], {"x": (F, [4, 6])},
                  ["y"])  # fmt: skip
    proto.graph.initializer.append(tensor)
    graph = converters.load(proto)
    kept = ((w.view(np.uint32) >> 16) << 16).view(F)
    assert np.array_equal(run_graph(graph, {"x": X})["y"], X * kept)
    assert "bfloat16" in graph.metadata["source.notes"]
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.BFLOAT16
    assert converters.load(proto).inputs[0].dtype.label == "float32"


def test_external_data_beyond_2_gib(tmp_path: Path) -> None:
    """A file with a hole: the tensor lies behind 5 GiB, and is mapped, not read."""
    from onnx import TensorProto

    w = np.random.default_rng(0).standard_normal((6, 3)).astype(F)
    offset = 5 * (1 << 30) + 64
    with (tmp_path / "weights.bin").open("wb") as f:
        f.seek(offset)
        f.write(w.tobytes())
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[6, 3], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", str(offset)), ("length", str(w.nbytes))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    proto = model([node("MatMul", ["x", "w"], ["y"])], {"x": (F, [4, 6])}, ["y"])
    proto.graph.initializer.append(tensor)
    got = run_graph(converters.load(save(proto, tmp_path)), {"x": X})["y"]
    assert np.allclose(got, X @ w, 1e-5)
    for location in ("../weights.bin", str(tmp_path / "weights.bin"), "nothing.bin", "link.bin"):
        if location == "link.bin":
            (tmp_path / "model").mkdir()
            (tmp_path / "model" / "link.bin").symlink_to(tmp_path / "weights.bin")
        proto.graph.initializer[0].external_data[0].value = location
        folder = tmp_path / "model" if location == "link.bin" else tmp_path
        with pytest.raises(MalformedModelError, match=r"outside|missing"):
            converters.load(save(proto, folder))
    for key, value in ((1, "-4"), (1, str(offset + 4)), (2, "7"), (1, "x")):
        entries = proto.graph.initializer[0].external_data
        entries[0].value, entries[1].value, entries[2].value = "weights.bin", str(offset), str(w.nbytes)
        entries[key].value = value
        with pytest.raises(MalformedModelError):
            converters.load(save(proto, tmp_path))


def test_scan_of_opset_8_with_a_batch() -> None:
    from onnx import helper

    body = helper.make_graph([node("Add", ["state", "row"], ["next"]), node("Identity", ["next"], ["out"])], "body",
                             [info("state", [3]), info("row", [3])], [info("next", [3]), info("out", [3])])  # fmt: skip
    x, start = np.arange(24, dtype=F).reshape(2, 4, 3), np.array([[1, 2, 3], [4, 5, 6]], F)
    nodes = [node("Scan", ["", "start", "x"], ["last", "y"], body=body, num_scan_inputs=1)]
    proto = model(nodes, {"start": (F, [2, 3]), "x": (F, [2, 4, 3])}, ["last", "y"], opset=8)
    got = run_graph(converters.load(proto), {"start": start, "x": x})
    want = start[:, None] + np.cumsum(x, 1)
    assert np.array_equal(got["y"], want) and np.array_equal(got["last"], want[:, -1])
