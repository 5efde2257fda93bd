"""The int8 rewriting on small networks: structure, error, and the numbers of each kind of trait."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import QuantizationError
from edgekit.format import read_model, write_bytes
from edgekit.ir import Graph, GraphBuilder
from edgekit.quantize import Recipe, quantize_graph
from edgekit.reference import run_graph
from edgekit.report import compare_graphs
from edgekit.types import F32, I8


def _network() -> Graph:
    """Convolution, residual add, lookup, concat with a softmax at the end: every kind of trait."""
    r = np.random.default_rng(3)

    def w(*shape: int) -> np.ndarray:
        return (r.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    b = GraphBuilder("net")
    x = b.input("x", F32, (1, 8, 8, 3))
    conv = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NHWC"}
    h = b.call("Conv", x, b.constant(w(8, 3, 3, 3), "w0"), b.constant(w(8), "b0"), name="conv0", clamp_min=0.0, **conv)
    d = b.call("Conv", h, b.constant(w(8, 3, 3, 1), "w1"), name="depthwise", groups=8, **conv)
    s = b.call("Sigmoid", d, name="gate")
    h = b.call("Add", b.call("Mul", d, s, name="gated"), h, name="residual")
    p = b.call("MaxPool", h, name="pool", kernel=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0), dilations=(1, 1), layout="NHWC")
    c = b.call("Concat", p, b.call("Relu", p, name="relu"), name="cat", axis=3)
    g = b.call("GlobalAveragePool", c, name="mean", layout="NHWC")
    f = b.call("Reshape", g, b.constant(np.array([1, 16]), "shape"), name="flat")
    logits = b.call("FullyConnected", f, b.constant(w(5, 16), "w2"), b.constant(w(5), "b2"), name="logits")
    b.output(b.call("Softmax", logits, name="probabilities", axis=1), "probabilities")
    b.output(logits, "logits")
    return b.graph


def _samples(n: int) -> list[np.ndarray]:
    r = np.random.default_rng(5)
    return [r.standard_normal((1, 8, 8, 3)).astype(np.float32) for _ in range(n)]


@pytest.mark.parametrize("observer", ["min-max", "percentile:99.9", "mse"])
def test_error_is_small(observer: str) -> None:
    graph = _network()
    q = quantize_graph(graph, f"int8:{observer}", _samples(20))
    found = compare_graphs(graph, q, [{"x": s} for s in _samples(5)])
    by_name = {o.name: o for o in found.outputs}
    assert by_name["logits"].sqnr_db is not None and by_name["logits"].sqnr_db > 20
    assert by_name["probabilities"].max_abs < 0.05
    assert {"conv0", "residual", "gate"} <= {x.name for x in found.layers}


def test_structure() -> None:
    q = quantize_graph(_network(), "int8", _samples(4))
    ops = [n.op for n in q.nodes]
    assert ops.count("Quantize") == 1 and ops.count("Dequantize") == 2
    assert "Sigmoid" not in ops and ops.count("Lookup") >= 1
    softmax = next(n for n in q.nodes if n.op == "Softmax")
    assert softmax.output.quant is not None and softmax.output.quant.scale == (1 / 256,)
    conv = next(n for n in q.nodes if n.name == "conv0")
    weights = conv.input(1)
    assert weights.dtype is I8 and weights.quant is not None and weights.quant.axis == 0 and weights.const is not None
    assert weights.const.min() >= -127
    pool, cat = (next(n for n in q.nodes if n.name == k) for k in ("pool", "cat"))
    assert pool.input(0).quant == pool.output.quant == cat.output.quant
    assert write_bytes(read_model(write_bytes(q))) == write_bytes(q)


def test_input_and_output_names_stay() -> None:
    graph = _network()
    q = quantize_graph(graph, "int8", _samples(2))
    assert [v.name for v in q.inputs] == ["x"] and q.output_names == graph.output_names
    io8 = quantize_graph(graph, Recipe("int8", io_int8=True), _samples(2))
    assert io8.inputs[0].dtype is I8 and all(v.dtype is I8 for v in io8.outputs) and "Quantize" not in [n.op for n in io8.nodes]


def test_kept_operators_stay_float() -> None:
    q = quantize_graph(_network(), Recipe("int8", keep_float=("Softmax", "logits")), _samples(2))
    kept = {n.name: n.output.dtype for n in q.nodes if n.name in ("logits", "probabilities")}
    assert kept == {"logits": F32, "probabilities": F32}


@pytest.mark.parametrize(("recipe", "sqnr"), [("float16", 60), ("int8-weight-only", 30)])
def test_small_weights(recipe: str, sqnr: float) -> None:
    graph = _network()
    q = quantize_graph(graph, recipe)
    assert len(write_bytes(q)) < len(write_bytes(graph))
    found = compare_graphs(graph, q, [{"x": s} for s in _samples(3)])
    assert all(o.sqnr_db is not None and o.sqnr_db > sqnr for o in found.outputs)


def test_large_bias_widens_the_scale_instead_of_overflowing() -> None:
    b = GraphBuilder("m")
    x = b.input("x", F32, (1, 4))
    w = np.full((2, 4), 1e-6, np.float32)
    b.output(b.call("FullyConnected", x, b.constant(w, "w"), b.constant(np.array([1e4, 1.0], np.float32), "b"), name="y"), "y")
    data = [np.full((1, 4), 1e-3, np.float32)]
    q = quantize_graph(b.graph, "int8", data)
    got = run_graph(q, {"x": data[0]})["y"]
    np.testing.assert_allclose(got, run_graph(b.graph, {"x": data[0]})["y"], atol=1e4 / 255)


def test_what_cannot_be_quantized_says_so() -> None:
    b = GraphBuilder("m")
    b.output(b.call("LogSoftmax", b.input("x", F32, (1, 4)), axis=1))
    with pytest.raises(QuantizationError, match="no operator with an int8 form"):
        quantize_graph(b.graph, "int8", [np.zeros((1, 4), np.float32)])
    with pytest.raises(QuantizationError, match="calibration"):
        quantize_graph(_network(), "int8")
    with pytest.raises(QuantizationError, match="at least one sample"):
        quantize_graph(_network(), "int8", [])
    with pytest.raises(QuantizationError, match="not finite"):
        quantize_graph(_network(), "int8", [np.full((1, 8, 8, 3), np.nan, np.float32)])
    with pytest.raises(QuantizationError, match="shape"):
        quantize_graph(_network(), "int8", [np.zeros((1, 3, 8, 8), np.float32)])
