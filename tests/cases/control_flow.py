"""Cases of If and While."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.ir import Graph, GraphBuilder
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F32, I64
from tests.cases.case import OpCase, rng


def _branch(name: str, op: str) -> Graph:
    """``op(a, b)`` of two float [2, 3] captures, and the first of them."""
    b = GraphBuilder(name)
    x, y = b.input("a", F32, (2, 3)), b.input("b", F32, (2, 3))
    b.output(b.call(op, x, y, name="body"), "r")
    b.output(x, "first")
    return b.graph


def _if_case(name: str, cond: bool) -> OpCase:
    b = GraphBuilder("If")
    c, x, y = b.input("c", BOOL, ()), b.input("x", F32, (2, 3)), b.input("y", F32, (2, 3))
    second = GraphBuilder("else")
    p, q = second.input("a", F32, (2, 3)), second.input("b", F32, (2, 3))
    second.output(second.call("Add", p, second.constant(np.full((2, 3), 10, np.float32))), "r")
    second.output(q, "first")
    outs = b.call_multi("If", c, x, y, name="node", then_graph=_branch("then", "Add"), else_graph=second.graph)
    for k, o in enumerate(outs):
        b.output(o, f"y{k}")
    r = rng("If", name)
    fx, fy = (r.standard_normal((2, 3), dtype=np.float32) for _ in range(2))
    want = {"y0": fx + fy, "y1": fx} if cond else {"y0": fx + 10, "y1": fy}
    return OpCase(f"If/{name}", "If", b.graph, {"c": np.array(cond), "x": fx, "y": fy}, expected=want)


def _shapes_differ(cond: bool) -> OpCase:
    """The branches give [4] and [2, 2] flattened to [4], or the constant [1]: the output's shape depends on the condition."""
    then, other = GraphBuilder("then"), GraphBuilder("else")
    x = then.input("a", F32, (2, 2))
    then.output(then.call("Reshape", x, then.constant(np.array([4]))), "r")
    other.input("a", F32, (2, 2))
    other.output(other.constant(np.array([7], np.float32)), "r")
    b = GraphBuilder("If")
    c, v = b.input("c", BOOL, (1,)), b.input("x", F32, (2, 2))
    b.output(b.call("If", c, v, name="node", then_graph=then.graph, else_graph=other.graph), "y0")
    fx = np.arange(4, dtype=np.float32).reshape(2, 2)
    want = fx.reshape(4) if cond else np.array([7], np.float32)
    return OpCase(f"If/shapes_{cond}", "If", b.graph, {"c": np.array([cond]), "x": fx}, expected={"y0": want})


def _nested(outer: bool, inner: bool) -> OpCase:
    """An If inside an If; the innermost captures reach through both."""
    leaf_a, leaf_b = _branch("leaf_a", "Add"), _branch("leaf_b", "Add")
    then = GraphBuilder("then")
    c = then.input("c", BOOL, ())
    x, y = then.input("a", F32, (2, 3)), then.input("b", F32, (2, 3))
    for k, o in enumerate(then.call_multi("If", c, x, y, name="inner", then_graph=leaf_a, else_graph=leaf_b)):
        then.output(o, f"o{k}")
    other = GraphBuilder("else")
    other.input("c", BOOL, ())
    p, q = other.input("a", F32, (2, 3)), other.input("b", F32, (2, 3))
    other.output(p, "o0")
    other.output(q, "o1")
    b = GraphBuilder("If")
    c0, c1 = b.input("c0", BOOL, ()), b.input("c1", BOOL, ())
    fx, fy = b.input("x", F32, (2, 3)), b.input("y", F32, (2, 3))
    for k, o in enumerate(b.call_multi("If", c0, c1, fx, fy, name="node", then_graph=then.graph, else_graph=other.graph)):
        b.output(o, f"y{k}")
    ax, ay = np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32)
    feeds = {"c0": np.array(outer), "c1": np.array(inner), "x": ax, "y": ay}
    want = {"y0": ax + ay, "y1": ax} if outer else {"y0": ax, "y1": ay}
    return OpCase(f"If/nested_{outer}_{inner}", "If", b.graph, feeds, expected=want)


def _sum_body(swap: bool) -> Graph:
    """Carried (a, b) become (b, a + b), or (a + b, b) without ``swap``; the new sum is stacked as well; c is captured and unused."""
    b = GraphBuilder("body")
    b.input("i", I64, ())
    go = b.input("go", BOOL, ())
    x, y = b.input("a", F32, (3,)), b.input("b", F32, (3,))
    c = b.input("c", F32, (3,))
    s = b.call("Add", b.call("Add", x, y, name="sum"), c, name="more")
    b.output(go, "go_out")
    b.output(y if swap else s, "a_out")
    b.output(s if swap else y, "b_out")
    b.output(s, "row")
    return b.graph


def _fibonacci(name: str, trips: int, go: bool, swap: bool) -> OpCase:
    b = GraphBuilder("While")
    fx, fy, fc = b.input("x", F32, (3,)), b.input("y", F32, (3,)), b.input("c", F32, (3,))
    limit = b.constant(np.array(trips, np.int64))
    outs = b.call_multi("While", limit, b.input("go", BOOL, ()), fx, fy, fc, name="node", body=_sum_body(swap), carried=2)
    for k, o in enumerate(outs):
        b.output(o, f"y{k}")
    r = rng("While", name)
    feeds = {n: r.standard_normal(3, dtype=np.float32) for n in ("x", "y", "c")}
    p, q, rows = feeds["x"], feeds["y"], []
    for _ in range(trips if go else 0):
        s = p + q + feeds["c"]
        p, q = (q, s) if swap else (s, q)
        rows.append(s)
    want = {"y0": p, "y1": q, "y2": np.stack(rows) if rows else np.empty((0, 3), np.float32)}
    return OpCase(f"While/{name}", "While", b.graph, {**feeds, "go": np.array(go)}, expected=want)


def _counted_by_body() -> OpCase:
    """No limit of trips: the body lowers a counter and hands it out as the condition's source (bool input of the next trip)."""
    body = GraphBuilder("body")
    i = body.input("i", I64, ())
    body.input("go", BOOL, ())
    x = body.input("x", I64, ())
    body.output(body.constant(np.array(False)), "go_out")
    body.output(body.call("Add", x, i), "x_out")
    b = GraphBuilder("While")
    v = b.input("x", I64, ())
    b.output(b.call("While", None, None, v, name="node", body=body.graph, carried=1), "y0")
    return OpCase("While/one_trip", "While", b.graph, {"x": np.array(5)}, expected={"y0": np.array(5)})


def _dynamic_capture() -> OpCase:
    """A captured value whose length may change."""
    n = SymDim.symbol("N", 1, 8)
    body = GraphBuilder("body")
    body.input("i", I64, ())
    go = body.input("go", BOOL, ())
    x = body.input("x", F32, (n,))
    d = body.input("d", F32, (n,))
    body.output(go, "go_out")
    body.output(body.call("Add", x, d), "x_out")
    b = GraphBuilder("While")
    v, w = b.input("x", F32, (n,)), b.input("d", F32, (n,))
    limit = b.constant(np.array(3, np.int64))
    b.output(b.call("While", limit, None, v, w, name="node", body=body.graph, carried=1), "y0")
    feeds = {"x": np.arange(5, dtype=np.float32), "d": np.ones(5, np.float32)}
    return OpCase("While/dynamic", "While", b.graph, feeds, expected={"y0": np.arange(5, dtype=np.float32) + 3})


def cases() -> Iterator[OpCase]:
    yield _if_case("then", True)
    yield _if_case("else", False)
    yield _shapes_differ(True)
    yield _shapes_differ(False)
    yield _nested(True, False)
    yield _nested(False, True)
    yield _fibonacci("swap", 5, True, True)
    yield _fibonacci("keep", 4, True, False)
    yield _fibonacci("no_trip", 4, False, True)
    yield _fibonacci("zero_limit", 0, True, True)
    yield _counted_by_body()
    yield _dynamic_capture()
