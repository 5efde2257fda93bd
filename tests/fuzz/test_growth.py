"""A few nodes that stand for more than there are atoms: what calls twice what calls twice ..."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import EdgekitError, GraphError, MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import MAX_WEIGHT, SymDim
from edgekit.types import F32, Dim
from edgekit_converters.importing.growth import FACTOR, FREE_NODES, Growth
from tests.require import require_module

DEPTH = 30
SECONDS = 20


def refused(path: Path) -> None:
    """It is, and soon."""
    start = time.process_time()
    with pytest.raises(MalformedModelError, match=r"unfold into more|nested|in more than"):
        converters.load(path, default_leading=1)
    assert time.process_time() - start < SECONDS


def test_what_is_counted() -> None:
    growth = Growth(10, "its functions")
    growth.hold(5)
    growth.add(FREE_NODES + 15 * FACTOR)
    with pytest.raises(MalformedModelError, match="its functions unfold into more than"):
        growth.add(1)


@pytest.mark.parametrize(("depth", "loads"), [(3, True), (DEPTH, False), (600, False)])
def test_onnx_functions(depth: int, loads: bool, tmp_path: Path) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    from onnx import helper

    from tests.converters.onnx.models import model, node

    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    functions = [helper.make_function("my", "F0", ["a"], ["b"], [node("Relu", ["a"], ["b"])], opsets)]
    for k in range(depth):
        twice = [helper.make_node(f"F{k}", [a], [b], domain="my") for a, b in ("ac", "cb")]
        functions.append(helper.make_function("my", f"F{k + 1}", ["a"], ["b"], twice, opsets))
    call = helper.make_node(f"F{depth}", ["x"], ["y"], domain="my")
    proto = model([call], {"x": (np.float32, [2])}, ["y"], functions=functions, opsets=opsets[1:])
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    if loads:
        assert len(list(converters.load(tmp_path / "m.onnx").nodes)) == 1 << depth
    else:
        refused(tmp_path / "m.onnx")


def test_keras_models_in_models(tmp_path: Path) -> None:
    require_module("h5py", "h5py", "pip install h5py")
    from tests.converters.keras.files import call, entry, functional, layer, tensor, write_archive

    def twice(name: str) -> list[Any]:
        return [call(tensor("x", shape=[None, 4])), call(tensor(name, shape=[None, 4]))]

    config = functional([entry("x", [None, 4]), layer("ReLU", "relu", *twice("relu"))], ["x"], ["relu"], "m0")
    for k in range(DEPTH):
        member = {**config, "name": f"m{k}", "inbound_nodes": twice(f"m{k}")}
        config = functional([entry("x", [None, 4]), member], ["x"], [tensor(f"m{k}", 1)["config"]["keras_history"]], f"m{k + 1}")
    refused(write_archive(tmp_path / "m.keras", config, {}))


def test_tensorflow_functions(tmp_path: Path) -> None:
    from tests.converters.tensorflow.models import Function, Maker, Type, save

    functions = []
    for k in range(DEPTH):
        m = Maker()
        op, out = ("PartitionedCall", "output") if k else ("Relu", "activations")
        attrs: dict[str, Any] = {"f": Function(f"F{k - 1}"), "Tout": [Type("float32")]} if k else {"T": Type("float32")}
        m.add(op, "v", name="a", **attrs)
        m.add(op, f"a:{out}:0", name="b", **attrs)
        functions.append(m.function(f"F{k}", ["v"], {"r": f"b:{out}:0"}))
    m = Maker()
    m.input("x", [2])
    m.add("PartitionedCall", "x", name="y", f=Function(f"F{DEPTH - 1}"), Tout=[Type("float32")])
    refused(save(m.graph(functions), tmp_path))


def test_tflite_subgraphs(tmp_path: Path) -> None:
    from tests.converters.tflite.models import Op, Subgraph, Tensor, model

    def branches(then: int) -> Subgraph:
        tensors = [Tensor("c", (), "bool"), Tensor("p", (2,)), Tensor("q", (2,)), Tensor("r", (2,))]
        options = {"then_subgraph": then, "else_subgraph": then}
        return Subgraph(tensors, [Op("IF", ["c", "c", "p"], ["q"], options), Op("IF", ["c", "c", "q"], ["r"], options)], ["c", "p"], ["r"])

    tensors = [Tensor("c", (), "bool"), *(Tensor(f"t{k}", (2,)) for k in range(101))]
    last = Subgraph(tensors, [Op("RELU", [f"t{k}"], [f"t{k + 1}"]) for k in range(100)], ["c", "t0"], ["t100"])
    (tmp_path / "m.tflite").write_bytes(model(*(branches(k + 1) for k in range(10)), last))
    refused(tmp_path / "m.tflite")


def squared(b: GraphBuilder, x: Value) -> Value:
    """The products of all elements with all others, in a row."""
    column = b.call("Reshape", x, b.constant(np.asarray([-1, 1])))
    row = b.call("Reshape", x, b.constant(np.asarray([1, -1])))
    return b.call("Reshape", b.call("Mul", column, row), b.constant(np.asarray([-1])))


@pytest.mark.parametrize("size", [2, SymDim.symbol("n", 1, 2)], ids=str)
def test_sizes_that_are_squared_again_and_again(size: Dim) -> None:
    """Forty layers, and the number of elements has more digits than there is memory."""
    b = GraphBuilder("squares")
    x = b.input("x", F32, (size,))
    start = time.process_time()
    with pytest.raises(GraphError, match=r"beyond 2\*\*62|beyond all bounds"):
        for _ in range(40):
            x = squared(b, x)
    assert time.process_time() - start < SECONDS


def test_sizes_no_memory_has_are_said_in_few_words(tmp_path: Path) -> None:
    b = GraphBuilder("squares")
    x = b.input("x", F32, (SymDim.symbol("n", 1, 2),))
    for _ in range(10):
        x = squared(b, x)
    b.output(x, "y")
    with pytest.raises(EdgekitError, match=r"more than 2\*\*") as error:
        edgekit.convert(b.graph, tmp_path / "m.ekm", options=edgekit.ConvertOptions(check=False))
    assert len(str(error.value)) < 200


def test_divisions_of_divisions() -> None:
    """Every one holds the one before twice."""
    n: Dim = SymDim.symbol("n", 1, 1 << 20)
    start = time.process_time()
    with pytest.raises(GraphError, match="beyond all bounds"):
        for _ in range(60):
            n = (n + n // 3) // 5 + 7
    assert time.process_time() - start < SECONDS
    assert isinstance(n, SymDim) and MAX_WEIGHT // 4 < n.weight <= MAX_WEIGHT
