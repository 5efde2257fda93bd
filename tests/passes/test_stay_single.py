"""float64 models around operators that compute in float32."""

from __future__ import annotations

import numpy as np

from edgekit.format import write_bytes
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.passes import optimize
from edgekit.reference import run_graph
from edgekit.runtime import Session
from edgekit.types import F32, F64, I64, Array


def dense(b: GraphBuilder, x: Value, w: Array) -> Value:
    """What importers make of a layer in float64."""
    y = b.call("FullyConnected", b.call("Cast", x, to=F32), b.constant(w.astype(np.float32)))
    return b.call("Cast", y, to=F64)


def network() -> Graph:
    r = np.random.default_rng(0)
    b = GraphBuilder("double")
    x = b.input("x", F64, (2, 8))
    y = b.call("Relu", dense(b, x, r.standard_normal((6, 8))))
    y = b.call("Mul", b.call("Add", y, b.constant(r.standard_normal(6))), y)
    b.output(dense(b, b.call("Reshape", y, b.constant(np.array([2, 6]))), r.standard_normal((3, 6))), "y")
    b.output(b.call("Add", y, b.constant(np.float64(1e-9))), "inner")
    return b.graph


def test_only_the_ends_are_double() -> None:
    graph = network()
    done, _ = optimize(graph)
    assert [n.op for n in done.nodes].count("Cast") == 3 and all(v.dtype is not F64 for v in done.constants())
    assert not any(n.op != "Cast" and v.dtype is F64 for n in done.nodes for v in n.outputs)
    assert [v.type for v in done.outputs] == [v.type for v in graph.outputs] and done.output_names == ["y", "inner"]
    feeds = {"x": np.random.default_rng(1).standard_normal((2, 8))}
    want = run_graph(graph, feeds)
    with Session(write_bytes(done)) as session:
        got = session.run(feeds)
    for name, w in want.items():
        assert got[name].dtype == np.float64
        np.testing.assert_allclose(got[name], w, rtol=1e-5, atol=1e-6)


def test_what_comes_from_double_inputs_stays_double() -> None:
    b = GraphBuilder("mixed")
    x = b.input("x", F64, (2, 8))
    y = dense(b, x, np.ones((8, 8)))
    b.output(b.call("Add", b.call("Relu", y), b.call("Mul", x, b.constant(np.float64(1 + 1e-12)))), "y")
    b.output(
        b.call("Cast", b.call("Floor", b.call("Mul", b.call("Cast", b.input("n", I64, ()), to=F64), b.constant(np.float64(0.1)))), to=I64),
        "n10",
    )
    done, _ = optimize(b.graph)
    kinds = {n.op: n.outputs[0].dtype for n in done.nodes}
    assert kinds["Add"] is F64 and kinds["Mul"] is F64 and kinds["Floor"] is F64
    with Session(write_bytes(done)) as session:
        assert session.run({"x": np.zeros((2, 8)), "n": np.array((1 << 40) + 10)})["n10"] == ((1 << 40) + 10) // 10
