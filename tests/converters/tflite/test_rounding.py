"""Layers whose sums meet the output's scale in ties, beside LiteRT: the same integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import beside_litert

R = np.random.default_rng(5)
STEP: dict[str, Any] = {"stride_w": 1, "stride_h": 1}
#: operator -> shape of its input, its weights and its output, axis of the output channels, options
LAYERS: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int, dict[str, Any]]] = {
    "FULLY_CONNECTED": ((40, 9), (8, 9), (40, 8), 0, {}),
    "CONV_2D": ((1, 9, 9, 8), (6, 3, 3, 8), (1, 9, 9, 6), 0, STEP),
    "CONV_2D in groups": ((1, 9, 9, 8), (6, 3, 3, 4), (1, 9, 9, 6), 0, STEP),
    "DEPTHWISE_CONV_2D": ((1, 9, 9, 8), (1, 3, 3, 8), (1, 9, 9, 8), 3, {**STEP, "multiplier": 1}),
}


def layer(name: str, dtype: str, factor: float) -> bytes:
    """A layer whose sums are multiplied by ``factor``."""
    shape, weights, out, axis, options = LAYERS[name]
    zero, channels = (0 if dtype == "int8" else 128), weights[axis]
    per_channel = dtype == "int8" and name != "FULLY_CONNECTED"
    w: Array = R.integers(-2, 3, weights) + (0 if dtype == "int8" else zero)
    scales = [0.25] * (channels if per_channel else 1)
    tensors = [
        Tensor("x", shape, dtype, scale=[0.5], zero=(zero,)),
        Tensor("w", weights, dtype, w.astype(dtype), scales, [zero] * len(scales), axis if per_channel else 0),
        Tensor("b", (channels,), "int32", R.integers(-9, 10, channels).astype(np.int32), [0.5 * s for s in scales], [0] * len(scales)),
        Tensor("y", out, dtype, scale=[0.125 / factor], zero=(zero,)),
    ]
    return model(Subgraph(tensors, [Op(name.split()[0], ["x", "w", "b"], ["y"], options)], ["x"], ["y"]))


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.25, 1 / 16])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, dtype: str, factor: float, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    x: Array = R.integers(info.min, info.max + 1, LAYERS[name][0]).astype(dtype)
    beside_litert(layer(name, dtype, factor), [[x]], tmp_path)


@pytest.mark.parametrize("factor", [0.5, 0.25, 0.125])
@pytest.mark.parametrize("elements", [15, 256])
@pytest.mark.parametrize(
    ("dtype", "to"),
    [("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), ("uint8", "uint8"), ("int8", "int16"), ("int16", "int8"), ("int16", "int16")],
)
def test_scales(dtype: str, to: str, elements: int, factor: float, tmp_path: Path) -> None:
    zeros = {"int8": 0, "uint8": 128, "int16": 0}
    tensors = [
        Tensor("x", (elements,), dtype, scale=[0.5], zero=(zeros[dtype],)),
        Tensor("y", (elements,), to, scale=[0.5 / factor], zero=(zeros[to],)),
    ]
    x: Array = np.arange(elements) - elements // 2 + zeros[dtype]
    beside_litert(model(Subgraph(tensors, [Op("QUANTIZE", ["x"], ["y"])], ["x"], ["y"])), [[x.astype(dtype)]], tmp_path)
