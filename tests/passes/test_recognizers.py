"""Composed functions as exporters write them, and what they become."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.passes import optimize
from edgekit.types import F32, Array
from tests.passes.test_contract import assert_same_numbers

Form = Callable[[GraphBuilder, Value], Value]


def k(b: GraphBuilder, value: float) -> Value:
    return b.constant(np.array(value, np.float32), "k")


def vector(b: GraphBuilder, *shape: int) -> Value:
    return b.constant(np.random.default_rng(1).standard_normal(shape, dtype=np.float32), "v")


def gelu_torch(b: GraphBuilder, x: Value) -> Value:
    erf = b.call("Erf", b.call("Div", x, k(b, math.sqrt(2))))
    return b.call("Mul", b.call("Mul", x, b.call("Add", erf, k(b, 1))), k(b, 0.5))


def gelu_half_first(b: GraphBuilder, x: Value) -> Value:
    erf = b.call("Erf", b.call("Mul", x, k(b, 1 / math.sqrt(2))))
    return b.call("Mul", b.call("Add", k(b, 1), erf), b.call("Mul", k(b, 0.5), x))


def gelu_tanh(b: GraphBuilder, x: Value) -> Value:
    cube = b.call("Mul", b.call("Pow", x, k(b, 3)), k(b, 0.044715))
    t = b.call("Tanh", b.call("Mul", b.call("Add", x, cube), k(b, math.sqrt(2 / math.pi))))
    return b.call("Mul", b.call("Mul", x, k(b, 0.5)), b.call("Add", t, k(b, 1)))


def gelu_tanh_products(b: GraphBuilder, x: Value) -> Value:
    inner = b.call("Add", b.call("Mul", b.call("Mul", x, x), k(b, 0.044715)), k(b, 1))
    t = b.call("Tanh", b.call("Mul", b.call("Mul", x, k(b, math.sqrt(2 / math.pi))), inner))
    return b.call("Mul", k(b, 0.5), b.call("Mul", x, b.call("Add", k(b, 1), t)))


def silu(b: GraphBuilder, x: Value) -> Value:
    return b.call("Mul", b.call("Sigmoid", x), x)


def mish(b: GraphBuilder, x: Value) -> Value:
    return b.call("Mul", x, b.call("Tanh", b.call("Softplus", x)))


def mish_written_out(b: GraphBuilder, x: Value) -> Value:
    return b.call("Mul", x, b.call("Tanh", b.call("Log", b.call("Add", b.call("Exp", x), k(b, 1)))))


def hard_sigmoid(b: GraphBuilder, x: Value) -> Value:
    return b.call("Div", b.call("Clip", b.call("Add", x, k(b, 3)), min=0, max=6), k(b, 6))


def hard_sigmoid_keras(b: GraphBuilder, x: Value) -> Value:
    return b.call("Clip", b.call("Add", b.call("Mul", x, k(b, 0.2)), k(b, 0.5)), min=0, max=1)


def hard_swish_outer_division(b: GraphBuilder, x: Value) -> Value:
    return b.call("Div", b.call("Mul", x, b.call("Clip", b.call("Add", x, k(b, 3)), min=0, max=6)), k(b, 6))


def hard_swish_inner_division(b: GraphBuilder, x: Value) -> Value:
    return b.call("Mul", x, hard_sigmoid(b, x))


def hard_swish_relu6_min_max(b: GraphBuilder, x: Value) -> Value:
    relu6 = b.call("Min", b.call("Max", b.call("Add", x, k(b, 3)), k(b, 0)), k(b, 6))
    return b.call("Mul", b.call("Mul", x, relu6), k(b, 1 / 6))


def leaky_relu(b: GraphBuilder, x: Value) -> Value:
    return b.call("Max", b.call("Mul", x, k(b, 0.1)), x)


def layer_norm(b: GraphBuilder, x: Value) -> Value:
    mean = b.call("ReduceMean", x, axes=[-1])
    d = b.call("Sub", x, mean)
    variance = b.call("ReduceMean", b.call("Pow", d, k(b, 2)), axes=[-1])
    y = b.call("Div", d, b.call("Sqrt", b.call("Add", variance, k(b, 1e-5))))
    return b.call("Add", b.call("Mul", y, vector(b, 8)), vector(b, 8))


def layer_norm_two_differences(b: GraphBuilder, x: Value) -> Value:
    d1 = b.call("Sub", x, b.call("ReduceMean", x, axes=[1, 2]))
    d2 = b.call("Sub", x, b.call("ReduceMean", x, axes=[1, 2]))
    variance = b.call("ReduceMean", b.call("Mul", d2, d2), axes=[1, 2])
    inverse = b.call("Reciprocal", b.call("Sqrt", b.call("Add", variance, k(b, 1e-3))))
    return b.call("Mul", b.call("Mul", d1, inverse), vector(b, 1, 6, 8))


def rms_norm(b: GraphBuilder, x: Value) -> Value:
    mean = b.call("ReduceMean", b.call("Pow", x, k(b, 2)), axes=[-1])
    y = b.call("Mul", x, b.call("Reciprocal", b.call("Sqrt", b.call("Add", mean, k(b, 1e-6)))))
    return b.call("Mul", vector(b, 8), y)


FORMS: list[tuple[Form, str]] = [
    (gelu_torch, "Gelu"),
    (gelu_half_first, "Gelu"),
    (gelu_tanh, "Gelu"),
    (gelu_tanh_products, "Gelu"),
    (silu, "Silu"),
    (mish, "Mish"),
    (mish_written_out, "Mish"),
    (hard_sigmoid, "HardSigmoid"),
    (hard_sigmoid_keras, "HardSigmoid"),
    (hard_swish_outer_division, "HardSwish"),
    (hard_swish_inner_division, "HardSwish"),
    (hard_swish_relu6_min_max, "HardSwish"),
    (leaky_relu, "LeakyRelu"),
    (layer_norm, "LayerNorm"),
    (layer_norm_two_differences, "LayerNorm"),
    (rms_norm, "RmsNorm"),
]


def build(form: Form, shape: tuple[int, ...] = (2, 6, 8)) -> tuple[Graph, dict[str, Array]]:
    b = GraphBuilder("g")
    b.output(form(b, b.input("x", F32, shape)), "y")
    return b.graph, {"x": np.random.default_rng(0).standard_normal(shape, dtype=np.float32) * 3}


@pytest.mark.parametrize(("form", "op"), FORMS, ids=[f.__name__ for f, _ in FORMS])
def test_becomes_one_node(form: Form, op: str) -> None:
    graph, feeds = build(form)
    done, _ = optimize(graph)
    assert [n.op for n in done.nodes] == [op]
    assert_same_numbers(graph, done, feeds)


@pytest.mark.parametrize(
    "change",
    [
        lambda b, x: b.call("Mul", x, b.call("Sigmoid", b.call("Neg", x))),
        lambda b, x: b.call("Mul", x, b.call("Clip", b.call("Add", x, k(b, 3)), min=0, max=5)),
        lambda b, x: b.call("Mul", b.call("Mul", x, b.call("Add", b.call("Erf", x), k(b, 1))), k(b, 0.5)),
        lambda b, x: b.call("Div", x, b.call("Sqrt", b.call("Add", b.call("ReduceMean", b.call("Mul", x, x), axes=[0]), k(b, 1e-5)))),
    ],
)
def test_near_misses_stay(change: Form) -> None:
    graph, feeds = build(change)
    done, _ = optimize(graph)
    assert len(done.nodes) > 1
    assert not {n.op for n in done.nodes} & {"Silu", "HardSwish", "Gelu", "RmsNorm", "LayerNorm"}
    assert_same_numbers(graph, done, feeds)


@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", ["div", "mul", "none"])
@pytest.mark.parametrize("keys", ["transpose", "from_bshd"])
def test_attention(rank: int, masked: bool, scale: str, keys: str) -> None:
    b = GraphBuilder("g")
    r = np.random.default_rng(0)
    lead = (2, 3)[: rank - 2]
    q = b.input("q", F32, (*lead, 5, 4))
    v = b.input("v", F32, (*lead, 7, 4))
    if keys == "transpose" or rank == 3:
        kt = b.call("Transpose", b.input("k", F32, (*lead, 7, 4)), perm=[*range(rank - 2), rank - 1, rank - 2])
    else:
        kt = b.call("Transpose", b.input("k", F32, (2, 7, 3, 4)), perm=[0, 2, 3, 1])
    s = b.call("MatMul", q, kt)
    if scale != "none":
        s = b.call("Div", s, k(b, 3.0)) if scale == "div" else b.call("Mul", s, k(b, 0.3))
    if masked:
        s = b.call("Add", s, b.input("mask", F32, (5, 7)))
    b.output(b.call("MatMul", b.call("Softmax", s, axis=-1), v), "y")
    done, _ = optimize(b.graph)
    assert [n.op for n in done.nodes if n.op not in ("Reshape", "Transpose")] == ["Attention"]
    feeds = {x.name: r.standard_normal(x.shape, dtype=np.float32) for x in b.graph.inputs}
    assert_same_numbers(b.graph, done, feeds)


@pytest.mark.parametrize(
    ("six", "perm", "out", "op"),
    [
        ((1, 2, 2, 3, 4, 5), (0, 3, 4, 1, 5, 2), (1, 3, 8, 10), "DepthToSpace"),
        ((1, 3, 2, 2, 4, 5), (0, 1, 4, 2, 5, 3), (1, 3, 8, 10), "DepthToSpace"),
        ((1, 12, 2, 2, 3, 2), (0, 3, 5, 1, 2, 4), (1, 48, 2, 3), "SpaceToDepth"),
    ],
)
def test_depth_to_space(six: tuple[int, ...], perm: tuple[int, ...], out: tuple[int, ...], op: str) -> None:
    b = GraphBuilder("g")
    shape = (1, 12, 4, 5) if op == "DepthToSpace" else (1, 12, 4, 6)
    x = b.input("x", F32, shape)
    y = b.call("Transpose", b.call("Reshape", x, b.constant(np.array(six))), perm=perm)
    b.output(b.call("Reshape", y, b.constant(np.array(out))), "y")
    done, _ = optimize(b.graph, target_layout=None)
    assert [n.op for n in done.nodes] == [op]
    assert_same_numbers(b.graph, done, {"x": np.arange(np.prod(shape), dtype=np.float32).reshape(shape)})
