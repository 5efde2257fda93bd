"""Weights of 8-bit and 4-bit floating point and of 2 to 4-bit integers, as ONNX's DequantizeLinear widens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.errors import UnsupportedOpError
from edgekit.types import F32, I8, Array
from edgekit_converters.importing.small_floats import NAMES, numbers
from tests.converters.onnx.models import model, node, save

X = np.random.default_rng(5).standard_normal((2, 64)).astype(np.float32)
#: TensorProto's name -> lowest and highest number that the weights of the test take
TYPES = {
    "FLOAT8E4M3FN": (-9, 9), "FLOAT8E4M3FNUZ": (-9, 9), "FLOAT8E5M2": (-9, 9), "FLOAT8E5M2FNUZ": (-9, 9), "FLOAT4E2M1": (-6, 6),
    "INT4": (-8, 7), "UINT4": (0, 15), "INT2": (-2, 1), "UINT2": (0, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_small_floats(name: str) -> None:
    """Against ml_dtypes, which ONNX itself uses."""
    import ml_dtypes

    own = {"float8e8m0": "float8_e8m0fnu", "float4e2m1": "float4_e2m1fn"}.get(name, name.replace("float8", "float8_"))
    table = numbers(name)
    want = np.arange(table.size, dtype=np.uint8).view(getattr(ml_dtypes, own)).astype(np.float32)
    np.testing.assert_array_equal(table, want)


def weights(kind: str, block: int) -> tuple[Any, list[Any], Array]:
    """A model ``x @ DequantizeLinear(w)``'s tensor w, the other constants, and what w stands for."""
    from onnx import TensorProto, helper, numpy_helper

    code = getattr(TensorProto, kind)
    r = np.random.default_rng(len(kind))
    low, high = TYPES[kind]
    raw = r.uniform(low, high, (64, 48))
    tensor = helper.make_tensor("w", code, (64, 48), (np.rint(raw) if "INT" in kind else raw).reshape(-1).tolist())
    scale = (r.random((64 // block, 48) if block else (48,)) + 0.5).astype(np.float32) / 4
    extra = [numpy_helper.from_array(scale, "scale")]
    zero = 0
    if kind == "UINT4":
        zero = 7
        extra.append(helper.make_tensor("zero", code, scale.shape, [zero] * scale.size))
    wide = np.repeat(scale, block, 0) if block else scale[None]
    real = (numpy_helper.to_array(tensor).astype(np.float32) - zero) * wide
    return tensor, extra, real


@pytest.mark.parametrize("block", [0, 16])
@pytest.mark.parametrize("kind", TYPES)
def test_weights_are_widened(kind: str, block: int, tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    tensor, extra, real = weights(kind, block)
    attrs: dict[str, Any] = {"axis": 0, "block_size": block} if block else {"axis": 1}
    nodes = [node("DequantizeLinear", ["w", *(t.name for t in extra)], ["real"], **attrs), node("MatMul", ["x", "real"], ["y"])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", (2, 64)), ("y", (2, 48)))]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], [tensor, *extra])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=12)
    done = edgekit.convert(save(proto, tmp_path), tmp_path / "m.ekm")
    with edgekit.Session(done.path) as session:
        y = session.run({"x": X})["y"]
    np.testing.assert_allclose(y, X.astype(np.float64) @ real, rtol=1e-5, atol=1e-5 * np.abs(y).max())
    assert [n.op for n in done.graph.nodes] == ["FullyConnected"]
    assert [v.dtype for v in done.graph.constants()] == [I8 if "INT" in kind and not block else F32]


def test_int8_weights_with_float16_scales(tmp_path: Path) -> None:
    """They stay int8 in the layer, as those with float32 scales do."""
    r = np.random.default_rng(2)
    w, scale = r.integers(-127, 128, (48, 64)).astype(np.int8), (r.random(48) / 50 + 0.01).astype(np.float16)
    nodes = [node("DequantizeLinear", ["w", "scale"], ["real"], axis=0), node("Gemm", ["x", "real"], ["y"], transB=1)]
    proto = model(nodes, {"x": (np.float16, (2, 64))}, ["y"], {"w": w, "scale": scale}, opset=21)
    done = edgekit.convert(save(proto, tmp_path), tmp_path / "m.ekm")
    assert [v.dtype for v in done.graph.constants()] == [I8]
    x = X.astype(np.float16)
    want = x.astype(np.float64) @ (w * scale.astype(np.float64)[:, None]).T
    with edgekit.Session(done.path) as session:
        y = session.run({"x": x})["y"]
    assert y.dtype == np.float16 and np.abs(y - want).max() < 2.0**-10 * np.abs(want).max()


def test_quantized_models_with_float16_between(tmp_path: Path) -> None:
    """QuantizeLinear and DequantizeLinear around float16 operators run on integers, as around float32 ones."""
    r = np.random.default_rng(3)
    constants = {
        "w": r.integers(-127, 128, (48, 64)).astype(np.int8), "scale": (r.random(48) / 50 + 0.01).astype(np.float16),
        "sx": np.array(1 / 32, np.float16), "sy": np.array(0.25, np.float16), "zero": np.array(0, np.int8),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zero"], ["q"]),
        node("DequantizeLinear", ["q", "sx", "zero"], ["xq"]),
        node("DequantizeLinear", ["w", "scale"], ["real"], axis=0),
        node("Gemm", ["xq", "real"], ["p"], transB=1),
        node("Relu", ["p"], ["a"]),
        node("QuantizeLinear", ["a", "sy", "zero"], ["r"]),
        node("DequantizeLinear", ["r", "sy", "zero"], ["y"]),
    ]
    proto = model(nodes, {"x": (np.float16, (2, 64))}, ["y"], constants, opset=21)
    done = edgekit.convert(save(proto, tmp_path), tmp_path / "m.ekm")
    assert [n.op for n in done.graph.nodes] == ["Cast", "Quantize", "FullyConnected", "Dequantize", "Cast"]
    x = X.astype(np.float16)
    stored = np.clip(np.rint(x.astype(np.float64) * 32), -128, 127) / 32
    real = np.maximum(stored @ (constants["w"] * constants["scale"].astype(np.float64)[:, None]).T, 0)
    with edgekit.Session(done.path) as session:
        y = session.run({"x": x})["y"]
    assert y.dtype == np.float16 and np.abs(y - np.clip(np.rint(real * 4), 0, 127) / 4).max() <= 0.25


def test_float8_at_run_time_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    scale, zero = helper.make_tensor("s", TensorProto.FLOAT, (), [0.5]), helper.make_tensor("z", TensorProto.FLOAT8E4M3FN, (), [0.0])
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (2, 64)) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "run", ends[:1], ends[1:], [scale, zero])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)
    with pytest.raises(UnsupportedOpError, match="float8, is not supported at run time"):
        edgekit.convert(save(proto, tmp_path), tmp_path / "m.ekm")
