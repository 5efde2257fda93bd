"""Meanings that changed between opsets, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import model, node
from tests.require import require_module

F = np.float32
RNG = np.random.default_rng(3)
X = RNG.standard_normal((2, 3, 4, 5)).astype(F)
CHANNELS = {k: np.abs(RNG.standard_normal(3)).astype(F) + 0.1 for k in ("scale", "bias", "mean", "var")}


def _i64(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


CASES: dict[str, Callable[[], tuple[int, list[Any], dict[str, Array], list[str]]]] = {
    "softmax_11": lambda: (11, [node("Softmax", ["x"], ["y"], axis=2)], {}, ["y"]),
    "softmax_13": lambda: (13, [node("Softmax", ["x"], ["y"], axis=2)], {}, ["y"]),
    "log_softmax_8": lambda: (8, [node("LogSoftmax", ["x"], ["y"])], {}, ["y"]),
    "hardmax_11": lambda: (11, [node("Hardmax", ["x"], ["y"], axis=1)], {}, ["y"]),
    "clip_7": lambda: (7, [node("Clip", ["x"], ["y"], min=-0.5, max=0.25)], {}, ["y"]),
    "clip_11_low": lambda: (11, [node("Clip", ["x", "low"], ["y"])], {"low": np.array(-0.5, F)}, ["y"]),
    "pad_7": lambda: (7, [node("Pad", ["x"], ["y"], pads=[0, 0, 1, 2, 0, 0, 0, 1], value=1.5)], {}, ["y"]),
    "pad_11_reflect": lambda: (11, [node("Pad", ["x", "p"], ["y"], mode="reflect")], {"p": _i64(0, 0, 1, 2, 0, 0, 2, 1)}, ["y"]),
    "slice_7": lambda: (7, [node("Slice", ["x"], ["y"], starts=[1, -3], ends=[3, 100], axes=[1, 3])], {}, ["y"]),
    "slice_10": lambda: (
        10, [node("Slice", ["x", "s", "e", "a", "d"], ["y"])], {"s": _i64(-1), "e": _i64(-100), "a": _i64(3), "d": _i64(-2)}, ["y"],
    ),
    "split_7": lambda: (7, [node("Split", ["x"], ["y", "z"], axis=3, split=[2, 3])], {}, ["y", "z"]),
    "split_13": lambda: (13, [node("Split", ["x", "n"], ["y", "z"], axis=3)], {"n": _i64(1, 4)}, ["y", "z"]),
    "split_18": lambda: (18, [node("Split", ["x"], ["y", "z"], axis=3, num_outputs=2)], {}, ["y", "z"]),
    "unsqueeze_7": lambda: (7, [node("Unsqueeze", ["x"], ["a"], axes=[0, 3]), node("Squeeze", ["a"], ["y"], axes=[0])], {}, ["y"]),
    "squeeze_13": lambda: (13, [node("Unsqueeze", ["x", "n"], ["a"]), node("Squeeze", ["a"], ["y"])], {"n": _i64(0, -1)}, ["y"]),
    "reduce_sum_11": lambda: (11, [node("ReduceSum", ["x"], ["y"], axes=[1, -1], keepdims=0)], {}, ["y"]),
    "reduce_mean_18": lambda: (18, [node("ReduceMean", ["x", "n"], ["y"])], {"n": _i64(2, 3)}, ["y"]),
    "top_k_7": lambda: (7, [node("TopK", ["x"], ["y", "i"], k=2, axis=3)], {}, ["y", "i"]),
    "dropout_7": lambda: (7, [node("Dropout", ["x"], ["a"], ratio=0.3), node("Neg", ["a"], ["y"])], {}, ["y"]),
    "upsample_9": lambda: (9, [node("Upsample", ["x", "s"], ["y"], mode="nearest")], {"s": np.array([1, 1, 2, 3], F)}, ["y"]),
    "upsample_7_linear": lambda: (7, [node("Upsample", ["x"], ["y"], mode="linear", scales=[1.0, 1.0, 2.0, 2.0])], {}, ["y"]),
    "resize_10": lambda: (10, [node("Resize", ["x", "s"], ["y"])], {"s": np.array([1, 1, 2, 2], F)}, ["y"]),
    "resize_11_sizes": lambda: (
        11, [node("Resize", ["x", "none", "none", "n"], ["y"], mode="linear")], {"none": np.zeros(0, F), "n": _i64(2, 3, 7, 9)}, ["y"],
    ),
    "resize_18_axes": lambda: (18, [node("Resize", ["x", "", "", "n"], ["y"], mode="linear", axes=[2, 3])], {"n": _i64(7, 9)}, ["y"]),
    "batch_norm_7": lambda: (7, [node("BatchNormalization", ["x", "scale", "bias", "mean", "var"], ["y"])], CHANNELS, ["y"]),
    "gemm_7": lambda: (
        7, [node("Flatten", ["x"], ["f"], axis=2), node("Gemm", ["f", "w", "c"], ["y"], transB=1, alpha=0.5, beta=2.0)],
        {"w": RNG.standard_normal((7, 20)).astype(F), "c": RNG.standard_normal((1, 7)).astype(F)}, ["y"],
    ),
    "conv_transpose_groups": lambda: (
        11, [node("ConvTranspose", ["x", "w"], ["y"], group=3, strides=[2, 2], output_padding=[1, 0], pads=[1, 0, 0, 1])],
        {"w": RNG.standard_normal((3, 2, 3, 3)).astype(F)}, ["y"],
    ),
    "conv_same_lower": lambda: (
        11, [node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[2, 3])],
        {"w": RNG.standard_normal((4, 3, 3, 2)).astype(F)}, ["y"],
    ),
    "einsum": lambda: (
        13, [node("Einsum", ["x", "w"], ["y"], equation="nchw,dw->ndhc")], {"w": RNG.standard_normal((6, 5)).astype(F)}, ["y"],
    ),
    "layer_norm_broadcast": lambda: (
        17, [node("LayerNormalization", ["x", "g"], ["y"], axis=2)], {"g": RNG.standard_normal((4, 5)).astype(F)}, ["y"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_as_onnxruntime(case: str) -> None:
    require_module("onnxruntime", "onnxruntime", "pip install onnxruntime")
    import onnxruntime as ort
    from onnx import TensorProto

    opset, nodes, constants, outputs = CASES[case]()
    proto = model(nodes, {"x": (F, X.shape)}, outputs, constants, opset=opset)
    got = run_graph(converters.load(proto), {"x": X})
    for o in proto.graph.output:  # onnxruntime wants element types
        o.type.tensor_type.elem_type = TensorProto.INT64 if got[o.name].dtype == np.int64 else TensorProto.FLOAT
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    want = session.run(outputs, {"x": X})
    for name, w in zip(outputs, want, strict=True):
        assert got[name].shape == w.shape
        np.testing.assert_allclose(got[name], w, rtol=2e-5, atol=2e-6)
