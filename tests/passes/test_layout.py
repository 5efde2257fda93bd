"""The global layout pass: which Transposes are left around what, and the machinery below it."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.ir import Graph, Value
from edgekit.passes import optimize
from edgekit.passes.layout.assign_layout import moved_elements, transposes
from edgekit.passes.layout.min_cut import MinCut
from edgekit.passes.layout.permutation import between, compose, inverse, reshape_groups, same_memory, through_reshape
from edgekit.symbolic import SymDim
from edgekit.types import F32
from tests.passes.networks import Network, mobilenet_v2
from tests.passes.test_contract import assert_same_numbers, interface


def converted(net: Network, *outputs: Value) -> Graph:
    """The optimised network, checked against the original."""
    for i, v in enumerate(outputs):
        net.b.output(v, f"y{i}")
    graph = net.b.graph
    done, _ = optimize(graph)
    assert interface(done) == interface(graph)
    assert not any(n.attrs.get("layout") == "NCHW" for n in done.nodes)
    feeds = {v.name: net.rng.standard_normal(v.type.static_shape(), dtype=np.float32) for v in graph.inputs}
    assert_same_numbers(graph, done, feeds)
    return done


def test_mobilenet_keeps_one_transpose_and_is_fast() -> None:
    graph = mobilenet_v2()
    started = time.perf_counter()
    done, log = optimize(graph)
    assert time.perf_counter() - started < 5  # well below 1 s on an idle machine
    assert [n.input(0).name for n in transposes(done)] == ["x"]
    assert {n.op for n in done.nodes} == {"Transpose", "Conv", "Add", "ReduceMean", "FullyConnected"}
    assert len(done.nodes) == 1 + 52 + 10 + 2
    assert log.changes("fold-batch-norm") == 52


def test_detection_head_needs_no_transpose() -> None:
    net = Network("head")
    x = net.conv(net.b.input("x", F32, (1, 1, 8, 6)), 12)
    y = net.b.call("Reshape", net.b.call("Transpose", x, perm=[0, 2, 3, 1]), net.ints(1, -1, 4))
    assert not transposes(converted(net, net.b.call("Softmax", y, axis=2)))


def test_squeeze_and_excitation_with_a_gate_of_lower_rank() -> None:
    net = Network("se")
    x = net.conv(net.b.input("x", F32, (1, 1, 8, 6)), 8)
    gate = net.b.call("Sigmoid", net.conv(net.b.call("GlobalAveragePool", x, layout="NCHW"), 8, 1))
    bias = net.b.call("Reshape", net.b.call("ReduceMax", x, axes=[0, 2, 3], keepdims=False), net.ints(8, 1, 1))
    y = net.b.call("Add", net.b.call("Mul", x, gate), bias)
    done = converted(net, net.b.call("GlobalMaxPool", y, layout="NCHW"))
    assert not transposes(done)


def test_everything_with_an_axis_follows() -> None:
    net = Network("axes")
    x = net.conv(net.b.input("x", F32, (1, 1, 8, 6)), 8)
    a, b = net.b.call_multi("Split", x, axis=1, sizes=[3, 5])
    x = net.b.call("Concat", b, a, axis=-3)
    x = net.b.call("Slice", x, net.ints(1, 0), net.ints(7, 100), net.ints(1, 3), net.ints(1, 2))
    x = net.b.call("Slice", x, net.ints(0, 0, 1), net.ints(1, 6, 8))
    x = net.b.call("Pad", x, net.ints(0, 1, 0, 2, 0, 0, 3, 0), mode="edge")
    x = net.b.call("Pad", x, net.ints(1, 1), None, net.ints(1))
    x = net.b.call("Resize", x, None, net.b.constant(np.array([1, 1, 2, 1.5], np.float32)), mode="linear")
    x = net.b.call("Tile", x, net.ints(1, 1, 2, 1))
    x = net.b.call("Gather", x, net.ints(3, 1, 2), axis=1)
    x = net.b.call("CumSum", x, net.b.constant(np.array(1, np.int64)))
    x = net.b.call("Mul", x, net.floats(3, 1, 1))
    x = net.b.call("PRelu", x, net.floats(3, 1, 1))
    x = net.b.call(
        "Where", net.b.call("Less", x, net.floats(1)), x, net.b.call("Expand", net.b.call("ReduceMean", x, axes=[1]), net.ints(1, 3, 1, 1))
    )
    values, indices = net.b.call_multi("TopK", x, net.ints(2), axis=1)
    x = net.b.call("Softmax", values, axis=1)
    best = net.b.call("ArgMax", net.conv(x, 4), axis=1, keepdims=False)
    done = converted(net, best)
    assert not transposes(done)
    assert indices.users == []


def test_tensorflow_export_keeps_its_own_layout() -> None:
    net = Network("tf")
    x = net.b.input("x", F32, (1, 8, 6, 3))
    for _ in range(2):
        y = net.conv(net.b.call("Transpose", x, perm=[0, 3, 1, 2]), 3)
        x = net.b.call("Add", x, net.b.call("Relu", net.b.call("Transpose", y, perm=[0, 2, 3, 1])))
    assert not transposes(converted(net, x))


@pytest.mark.parametrize("shape", [(1, 4, 9), (2, 4, 5, 6), (1, 2, 4, 5, 6)])
def test_every_spatial_rank(shape: tuple[int, ...]) -> None:
    net = Network("rank")
    x = net.b.input("x", F32, shape)
    y = net.conv(net.b.call("Relu", net.conv(x, 4)), 4)
    done = converted(net, y)
    assert len(transposes(done)) == 2


def test_vision_transformer_stem_is_free() -> None:
    net = Network("vit")
    x = net.conv(net.b.input("x", F32, (1, 1, 8, 8)), 16, 3, 2)
    tokens = net.b.call("Transpose", net.b.call("Reshape", x, net.ints(1, 16, 16)), perm=[0, 2, 1])
    assert not transposes(converted(net, net.b.call("LayerNorm", tokens, net.floats(16), net.floats(16))))


def test_channel_shuffle_moves_only_the_groups() -> None:
    net = Network("shuffle")
    x = net.conv(net.b.input("x", F32, (1, 1, 8, 6)), 8)
    x = net.b.call("Transpose", net.b.call("Reshape", x, net.ints(1, 2, 4, 8, 6)), perm=[0, 2, 1, 3, 4])
    x = net.conv(net.b.call("Reshape", x, net.ints(1, 8, 8, 6)), 1)
    left = transposes(converted(net, x))
    assert len(left) == 1 and left[0].attrs["perm"] == (0, 1, 2, 4, 3)


def test_the_cheap_side_is_transposed() -> None:
    """A sum over channels first makes the tensor small: the Transpose goes behind it."""
    net = Network("cheap")
    x = net.conv(net.b.input("x", F32, (1, 1, 8, 6)), 16)
    y = net.b.call("ReduceSum", net.b.call("Sigmoid", x), axes=[1])
    z = net.b.call("Slice", net.b.call("Exp", x), net.ints(0), net.ints(2), net.ints(1))
    done = converted(net, y, z)
    assert moved_elements(done) == 2 * 8 * 6


def test_transposes_meet_across_elementwise_nodes_without_any_convolution() -> None:
    net = Network("sink")
    x = net.b.input("x", F32, (3, 4, 5))
    a = net.b.call("Exp", net.b.call("Transpose", x, perm=[2, 0, 1]))
    b = net.b.call("Mul", a, net.floats(3, 1))
    c = net.b.call("ReduceSum", b, axes=[0])
    assert not transposes(converted(net, net.b.call("Transpose", net.b.call("Add", b, c), perm=[1, 2, 0])))


def test_a_useful_transpose_stays() -> None:
    net = Network("stays")
    x = net.b.input("x", F32, (3, 4))
    done = converted(net, net.b.call("Transpose", net.b.call("Exp", x), perm=[1, 0]), net.b.call("Exp", x))
    assert len(transposes(done)) == 1


def test_flatten_into_fully_connected_moves_weights_instead() -> None:
    net = Network("flatten")
    x = net.b.call("Relu", net.conv(net.b.input("x", F32, (2, 1, 4, 6)), 5))
    y = net.b.call("MatMul", net.b.call("Reshape", x, net.ints(2, -1)), net.floats(120, 7))
    assert not transposes(converted(net, y))


def test_attention_heads_share_transposes() -> None:
    net = Network("heads")
    x = net.b.input("x", F32, (2, 5, 8))

    def heads(v: Value, *perm: int) -> Value:
        return net.b.call("Transpose", net.b.call("Reshape", v, net.ints(2, 5, 2, 4)), perm=perm)

    q, k, v = (net.b.call("MatMul", x, net.floats(8, 8)) for _ in range(3))
    scores = net.b.call("Softmax", net.b.call("MatMul", heads(q, 0, 2, 1, 3), heads(k, 0, 2, 3, 1)), axis=-1)
    y = net.b.call("Transpose", net.b.call("MatMul", scores, heads(v, 0, 2, 1, 3)), perm=[0, 2, 1, 3])
    done = converted(net, net.b.call("Reshape", y, net.ints(2, 5, 8)))
    assert "Attention" in {n.op for n in done.nodes} and len(transposes(done)) <= 4


def test_layout_can_be_left_alone() -> None:
    net = Network("keep")
    net.b.output(net.conv(net.b.input("x", F32, (1, 2, 4, 4)), 4), "y")
    done, _ = optimize(net.b.graph, target_layout=None)
    assert [n.attrs["layout"] for n in done.nodes] == ["NCHW"]


# -- permutations and cuts --------------------------------------------------------------------------------------------------


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_permutation_algebra(p: list[int], q: list[int]) -> None:
    a = np.zeros((2, 3, 4, 5, 6))
    tp, tq = tuple(p), tuple(q)
    assert a.transpose(tp).transpose(tq).shape == a.transpose(compose(tp, tq)).shape
    assert a.transpose(tp).transpose(inverse(tp)).shape == a.shape
    assert a.transpose(tp).transpose(between(tp, tq)).shape == a.transpose(tq).shape


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
@settings(deadline=None)
def test_through_reshape_is_right(xs: list[int], data: st.DataObject) -> None:
    n = int(np.prod(xs))
    cuts = data.draw(st.lists(st.integers(1, 4), max_size=5))
    ys: list[int] = []
    for c in cuts:
        if n % c == 0:
            ys.append(c)
            n //= c
    ys.append(n)
    perm = tuple(data.draw(st.permutations(range(len(xs)))))
    out = through_reshape(tuple(xs), tuple(ys), perm)
    if out is None:
        return
    a = np.arange(np.prod(xs)).reshape(xs)
    stored = a.transpose(perm)
    np.testing.assert_array_equal(stored.reshape([ys[i] for i in out]), a.reshape(ys).transpose(out))


def test_reshape_groups_with_symbols() -> None:
    n = SymDim.symbol("N")
    assert reshape_groups((n, 4, 6), (n, 24)) == [([0], [0]), ([1, 2], [1])]
    assert reshape_groups((n, 4), (n * 2, 2)) == [([0, 1], [0, 1])]
    assert reshape_groups((n, 4), (SymDim.symbol("M"), 4)) is None
    assert same_memory((1, 3, n), (1, 0, 2), (0, 1, 2)) and not same_memory((n, 3), (0, 1), (1, 0))


@given(st.integers(1, 5), st.data())
@settings(deadline=None, max_examples=60)
def test_min_cut_is_minimal(count: int, data: st.DataObject) -> None:
    node = st.integers(0, count + 1)
    terms = data.draw(st.lists(st.tuples(node, node, st.integers(1, 9)), max_size=12))
    cut = MinCut()
    for _ in range(count):
        cut.variable()
    for a, b, cost in terms:
        cut.charge(a, b, cost)

    def price(bits: tuple[int, ...]) -> int:
        full = (0, 1, *bits)
        return sum(c for a, b, c in terms if full[a] == 0 and full[b] == 1)

    best = min(price(bits) for bits in itertools.product((0, 1), repeat=count))
    for prefer in (False, True):
        fresh = MinCut()
        for _ in range(count):
            fresh.variable()
        for a, b, cost in terms:
            fresh.charge(a, b, cost)
        total, ones = fresh.solve(prefer_ones=prefer)
        assert total == best == price(tuple(int(o) for o in ones[2:]))
