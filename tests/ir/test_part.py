"""Cutting a graph at inner tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from edgekit.errors import ConversionError
from edgekit.ir import Graph, GraphBuilder, Part, take_part, verify
from edgekit.reference import ReferenceSession, run_graph
from edgekit.types import F32, Array

X = np.float32([-1, 2, -3, 4])
Z = np.float32([1, 1, 2, 2])


def two_heads() -> Graph:
    """``a = relu(x)``, ``b = a + z``, outputs ``up = b * 2`` and ``down = -a``."""
    b = GraphBuilder("heads")
    x, z = b.input("x", F32, (4,)), b.input("z", F32, (4,))
    a = b.call("Relu", x, name="a")
    inner = b.call("Add", a, z, name="b")
    b.output(b.call("Mul", inner, b.constant(np.float32([2]), "two"), name="up"), "up")
    b.output(b.call("Neg", a, name="down"), "down")
    return b.graph


def after(part: Part, **feeds: Array) -> tuple[Graph, Mapping[str, Array]]:
    graph = two_heads()
    take_part(graph, part)
    verify(graph)
    return graph, run_graph(graph, feeds)


def test_fewer_outputs_need_fewer_inputs() -> None:
    graph, got = after(Part(("down",)), x=X)
    assert [v.name for v in graph.inputs] == ["x"] and [n.op for n in graph.nodes] == ["Relu", "Neg"]
    np.testing.assert_array_equal(got["down"], -np.maximum(X, 0))


def test_inner_outputs_in_the_order_asked_for() -> None:
    graph, got = after(Part(("b", "down", "a", "x", "two")), x=X, z=Z)
    assert graph.output_names == ["b", "down", "a", "x", "two"]
    np.testing.assert_array_equal(got["b"], np.maximum(X, 0) + Z)
    np.testing.assert_array_equal(got["x"], X)
    assert got["two"].tolist() == [2]


def test_inner_inputs() -> None:
    graph, got = after(Part(("up",), ("b",)), b=X)
    assert [v.name for v in graph.inputs] == ["b"] and [n.op for n in graph.nodes] == ["Mul"]
    np.testing.assert_array_equal(got["up"], X * 2)


def test_inputs_in_the_order_asked_for() -> None:
    graph, got = after(Part((), ("z", "a")), z=Z, a=X)
    assert [v.name for v in graph.inputs] == ["z", "a"] and graph.output_names == ["up", "down"]
    np.testing.assert_array_equal(got["down"], -X)
    np.testing.assert_array_equal(got["up"], (X + Z) * 2)


def test_a_tensor_that_is_input_and_output() -> None:
    _, got = after(Part(("a", "up"), ("a", "z")), a=X, z=Z)
    np.testing.assert_array_equal(got["a"], X)
    np.testing.assert_array_equal(got["up"], (X + Z) * 2)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part(("dwon",)), "no tensor 'dwon' to be an output; did you mean 'down'"),
        (Part((), ("nothing at all",)), "no tensor 'nothing at all' to be an input; it has"),
        (Part(("up",), ("a",)), "still needs the input 'z'"),
        (Part(("up", "up")), "'up' is named twice"),
    ],
)
def test_what_cannot_be_cut(part: Part, message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        take_part(two_heads(), part)


def two_states() -> Graph:
    """Two running sums; ``first`` gives one of them, ``second`` the other, ``a/next`` depends on both."""
    b = GraphBuilder("sums")
    x = b.input("x", F32, (2,))
    one, two = b.state("one", F32, (2,)), b.state("two", F32, (2,))
    s, t = b.call("Add", one, x, name="s"), b.call("Add", two, b.call("Mul", x, x), name="t")
    b.set_state(one, s)
    b.set_state(two, t)
    b.output(b.call("Neg", s), "first")
    b.output(b.call("Neg", t), "second")
    return b.graph


@pytest.mark.parametrize(("name", "state"), [("first", "one"), ("second", "two")])
def test_states_that_nothing_reads_go(name: str, state: str) -> None:
    whole, part = two_states(), two_states()
    take_part(part, Part((name,)))
    verify(part)
    assert [s.name for s in part.states] == [state] and part.user_output_names == [name]
    sessions = ReferenceSession(whole), ReferenceSession(part)
    for _ in range(3):
        want, got = (s.run({"x": np.float32([2, -1])}) for s in sessions)
        np.testing.assert_array_equal(got[name], want[name])


def test_a_state_is_no_input() -> None:
    with pytest.raises(ConversionError, match="'one' is a state"):
        take_part(two_states(), Part((), ("one",)))
