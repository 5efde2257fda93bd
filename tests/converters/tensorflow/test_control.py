"""If, Case and While of functions; dilations written through the batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph
from edgekit.types import Array
from tests.converters.tensorflow.cases import f
from tests.converters.tensorflow.models import Function, Maker, Type, compute, load
from tests.converters.tensorflow.network_cases import conv

FLOAT = Type("float32")


def function(name: str, arguments: list[str], result: str, *nodes: tuple[Any, ...]) -> Any:
    """A function of float32 nodes (op, inputs..., name); constants are given as numbers."""
    m = Maker()
    for op, *inputs, made in nodes:
        if op == "Const":
            m.const(inputs[0], made)
        else:
            m.add(op, *inputs, name=made, T=FLOAT)
    return m.function(name, arguments, {"out": result})


def choosing(condition: str) -> Maker:
    m = Maker()
    m.input("x", (3,))
    m.const(np.float32(4), "four")
    if condition == "fed":
        m.add("Sum", "x", m.ints(0), name="total", T=FLOAT, keep_dims=False)
        m.add("Greater", "total", m.const(np.float32(0)), name="fed", T=FLOAT)
    else:
        m.const(np.asarray(condition == "true"), condition)
    m.add("StatelessIf", condition, "x", "four", name="y", then_branch=Function("plus"), else_branch=Function("times"), Tout=[FLOAT])
    return m


BRANCHES = [
    function("plus", ["a", "b"], "s:z:0", ("AddV2", "a", "b", "s")),
    function("times", ["a", "b"], "s:z:0", ("Mul", "a", "b", "s")),
]


@pytest.mark.parametrize("condition", ["fed", "true", "false"])
def test_if(tmp_path: Path, condition: str) -> None:
    graph = load(choosing(condition).graph(BRANCHES), tmp_path)
    assert ("If" in {n.op for n in graph.nodes}) == (condition == "fed")
    for x in (np.array([1, 2, 3], np.float32), np.array([-1, -2, -3], np.float32)):
        first = x.sum() > 0 if condition == "fed" else condition == "true"
        np.testing.assert_allclose(compute(graph, x)[0], x + 4 if first else x * 4)


@pytest.mark.parametrize("index", [0, 1, 7, None])
def test_case(tmp_path: Path, index: int | None) -> None:
    m = Maker()
    m.input("x", (3,))
    m.const(np.float32(4), "four")
    if index is None:
        m.input("k", (), "int32")
    else:
        m.const(np.int32(index), "k")
    m.add("Case", "k", "x", "four", name="y", branches=[Function("plus"), Function("times")], Tout=[FLOAT])
    graph = load(m.graph(BRANCHES), tmp_path)
    x = np.array([1, 2, 3], np.float32)
    for given in (0, 1, 7) if index is None else (index,):
        feeds = [x, np.asarray(given, np.int32)] if index is None else [x]
        np.testing.assert_allclose(compute(graph, *feeds)[0], x + 4 if given == 0 else x * 4)


def loop(limit: float) -> tuple[Maker, list[Any]]:
    """Doubles x and counts until its sum is above a limit; the step comes in unchanged."""
    condition = Maker()
    condition.add("Sum", "v", condition.ints(0) + ":output:0", name="total", T=FLOAT, keep_dims=False)
    condition.add("Less", "total:output:0", condition.const(np.float32(limit)) + ":output:0", name="less", T=FLOAT)
    body = Maker()
    body.add("AddV2", "v", "v", name="double", T=FLOAT)
    body.add("AddV2", "n", "step", name="more", T=FLOAT)
    body.add("Identity", "step", name="kept", T=FLOAT)
    m = Maker()
    m.input("x", (2,))
    m.input("step", ())
    m.add("While", "x", m.const(np.float32(0)), "step", name="loop", cond=Function("c"), body=Function("b"), T=[FLOAT] * 3)
    m.add("Identity", "loop:0", name="y", T=FLOAT)
    m.add("Identity", "loop:1", name="count", T=FLOAT)
    m.add("Identity", "loop:2", name="again", T=FLOAT)
    functions = [
        condition.function("c", ["v", "n", "step"], {"out": "less:z:0"}),
        body.function("b", ["v", "n", "step"], {"v2": "double:z:0", "n2": "more:z:0", "s2": "kept:output:0"}),
    ]
    return m, functions


def test_while(tmp_path: Path) -> None:
    m, functions = loop(100.0)
    graph = load(m.graph(functions), tmp_path)
    (node,) = (n for n in graph.nodes if n.op == "While")
    assert node.attrs["carried"] == 2
    y, count, again = compute(graph, np.array([1, 2], np.float32), np.asarray(0.5, np.float32))
    np.testing.assert_allclose(y, [64, 128])
    assert (count, again) == (3.0, 0.5)


def test_a_loop_that_grows_is_refused_or_open_but_never_endless(tmp_path: Path) -> None:
    m, (condition, _) = loop(100.0)
    body = Maker()
    body.add("ConcatV2", "v", "v", body.const(np.int32(0)) + ":output:0", name="longer", T=FLOAT, N=2)
    wider = body.function("b", ["v", "n", "step"], {"v2": "longer:output:0", "n2": "n", "s2": "step"})
    graph = load(m.graph([condition, wider]), tmp_path)
    assert not graph.outputs[0].type.is_static


def test_a_loop_whose_condition_calls_the_loop(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (2,))
    inner = Maker()
    inner.add("While", "v", name="again", cond=Function("f"), body=Function("f"), T=[FLOAT])
    m.add("While", "x", name="y", cond=Function("f"), body=Function("f"), T=[FLOAT])
    with pytest.raises(MalformedModelError, match="deeper than"):
        load(m.graph([inner.function("f", ["v"], {"o": "again:output:0"})]), tmp_path)


def dilated(x: Array, w: Array, one_dimension: bool, crop: int) -> Any:
    m = Maker()
    m.input("x", x.shape)
    block = [2] if one_dimension else [2, 3]
    pads = np.array([[2, 3]] if one_dimension else [[2, 3], [3, 3]], np.int32)
    m.add("SpaceToBatchND", "x", m.ints(*block), m.const(pads), name="spread", T=FLOAT)
    before = "spread"
    if one_dimension:
        before = m.add("ExpandDims", "spread", m.const(np.int32(1)), name="wide", T=FLOAT)
    m.const(w, "w")
    m.add("Conv2D", before, "w", name="conv", T=FLOAT, strides=[1, 1, 1, 1], padding="VALID", data_format="NHWC")
    behind = "conv"
    if one_dimension:
        behind = m.add("Squeeze", "conv", name="narrow", T=FLOAT, squeeze_dims=[1])
    crops = np.array([[0, crop]] if one_dimension else [[0, crop], [0, 0]], np.int32)
    m.add("BatchToSpaceND", behind, m.ints(*block), m.const(crops), name="y", T=FLOAT)
    return m.graph()


@pytest.mark.parametrize("crop", [0, 1, 5])
@pytest.mark.parametrize("one_dimension", [False, True])
def test_a_convolution_through_the_batch_is_a_dilated_one(tmp_path: Path, one_dimension: bool, crop: int) -> None:
    x = f(1, 9, 2) if one_dimension else f(1, 9, 9, 2)
    w = f(1, 3, 2, 4) if one_dimension else f(3, 2, 2, 4)
    graph: Graph = load(dilated(x, w, one_dimension, crop), tmp_path)
    if one_dimension:
        want = conv(x[:, None], w, rates=(1, 2), pads=((0, 0), (2, 3)))[:, 0]
    else:
        want = conv(x, w, rates=(2, 3), pads=((2, 3), (3, 3)))
    np.testing.assert_allclose(compute(graph, x)[0], want[:, : want.shape[1] - crop], rtol=1e-4, atol=1e-5)
    transposes = sum(n.op == "Transpose" for n in graph.nodes)
    assert (transposes == 0) == (crop <= 3)
