"""What loops and branches only hand through is taken out of them."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, GraphBuilder
from edgekit.passes import PassManager, optimize
from edgekit.passes.canonicalize.simplify_loops import SIMPLIFY_LOOPS
from edgekit.types import BOOL, F32, I64
from tests.passes.test_contract import assert_same_numbers

W = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32) / 2


def loop() -> Graph:
    """Three trips of ``x @ w + offset``; ``w`` and ``offset`` are carried and never change."""
    body = GraphBuilder("body")
    body.input("trip", I64, ())
    go_on = body.input("go_on", BOOL, ())
    x, w, offset = body.input("x", F32, (1, 4)), body.input("w", F32, (4, 4)), body.input("offset", F32, (1, 4))
    y = body.call("Add", body.call("MatMul", x, w), offset)
    body.output(body.call("Identity", go_on), "again")
    for name, v in (("x", y), ("w", body.call("Identity", w)), ("offset", body.call("Identity", body.call("Identity", offset)))):
        body.output(v, f"{name}_out")
    b = GraphBuilder("loop")
    first, shift = b.input("x", F32, (1, 4)), b.input("shift", F32, (1, 4))
    trips, yes = b.constant(np.int64(3)), b.constant(np.asarray(True))
    outs = b.call_multi("While", trips, yes, first, b.constant(W), shift, name="loop", body=body.graph, carried=3)
    b.output(outs[0], "y")
    b.output(b.call("Add", outs[1], outs[2]), "handed")
    return b.graph


def test_unchanging_values_become_captures_and_constants_go_inside() -> None:
    original = loop()
    g = original.clone()
    PassManager().run(g, [SIMPLIFY_LOOPS])
    (node,) = [n for n in g.nodes if n.op == "While"]
    assert node.attrs["carried"] == 1 and [v.name for v in node.inputs[2:] if v is not None] == ["x", "shift"]
    body = node.attrs["body"]
    assert [v.name for v in body.inputs] == ["trip", "go_on", "x", "offset"] and len(body.outputs) == 2
    r = np.random.default_rng(1)
    feeds = {n: r.standard_normal((1, 4)).astype(np.float32) for n in ("x", "shift")}
    assert_same_numbers(original, g, feeds)
    done, _ = optimize(original)
    assert "FullyConnected" in {n.op for h in done.walk() for n in h.nodes}  # packed once, not on every trip
    assert_same_numbers(original, done, feeds)


def test_a_value_that_is_an_output_of_the_model_stays_carried() -> None:
    original = loop()
    node = next(n for n in original.nodes if n.op == "While")
    original.add_output(node.outputs[1], "w")
    g = original.clone()
    PassManager().run(g, [SIMPLIFY_LOOPS])
    (node,) = [n for n in g.nodes if n.op == "While"]
    assert node.attrs["carried"] == 2
    assert_same_numbers(original, g, {n: np.ones((1, 4), np.float32) for n in ("x", "shift")})


def test_constants_go_into_branches() -> None:
    branches = {}
    for name, op in (("then_graph", "Add"), ("else_graph", "Sub")):
        inner = GraphBuilder(name)
        x, c = inner.input("x", F32, (4,)), inner.input("c", F32, (4,))
        inner.output(inner.call(op, x, c), "y")
        branches[name] = inner.graph
    b = GraphBuilder("branch")
    cond, x = b.input("cond", BOOL, ()), b.input("x", F32, (4,))
    b.output(b.call("If", cond, x, b.constant(W[0]), **branches), "y")
    g = b.graph.clone()
    PassManager().run(g, [SIMPLIFY_LOOPS])
    assert len(g.nodes[0].inputs) == 2 and all(len(s.inputs) == 1 for s in g.nodes[0].subgraphs())
    for taken in (True, False):
        assert_same_numbers(b.graph, g, {"cond": np.asarray(taken), "x": W[1]})
