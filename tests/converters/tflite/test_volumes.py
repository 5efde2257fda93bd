"""Convolutions over three dimensions, beside LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import beside_litert, floats

SAME, VALID, RELU = 0, 1, 1
R = np.random.default_rng(2)

#: padding, strides, input sizes, kernel, output sizes, bias, activation
TRANSPOSED = {
    "plain": (VALID, (1, 1, 1), (2, 3, 4), (2, 2, 3), (3, 4, 6), True, 0),
    "strides": (VALID, (2, 1, 3), (2, 3, 2), (2, 3, 3), (4, 5, 6), False, 0),
    "same": (SAME, (2, 2, 2), (2, 3, 2), (3, 3, 3), (4, 6, 4), True, RELU),
    "same-odd": (SAME, (2, 2, 2), (2, 3, 2), (3, 2, 3), (3, 5, 4), False, 0),
    "same-1": (SAME, (1, 1, 1), (3, 3, 4), (3, 2, 1), (3, 3, 4), True, 0),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolution(case: str, tmp_path: Path) -> None:
    padding, strides, sizes, kernel, out, bias, activation = TRANSPOSED[case]
    weights = R.normal(size=(*kernel, 4, 3)).astype(np.float32)
    tensors = [
        Tensor("shape", (5,), "int32", np.int32([2, *out, 4])),
        Tensor("w", weights.shape, data=weights),
        Tensor("x", (2, *sizes, 3)),
        Tensor("b", (4,), data=floats(4)),
        Tensor("y", (2, *out, 4)),
    ]
    options = dict(zip(("stride_d", "stride_h", "stride_w"), strides, strict=True)) | {"padding": padding, "activation": activation}
    ops = [Op("CONV_3D_TRANSPOSE", ["shape", "w", "x", *(["b"] if bias else [])], ["y"], options)]
    beside_litert(model(Subgraph(tensors, ops, ["x"], ["y"])), [[floats(2, *sizes, 3)]], tmp_path)


@pytest.mark.parametrize("padding", [SAME, VALID])
def test_convolution(padding: int, tmp_path: Path) -> None:
    weights = R.normal(size=(2, 3, 2, 3, 4)).astype(np.float32)
    out = (3, 2, 2) if padding == SAME else (2, 1, 2)
    constants = [Tensor("w", weights.shape, data=weights), Tensor("b", (4,), data=floats(4))]
    tensors = [Tensor("x", (1, 5, 4, 4, 3)), *constants, Tensor("y", (1, *out, 4))]
    options = {"padding": padding, "stride_d": 2, "stride_h": 2, "stride_w": 2, "activation": RELU}
    ops = [Op("CONV_3D", ["x", "w", "b"], ["y"], options)]
    beside_litert(model(Subgraph(tensors, ops, ["x"], ["y"])), [[floats(1, 5, 4, 4, 3)]], tmp_path)
