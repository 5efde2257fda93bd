"""Shapes, constants, identities, arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgekit.errors import PassError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ir.hash import graph_hash
from edgekit.passes import PassManager, bind_shapes, optimize
from edgekit.passes.canonicalize.fold_constants import FOLD_CONSTANTS
from edgekit.passes.canonicalize.infer_shapes import INFER_SHAPES
from edgekit.passes.canonicalize.simplify_arithmetic import SIMPLIFY_ARITHMETIC
from edgekit.passes.canonicalize.simplify_views import SIMPLIFY_VIEWS
from edgekit.passes.cleanup.merge_equal_nodes import MERGE_EQUAL_NODES
from edgekit.passes.cleanup.remove_dead_code import REMOVE_DEAD_CODE
from edgekit.passes.cleanup.remove_identities import REMOVE_IDENTITIES
from edgekit.symbolic import SymDim
from edgekit.types import F16, F32, I8, QuantParams
from tests.passes.test_contract import assert_same_numbers

Form = Callable[[GraphBuilder, Value], Value]


def ints(b: GraphBuilder, *values: int) -> Value:
    return b.constant(np.array(values, np.int64), "i")


def number(b: GraphBuilder, value: float) -> Value:
    return b.constant(np.array(value, np.float32), "k")


def graph_of(form: Form, shape: tuple[int, ...] = (2, 3, 4)) -> Graph:
    b = GraphBuilder("g")
    b.output(form(b, b.input("x", F32, shape)), "y")
    return b.graph


IDENTITIES: list[tuple[str, Form]] = [
    ("identity", lambda b, x: b.call("Identity", x)),
    ("reshape", lambda b, x: b.call("Reshape", x, ints(b, 2, -1, 4))),
    ("transpose", lambda b, x: b.call("Transpose", x, perm=[0, 1, 2])),
    ("cast", lambda b, x: b.call("Cast", x, to=F32)),
    ("slice", lambda b, x: b.call("Slice", x, ints(b, 0), ints(b, 99), ints(b, 1))),
    ("pad", lambda b, x: b.call("Pad", x, ints(b, 0, 0, 0, 0, 0, 0))),
    ("concat", lambda b, x: b.call("Concat", x, axis=1)),
    ("split", lambda b, x: b.call_multi("Split", x, axis=1, sizes=[3])[0]),
    ("resize", lambda b, x: b.call("Resize", x, ints(b, 2, 3, 4), None, mode="linear")),
    ("expand", lambda b, x: b.call("Expand", x, ints(b, 3, 1))),
    ("tile", lambda b, x: b.call("Tile", x, ints(b, 1, 1, 1))),
    ("gather", lambda b, x: b.call("Gather", x, ints(b, 0, 1, 2), axis=1)),
    ("clip", lambda b, x: b.call("Clip", x)),
    ("add_0", lambda b, x: b.call("Add", number(b, 0), x)),
    ("sub_0", lambda b, x: b.call("Sub", x, number(b, 0))),
    ("mul_1", lambda b, x: b.call("Mul", x, b.constant(np.ones((3, 1), np.float32)))),
    ("div_1", lambda b, x: b.call("Div", x, number(b, 1))),
    ("pow_1", lambda b, x: b.call("Pow", x, number(b, 1))),
    ("mul_spread_1", lambda b, x: b.call("Mul", x, b.call("Expand", number(b, 1), b.call("Shape", x)))),
    ("where_true", lambda b, x: b.call("Where", b.constant(np.ones((3, 1), np.bool_)), x, number(b, 7))),
    ("where_false", lambda b, x: b.call("Where", b.call("Expand", b.constant(np.array(False)), b.call("Shape", x)), number(b, 7), x)),
    ("max_pool", lambda b, x: b.call("MaxPool", x, kernel=[1], strides=[1], pads=[0, 0], dilations=[1], layout="NCHW")),
]


@pytest.mark.parametrize("form", [f for _, f in IDENTITIES], ids=[n for n, _ in IDENTITIES])
def test_identity_is_removed(form: Form) -> None:
    graph = graph_of(lambda b, x: b.call("Exp", form(b, b.call("Neg", x))))
    done, _ = optimize(graph)
    assert [n.op for n in done.nodes] == ["Neg", "Exp"]
    assert_same_numbers(graph, done, {"x": np.random.default_rng(0).standard_normal((2, 3, 4), dtype=np.float32)})


@pytest.mark.parametrize(
    "form",
    [
        lambda b, x: b.call("Slice", x, ints(b, 0), ints(b, 99), ints(b, 1), ints(b, 2)),
        lambda b, x: b.call("Slice", x, ints(b, -1), ints(b, -99), ints(b, 1), ints(b, -1)),
        lambda b, x: b.call("Add", x, b.constant(np.zeros((5, 2, 3, 4), np.float32))),
        lambda b, x: b.call("Sub", number(b, 0), x),
        lambda b, x: b.call("Gather", x, ints(b, 0, 2, 1), axis=1),
        lambda b, x: b.call("Pad", x, ints(b, 0, 1, 0, 0, -1, 0)),
        lambda b, x: b.call("Add", x, number(b, 0), clamp_min=0.0),
        lambda b, x: b.call("Where", b.constant(np.ones((5, 2, 3, 4), np.bool_)), x, number(b, 7)),
        lambda b, x: b.call("Where", b.constant(np.arange(3)[:, None] > 1), x, number(b, 7)),
        lambda b, x: b.call("Sub", b.call("Expand", number(b, 0), b.call("Shape", x)), x),
    ],
)
def test_what_only_looks_like_an_identity_stays(form: Form) -> None:
    graph = graph_of(form)
    done, _ = optimize(graph)
    assert len(done.nodes) >= 1
    assert_same_numbers(graph, done, {"x": np.random.default_rng(0).standard_normal((2, 3, 4), dtype=np.float32)})


def test_an_output_that_is_an_input_keeps_an_identity() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (2, 3))
    b.output(b.call("Reshape", x, ints(b, 2, 3)), "y")
    b.output(b.call("Identity", b.call("Identity", x)), "z")
    done, _ = optimize(b.graph)
    assert {n.op for n in done.nodes} == {"Identity"}
    assert done.output_names == ["y", "z"] and not any(v is done.inputs[0] for v in done.outputs)


def test_constants_fold_but_do_not_explode() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (4,))
    small = b.call("Mul", b.constant(np.arange(4, dtype=np.float32)), number(b, 2))
    huge = b.call("Expand", number(b, 1), ints(b, 1000, 1000, 4))
    b.output(b.call("Add", x, small), "y")
    b.output(b.call("Add", x, huge), "z")
    PassManager().run(b.graph, [FOLD_CONSTANTS])
    assert [n.op for n in b.graph.nodes] == ["Expand", "Add", "Add"]


def test_half_precision_weights_may_double() -> None:
    b = GraphBuilder("g")
    w = b.call("Cast", b.constant(np.ones((300, 300), np.float16)), to=F32)
    b.output(b.call("MatMul", b.input("x", F32, (2, 300)), w), "y")
    done, _ = optimize(b.graph)
    assert [n.op for n in done.nodes] == ["FullyConnected"]


def test_quantized_constants_are_not_folded() -> None:
    b = GraphBuilder("g")
    q = b.constant(np.arange(6, dtype=np.int8).reshape(2, 3), "w", quant=QuantParams.per_channel([0.1, 0.2], 0))
    b.output(b.call("FullyConnected", b.input("x", F32, (1, 3)), b.call("Dequantize", q)), "y")
    done, _ = optimize(b.graph)
    assert [n.op for n in done.nodes] == ["FullyConnected"]  # which takes them as they are
    assert done.constants()[0].dtype is I8 and done.constants()[0].quant == q.quant
    x = np.array([[1, -2, 0.5]], np.float32)
    assert_same_numbers(b.graph, done, {"x": x})


def test_quantize_and_dequantize_survive_between_convolutions() -> None:
    b = GraphBuilder("qdq")
    r = np.random.default_rng(0)
    q = QuantParams.per_tensor(0.05, 3)

    def qdq(v: Value) -> Value:
        from edgekit.types import TensorType

        stored = b.call_multi("Quantize", v, out_types=[TensorType(I8, v.shape, q)], dtype=I8)[0]
        return b.call("Dequantize", stored)

    def conv(v: Value, out: int) -> Value:
        w = b.constant(r.integers(-127, 128, (out, 3, 3, v.shape[1])).astype(np.int8), "w", quant=QuantParams.per_channel([0.01] * out, 0))
        return b.call("Conv", v, b.call("Dequantize", w), strides=[1, 1], pads=[1] * 4, dilations=[1, 1], layout="NCHW")

    x = qdq(b.input("x", F32, (1, 2, 6, 5)))
    y = qdq(b.call("Relu", conv(x, 4)))
    b.output(qdq(b.call("Add", conv(y, 4), y)), "y")
    done, _ = optimize(b.graph)
    ops = [n.op for n in done.nodes]
    assert ops.count("Quantize") == 3 and ops.count("Dequantize") == 3  # and none for the weights
    assert_same_numbers(b.graph, done, {"x": r.standard_normal((1, 2, 6, 5), dtype=np.float32)})


def test_a_permuted_per_channel_constant_keeps_its_scales() -> None:
    b = GraphBuilder("g")
    r = np.random.default_rng(0)
    x = b.input("x", F32, (1, 1, 4, 5))
    y = b.call(
        "Conv",
        x,
        b.constant(r.standard_normal((3, 1, 1, 1), dtype=np.float32)),
        strides=[1, 1],
        pads=[0] * 4,
        dilations=[1, 1],
        layout="NCHW",
    )
    c = b.constant(r.integers(-9, 9, (1, 3, 4, 5)).astype(np.int8), "c", quant=QuantParams.per_channel([0.1, 0.2, 0.3], 1))
    b.output(b.call("ReduceSum", b.call("Mul", y, b.call("Dequantize", c)), axes=[1, 2, 3]), "y")
    done, _ = optimize(b.graph)
    kept = next(v for v in done.constants() if v.quant is not None)
    assert kept.shape == (1, 4, 5, 3) and kept.quant is not None and kept.quant.axis == 3
    assert_same_numbers(b.graph, done, {"x": r.standard_normal((1, 1, 4, 5), dtype=np.float32)})


def test_shape_arithmetic_becomes_a_constant() -> None:
    b = GraphBuilder("g")
    n = SymDim.symbol("N")
    x = b.input("x", F32, (n, 3, 4))
    rows = b.call("Mul", b.call("Slice", b.call("Shape", x), ints(b, 1), ints(b, 2)), ints(b, 4))
    target = b.call("Concat", ints(b, -1), rows, axis=0)
    b.output(b.call("Reshape", x, target), "y")
    graph = b.graph.clone()
    for node in graph.nodes:  # forget what the builder knew
        for v in node.outputs:
            v.type = v.type.with_shape([SymDim.symbol(f"{v.name}_{i}") for i in range(len(v.shape))])
    graph.nodes[0].outputs[0].type = b.graph.nodes[0].outputs[0].type
    PassManager().run(graph, [INFER_SHAPES, REMOVE_DEAD_CODE])
    assert [n.op for n in graph.nodes] == ["Reshape"]
    assert graph.outputs[0].shape == (n, 12)


def test_binding_shapes() -> None:
    def build() -> Graph:
        b = GraphBuilder("g")
        n, h = SymDim.symbol("N"), SymDim.symbol("H")
        x, y = b.input("x", F32, (n, 3, h)), b.input("y", F32, (n, h * 2))
        b.output(b.call("Exp", x), "a")
        b.output(b.call("Concat", y, b.call("Reshape", x, ints(b, 0, -1)), axis=1), "b")
        return b.graph

    g = build()
    done = bind_shapes(g, {"x": (2, 3, 5)})
    assert done.values == {"N": 2, "H": 5} and not done.notes
    assert [v.shape for v in (*g.inputs, *g.outputs)] == [(2, 3, 5), (2, 10), (2, 3, 5), (2, 25)]
    g = build()
    done = bind_shapes(g, {"H": 4})
    assert [v.shape for v in g.outputs] == [(1, 3, 4), (1, 20)]
    assert "'N'" in done.notes[0] and "set to 1" in done.notes[0]
    g = build()
    bind_shapes(g, {"H": 4}, default_batch=False)
    assert str(g.outputs[1].shape[0]) == "N"
    wrongs: tuple[dict[str, Any], ...] = ({"x": (2, 3, 5), "H": 4}, {"x": (2, 3)}, {"q": (1,)}, {"Q": 1}, {"x": (2, 3, -5)})
    for wrong in wrongs:
        with pytest.raises(PassError, match=r"input|dimension"):
            bind_shapes(build(), wrong)


def test_a_static_input_can_be_given_another_shape() -> None:
    g = graph_of(lambda b, x: b.call("Exp", b.call("Add", x, number(b, 1))))
    bind_shapes(g, {"x": (7, 3, 4)})
    assert g.outputs[0].shape == (7, 3, 4)


def test_chains_of_views_merge() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F32, (2, 3, 4))
    y = b.call("Reshape", b.call("Reshape", b.call("Reshape", x, ints(b, 6, 4)), ints(b, 24)), ints(b, 4, 6))
    z = b.call("Transpose", b.call("Transpose", y, perm=[1, 0]), perm=[1, 0])
    b.output(b.call("Exp", z), "y")
    done, _ = optimize(b.graph)
    assert [n.op for n in done.nodes] == ["Reshape", "Exp"]


def test_a_transpose_of_unit_dimensions_is_a_reshape() -> None:
    g = graph_of(lambda b, x: b.call("Transpose", x, perm=[2, 0, 1]), (5, 1, 1))
    PassManager().run(g, [SIMPLIFY_VIEWS])
    assert [n.op for n in g.nodes] == ["Reshape"]


def test_concats_of_concats_are_one() -> None:
    b = GraphBuilder("g")
    x, y, z = (b.input(n, F32, (2, 3)) for n in "xyz")
    b.output(b.call("Concat", x, b.call("Concat", y, z, axis=-1), axis=1), "o")
    PassManager().run(b.graph, [SIMPLIFY_VIEWS])
    assert [v.name for v in b.graph.nodes[0].inputs if v is not None] == ["x", "y", "z"]


def test_arithmetic_takes_one_form() -> None:
    cases: list[tuple[Form, list[str]]] = [
        (lambda b, x: b.call("Div", x, number(b, 8)), ["Mul"]),
        (lambda b, x: b.call("Div", x, number(b, 3)), ["Div"]),
        (lambda b, x: b.call("Sub", x, number(b, 3)), ["Add"]),
        (lambda b, x: b.call("Reciprocal", b.call("Sqrt", x)), ["Rsqrt"]),
        (lambda b, x: b.call("Div", number(b, 1), x), ["Reciprocal"]),
        (lambda b, x: b.call("Max", x, number(b, 0)), ["Relu"]),
        (lambda b, x: b.call("Min", b.call("Max", x, number(b, -1)), number(b, 2)), ["Clip"]),
        (lambda b, x: b.call("Clip", b.call("Clip", x, min=-1, max=1), min=0, max=5), ["Clip"]),
        (lambda b, x: b.call("Pow", x, number(b, 2)), ["Mul"]),
        (lambda b, x: b.call("Mul", number(b, 3), b.call("Mul", x, b.constant(np.ones(4, np.float32) * 2))), ["Mul"]),
        (lambda b, x: b.call("Add", b.call("Add", x, number(b, 2)), number(b, 2)), ["Add"]),
    ]
    for form, ops in cases:
        graph = graph_of(form)
        done = graph.clone()
        PassManager().run_until_stable(done, [SIMPLIFY_ARITHMETIC])
        assert [n.op for n in done.nodes] == ops
        assert_same_numbers(graph, done, {"x": np.random.default_rng(0).random((2, 3, 4), dtype=np.float32) + np.float32(0.5)})


def test_integers_and_half_precision_are_left_alone_or_right() -> None:
    b = GraphBuilder("g")
    x = b.input("x", F16, (3,))
    b.output(b.call("Div", x, b.constant(np.array(4, np.float16))), "y")
    i = b.input("i", I8, (3,))
    b.output(b.call("Div", i, b.constant(np.array(4, np.int8))), "z")
    done, _ = optimize(b.graph)
    assert [n.op for n in done.nodes] == ["Cast", "Mul", "Div", "Cast"]
    assert_same_numbers(b.graph, done, {"x": np.array([1, 2.5, -3], np.float16), "i": np.array([9, -9, 3], np.int8)})


def test_equal_nodes_and_constants_merge_and_dead_ones_go() -> None:
    b = GraphBuilder("g")
    x, y = b.input("x", F32, (3,)), b.input("y", F32, (3,))
    one, other = number(b, 5), number(b, 5)
    s, t = b.call("Add", x, one), b.call("Add", other, x)
    b.output(b.call("Mul", b.call("Sub", s, y), b.call("Sub", t, y)), "o")
    b.call("Exp", b.call("Neg", x))
    log = PassManager()
    log.run(b.graph, [MERGE_EQUAL_NODES, REMOVE_DEAD_CODE])
    assert [n.op for n in b.graph.nodes] == ["Add", "Sub", "Mul"]
    assert len(b.graph.constants()) == 1
    assert log.log.changes("remove-dead-code") == 2


def test_a_pass_that_changes_nothing_says_so() -> None:
    g = graph_of(lambda b, x: b.call("Exp", x))
    before = graph_hash(g)
    manager = PassManager()
    assert not manager.run(g, [INFER_SHAPES, FOLD_CONSTANTS, REMOVE_IDENTITIES, SIMPLIFY_VIEWS])
    assert graph_hash(g) == before and manager.log.lines() == []
