"""float16 graphs run on the C runtime: every operator of the table that takes float16, and the pass that computes them in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.format import write_bytes
from edgekit.ir import Graph, GraphBuilder, Value, verify
from edgekit.ir.hash import graph_hash
from edgekit.ops import OpDef, all_ops
from edgekit.passes import PassManager, optimize
from edgekit.passes.canonicalize.widen_half import FACT, WIDEN_HALF, computes_in_half, widen_half
from edgekit.reference import run_graph
from edgekit.runtime import Session
from edgekit.types import BOOL, F16, F32, I64, Array
from tests.cases import all_cases
from tests.cases.case import OpCase

#: cases of each operator; the first ones of the generators differ most
CASES_EACH = 12
#: what the reference rounds to float16 itself
HALF_STEP = 2.0**-8


def takes_half(d: OpDef) -> bool:
    return any(F16 in types for types in d.types.values())


def in_half(case: OpCase) -> tuple[Graph, dict[str, Array]] | None:
    """The case with float16 for float32 wherever the table allows it; None where that changes nothing."""
    n = case.graph.nodes[0]
    if len(case.graph.nodes) != 1 or n.subgraphs() or any(v.quant for v in case.graph.values()):
        return None
    if len({id(v) for v in n.inputs if v is not None}) != sum(v is not None for v in n.inputs):
        return None
    b = GraphBuilder("half")
    ins: list[Value | None] = []
    feeds: dict[str, Array] = {}
    changed = False
    for i, v in enumerate(n.inputs):
        if v is None:
            ins.append(None)
            continue
        half = v.dtype is F32 and F16 in n.definition.allowed(n.port(i))
        changed |= half
        a = v.const if v.const is not None else case.feeds[v.name]
        with np.errstate(over="ignore"):
            a = a.astype(np.float16) if half else a
        if v.const is None:
            ins.append(b.input(v.name, F16 if half else v.dtype, v.shape))
            feeds[v.name] = a
        else:
            ins.append(b.constant(a, v.name))
    if not changed:
        return None
    attrs = {**n.attrs, "to": F16} if n.attrs.get("to") is F32 else n.attrs
    for k, o in enumerate(b.call_multi(n.op, *ins, **attrs)):
        b.output(o, f"y{k}")
    return b.graph, feeds


def control_flow() -> Iterator[tuple[str, Graph, dict[str, Array]]]:
    """If and While that carry float16."""
    x = np.linspace(-2, 2, 6).astype(np.float16).reshape(2, 3)
    branches = []
    for op in ("Relu", "Sigmoid"):
        inner = GraphBuilder(op)
        v = inner.input("v", F16, (2, 3))
        inner.output(inner.call(op, v), "w")
        branches.append(inner.graph)
    for chosen in (True, False):
        b = GraphBuilder("if")
        c, v = b.input("c", BOOL, ()), b.input("x", F16, (2, 3))
        b.output(b.call("If", c, v, then_graph=branches[0].clone(), else_graph=branches[1].clone()), "y")
        yield "If", b.graph, {"c": np.array(chosen), "x": x}
    body = GraphBuilder("body")
    body.input("i", I64, ())
    go, v, factor = body.input("go", BOOL, ()), body.input("v", F16, (2, 3)), body.input("factor", F16, ())
    body.output(body.call("Identity", go), "again")
    body.output(body.call("Mul", v, factor), "w")
    body.output(body.call("Abs", v), "row")
    b = GraphBuilder("while")
    v = b.input("x", F16, (2, 3))
    outs = b.call_multi("While", b.constant(np.int64(3)), None, v, b.constant(np.float16(1.5)), body=body.graph, carried=1)
    for k, o in enumerate(outs):
        b.output(o, f"y{k}")
    yield "While", b.graph, {"x": x}


def samples(op: str) -> list[tuple[str, Graph, dict[str, Array]]]:
    """float16 graphs around one operator."""
    found = [(name, g, feeds) for name, g, feeds in control_flow() if name == op]
    for case in all_cases():
        if case.op == op and len(found) < CASES_EACH:
            made = in_half(case)
            if made is not None:
                found.append((case.name, *made))
    return found


@pytest.mark.parametrize("op", [d.name for d in all_ops() if takes_half(d)])
def test_every_operator_runs(op: str) -> None:
    cases = samples(op)
    assert cases, f"{op} takes float16, but no case of it can be run in float16"
    for name, graph, feeds in cases:
        want = run_graph(graph, feeds)
        done, _ = optimize(graph)
        assert not computes_in_half(done), name
        assert [v.type for v in done.inputs] == [v.type for v in graph.inputs]
        with Session(write_bytes(done)) as session:
            got = session.run(feeds)
        for key, w in want.items():
            assert (got[key].dtype, got[key].shape) == (w.dtype, w.shape), name
            if w.dtype.kind == "f":
                wide = w.astype(np.float64)
                size = float(np.max(np.abs(wide), initial=0, where=np.isfinite(wide)))
                np.testing.assert_allclose(got[key].astype(np.float64), wide, rtol=HALF_STEP, atol=HALF_STEP * size, err_msg=name)
            else:
                np.testing.assert_array_equal(got[key], w, err_msg=name)


def network() -> tuple[Graph, dict[str, Array]]:
    """Embedding, convolution, batch norm, product: in float16 throughout, with a state."""
    r = np.random.default_rng(7)

    def half(*shape: int) -> Array:
        return np.asarray(r.standard_normal(shape) / 4, np.float16)

    b = GraphBuilder("net")
    ids, x = b.input("ids", I64, (1, 8)), b.input("x", F16, (1, 3, 8, 8))
    h = b.state("h", F16, (1, 16), initial=0)
    rows = b.call("Gather", b.constant(half(300, 16), "table"), ids, axis=0)
    window: dict[str, Any] = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NCHW"}
    image = b.call("Conv", x, b.constant(half(16, 3, 3, 3), "w"), b.constant(half(16), "bias"), **window)
    norm = [b.constant(np.abs(half(16)) + np.float16(0.5), k) for k in ("scale", "shift", "mean", "var")]
    image = b.call("Relu", b.call("BatchNorm", image, *norm, layout="NCHW", epsilon=1e-5))
    both = b.call("Add", b.call("ReduceMean", image, axes=(2, 3), keepdims=False), b.call("ReduceMean", rows, axes=(1,), keepdims=False))
    both = b.call("Tanh", b.call("Add", both, h))
    b.set_state(h, both)
    b.output(b.call("FullyConnected", both, b.constant(half(128, 16), "last"), b.constant(half(128), "last_bias")), "y")
    b.output(b.call("Transpose", x, perm=(0, 2, 3, 1)), "moved")
    return b.graph, {"ids": np.arange(8, dtype=np.int64)[None] * 30, "x": half(1, 3, 8, 8)}


def test_network(tmp_path: Path) -> None:
    graph, feeds = network()
    weights = sum(v.const.nbytes for v in graph.constants() if v.const is not None)
    done = edgekit.convert(graph, tmp_path / "net.ekm")
    assert any("float16 is computed in float32" in n for n in done.notes)
    assert done.graph.metadata[FACT] == "float32" and done.errors
    assert sum(v.const.nbytes for v in done.graph.constants() if v.const is not None) < 1.1 * weights
    kept = {v.name.split(".")[0]: v.dtype for v in done.graph.constants()}
    assert all(kept[name] is F16 for name in ("table", "w", "last"))
    states = {s.name: s.first() for s in graph.states}
    with edgekit.Session(done.path) as session:
        for _ in range(3):
            want, got = run_graph(graph, feeds, states=states), session.run(feeds)
            np.testing.assert_array_equal(got["moved"], want["moved"])
            assert got["y"].dtype == np.float16
            np.testing.assert_allclose(got["y"].astype(np.float32), want["y"].astype(np.float32), atol=4e-3)


def test_the_pass_keeps_its_promises() -> None:
    graph, _ = network()
    before = [(v.name, v.type) for v in graph.inputs], [(k, v.type) for k, v in zip(graph.output_names, graph.outputs, strict=True)]
    twin = graph.clone()
    manager = PassManager()
    assert manager.run(graph, [WIDEN_HALF])
    verify(graph)
    once = graph_hash(graph)
    assert not manager.run(graph, [WIDEN_HALF]) and graph_hash(graph) == once
    assert before == (
        [(v.name, v.type) for v in graph.inputs],
        [(k, v.type) for k, v in zip(graph.output_names, graph.outputs, strict=True)],
    )
    PassManager().run(twin, [WIDEN_HALF])
    assert graph_hash(twin) == once


def test_optimizing_twice_is_optimizing_once() -> None:
    done, _ = optimize(network()[0])
    _, log = optimize(done)
    assert not log.modified, log.lines()


def test_moving_alone_stays_float16() -> None:
    b = GraphBuilder("moves")
    x = b.input("x", F16, (2, 3))
    b.output(b.call("Concat", b.call("Transpose", x, perm=(1, 0)), b.constant(np.ones((1, 2), np.float16)), axis=0), "y")
    before = graph_hash(b.graph)
    assert not widen_half(b.graph) and graph_hash(b.graph) == before


def test_nothing_is_rounded_or_overflows_in_between() -> None:
    b = GraphBuilder("between")
    x = b.input("x", F16, (3,))
    big = b.constant(np.float16(60000))
    b.output(b.call("Sub", b.call("Sub", b.call("Add", b.call("Add", x, big), big), big), big), "y")
    feeds = {"x": np.array([0.125, 1.5, -3.25], np.float16)}
    with Session(write_bytes(optimize(b.graph)[0])) as session:
        assert np.allclose(session.run(feeds)["y"].astype(np.float32), feeds["x"].astype(np.float32), atol=2.0**-6)


@pytest.mark.parametrize("moved", [False, True])
def test_weights_behind_a_cast_stay_float16(moved: bool) -> None:
    """A float32 model that keeps float16 weights and widens them itself."""
    r = np.random.default_rng(1)
    w = r.standard_normal((64, 64)).astype(np.float16)
    b = GraphBuilder("casts")
    x = b.input("x", F32, (1, 64))
    v = b.call("Cast", b.graph.add_constant(w, "w"), to=F32)
    if moved:
        v = b.call("Transpose", v, perm=(1, 0))
    b.output(b.call("FullyConnected", x, v), "y")
    done, _ = optimize(b.graph)
    assert [n.op for n in done.nodes] == ["FullyConnected"]
    assert [v.dtype for v in done.constants()] == [F16]
    feeds = {"x": r.standard_normal((1, 64)).astype(np.float32)}
    np.testing.assert_allclose(run_graph(done, feeds)["y"], run_graph(b.graph, feeds)["y"], rtol=1e-6)


@pytest.mark.parametrize("recipe", ["float16", "int8-weight-only", "int8"])
def test_quantizing(recipe: str, tmp_path: Path) -> None:
    graph, feeds = network()
    r = np.random.default_rng(3)
    data = [{**feeds, "x": (r.standard_normal((1, 3, 8, 8)) / 4).astype(np.float16)} for _ in range(16)] if recipe == "int8" else None
    done = edgekit.convert(graph, tmp_path / "q.ekm", quantize=recipe, calibration=data)
    if recipe != "float16":
        assert {v.name.split(".")[0] for v in done.graph.constants() if v.dtype.label == "int8"} >= {"w", "last"}
    want = run_graph(graph, feeds)["y"].astype(np.float32)
    with edgekit.Session(done.path) as session:
        got = session.run(feeds)["y"]
    assert got.dtype == np.float16
    assert np.abs(got.astype(np.float32) - want).max() < 0.05 * np.ptp(want)
