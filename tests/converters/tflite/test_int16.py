"""Models with int16 activations, beside LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import beside_litert

R = np.random.default_rng(31)
POOL = {"stride_w": 2, "stride_h": 2, "filter_w": 2, "filter_h": 2}
STEP = {"stride_w": 1, "stride_h": 1}


def tensor(name: str, shape: tuple[int, ...], scale: float = 1e-4) -> Tensor:
    return Tensor(name, shape, "int16", scale=[scale])


def weights(shape: tuple[int, ...], axis: int) -> list[Tensor]:
    """int8 weights with a scale a channel, and the int64 bias that goes with them."""
    n = shape[axis]
    scales = [0.01 + 0.001 * k for k in range(n)]
    w: Array = R.integers(-127, 128, shape).astype(np.int8)
    b: Array = R.integers(-100000, 100000, n).astype(np.int64)
    return [
        Tensor("w", shape, "int8", w, scales, [0] * n, axis),
        Tensor("b", (n,), "int64", b, [s * 1e-4 for s in scales], [0] * n),
    ]


#: operator, inputs, constants, output, options, units it may differ by: functions are tables of LiteRT's own there
CASES: dict[str, tuple[list[Tensor], list[Tensor], Tensor, dict[str, Any], int]] = {
    "FULLY_CONNECTED": ([tensor("x", (2, 9))], weights((6, 9), 0), tensor("y", (2, 6), 3e-4), {}, 1),
    "CONV_2D": ([tensor("x", (1, 5, 5, 4))], weights((6, 3, 3, 4), 0), tensor("y", (1, 5, 5, 6), 6e-4), STEP, 1),
    "DEPTHWISE_CONV_2D": (
        [tensor("x", (1, 5, 5, 4))], weights((1, 3, 3, 4), 3), tensor("y", (1, 5, 5, 4), 3e-4), {**STEP, "multiplier": 1}, 1,
    ),
    "ADD": ([tensor("x", (3, 4)), tensor("z", (3, 4), 2e-4)], [], tensor("y", (3, 4), 2.5e-4), {"pot_scale": False}, 1),
    "MUL": ([tensor("x", (3, 4)), tensor("z", (3, 4), 2e-4)], [], tensor("y", (3, 4), 5e-4), {}, 1),
    "LOGISTIC": ([tensor("x", (3, 4), 4 / 32768)], [], tensor("y", (3, 4), 1 / 32768), {}, 4),
    "TANH": ([tensor("x", (3, 4), 4 / 32768)], [], tensor("y", (3, 4), 1 / 32768), {}, 4),
    "SOFTMAX": ([tensor("x", (3, 4))], [], tensor("y", (3, 4), 1 / 32768), {"beta": 1.0}, 16),
    "AVERAGE_POOL_2D": ([tensor("x", (1, 4, 4, 3))], [], tensor("y", (1, 2, 2, 3)), POOL, 1),
    "MAX_POOL_2D": ([tensor("x", (1, 4, 4, 3))], [], tensor("y", (1, 2, 2, 3)), POOL, 0),
    "CONCATENATION": ([tensor("x", (3, 4)), tensor("z", (3, 4))], [], tensor("y", (3, 8)), {"axis": 1}, 0),
    "LEAKY_RELU": ([tensor("x", (3, 4))], [], tensor("y", (3, 4)), {"alpha": 0.1}, 1),
    "QUANTIZE": ([tensor("x", (3, 4))], [], tensor("y", (3, 4), 1.7e-4), {}, 0),
}  # fmt: skip


@pytest.mark.parametrize("op", CASES)
def test_beside_litert(op: str, tmp_path: Path) -> None:
    inputs, constants, output, options, units = CASES[op]
    names = [t.name for t in inputs]
    node = Op(op, [*names, *(t.name for t in constants)], ["y"], options)
    data = model(Subgraph([*inputs, *constants, output], [node], names, ["y"]))
    beside_litert(data, [[R.integers(-20000, 20000, t.shape).astype(np.int16) for t in inputs] for _ in range(3)], tmp_path, units)
