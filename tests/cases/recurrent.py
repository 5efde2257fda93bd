"""Cases of LSTM, GRU and RNN.

The C forms work in float32 where the reference works in float64; gates saturate, so errors do not grow with the steps: 1e-5 absolute
holds about twenty roundings of values near 1 over a handful of steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, tanh
from typing import Any

import numpy as np

from edgekit.ops.recurrent import ACTIVATIONS, activation_code
from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.linear_data import floats, weights8

T = Tolerance(1e-5, 1e-5)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}


def inputs(
    op: str, r: np.random.Generator, d: int, steps: int, batch: int, size: int, hidden: int, batch_first: bool = False
) -> list[Array | None]:
    """All inputs of an operator, optional ones included, in its order."""
    g = GATES[op] * hidden
    state = (batch, d, hidden) if batch_first else (d, batch, hidden)
    x = floats(r, *((batch, steps, size) if batch_first else (steps, batch, size)))
    lens = r.integers(0, steps + 1, batch).astype(np.int32)
    out: list[Array | None] = [
        x,
        floats(r, d, g, size) / np.float32(2),
        floats(r, d, g, hidden) / np.float32(2),
        floats(r, d, 2 * g),
        lens,
        floats(r, *state),
    ]
    if op == "LSTM":
        out += [floats(r, *state), floats(r, d, 3 * hidden)]
    return out


def lstm_by_hand(x: Array, w: Array, r: Array, b: Array) -> Array:
    """One forward LSTM direction with default activations, number by number: y [S, 1, B, H]."""
    steps, batch, size = x.shape
    hidden = r.shape[2]
    y = np.zeros((steps, 1, batch, hidden))
    for e in range(batch):
        h, c = [0.0] * hidden, [0.0] * hidden
        for t in range(steps):
            gate = []
            for k in range(4 * hidden):
                total = float(b[0, k]) + float(b[0, 4 * hidden + k])
                total += sum(float(x[t, e, i]) * float(w[0, k, i]) for i in range(size)) + sum(
                    h[i] * float(r[0, k, i]) for i in range(hidden)
                )
                gate.append(total)
            sigmoid = [1 / (1 + exp(-v)) for v in gate]
            c = [sigmoid[2 * hidden + i] * c[i] + sigmoid[i] * tanh(gate[3 * hidden + i]) for i in range(hidden)]
            h = [sigmoid[hidden + i] * tanh(c[i]) for i in range(hidden)]
            y[t, 0, e] = h
    return y.astype(np.float32)


def cases() -> Iterator[OpCase]:
    for op in GATES:
        for direction, d in DIRECTIONS.items():
            for batch_first in (False, True):
                r = rng(op, direction, batch_first)
                full = inputs(op, r, d, 5, 3, 4, 7, batch_first)
                a: dict[str, Any] = {"hidden_size": 7, "direction": direction, "batch_first": batch_first}
                name = f"{direction}_{'batch_first' if batch_first else 'steps_first'}"
                yield op_case(op, f"{name}_all", full, a, constants=[1, 2, 3], tolerance=T)
                yield op_case(op, f"{name}_plain", full[:3], a, constants=[1, 2], tolerance=T)
                yield op_case(op, f"{name}_bias_lengths", full[:5], a, constants=[1, 2, 3], tolerance=T)
                yield op_case(op, f"{name}_states", [*full[:4], None, *full[5:]], a, constants=[1, 2, 3], tolerance=T)
                yield op_case(op, f"{name}_clip", full, a | {"clip": 0.4}, constants=[1, 2, 3], tolerance=T)
                if op == "GRU":
                    yield op_case(op, f"{name}_linear", full, a | {"linear_before_reset": True}, constants=[1, 2, 3], tolerance=T)
                if op == "LSTM":
                    yield op_case(op, f"{name}_cell_clip", full, a | {"cell_clip": 0.15}, constants=[1, 2, 3], tolerance=T)
                    yield op_case(op, f"{name}_input_forget", full, a | {"input_forget": True}, constants=[1, 2, 3], tolerance=T)
        r = rng(op, "weights")
        full = inputs(op, r, 1, 4, 2, 9, 33)
        a = {"hidden_size": 33}
        yield op_case(op, "computed_weights", full, a, tolerance=T)
        assert full[1] is not None and full[2] is not None and full[4] is not None
        halves = [full[0], full[1].astype(np.float16), full[2].astype(np.float16), *full[3:]]
        yield op_case(op, "f16_weights", halves, a, constants=[1, 2], tolerance=T)
        q = QuantParams.per_tensor(0.006)
        small = [full[0], weights8(r, *full[1].shape), weights8(r, *full[2].shape), *full[3:]]
        yield op_case(op, "int8_weights", small, a, constants=[1, 2], qin=[None, q, q], tolerance=T)
        yield op_case(op, "long_lengths", [*full[:4], np.array([9, -2], np.int64), *full[5:]], a, constants=[1, 2], tolerance=T)
        yield from activations(op)
    r = rng("LSTM", "by hand")
    x, w, rec, b = floats(r, 4, 2, 3), floats(r, 1, 20, 3), floats(r, 1, 20, 5), floats(r, 1, 40)
    case = op_case(
        "LSTM", "by_hand", [x, w, rec, b], {"hidden_size": 5}, constants=[1, 2, 3], tolerance=T, expected=[lstm_by_hand(x, w, rec, b)]
    )
    yield case


def activations(op: str) -> Iterator[OpCase]:
    """Every activation in the first place, with its defaults and with parameters of its own."""
    n = {"LSTM": 3, "GRU": 2, "RNN": 1}[op]
    for name in ACTIVATIONS:
        r = rng(op, name)
        codes = [activation_code(name)] + [activation_code("tanh")] * (n - 1)
        full = inputs(op, r, 1, 3, 2, 3, 5)
        if name in ("Relu", "Affine", "LeakyRelu", "ThresholdedRelu", "Elu", "Softplus"):  # not bounded: keep what they feed back small
            full[2] = np.asarray(full[2]) * np.float32(0.1)
        t = Tolerance(1e-4, 2e-5) if name in ("Affine", "Softplus", "Relu", "LeakyRelu", "Elu") else T
        a: dict[str, Any] = {"hidden_size": 5, "activations": codes}
        yield op_case(op, f"activation_{name}", full, a, constants=[1, 2, 3], tolerance=t)
        own = a | {"activation_alpha": [0.3] + [1.0] * (n - 1), "activation_beta": [0.6] + [1.0] * (n - 1)}
        yield op_case(op, f"activation_{name}_own", full, own, constants=[1, 2, 3], tolerance=t)
