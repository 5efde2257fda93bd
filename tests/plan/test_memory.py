"""The memory plan: nothing that is still needed is overwritten, and what may share memory does."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.ir import Graph, GraphBuilder, Node, Value
from edgekit.passes import optimize
from edgekit.plan import Lifetime, align, plan_memory
from edgekit.plan.memory import lower_bound, place
from edgekit.plan.schedule import best_order
from edgekit.reference.interpreter import run_node
from edgekit.symbolic import SymDim
from edgekit.types import F32, Array
from tests.passes.strategies import graphs

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def run_in_arena(graph: Graph, feeds: dict[str, Array]) -> dict[str, Array]:
    """Run the graph with every tensor in its planned place. Outputs are written element by element, so that sharing shows."""
    plan = plan_memory(graph)
    arena = np.full(plan.arena_bytes, 0xA5, np.uint8)

    def view(v: Value) -> Array:
        if v.const is not None:
            return v.const
        at = plan.offsets[v.name]
        assert at % 64 == 0 and at + v.type.nbytes_max() <= plan.arena_bytes
        return arena[at : at + v.type.nbytes_max()].view(v.dtype.numpy).reshape(v.type.static_shape())

    for v in graph.inputs:
        view(v)[...] = feeds[v.name]
    for n in graph.nodes:
        _run_one(n, [None if v is None else view(v) for v in n.inputs], [view(v) for v in n.outputs])
    return {name: view(v).copy() for v, name in zip(graph.outputs, graph.output_names, strict=True)}


def _run_one(n: Node, inputs: list[Array | None], outputs: list[Array]) -> None:
    if n.op in ("Concat", "Split"):
        # as in C: parts that lie in place are left alone, others are copied; the order of copies must not matter
        axis = n.attrs["axis"]
        whole = outputs[0] if n.op == "Concat" else inputs[0]
        parts = inputs if n.op == "Concat" else outputs
        assert whole is not None
        at = 0
        for part in parts:
            assert part is not None
            place_ = whole[(slice(None),) * (axis % whole.ndim) + (slice(at, at + part.shape[axis]),)]
            at += part.shape[axis]
            same = part.__array_interface__["data"][0] == place_.__array_interface__["data"][0]
            if not same:
                target, source = (place_, part) if n.op == "Concat" else (part, place_)
                assert not np.shares_memory(target, source)
                target[...] = source
        return
    for result, out in zip(run_node(n, inputs), outputs, strict=True):
        for x in inputs:
            if x is not None and x.size and np.shares_memory(x, out):
                assert n.definition.may_run_in_place and x.nbytes == out.nbytes
                assert x.__array_interface__["data"][0] == out.__array_interface__["data"][0]
        out[...] = result


def check(graph: Graph, feeds: dict[str, Array]) -> None:
    expected = _reference(graph, feeds)
    got = run_in_arena(graph, feeds)
    for k, want in expected.items():
        np.testing.assert_array_equal(got[k], want)


def _reference(graph: Graph, feeds: dict[str, Array]) -> dict[str, Array]:
    from edgekit.reference import run_graph

    return run_graph(graph, feeds)


@given(case=graphs(max_steps=20))
@RELAXED
def test_generated_graphs_run_in_their_arena(case: tuple[Graph, dict[str, Array]]) -> None:
    graph, feeds = case
    check(graph, feeds)
    check(optimize(graph)[0], feeds)


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(-1, 20), st.integers(0, 8)), max_size=40),
)
@RELAXED
def test_blocks_alive_together_do_not_overlap(raw: list[tuple[int, int, int]]) -> None:
    blocks = tuple(Lifetime(f"b{i}", n, first, first + length) for i, (n, first, length) in enumerate(raw))
    bound = lower_bound(blocks)
    offsets, total = place(blocks, bound)
    assert total >= bound
    for i, a in enumerate(blocks):
        assert offsets[a.name] + align(a.nbytes) <= total or not a.nbytes
        for b in blocks[:i]:
            if a.nbytes and b.nbytes and a.first <= b.last and b.first <= a.last:
                x, y = offsets[a.name], offsets[b.name]
                assert x + align(a.nbytes) <= y or y + align(b.nbytes) <= x


def _chain(*ops: str) -> Graph:
    b = GraphBuilder("g")
    x = b.input("x", F32, (1, 1024))
    for op in ops:
        x = b.call(op, x)
    b.output(x, "y")
    return b.graph


def test_a_chain_of_elementwise_nodes_needs_one_block_besides_the_input() -> None:
    plan = plan_memory(_chain("Sigmoid", "Tanh", "Abs", "Sqrt"))
    assert plan.arena_bytes == plan.lower_bound == 2 * 4096  # the last result is an output, which never lies over an input


def test_concat_and_split_do_not_copy() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (4, 64))
    parts = b.call_multi("Split", b.call("Sigmoid", x), axis=0, sizes=[1, 3])
    y = b.call("Concat", b.call("Abs", parts[0]), b.call("Exp", parts[1]), axis=0)
    b.output(b.call("Neg", y), "y")
    plan = plan_memory(b.graph)
    base = plan.offsets[y.name]
    c = b.graph.nodes[-2]
    assert [plan.offsets[v.name] - base for v in c.inputs if v is not None] == [0, 256]
    assert plan.arena_bytes == 2 * 1024
    check(b.graph, {"x": np.random.default_rng(0).standard_normal((4, 64), dtype=np.float32)})


def test_broadcast_operands_are_not_overwritten() -> None:
    b = GraphBuilder("g")
    x, s = b.input("x", F32, (8, 64)), b.input("s", F32, (1, 64))
    big, small = b.call("Exp", x), b.call("Exp", s)
    y = b.call("Add", small, big)
    b.output(b.call("Neg", y), "y")
    plan = plan_memory(b.graph)
    assert plan.offsets[y.name] == plan.offsets[big.name] != plan.offsets[small.name]


def test_a_value_still_needed_is_kept() -> None:
    b = GraphBuilder("g")
    e = b.call("Exp", b.input("x", F32, (64,)))
    b.output(b.call("Add", b.call("Neg", e), e), "y")
    check(b.graph, {"x": np.arange(64, dtype=np.float32) / 64})


def test_symbolic_dimensions_take_their_upper_bound() -> None:
    b = GraphBuilder("g")
    n = SymDim.symbol("N", 1, 16)
    b.output(b.call("Exp", b.input("x", F32, (n, 16))), "y")
    assert plan_memory(b.graph).arena_bytes == 2 * 1024


def test_the_peak_is_named() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (1, 16))
    big = b.call("Expand", x, b.constant(np.array([64, 16])), name="grow")
    b.output(b.call("ReduceSum", big, axes=[0], name="shrink"), "y")
    plan = plan_memory(b.graph)
    assert plan.peak[0] == ("grow", 4096)
    assert plan.peak_node in ("grow", "shrink")
    assert [name for name, _ in plan.timeline] == ["grow", "shrink"]
    assert max(nbytes for _, nbytes in plan.timeline) == plan.lower_bound == plan.arena_bytes


def test_nodes_are_reordered_when_that_saves_memory() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (1, 64))
    shape = b.constant(np.array([64, 64]))
    grown = [b.call("Expand", x, shape) for _ in range(4)]
    sums = [b.call("ReduceSum", g, axes=[0]) for g in grown]
    b.output(b.call("Concat", *sums, axis=0), "y")
    before = plan_memory(b.graph).arena_bytes
    order = best_order(b.graph)
    assert order is not None
    b.graph.nodes = order
    assert plan_memory(b.graph).arena_bytes < before / 2
    assert best_order(b.graph) is None


@given(case=graphs(max_steps=20))
@RELAXED
def test_a_better_order_is_valid_and_really_better(case: tuple[Graph, dict[str, Array]]) -> None:
    graph, feeds = case
    order = best_order(graph)
    if order is not None:
        before = plan_memory(graph).lower_bound
        graph.nodes = order
        assert plan_memory(graph).lower_bound <= before
        check(graph, feeds)
