"""Values that a graph keeps from run to run."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import GraphError
from edgekit.ir import Graph, GraphBuilder, Node, Value, graph_hash, print_graph, verify
from edgekit.passes import optimize
from edgekit.reference import ReferenceSession, run_graph
from edgekit.types import F32, I8, I32, TensorType

X = np.array([1, 2, 3], np.float32)


def running_sum(initial: float = 0.0) -> Graph:
    """``y`` is the sum of all ``x`` so far; ``n`` counts the runs."""
    b = GraphBuilder("running_sum")
    x = b.input("x", F32, (3,))
    total = b.state("total", F32, (3,), initial)
    count = b.state("count", I32, ())
    y = b.call("Add", x, total, name="sum")
    b.set_state(total, y)
    n = b.call("Add", count, b.constant(1, dtype=I32), name="counted")
    b.set_state(count, n)
    b.output(y, "y")
    b.output(n, "n")
    return b.graph


def test_states_come_last_and_are_kept_apart_from_what_users_see() -> None:
    graph = running_sum()
    verify(graph)
    assert [v.name for v in graph.inputs] == ["x", "total", "count"]
    assert graph.output_names == ["y", "n", "total/next", "count/next"]
    assert [v.name for v in graph.user_inputs] == ["x"] and graph.user_output_names == ["y", "n"]
    assert [v.name for v in graph.user_outputs] == ["sum", "counted"]
    assert [(s.name, s.output.name, s.initial.tolist()) for s in graph.states] == [("total", "sum", 0.0), ("count", "counted", 0)]
    late = graph.add_input("late", TensorType(F32, ()))
    assert graph.user_inputs[-1] is late and graph.states[0].name == "total"


def test_the_reference_goes_on_until_it_is_reset() -> None:
    session = ReferenceSession(running_sum(0.5))
    assert [session.run({"x": X})["y"].tolist() for _ in range(3)] == [[1.5, 2.5, 3.5], [2.5, 4.5, 6.5], [3.5, 6.5, 9.5]]
    assert session.states["count"] == 3
    with pytest.raises(GraphError, match="not fed; inputs are \\['x'\\]"):
        session.run({})
    assert session.states["count"] == 3
    session.reset()
    out = session.run({"x": X})
    assert out["y"].tolist() == (X + 0.5).tolist() and out["n"] == 1
    assert list(run_graph(running_sum(), {"x": X})) == ["y", "n"]


def test_first_values_may_be_arrays_and_states_may_swap_or_stay() -> None:
    b = GraphBuilder()
    left = b.state("s", F32, (2,), np.array([1, 2], np.float32))
    right = b.state("s", F32, (2,), 7)
    b.state("fixed", I8, (1,), 5)
    b.set_state(left, right)
    b.set_state(right, left)
    b.output(b.call("Identity", left), "y")
    verify(b.graph)
    assert [s.name for s in b.graph.states] == ["s", "s.1", "fixed"]
    session = ReferenceSession(b.graph)
    assert [session.run({})["y"].tolist() for _ in range(3)] == [[1, 2], [7, 7], [1, 2]]
    assert session.states["fixed"].tolist() == [5]


def test_passes_keep_states() -> None:
    graph = running_sum()
    (sum_, counted) = (v for v in graph.user_outputs)
    b = GraphBuilder(graph)
    doubled = b.call("Identity", b.call("Mul", sum_, b.constant(np.float32(2))))
    graph.set_state_output(graph.states[0].input, doubled)
    graph.set_state_output(graph.states[1].input, b.call("Identity", counted))
    done, _ = optimize(graph)
    assert [s.name for s in done.states] == ["total", "count"] and len(done.nodes) < len(graph.nodes)
    a, z = ReferenceSession(graph), ReferenceSession(done)
    for _ in range(4):
        assert {n: v.tolist() for n, v in a.run({"x": X}).items()} == {n: v.tolist() for n, v in z.run({"x": X}).items()}
    for session in (a, z):
        assert {n: v.tolist() for n, v in session.states.items()} == {"total": [30, 60, 90], "count": 4}


def test_hash_text_and_copies_include_states() -> None:
    graph = running_sum()
    assert graph_hash(graph) == graph_hash(graph.clone()) != graph_hash(running_sum(1.0))
    assert "state %total <- %sum, first 0.0" in print_graph(graph.clone())
    assert repr(graph) == "<Graph 'running_sum': 1 inputs, 2 nodes, 2 outputs, 2 states>"


def test_what_does_not_fit_is_refused() -> None:
    graph = running_sum()
    b = GraphBuilder(graph)
    with pytest.raises(GraphError, match="is float32\\[3\\], what shall follow is int32"):
        b.set_state(graph.states[0].input, graph.states[1].output)
    with pytest.raises(GraphError, match="'x' is no state"):
        graph.set_state_output(graph.inputs[0], graph.outputs[0])
    with pytest.raises(GraphError, match="first value \\[4\\]"):
        graph.add_state(graph.inputs[0], graph.outputs[0], np.zeros(4))
    with pytest.raises(GraphError, match="cannot become a state"):
        graph.add_state(graph.states[0].input, graph.outputs[0])
    with pytest.raises(GraphError, match="cannot become a state"):
        graph.add_state(graph.outputs[0], graph.outputs[0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda g: g.set_state_output(g.states[0].input, g.inputs[0]), "put an Identity between"),
        (lambda g: g.set_state_output(g.states[0].input, g.outputs[1]), "what follows it"),
        (lambda g: g.add_output(g.states[0].input, "t"), "which the run replaces"),
    ],
)
def test_the_verifier_checks_states(damage: object, message: str) -> None:
    graph = running_sum()
    assert callable(damage)
    damage(graph)
    with pytest.raises(GraphError, match=message):
        verify(graph)


def test_only_the_main_graph_has_states() -> None:
    b = GraphBuilder()
    flag = b.input("flag", TensorType(F32, ()).dtype, ())
    body = running_sum()
    cast = b.call("Greater", flag, b.constant(np.float32(0)))
    out = Value("o", TensorType(F32, (3,)))
    b.graph.append(Node("If", [cast], [out], {"then_graph": body, "else_graph": body.clone()}, "if"))
    with pytest.raises(GraphError, match="only the main graph may"):
        verify(b.graph)
