"""Loading ONNX models: detection, shapes, names, frozen inputs, external data, functions, control flow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import MalformedModelError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit.symbolic import SymDim
from edgekit.types import F32, I8
from tests.converters.onnx.models import model, node, save

F = np.float32


def test_detects_by_content_whatever_the_name(tmp_path: Path) -> None:
    path = save(model([node("Relu", ["x"], ["y"])], {"x": (F, [2])}, ["y"]), tmp_path, "weights.bin")
    assert converters.find_converter(path).name == "onnx"
    assert [v.name for v in converters.load(path).inputs] == ["x"]
    assert "onnx" in [f.name for f in converters.formats()]


@pytest.mark.parametrize(
    "head", [b"", b"TFL3", b"\x1c\x00\x00\x00TFL3", b"\x08\x01\x12\x05hello", b"\x0a\x05hello", b"PK\x03\x04", b"\x89HDF\r\n"]
)
def test_other_formats_are_not_taken_for_onnx(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(head)
    assert not next(c for c in converters.converters() if c.name == "onnx").detects(path, head)
    with pytest.raises(MalformedModelError):
        converters.load(path)


def test_loads_a_model_in_memory() -> None:
    graph = converters.load(model([node("Relu", ["x"], ["y"])], {"x": (F, [2])}, ["y"]))
    assert graph.output_names == ["y"]


def test_names_and_order_of_inputs_and_outputs_are_the_sources() -> None:
    nodes = [node("Relu", ["b"], ["z:0"]), node("Add", ["a/x", "b"], ["out.1"]), node("Identity", ["b"], ["same"])]
    graph = converters.load(model(nodes, {"b": (F, [2]), "a/x": (F, [2])}, ["out.1", "z:0", "same"]))
    assert [v.name for v in graph.inputs] == ["b", "a/x"]
    assert graph.output_names == ["out.1", "z:0", "same"]
    out = run_graph(graph, {"b": np.array([-1, 2], F), "a/x": np.ones(2, F)})
    assert out["out.1"].tolist() == [0, 3] and out["z:0"].tolist() == [0, 2] and out["same"].tolist() == [-1, 2]


def test_open_dimensions_are_symbols_and_can_be_bound() -> None:
    proto = model([node("Add", ["x", "y"], ["z"])], {"x": (F, ["batch", None, 3]), "y": (F, ["batch", 1, 3])}, ["z"])
    graph = converters.load(proto)
    assert [str(d) for d in graph.inputs[0].shape] == ["batch", "x_1", "3"]
    bound = converters.load(proto, shapes={"x": (4, 5, 3)})
    assert bound.inputs[0].shape == (4, 5, 3)
    assert bound.inputs[1].shape == (4, 1, 3), "the symbol is bound in every input"
    ranged = converters.load(proto, shapes={"x": ((1, 8), 5, 3)})
    dim = ranged.outputs[0].shape[0]
    assert isinstance(dim, SymDim) and (dim.lower_bound(), dim.upper_bound()) == (1, 8)


def test_default_leading_binds_the_batch_and_says_so() -> None:
    proto = model([node("Relu", ["x"], ["y"])], {"x": (F, ["N", 3])}, ["y"])
    graph = converters.load(proto, default_leading=1)
    assert graph.inputs[0].shape == (1, 3)
    assert "'N'" in graph.metadata["source.notes"]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"nope": (1,)}, "no input 'nope'; the inputs are \\['x'\\]"),
        ({"x": (1, 2, 3)}, "3 dimensions were given"),
        ({"x": (1, 4)}, "fixed shape \\[N, 3\\]"),
        ({"x": (-1, 3)}, "dimension of -1"),
        ({"x": ((5, 2), 3)}, "range 5 to 2 is empty"),
    ],
)
def test_wrong_shapes_are_refused(shapes: dict[str, tuple[int, ...]], message: str) -> None:
    proto = model([node("Relu", ["x"], ["y"])], {"x": (F, ["N", 3])}, ["y"])
    with pytest.raises(MalformedModelError, match=message):
        converters.load(proto, shapes=shapes)


def test_an_input_can_be_frozen() -> None:
    proto = model([node("Tile", ["x", "n"], ["y"])], {"x": (F, [2]), "n": (np.int64, [1])}, ["y"])
    graph = converters.load(proto, values={"n": np.array([3])})
    assert [v.name for v in graph.inputs] == ["x"]
    assert graph.outputs[0].shape == (6,)
    with pytest.raises(MalformedModelError, match="is int64, the value to freeze it to is float32"):
        converters.load(proto, values={"n": np.ones(1, F)})
    assert converters.load(proto, values={"n": 4}).outputs[0].shape == (8,)  # type: ignore[dict-item]


def test_initializers_listed_as_inputs_are_constants() -> None:
    proto = model([node("Add", ["x", "w"], ["y"])], {"x": (F, [2])}, ["y"], {"w": np.ones(2, F)}, ir_version=3, listed=["w"])
    assert [v.name for v in converters.load(proto).inputs] == ["x"]


def test_shape_arithmetic_folds_while_importing() -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Concat", ["n1", "rest"], ["shape"], axis=0),
        node("Reshape", ["x", "shape"], ["y"]),
    ]
    constants = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    static = converters.load(model(nodes, {"x": (F, [2, 3, 4])}, ["y"], constants))
    assert [n.op for n in static.nodes] == ["Reshape"] and static.outputs[0].shape == (2, 12)
    dynamic = converters.load(model(nodes, {"x": (F, ["N", 3, 4])}, ["y"], constants))
    assert [str(d) for d in dynamic.outputs[0].shape] == ["N", "12"]


def test_convolution_weights_are_permuted_in_the_constant() -> None:
    w = np.arange(2 * 3 * 5 * 7, dtype=F).reshape(2, 3, 5, 7)
    graph = converters.load(model([node("Conv", ["x", "w"], ["y"], name="c1")], {"x": (F, [1, 3, 8, 9])}, ["y"], {"w": w}))
    (conv,) = graph.nodes
    assert conv.attrs["layout"] == "NCHW" and conv.name == "c1" and conv.source == "Conv 'c1' (ONNX opset 17)"
    np.testing.assert_array_equal(conv.input(1).const, w.transpose(0, 2, 3, 1))


def test_quantized_models_keep_their_nodes_and_carry_parameters_in_types() -> None:
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=0),
        node("Conv", ["xd", "wd"], ["y"]),
    ]
    rng = np.random.default_rng(0)
    constants = {
        "sx": np.array(0.05, F), "zx": np.array(3, np.int8), "w": rng.integers(-127, 128, (4, 2, 3, 3)).astype(np.int8),
        "sw": np.array([0.01, 0.02, 0.03, 0.04], F), "zw": np.zeros(4, np.int8),
    }  # fmt: skip
    graph = converters.load(model(nodes, {"x": (F, [1, 2, 6, 6])}, ["y"], constants))
    assert [n.op for n in graph.nodes] == ["Quantize", "Dequantize", "Dequantize", "Conv"]
    quantized, weights = graph.nodes[0].output, graph.nodes[2].input(0)
    assert quantized.dtype is I8 and quantized.quant is not None and quantized.quant.zero_point == (3,)
    assert weights.shape == (4, 3, 3, 2) and weights.quant is not None and weights.quant.axis == 0 and len(weights.quant.scale) == 4
    assert graph.outputs[0].dtype is F32
    x = rng.standard_normal((1, 2, 6, 6)).astype(F)
    assert run_graph(graph, {"x": x})["y"].shape == (1, 4, 4, 4)


def _external(folder: Path, location: str, **entries: int) -> Path:
    from onnx import TensorProto

    proto = model([node("Add", ["x", "w"], ["y"])], {"x": (F, [4])}, ["y"], {"w": np.arange(4, dtype=F)})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return save(proto, folder)


def test_external_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 64 + np.arange(4, dtype=F).tobytes())
    graph = converters.load(_external(tmp_path, "w.bin", offset=64, length=16))
    assert run_graph(graph, {"x": np.zeros(4, F)})["y"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "inside/../../w.bin", "link.bin"])
def test_external_data_outside_the_folder_is_not_read(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "w.bin").write_bytes(np.arange(4, dtype=F).tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(MalformedModelError, match="outside the model's folder"):
        converters.load(_external(folder, location))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": 60, "length": 16}, "which has 64"),
        ({"offset": -4, "length": 16}, "lies at bytes -4"),
        ({"offset": 0, "length": 12}, "needs 16 bytes"),
    ],
)
def test_external_data_of_the_wrong_size_is_refused(tmp_path: Path, entries: dict[str, int], message: str) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 64)
    with pytest.raises(MalformedModelError, match=message):
        converters.load(_external(tmp_path, "w.bin", **entries))


def test_missing_external_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match=r"'w\.bin' is missing next to the model"):
        converters.load(_external(tmp_path, "w.bin"))


def test_functions_of_the_model_are_expanded() -> None:
    from onnx import helper

    twice = helper.make_function("my", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)])
    call = helper.make_node("Twice", ["x"], ["y"], domain="my")
    proto = model([call], {"x": (F, [2])}, ["y"], functions=[twice], opsets=[helper.make_opsetid("my", 1)])
    graph = converters.load(proto)
    assert [n.op for n in graph.nodes] == ["Add"]


def test_nodes_out_of_order_are_sorted() -> None:
    nodes = [node("Neg", ["b"], ["y"]), node("Abs", ["a"], ["b"]), node("Relu", ["x"], ["a"])]
    assert [n.op for n in converters.load(model(nodes, {"x": (F, [2])}, ["y"])).nodes] == ["Relu", "Abs", "Neg"]


def _branches() -> tuple[object, object]:
    from onnx import TensorProto, helper

    out = [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)]
    then = helper.make_graph([node("Add", ["x", "w"], ["r"])], "then", [], out)
    other = helper.make_graph([node("Mul", ["x", "z"], ["r"])], "else", [], out)
    return then, other


def test_a_known_condition_imports_the_taken_branch_alone() -> None:
    then, other = _branches()
    proto = model(
        [node("If", ["c"], ["y"], then_branch=then, else_branch=other)], {"x": (F, [2]), "z": (F, [2])}, ["y"],
        {"c": np.array(False), "w": np.ones(2, F)},
    )  # fmt: skip
    assert [n.op for n in converters.load(proto).nodes] == ["Mul"]


@pytest.mark.parametrize("condition", [True, False])
def test_captures_of_branches_become_inputs(condition: bool) -> None:
    then, other = _branches()
    proto = model(
        [node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
        {"c": (np.bool_, []), "x": (F, [2]), "z": (F, [2])},
        ["y"],
        {"w": np.ones(2, F)},
    )
    graph = converters.load(proto)
    (n,) = graph.nodes
    assert n.op == "If" and [v.name for v in n.inputs if v is not None] == ["c", "x", "z"]
    x, z = np.array([1, 2], F), np.array([5, 7], F)
    got = run_graph(graph, {"c": np.array(condition), "x": x, "z": z})["y"]
    np.testing.assert_array_equal(got, x + 1 if condition else x * z)


def test_a_branch_that_does_not_fit_names_the_input_that_decides() -> None:
    """Models for several rates or sizes choose by an input; only one branch fits the shapes given."""
    then, other = _branches()
    proto = model(
        [node("Equal", ["rate", "k"], ["c"]), node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
        {"rate": (np.int64, []), "x": (F, [2]), "z": (F, [3])},
        ["y"],
        {"w": np.ones(2, F), "k": np.array(16000)},
    )
    with pytest.raises(UnsupportedOpError, match="pass --freeze rate=VALUE"):
        converters.load(proto)
    assert [n.op for n in converters.load(proto, values={"rate": np.array(16000)}).nodes] == ["Add"]


def test_a_loop_with_captures_and_stacked_outputs() -> None:
    from onnx import TensorProto, helper

    def value(name: str, kind: int, shape: list[int]) -> object:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Add", ["s", "x"], ["t"]), node("Mul", ["t", "t"], ["square"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("s", TensorProto.FLOAT, [2])],
        [value("on", TensorProto.BOOL, []), value("t", TensorProto.FLOAT, [2]), value("square", TensorProto.FLOAT, [2])],
    )
    constants = {"n": np.array(3), "zero": np.zeros(2, F)}
    proto = model([node("Loop", ["n", "", "zero"], ["last", "squares"], body=body)], {"x": (F, [2])}, ["last", "squares"], constants)
    graph = converters.load(proto)
    assert graph.outputs[1].shape == (3, 2)
    out = run_graph(graph, {"x": np.array([1, 2], F)})
    np.testing.assert_array_equal(out["last"], [3, 6])
    np.testing.assert_array_equal(out["squares"], [[1, 4], [4, 16], [9, 36]])
