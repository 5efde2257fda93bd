"""Cases of IntegerLSTM: one worked number by number; LiteRT is the other side in tests/converters/tflite/test_integer_lstm.py."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Any

import numpy as np

from edgekit.ops.fixed_functions import fixed_sigmoid, fixed_tanh
from edgekit.types import Array
from tests.cases.case import OpCase, op_case, rng

VARIANTS = ("plain", "coupled", "peephole", "projection", "projection_bias", "norm", "coupled_norm_peephole_projection_bias")
CONSTANTS = (1, 2, 3, 6, 7, 8, 9, 10)


def layer(
    r: np.random.Generator, variant: str, steps: int, batch: int, size: int, cells: int, scale: float = 1.0
) -> tuple[list[Array | None], dict[str, Any]]:
    """Inputs and attributes of one LSTM."""
    outputs = cells // 2 + 1 if "projection" in variant else cells

    def codes(dtype: Any, *shape: int, there: bool = True, part: int = 1) -> Array | None:
        top = np.iinfo(dtype).max // part
        return r.integers(-top - (part == 1), top + 1, shape).astype(dtype) if there else None

    norm = "norm" in variant
    inputs = [
        codes(np.int8, steps, batch, size),
        codes(np.int8, 4 * cells, size),
        codes(np.int8, 4 * cells, outputs),
        codes(np.int32, 2, 4 * cells, part=200_000),
        codes(np.int8, batch, outputs),
        codes(np.int16, batch, cells),
        codes(np.int16, 3, cells, there="peephole" in variant),
        codes(np.int16, 4, cells, there=norm),
        codes(np.int32, 4, cells, there=norm, part=200),
        codes(np.int8, outputs, cells, there="projection" in variant),
        codes(np.int32, outputs, there="bias" in variant, part=200_000),
    ]
    gates = [scale * f for f in (0.31, 0.5, 0.83, 0.4, 0.25, 0.71, 0.62, 0.37)]
    factors = [*gates, 2e-4, 3e-4, 1.5e-4, 1.3e-7, 0.004, 3e-5, 2e-5, 4e-5, 3.1e-5]
    return inputs, {"factors": factors, "cell_shift": -12, "hidden_zero_point": -3, "zero_point": 5, "coupled": "coupled" in variant}


def by_hand(x: Array, w: Array, r: Array, b: Array, h: Array, c: Array, factor: float) -> list[Array]:
    """The plain form with factors that are powers of two below 1, number by number; the gates' functions are those under test elsewhere."""
    steps, _, size = x.shape
    cells, hs, cs, ys = c.shape[1], h[0].tolist(), c[0].tolist(), []

    def hold(v: int, low: int, high: int) -> int:
        return min(max(v, low), high)

    def away(v: float) -> int:
        return floor(v + 0.5) if v >= 0 else -floor(-v + 0.5)

    def scaled(v: int) -> int:
        return away(floor(v / 2 + 0.5) * 2 * factor)  # the multiplier is 1/2: one product that rounds ties upwards, then a shift

    for t in range(steps):
        gates = []
        for k in range(4 * cells):
            first = sum(int(x[t, 0, i]) * int(w[k, i]) for i in range(size)) + int(b[0, k])
            second = sum(hs[i] * int(r[k, i]) for i in range(cells)) + int(b[1, k])
            gates.append(hold(hold(scaled(first), -32768, 32767) + scaled(second), -32768, 32767))
        kind = np.asarray(gates).reshape(4, cells)
        write, forget, opened = (fixed_sigmoid(kind[k]).tolist() for k in (0, 1, 3))
        cell = fixed_tanh(kind[2], 3).tolist()
        cs = [hold(away(forget[i] * cs[i] / 2**15) + away(write[i] * cell[i] / 2**18), -32768, 32767) for i in range(cells)]
        squashed = fixed_tanh(np.asarray(cs), 3).tolist()
        hs = [hold(away(floor(opened[i] * squashed[i] / 2 + 0.5) / 2**22), -128, 127) for i in range(cells)]
        ys.append([hs])
    return [np.asarray(ys, np.int8), np.asarray([hs], np.int8), np.asarray([cs], np.int16)]


def cases() -> Iterator[OpCase]:
    for variant in VARIANTS:
        for steps, batch, size, cells in ((4, 1, 5, 6), (3, 2, 33, 17)):
            r = rng("IntegerLSTM", variant, cells)
            inputs, attrs = layer(r, variant, steps, batch, size, cells)
            constants = [i for i in CONSTANTS if inputs[i] is not None]
            name = f"{variant}_{steps}x{batch}x{size}x{cells}"
            yield op_case("IntegerLSTM", name, inputs, attrs, constants=constants)
            yield op_case("IntegerLSTM", f"{name}_clip", inputs, attrs | {"cell_clip": 2000, "projection_clip": 40}, constants=constants)
    for scale in (0.0, 1e-3, 30.0, 1e6):
        inputs, attrs = layer(rng("IntegerLSTM", scale), "plain", 4, 2, 7, 9, scale)
        yield op_case("IntegerLSTM", f"scale_{scale:g}", inputs, attrs, constants=[1, 2, 3])
        yield op_case("IntegerLSTM", f"scale_{scale:g}_computed_weights", inputs, attrs)
    for shift in range(-15, -8):
        inputs, attrs = layer(rng("IntegerLSTM", "shift", shift), "plain", 6, 1, 7, 9)
        yield op_case("IntegerLSTM", f"cell_shift{shift}", inputs, attrs | {"cell_shift": shift}, constants=[1, 2, 3])
    x, w, r, b, h, c = layer(rng("IntegerLSTM", "by hand"), "plain", 3, 1, 4, 5)[0][:6]
    assert x is not None and w is not None and r is not None and b is not None and h is not None and c is not None
    attrs = {"factors": [0.25] * 8 + [0.0] * 3 + [2.0**-23] + [0.0] * 5, "cell_shift": -12}
    yield op_case("IntegerLSTM", "by_hand", [x, w, r, b, h, c], attrs, constants=[1, 2, 3], expected=by_hand(x, w, r, b, h, c, 0.25))
