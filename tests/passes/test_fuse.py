"""What is fused into what, and what must not be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.passes import optimize
from edgekit.types import F32, I8, QuantParams, TensorType
from tests.passes.test_contract import assert_same_numbers

R = np.random.default_rng(3)
INF = float("inf")


def c(b: GraphBuilder, *shape: int, positive: bool = False) -> Value:
    a = R.standard_normal(shape, dtype=np.float32)
    return b.constant(np.abs(a) + np.float32(0.5) if positive else a, "c")


def conv(b: GraphBuilder, x: Value, out: int = 4, bias: bool = False, depth: int | None = None, **attrs: Any) -> Value:
    full = {"strides": [1, 1], "pads": [1] * 4, "dilations": [1, 1], "layout": "NCHW", **attrs}
    return b.call("Conv", x, c(b, out, 3, 3, depth or x.shape[1]), c(b, out) if bias else None, **full)


def conv_transpose(b: GraphBuilder, x: Value) -> Value:
    attrs: dict[str, Any] = {"strides": [2, 2], "pads": [0] * 4, "dilations": [1, 1], "output_padding": [0, 0], "layout": "NCHW"}
    return b.call("ConvTranspose", x, c(b, 4, 2, 2, x.shape[1]), **attrs)


def max_pool(b: GraphBuilder, x: Value) -> Value:
    return b.call("MaxPool", x, kernel=[2, 2], strides=[1, 1], pads=[0] * 4, dilations=[1, 1], layout="NCHW")


def norm(b: GraphBuilder, x: Value) -> Value:
    n = x.shape[1]
    return b.call("BatchNorm", x, c(b, n), c(b, n), c(b, n), c(b, n, positive=True), layout="NCHW")


def run(form: Callable[[GraphBuilder, Value], Value | list[Value]], shape: tuple[int, ...] = (1, 3, 6, 5)) -> Graph:
    b = GraphBuilder("g")
    ys = form(b, b.input("x", F32, shape))
    for i, y in enumerate(ys if isinstance(ys, list) else [ys]):
        b.output(y, f"y{i}")
    done, _ = optimize(b.graph, target_layout=None)
    assert_same_numbers(b.graph, done, {"x": R.standard_normal(shape, dtype=np.float32)})
    return done


def ops(g: Graph) -> list[str]:
    return [n.op for n in g.nodes]


FOLDED: list[tuple[str, Callable[[GraphBuilder, Value], Value], str]] = [
    ("conv_norm", lambda b, x: norm(b, conv(b, x)), "Conv"),
    ("conv_bias_norm", lambda b, x: norm(b, conv(b, x, bias=True)), "Conv"),
    ("transposed_conv_norm", lambda b, x: norm(b, conv_transpose(b, x)), "ConvTranspose"),
    ("conv_mul_add", lambda b, x: b.call("Add", b.call("Mul", c(b, 4, 1, 1), conv(b, x)), c(b, 1, 4, 1, 1)), "Conv"),
    ("conv_sub_div", lambda b, x: b.call("Div", b.call("Sub", conv(b, x), c(b, 4, 1, 1)), c(b, 1, positive=True)), "Conv"),
    ("const_minus_conv", lambda b, x: b.call("Sub", c(b, 4, 1, 1), conv(b, x)), "Conv"),
    ("conv_norm_relu6", lambda b, x: b.call("Clip", norm(b, conv(b, x)), min=0, max=6), "Conv"),
    ("conv_add_relu", lambda b, x: b.call("Relu", b.call("Add", conv(b, x), c(b, 4, 1, 1))), "Conv"),
    ("depthwise_norm", lambda b, x: norm(b, conv(b, x, 3, depth=1, groups=3)), "Conv"),
    ("pad_conv", lambda b, x: conv(b, b.call("Pad", x, b.constant(np.array([0, 0, 1, 2, 0, 0, 0, 1]))), pads=[0, 1, 0, 0]), "Conv"),
    ("pad_axes_conv", lambda b, x: conv(b, b.call("Pad", x, b.constant(np.array([1, 2])), None, b.constant(np.array([-1])))), "Conv"),
    ("max_pool_relu", lambda b, x: b.call("Relu", max_pool(b, x)), "MaxPool"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "op"), [(f, o) for _, f, o in FOLDED], ids=[n for n, _, _ in FOLDED])
def test_becomes_one_node(form: Callable[[GraphBuilder, Value], Value], op: str) -> None:
    assert ops(run(form)) == [op]


def test_clamps_compose() -> None:
    def form(b: GraphBuilder, x: Value) -> Value:
        y = b.call("Clip", conv(b, x, clamp_min=-1.0, clamp_max=0.5), min=0.0, max=3.0)
        return b.call("Clip", b.call("Exp", b.call("Neg", y)), min=-2, max=2)

    g = run(form)
    assert ops(g) == ["Conv", "Neg", "Exp", "Clip"]
    assert (g.nodes[0].attrs["clamp_min"], g.nodes[0].attrs["clamp_max"]) == (0.0, 0.5)


def test_no_folding_behind_a_clamp_or_for_two_readers() -> None:
    assert ops(run(lambda b, x: norm(b, b.call("Relu", conv(b, x))))) == ["Conv", "BatchNorm"]

    def two(b: GraphBuilder, x: Value) -> list[Value]:
        y = conv(b, x)
        return [norm(b, y), b.call("Relu", y)]

    assert sorted(ops(run(two))) == ["BatchNorm", "Conv", "Relu"]
    assert sorted(ops(run(lambda b, x: [y := conv(b, x), b.call("Relu", y)]))) == ["Conv", "Relu"]


def test_what_varies_along_the_image_is_not_folded() -> None:
    assert ops(run(lambda b, x: b.call("Add", conv(b, x), c(b, 4, 1, 5)))) == ["Conv", "Add"]
    assert ops(run(lambda b, x: b.call("Mul", conv(b, x), c(b, 2, 4, 1, 1)))) == ["Conv", "Mul"]
    assert ops(run(lambda b, x: b.call("Div", c(b, 4, 1, 1), conv(b, x)))) == ["Conv", "Div"]


def test_pads_that_mean_something_else_stay() -> None:
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    pool: dict[str, Any] = {"kernel": [2, 2], "strides": [1, 1], "dilations": [1, 1], "layout": "NCHW"}

    def padded(b: GraphBuilder, x: Value, amounts: Any = pads, value: float | None = None, **attrs: Any) -> Value:
        return b.call("Pad", x, b.constant(np.array(amounts)), None if value is None else b.constant(np.array(value, np.float32)), **attrs)

    assert ops(run(lambda b, x: conv(b, padded(b, x, mode="reflect")))) == ["Pad", "Conv"]
    assert ops(run(lambda b, x: conv(b, padded(b, x, value=1.0)))) == ["Pad", "Conv"]
    assert ops(run(lambda b, x: conv(b, padded(b, x, [0, 1, 0, 0, 0, 0, 0, 0])))) == ["Pad", "Conv"]
    assert ops(run(lambda b, x: conv(b, padded(b, x, [0, 0, -1, 0, 0, 0, 0, 0])))) == ["Pad", "Conv"]
    assert ops(run(lambda b, x: b.call("MaxPool", padded(b, x), pads=[0] * 4, **pool))) == ["Pad", "MaxPool"]
    assert ops(run(lambda b, x: b.call("MaxPool", padded(b, x, value=-INF), pads=[0] * 4, **pool))) == ["MaxPool"]
    assert ops(run(lambda b, x: b.call("AveragePool", padded(b, x), pads=[0] * 4, **pool))) == ["AveragePool"]
    assert ops(run(lambda b, x: b.call("AveragePool", padded(b, x), pads=[0, 1, 0, 0], **pool))) == ["Pad", "AveragePool"]
    assert ops(run(lambda b, x: b.call("AveragePool", padded(b, x), pads=[0] * 4, ceil_mode=True, **{**pool, "strides": [2, 2]}))) == [
        "Pad",
        "AveragePool",
    ]


def test_matmul_with_weights_is_fully_connected() -> None:
    assert ops(run(lambda b, x: b.call("Relu", b.call("Add", c(b, 7), b.call("MatMul", x, c(b, 5, 7)))))) == ["FullyConnected"]
    assert ops(run(lambda b, x: b.call("MatMul", x, c(b, 7, 5), transpose_b=True))) == ["FullyConnected"]
    assert ops(run(lambda b, x: b.call("Mul", b.call("MatMul", x, c(b, 5, 7)), c(b, 1, 1, 7)))) == ["FullyConnected"]
    assert ops(run(lambda b, x: b.call("MatMul", x, c(b, 3, 5, 7)))) == ["MatMul"]
    assert ops(run(lambda b, x: b.call("MatMul", c(b, 7, 6), x))) == ["MatMul"]


def test_transposes_are_flags_of_matmul() -> None:
    g = run(lambda b, x: b.call("MatMul", x, b.call("Transpose", x, perm=[0, 1, 3, 2])))
    assert ops(g) == ["MatMul"] and g.nodes[0].attrs["transpose_b"]


def test_quantized_values_are_not_rewritten_as_real_arithmetic() -> None:
    b = GraphBuilder("g")
    q, wide = QuantParams.per_tensor(0.1, 5), QuantParams.per_tensor(0.2, -3)
    x, y = b.input("x", I8, (4,), q), b.input("y", I8, (4,), q)
    s = b.call_multi("Add", x, y, out_types=[TensorType(I8, (4,), wide)])[0]
    b.output(b.call_multi("Add", s, b.constant(np.zeros(4, np.int8), quant=q), out_types=[TensorType(I8, (4,), q)])[0], "y")
    done, _ = optimize(b.graph)
    assert ops(done) == ["Add", "Add"]
    assert [v.quant for n in done.nodes for v in n.outputs] == [wide, q]
