"""QDQ graphs become integer graphs with the source's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ops.quant_math import quantize
from edgekit.quantize.fuse_qdq import fuse_qdq
from edgekit.reference import run_graph
from edgekit.types import F32, I8, U8, DType, QuantParams, TensorType

CONV = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NCHW"}


def _qdq(b: GraphBuilder, x: Value, scale: float, zero_point: int, dtype: DType) -> Value:
    q = QuantParams.per_tensor(scale, zero_point)
    (y,) = b.call_multi("Quantize", x, dtype=dtype, out_types=[TensorType(dtype, x.shape, q)])
    return b.call("Dequantize", y)


def _weights(b: GraphBuilder, w: np.ndarray, dtype: DType, zero_point: int = 0) -> Value:
    q = QuantParams.per_channel(np.abs(w).max(axis=(1, 2, 3)) / 120, 0, [zero_point] * w.shape[0])
    return b.call("Dequantize", b.constant(quantize(w, q, dtype), "w", quant=q))


def _model(dtype: DType, weight_dtype: DType = I8, weight_zero: int = 0) -> Graph:
    r = np.random.default_rng(0)
    zero = 0 if dtype is U8 else -128
    b = GraphBuilder("qdq")
    x = _qdq(b, b.input("x", F32, (1, 3, 8, 8)), 0.02, zero + 100, dtype)
    w = _weights(b, r.standard_normal((4, 3, 3, 3)).astype(np.float32), weight_dtype, weight_zero)
    h = b.call("Conv", x, w, b.constant(r.standard_normal(4).astype(np.float32)), name="conv", **CONV)
    h = _qdq(b, b.call("Relu", h), 0.05, zero, dtype)
    pool = b.call("MaxPool", h, kernel=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0), dilations=(1, 1), layout="NCHW", name="pool")
    p = _qdq(b, pool, 0.05, zero, dtype)
    s = _qdq(b, b.call("Sigmoid", p, name="sigmoid"), 1 / 256, zero, dtype)
    b.output(_qdq(b, b.call("Add", s, p, name="sum"), 0.04, zero + 3, dtype), "y")
    return b.graph


@pytest.mark.parametrize("dtype", [I8, U8])
def test_every_operator_becomes_integer(dtype: DType) -> None:
    graph = _model(dtype)
    fused, count = fuse_qdq(graph)
    assert count == 4
    ops = [n.op for n in fused.nodes]
    assert ops.count("Quantize") == 1 and ops.count("Dequantize") == 1 and "Relu" not in ops and "Lookup" in ops
    assert next(n for n in fused.nodes if n.op == "Conv").attrs["clamp_min"] == 0
    x = {"x": np.random.default_rng(1).uniform(-2, 3, (1, 3, 8, 8)).astype(np.float32)}
    want, got = run_graph(graph, x)["y"], run_graph(fused, x)["y"]
    assert np.abs(want - got).max() <= 0.04 + 1e-6, "at most one unit of the output's scale"
    assert (want == got).mean() > 0.9


def test_asymmetric_weights_stay_as_they_are() -> None:
    graph = _model(I8, weight_zero=5)
    fused, count = fuse_qdq(graph)
    assert count == 3
    assert next(n for n in fused.nodes if n.op == "Conv").output.dtype is F32
    x = {"x": np.random.default_rng(1).uniform(-2, 3, (1, 3, 8, 8)).astype(np.float32)}
    assert np.abs(run_graph(graph, x)["y"] - run_graph(fused, x)["y"]).max() <= 0.04 + 1e-6


def test_a_value_with_a_float_reader_stays_float() -> None:
    b = GraphBuilder("m")
    x = _qdq(b, b.input("x", F32, (4,)), 0.1, 0, I8)
    h = b.call("Add", x, x, name="sum")
    b.output(_qdq(b, h, 0.2, 0, I8), "y")
    b.output(h, "raw")
    fused, count = fuse_qdq(b.graph)
    assert count == 0 and fused.output_names == ["y", "raw"]
