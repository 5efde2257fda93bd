"""LSTM on integers, to the bit as TensorFlow Lite's own kernel computes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Bool, Floats, Int, Optional, Port, op
from edgekit.ops.fixed_functions import fixed_inverse_root, fixed_sigmoid, fixed_tanh, rounding_shift, saturate16, wrap16
from edgekit.ops.quant_math import fixed_multiplier, fixed_multiply, fixed_requantize
from edgekit.ops.traits import NotNumeric
from edgekit.types import I8, I16, I32, Array, TensorType

FACTORS = 17
"""How many multipliers there are: 4 of the input, 4 recurrent, 3 of peepholes, hidden, projection, 4 of the normalizations."""
INPUT, RECURRENT, PEEPHOLE, HIDDEN, PROJECTION, NORM = 0, 4, 8, 11, 12, 13
NORM_BITS = 12


def _quotient(a: Array, b: int) -> Array:
    """Integer division towards zero."""
    towards_zero: Array = np.sign(a) * (np.abs(a) // b)
    return towards_zero


def _normalized(x: Array, weights: Array, bias: Array, factor: float) -> Array:
    """Layer normalization of each row of int16 ``x`` [B, H]."""
    n = x.shape[1]
    mean = _quotient(x.sum(axis=1) * 1024, n).astype(np.int32).astype(np.int64)
    variance = _quotient((x * x).sum(axis=1) * ((1 << 20) // n) - mean * mean, 1 << 20).astype(np.int32).astype(np.int64)
    guard = max(1, min(int(np.float32(10000) * np.float32(factor)), 2**31 - 1))
    multiplier, shift = fixed_multiplier(factor)
    out = np.empty_like(x)
    for i, v in enumerate(variance.tolist()):
        root, root_shift = fixed_inverse_root(guard if v < 1 else v)
        near = fixed_multiply((1024 * x[i] - mean[i]).astype(np.int32), root, root_shift, "fixed_away")
        weighed = near * weights + bias
        scaled = _quotient(weighed + np.where(weighed > 0, 512, -512), 1024).astype(np.int32)
        out[i] = saturate16(fixed_multiply(scaled, multiplier, np.minimum(shift + NORM_BITS, 31), "fixed_away"))
    return out


def _scaled(acc: Array, factor: float) -> Array:
    return fixed_requantize(acc.astype(np.int32), factor, "fixed_away")


@op(id=230, category="recurrent")
class IntegerLSTM:
    """Long short-term memory on integers: int8 inputs and states, int16 gates and cell state, as TensorFlow Lite's kernel computes it.

    S steps, B batch, I input size, H cells, O outputs; gates in the order input, forget, cell, output. ``w`` [4*H, I], ``r`` [4*H, O].
    ``b`` [2, 4*H] are the biases of the input products and of the recurrent ones, with the zero points in them; ``p`` [3, H] the peepholes
    of input, forget and output gate; ``n`` and ``nb`` [4, H] the weights and biases of layer normalizations; ``projection`` [O, H] and its
    bias (O = H without). For each step

        gate     = saturate16(saturate16(x @ w.T + b[0] scaled) + (h @ r.T + b[1] scaled)), plus the peepholes, saturated; normalized
        c        = saturate16(c * sigmoid(forget) / 2^15 + sigmoid(input) * tanh(cell) / 2^(30 + cell_shift)), then clipped
        h        = clamp(sigmoid(output) * tanh(c) scaled + hidden_zero_point), then projected: clamp(h @ projection.T scaled + zero_point)

    with the peephole of the output gate on the new ``c``. Gates have 12 fractional bits, their functions 15 (``docs/numerics.md``); the
    cell state is in units of ``2^cell_shift``. "Scaled" is a product with one of the ``factors`` in fixed point: 4 of the input, 4
    recurrent, 3 of peepholes, hidden, projection, 4 of normalizations. ``coupled``: the input gate is 32767 minus the forget gate.
    ``cell_clip`` and ``projection_clip`` above 0 bound cell state and projection. Source: ``LstmStepInteger8x8_16`` of
    tensorflow/lite/kernels/lstm_eval.cc.
    """

    inputs = (
        Port("x", I8),
        Port("w", I8),
        Port("r", I8),
        Port("b", I32),
        Port("h0", I8),
        Port("c0", I16),
        Optional("p", I16),
        Optional("n", I16),
        Optional("nb", I32),
        Optional("projection", I8),
        Optional("projection_bias", I32),
    )
    outputs = (Port("y", I8), Port("y_h", I8), Port("y_c", I16))
    attrs = (
        Floats("factors"),
        Int("cell_shift"),
        Int("cell_clip", 0),
        Int("projection_clip", 0),
        Int("hidden_zero_point", 0),
        Int("zero_point", 0),
        Bool("coupled", False),
    )
    quant = NotNumeric()

    @staticmethod
    def infer(
        x: Arg, w: Arg, r: Arg, b: Arg, h0: Arg, c0: Arg, p: Arg | None, n: Arg | None, nb: Arg | None, projection: Arg | None,
        projection_bias: Arg | None, *, factors: tuple[float, ...], cell_shift: int, hidden_zero_point: int, zero_point: int, **attrs: Any,
    ) -> list[TensorType]:  # fmt: skip
        if x.rank != 3 or w.rank != 2 or r.rank != 2 or c0.rank != 2:
            raise ValueError("an input [S, B, I], weights [4*H, I] and [4*H, O] and a cell state [B, H] are needed")
        cells, outputs, batch = c0.shape[1], r.shape[1], x.shape[1]
        if not isinstance(cells, int) or cells < 1 or (projection is None and outputs != cells):
            raise ValueError(f"{cells} cells and {outputs} outputs do not go together")
        want = (
            ("w", w, (4 * cells, x.shape[2])), ("r", r, (4 * cells, outputs)), ("b", b, (2, 4 * cells)), ("h0", h0, (batch, outputs)),
            ("c0", c0, (batch, cells)), ("p", p, (3, cells)), ("n", n, (4, cells)), ("nb", nb, (4, cells)),
            ("projection", projection, (outputs, cells)), ("projection_bias", projection_bias, (outputs,)),
        )  # fmt: skip
        for name, arg, shape in want:
            if arg is None:
                continue
            if arg.rank != len(shape) or any(
                isinstance(d, int) and isinstance(s, int) and d != s for d, s in zip(arg.shape, shape, strict=True)
            ):
                raise ValueError(f"{name} needs the shape {[str(s) for s in shape]}, got {[str(s) for s in arg.shape]}")
        if len(factors) != FACTORS or not all(0 <= f < 2.0**31 for f in factors) or not -15 <= cell_shift <= -9:
            raise ValueError(f"{FACTORS} factors that are not negative and a cell_shift from -15 to -9 are needed")
        if not (-128 <= hidden_zero_point <= 127 and -128 <= zero_point <= 127) or (n is None) != (nb is None):
            raise ValueError("zero points from -128 to 127 are needed, and normalizations have weights and biases")
        return [TensorType(I8, (x.shape[0], batch, outputs)), TensorType(I8, h0.shape), TensorType(I16, c0.shape)]

    @staticmethod
    def reference(
        x: Array, w: Array, r: Array, b: Array, h0: Array, c0: Array, p: Array | None, n: Array | None, nb: Array | None,
        projection: Array | None, projection_bias: Array | None, *, factors: tuple[float, ...], cell_shift: int, cell_clip: int,
        projection_clip: int, hidden_zero_point: int, zero_point: int, coupled: bool,
    ) -> tuple[Array, Array, Array]:  # fmt: skip
        steps, batch, _ = x.shape
        cells = c0.shape[1]
        xs, h, c = x.astype(np.int64), h0.astype(np.int64), c0.astype(np.int64)
        ws, rs = w.astype(np.int64).reshape(4, cells, -1), r.astype(np.int64).reshape(4, cells, -1)
        bs = b.astype(np.int64).reshape(2, 4, cells)
        y = np.zeros((steps, batch, h.shape[1]), np.int8)

        def gate(k: int, t: int, peephole: int | None) -> Array:
            v = saturate16(_scaled(xs[t] @ ws[k].T + bs[0, k], factors[INPUT + k]))
            v = saturate16(v + _scaled(h @ rs[k].T + bs[1, k], factors[RECURRENT + k]))
            if p is not None and peephole is not None:
                v = saturate16(v + _scaled(p[peephole].astype(np.int64) * c, factors[PEEPHOLE + peephole]))
            if n is not None and nb is not None:
                v = _normalized(v, n[k].astype(np.int64), nb[k].astype(np.int64), factors[NORM + k])
            return v

        for t in range(steps):
            forget = fixed_sigmoid(gate(1, t, 1))
            write = 32767 - forget if coupled else fixed_sigmoid(gate(0, t, 0))
            added = wrap16(rounding_shift(write * fixed_tanh(gate(2, t, None), 3), 30 + cell_shift))
            c = saturate16(wrap16(rounding_shift(forget * c, 15)) + added)
            c = np.clip(c, -cell_clip, cell_clip) if cell_clip > 0 else c
            opened = fixed_sigmoid(gate(3, t, 2))
            hidden = _scaled(opened * fixed_tanh(c, 15 + cell_shift), factors[HIDDEN]) + hidden_zero_point
            h = np.clip(hidden, -128, 127)
            if projection is not None:
                total = h @ projection.astype(np.int64).T + (0 if projection_bias is None else projection_bias.astype(np.int64))
                h = np.clip(_scaled(total, factors[PROJECTION]) + zero_point, -128, 127)
                h = np.clip(h, -projection_clip, projection_clip) if projection_clip > 0 else h
            y[t] = h
        return y, h.astype(np.int8), c.astype(np.int16)

    @staticmethod
    def quant_reference(*arrays: Any, qin: Any, qout: Any, **attrs: Any) -> tuple[Array, Array, Array]:
        return IntegerLSTM.reference(*arrays, **attrs)
