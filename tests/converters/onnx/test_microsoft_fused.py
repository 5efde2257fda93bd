"""Fused float operators of ONNX Runtime's own domain against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import node
from tests.converters.onnx.peer import MS, check, microsoft_model

F = np.float32
R = np.random.default_rng(5)


def real(*shape: int) -> Array:
    return R.standard_normal(shape).astype(F)


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [("Relu", []), ("Sigmoid", []), ("Tanh", []), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 0.75]), ("HardSigmoid", [0.3, 0.4])],
)
@pytest.mark.parametrize("more", [False, True])
def test_fused_conv(tmp_path: Path, activation: str, parameters: list[float], more: bool) -> None:
    feeds = {"x": real(1, 3, 6, 5), **({"z": real(1, 4, 6, 5)} if more else {})}
    names = ["x", "w", "b", *(["z"] if more else [])]
    extra = {"activation_params": parameters} if parameters else {}
    check(tmp_path, "FusedConv", names, feeds, {"w": real(4, 3, 3, 3), "b": real(4)}, activation=activation, pads=[1, 1, 1, 1], **extra)


def test_channels_last(tmp_path: Path) -> None:
    x, w = real(2, 6, 5, 3), real(4, 3, 3, 3)
    check(tmp_path, "NhwcMaxPool", ["x"], {"x": (x * 30).astype(np.int8)}, kernel_shape=[2, 2], strides=[2, 1])
    proto = microsoft_model([node("NhwcConv", ["x", "w"], ["y"], domain=MS, pads=[1, 0, 1, 0])], {"x": x}, ["y"], {"w": w})
    nchw = microsoft_model([node("Conv", ["x", "w"], ["y"], pads=[1, 0, 1, 0])], {"x": x.transpose(0, 3, 1, 2)}, ["y"], {"w": w})
    want = run_graph(converters.load(nchw), {"x": x.transpose(0, 3, 1, 2)})["y"].transpose(0, 2, 3, 1)
    assert np.allclose(run_graph(converters.load(proto), {"x": x})["y"], want, 1e-5, 1e-6)


@pytest.mark.parametrize(("flip_a", "flip_b"), [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("constant", [False, True])
def test_fused_products(tmp_path: Path, flip_a: int, flip_b: int, constant: bool) -> None:
    a, b = real(2, *((5, 3) if flip_a else (3, 5))), real(*((4, 5) if flip_b else (5, 4)))
    feeds = {"a": a} if constant else {"a": a, "b": b}
    constants = {"b": b} if constant else {}
    check(tmp_path, "FusedMatMul", ["a", "b"], feeds, constants, transA=flip_a, transB=flip_b, alpha=0.5)
    feeds = {"a": a[0]} if constant else {"a": a[0], "b": b}
    constants = {**constants, "c": real(4)}
    for activation, extra in (("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.3})):
        check(
            tmp_path, "FusedGemm", ["a", "b", "c"], feeds, constants, transA=flip_a, transB=flip_b, alpha=1.5, beta=0.5,
            activation=activation, **extra,
        )  # fmt: skip


@pytest.mark.parametrize("bias", [False, True])
def test_skip_normalizations(tmp_path: Path, bias: bool) -> None:
    feeds = {"x": real(2, 3, 8), "s": real(2, 3, 8)}
    constants = {"g": real(8), "b": real(8), "bias": real(8)}
    outputs = ["y", "", "", "sum"]
    names = ["x", "s", "g", "b", *(["bias"] if bias else [])]
    kept = {k: v for k, v in constants.items() if k in names}
    check(tmp_path, "SkipLayerNormalization", names, feeds, kept, outputs, epsilon=1e-5)
    names = ["x", "s", "g", *(["bias"] if bias else [])]
    kept = {k: v for k, v in constants.items() if k in names}
    check(tmp_path, "SkipSimplifiedLayerNormalization", names, feeds, kept, outputs, epsilon=1e-5)
    check(tmp_path, "SimplifiedLayerNormalization", ["x", "g"], {"x": feeds["x"]}, {"g": constants["g"]}, domain="", axis=-1, epsilon=1e-5)


@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.parametrize("mask", [False, True])
def test_embeddings(tmp_path: Path, segments: bool, mask: bool) -> None:
    constants = {"w": real(20, 8), "p": real(6, 8), "g": real(8), "b": real(8), **({"k": real(2, 8)} if segments else {})}
    feeds = {"ids": R.integers(0, 20, (2, 5)).astype(np.int32)}
    if segments:
        feeds["seg"] = R.integers(0, 2, (2, 5)).astype(np.int32)
    if mask:
        feeds["mask"] = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    names = ["ids", "seg" if segments else "", "w", "p", "k" if segments else "", "g", "b", *(["mask"] if mask else [])]
    check(tmp_path, "EmbedLayerNormalization", names, feeds, constants, ["y", "count"])


@pytest.mark.parametrize(
    ("op", "inputs", "attrs"),
    [
        ("Gelu", ["x"], {}),
        ("BiasGelu", ["x", "b"], {}),
        ("FastGelu", ["x"], {}),
        ("FastGelu", ["x", "b"], {}),
        ("QuickGelu", ["x"], {"alpha": 1.5}),
        ("QuickGelu", ["x"], {}),
        ("Trilu", ["x"], {"upper": 0}),
        ("ExpandDims", ["x", "axis"], {}),
    ],
)
def test_elementwise(tmp_path: Path, op: str, inputs: list[str], attrs: dict[str, Any]) -> None:
    constants = {"b": real(8), "axis": np.array(1, np.int32)}
    check(tmp_path, op, inputs, {"x": real(2, 3, 8)}, {k: v for k, v in constants.items() if k in inputs}, tolerance=1e-4, **attrs)


def test_a_softmax_with_a_bias() -> None:
    x, m = real(2, 3, 8), real(1, 3, 8)
    proto = microsoft_model([node("BiasSoftmax", ["x", "m"], ["y"], domain=MS, axis=2, is_inner_broadcast=0)], {"x": x, "m": m}, ["y"])
    e = np.exp((x + m).astype(np.float64))
    assert np.allclose(run_graph(converters.load(proto), {"x": x, "m": m})["y"], e / e.sum(-1, keepdims=True), 1e-5, 1e-6)


def test_biases_without_a_kernel_in_onnxruntime() -> None:
    x, b, s = real(2, 3, 8), real(8), real(2, 3, 8)
    from math import erf

    gelu = np.vectorize(lambda v: 0.5 * v * (1 + erf(v / np.sqrt(2))))
    total = (x + b).astype(np.float64)
    for op, inputs, want in (("BiasSplitGelu", ["x", "b"], total[..., :4] * gelu(total[..., 4:])), ("BiasAdd", ["x", "b", "s"], total + s)):
        feeds = {"x": x, "s": s} if op == "BiasAdd" else {"x": x}
        proto = microsoft_model([node(op, inputs, ["y"], domain=MS)], feeds, ["y"], {"b": b})
        assert np.allclose(run_graph(converters.load(proto), feeds)["y"], want, 1e-5, 1e-5)


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
def test_distances(tmp_path: Path, metric: str) -> None:
    check(tmp_path, "CDist", ["a", "b"], {"a": real(4, 3), "b": real(5, 3)}, metric=metric)


@pytest.mark.parametrize(
    ("bits", "block", "k", "zeros"),
    [(b, n, k, z) for b, n, k in [(4, 16, 32), (4, 32, 40), (8, 16, 24), (2, 16, 32)] for z in ("", "packed", "float")
     if b != 8 or z != "float"],  # which ONNX Runtime does not take
)  # fmt: skip
def test_weights_of_few_bits(tmp_path: Path, bits: int, block: int, k: int, zeros: str) -> None:
    n, blocks = 3, -(-k // block)
    constants: dict[str, Array] = {
        "b": R.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8),
        "s": (R.random((n, blocks)) * 0.1).astype(F),
    }
    if zeros:
        row = -(-blocks * bits // 8)
        constants["z"] = R.integers(0, 256, (n, row)).astype(np.uint8) if zeros == "packed" else (R.integers(0, 4, (n, blocks))).astype(F)
    names = ["x", "b", "s", *(["z"] if zeros else [])]
    check(tmp_path, "MatMulNBits", names, {"x": real(2, 3, k)}, constants, bits=bits, block_size=block, N=n, K=k, tolerance=1e-4)


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_gathered_blocks(tmp_path: Path, zeros: bool, bits: int) -> None:
    per = 8 // bits
    constants = {"d": R.integers(0, 256, (6, 32 // per)).astype(np.uint8), "s": (R.random((6, 2)) * 0.1).astype(F)}
    if zeros:
        constants["z"] = R.integers(0, 256, (6, 2 // per)).astype(np.uint8)
    names = ["d", "i", "s", *(["z"] if zeros else [])]
    check(
        tmp_path, "GatherBlockQuantized", names, {"i": np.array([[1, 5], [0, 3]], np.int64)}, constants, gather_axis=0, quantize_axis=1,
        block_size=16, bits=bits,
    )  # fmt: skip
