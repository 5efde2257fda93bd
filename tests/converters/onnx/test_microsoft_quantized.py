"""Quantized operators of ONNX Runtime's own domain against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import node
from tests.converters.onnx.peer import MS, assert_as_onnxruntime, microsoft_model

F = np.float32
R = np.random.default_rng(11)


def data(dtype: type, *shape: int) -> Array:
    info = np.iinfo(dtype)
    return R.integers(info.min, info.max + 1, shape).astype(dtype)


def scalar(v: float, dtype: Any = F) -> Array:
    return np.array(v, dtype)


def check(
    tmp_path: Path, op: str, inputs: Sequence[str], feeds: Mapping[str, Array], constants: Mapping[str, Array], steps: int = 1, **attrs: Any
) -> None:
    proto = microsoft_model([node(op, inputs, ["y"], domain=MS, **attrs)], feeds, ["y"], constants)
    assert_as_onnxruntime(proto, feeds, tmp_path, steps=steps)


DTYPES = pytest.mark.parametrize("dtype", [np.uint8, np.int8])


@DTYPES
@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (4,), (3, 1)])
def test_binary(tmp_path: Path, dtype: type, op: str, shape: tuple[int, ...]) -> None:
    zero = 128 if dtype is np.uint8 else 3
    constants = {
        "as": scalar(0.02), "az": scalar(zero, dtype), "bs": scalar(0.013), "bz": scalar(zero - 5, dtype), "cs": scalar(0.03),
        "cz": scalar(zero + 2, dtype),
    }  # fmt: skip
    feeds = {"a": data(dtype, 2, 3, 4), "b": data(dtype, *shape)}
    check(tmp_path, op, ["a", "as", "az", "b", "bs", "bz", "cs", "cz"], feeds, constants)


@DTYPES
@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("QLinearSigmoid", {}),
        ("QLinearLeakyRelu", {"alpha": 0.1}),
        ("QLinearSoftmax", {"opset": 13, "axis": 1}),
        ("QLinearSoftmax", {"opset": 11, "axis": 1}),
        ("QLinearGlobalAveragePool", {"channels_last": 0}),
        ("QLinearGlobalAveragePool", {"channels_last": 1}),
        ("QLinearAveragePool", {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1], "strides": [1, 2]}),
        ("QLinearAveragePool", {"kernel_shape": [2, 2], "channels_last": 1, "count_include_pad": 1, "auto_pad": "SAME_UPPER"}),
    ],
)
def test_unary(tmp_path: Path, dtype: type, op: str, attrs: dict[str, Any]) -> None:
    unit = op in ("QLinearSigmoid", "QLinearSoftmax")
    low = np.iinfo(dtype).min
    constants = {
        "xs": scalar(0.05), "xz": scalar(low + 120, dtype), "ys": scalar(1 / 256 if unit else 0.04),
        "yz": scalar(low if unit else low + 130, dtype),
    }  # fmt: skip
    check(tmp_path, op, ["x", "xs", "xz", "ys", "yz"], {"x": data(dtype, 2, 3, 5, 6)}, constants, **attrs)


@DTYPES
@pytest.mark.parametrize(("axes", "keep"), [((2, 3), 0), ((1,), 1)])
def test_mean_which_onnxruntime_has_no_kernel_for(dtype: type, axes: tuple[int, ...], keep: int) -> None:
    zero = np.iinfo(dtype).min + 120
    constants = {"xs": scalar(0.05), "xz": scalar(zero, dtype), "ys": scalar(0.01), "yz": scalar(zero + 9, dtype)}
    x = data(dtype, 2, 3, 5, 6)
    nodes = [node("QLinearReduceMean", ["x", "xs", "xz", "ys", "yz"], ["y"], domain=MS, axes=list(axes), keepdims=keep)]
    got = run_graph(converters.load(microsoft_model(nodes, {"x": x}, ["y"], constants)), {"x": x})["y"]
    mean = ((x.astype(np.float64) - zero) * 0.05).mean(axes, keepdims=bool(keep))
    info = np.iinfo(dtype)
    want = np.clip(np.rint(mean / 0.01) + zero + 9, info.min, info.max)
    assert got.dtype == dtype and np.abs(got - want).max() <= 1


@DTYPES
def test_concat_and_where(tmp_path: Path, dtype: type) -> None:
    constants = {"ys": scalar(0.03), "as": scalar(0.02), "bs": scalar(0.05)}
    constants |= {"yz": scalar(10, dtype), "az": scalar(5, dtype), "bz": scalar(60, dtype)}
    feeds = {"a": data(dtype, 2, 3), "b": data(dtype, 2, 4)}
    check(tmp_path, "QLinearConcat", ["ys", "yz", "a", "as", "az", "b", "bs", "bz"], feeds, constants, axis=-1)
    feeds = {"c": R.integers(0, 2, (2, 3)).astype(np.bool_), "a": data(dtype, 2, 3), "b": data(dtype, 1, 3)}
    check(tmp_path, "QLinearWhere", ["c", "a", "as", "az", "b", "bs", "bz", "ys", "yz"], feeds, constants)


@DTYPES
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize("real", [False, True])
def test_gemm(tmp_path: Path, dtype: type, transposed: int, channels: bool, real: bool) -> None:
    n = 5
    constants = {
        "as": scalar(0.02), "az": scalar(100 if dtype is np.uint8 else -4, dtype), "b": data(np.int8, *((n, 7) if transposed else (7, n))),
        "bs": (R.random(n) * 0.02 + 0.01).astype(F) if channels else scalar(0.02),
        "bz": np.zeros(n, np.int8) if channels else scalar(0, np.int8), "c": R.integers(-2000, 2000, n).astype(np.int32),
        "ys": scalar(0.4), "yz": scalar(7, dtype),
    }  # fmt: skip
    names = ["a", "as", "az", "b", "bs", "bz", "c", *([] if real else ["ys", "yz"])]
    kept = {k: v for k, v in constants.items() if k in names}
    check(tmp_path, "QGemm", names, {"a": data(dtype, 3, 7)}, kept, transB=transposed)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_integer_products(tmp_path: Path, bias: bool, constant: bool) -> None:
    constants = {"bs": scalar(0.03), "bz": scalar(4, np.int8), "bias": R.standard_normal(5).astype(F)}
    b = {"b": data(np.int8, 8, 5)}
    names = ["a", "b", "bs", "bz", *(["bias"] if bias else [])]
    feeds: dict[str, Array] = {"a": R.standard_normal((2, 3, 8)).astype(F), **({} if constant else b)}
    kept = {k: v for k, v in {**constants, **(b if constant else {})}.items() if k in names}
    check(tmp_path, "DynamicQuantizeMatMul", names, feeds, kept)
    names = ["a", "b", "as", "bs", "az", "bz", *(["bias"] if bias else [])]
    feeds = {"a": data(np.uint8, 2, 3, 8), **({} if constant else b)}
    constants |= {"as": scalar(0.01), "az": scalar(120, np.uint8)}
    kept = {k: v for k, v in {**constants, **(b if constant else {})}.items() if k in names}
    check(tmp_path, "MatMulIntegerToFloat", names, feeds, kept)


def test_wide_integer_product(tmp_path: Path) -> None:
    feeds = {"a": data(np.int16, 3, 8), "b": (data(np.int16, 8, 4) // 16).astype(np.int16)}
    check(tmp_path, "MatMulInteger16", ["a", "b"], feeds, {}, steps=0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_quantize_and_dequantize(tmp_path: Path, dtype: type) -> None:
    constants = {"s": np.array([0.1, 0.02, 0.5], F), "z": np.array([3, 0, 7], dtype)}
    x = (R.standard_normal((2, 3, 4)) * 4).astype(F)
    check(tmp_path, "QuantizeLinear", ["x", "s", "z"], {"x": x}, constants, steps=0, axis=1)
    check(tmp_path, "DequantizeLinear", ["x", "s", "z"], {"x": data(dtype, 2, 3, 4)}, constants, axis=1)
