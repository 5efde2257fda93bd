"""LSTMs whose tensors are all integers, as TensorFlow Lite's own integer kernel computes them.

Source: tensorflow/lite/kernels/unidirectional_sequence_lstm.cc (``PopulateQuantizedLstmParams8x8_16``) and lstm_eval.cc. Its multipliers
are computed in float32, in the order written here.
"""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops.integer_lstm import FACTORS, HIDDEN, INPUT, NORM, PEEPHOLE, PROJECTION, RECURRENT
from edgekit.types import I8, I16, I32, Array, DType
from edgekit_converters.tflite.context import NodeContext, is_int8
from edgekit_converters.tflite.tensors import TensorInfo

WEIGHTS, RECURRENT_WEIGHTS, PEEPHOLES, BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13, 14, 15)
PROJECTION_WEIGHTS, PROJECTION_BIAS, OUTPUT_STATE, CELL_STATE, NORMS = 16, 17, 18, 19, (20, 21, 22, 23)
INTERMEDIATES = 5  # four gates, and what enters the projection
GATE_SCALE = np.float32(2.0**-12)
CELL_SHIFTS = range(-15, -8)


def _cell_shift(info: TensorInfo) -> int | None:
    """The binary logarithm of the cell state's scale; None where it is no power of two that the kernel takes."""
    if info.dtype is not I16 or info.quant is None or not info.quant.is_per_tensor or info.quant.zero_point[0] != 0:
        return None
    fraction, exponent = np.frexp(np.float32(info.quant.scale[0]))
    return int(exponent) - 1 if abs(float(fraction) - 0.5) < 1e-3 and int(exponent) - 1 in CELL_SHIFTS else None


def is_integer_lstm(ctx: NodeContext) -> bool:
    """Whether TensorFlow Lite runs this LSTM on its kernel with 8-bit states and 16-bit gates."""
    if len(ctx.intermediates) != INTERMEDIATES or any(ctx.optional(i) is None for i in (0, OUTPUT_STATE, CELL_STATE)):
        return False
    hidden = ctx.intermediates[-1]
    ends = is_int8(ctx.input(0)) and is_int8(ctx.input(OUTPUT_STATE)) and ctx.out.dtype is I8 and ctx.out.quant is not None
    return ends and hidden is not None and hidden.quant is not None and _cell_shift(ctx.info(CELL_STATE)) is not None


def _scale(info: TensorInfo | None) -> np.float32:
    quant = None if info is None else info.source_quant
    return np.float32(1) if quant is None else np.float32(quant.scale[0])


class _Reader:
    """The constants of one LSTM, gates in the order input, forget, cell, output; a coupled input gate has zeros."""

    def __init__(self, ctx: NodeContext) -> None:
        self.ctx = ctx
        self.coupled = ctx.optional(WEIGHTS[0]) is None

    def constant(self, i: int, dtype: DType) -> Array | None:
        v = self.ctx.optional(i)
        if v is None:
            return None
        if v.const is None or v.dtype is not dtype:
            raise MalformedModelError(f"input {i} of an integer LSTM must be a constant of the type {dtype.label}")
        return np.asarray(v.const)

    def gates(self, places: tuple[int, ...], dtype: DType, rank: int, what: str) -> Array | None:
        """One array a gate, stacked; None where there are none."""
        found = [self.constant(i, dtype) for i in places]
        if all(f is None for f in found):
            return None
        like = found[1]
        if like is not None and found[0] is None and self.coupled:
            found[0] = np.zeros_like(like)
        if like is None or like.ndim != rank or any(f is None or f.shape != like.shape for f in found):
            raise MalformedModelError(f"the {what} of the gates are not all there, or of different shapes")
        return np.stack([f for f in found if f is not None])

    def scale(self, i: int) -> np.float32:
        return np.float32(1) if self.ctx.optional(i) is None else _scale(self.ctx.info(i))


def integer_lstm(ctx: NodeContext, x: Value) -> Value:
    """The LSTM over time-major int8 ``x`` [S, B, I]: [S, B, outputs] in the model's own integers. The states are read and kept."""
    read = _Reader(ctx)
    w, r = read.gates(WEIGHTS, I8, 2, "weights"), read.gates(RECURRENT_WEIGHTS, I8, 2, "recurrent weights")
    p, n = read.gates(PEEPHOLES, I16, 1, "peepholes"), read.gates(NORMS, I16, 1, "layer normalizations")
    biases = read.gates(BIASES, I32, 1, "biases")
    if w is None or r is None or w.shape[1] != r.shape[1] or w.shape[2] != x.shape[2]:
        raise MalformedModelError("the weights of an LSTM are missing, or of other shapes than they must be")
    cells, outputs = w.shape[1], r.shape[2]
    projection, projection_bias = read.constant(PROJECTION_WEIGHTS, I8), read.constant(PROJECTION_BIAS, I32)
    if projection.shape != (outputs, cells) if projection is not None else outputs != cells:
        raise MalformedModelError("the recurrent weights do not fit the output's size")
    for name, a, count in (("biases", biases, 4), ("peepholes", p, 3), ("normalizations", n, 4)):
        if a is not None and a.shape != (count, cells):
            raise MalformedModelError(f"the {name} of an LSTM need {cells} numbers a gate")
    rows = ctx.static(x.shape[1], "the batch")
    h, c = ctx.input(OUTPUT_STATE), ctx.input(CELL_STATE)
    assert x.quant is not None and h.quant is not None and ctx.out.quant is not None
    if biases is None:
        biases = np.zeros((4, cells), np.int32)
    first = np.zeros_like(biases) if n is not None else biases  # with normalizations the biases are theirs
    zeros = [x.quant.zero_point[0], h.quant.zero_point[0]]
    shifted = [b.astype(np.int64) - z * a.astype(np.int64).sum(axis=2) for b, z, a in zip((first, 0 * first), zeros, (w, r), strict=True)]
    hidden_zero = ctx.intermediates[-1].quant.zero_point[0] if ctx.intermediates[-1] and ctx.intermediates[-1].quant else 0
    total = None
    if projection is not None:
        # the kernel takes the zero point of what it projects with the other sign, here and where it is added
        total = hidden_zero * projection.astype(np.int64).sum(axis=1) + (0 if projection_bias is None else projection_bias)
    if p is not None and outputs < cells:
        p = _first_peepholes(ctx, p, outputs, rows)
    given = {"p": p, "n": n, "nb": biases if n is not None else None, "projection": projection}
    o, cell = ctx.options, ctx.info(CELL_STATE)
    made = ctx.call_multi(
        "IntegerLSTM", x, ctx.const(w.reshape(4 * cells, -1)), ctx.const(r.reshape(4 * cells, -1)),
        ctx.const(np.stack(shifted).reshape(2, 4 * cells).astype(np.int32)), ctx.reshape(h, (rows, outputs)), ctx.reshape(c, (rows, cells)),
        *(None if a is None else ctx.const(a) for a in given.values()), None if total is None else ctx.const(total.astype(np.int32)),
        factors=_factors(ctx, read, n is not None), cell_shift=_cell_shift(cell), coupled=read.coupled,
        cell_clip=_clip(o.cell_clip, _scale(cell), 32767), projection_clip=_clip(o.projection_clip, _scale(ctx.out), 127),
        hidden_zero_point=-hidden_zero if projection is not None else hidden_zero, zero_point=h.quant.zero_point[0],
    )  # fmt: skip
    for v, like in zip(made, (ctx.out.quant, h.quant, c.quant), strict=True):
        v.type = v.type.with_dtype(v.dtype, like)
    for i, v in ((OUTPUT_STATE, made[1]), (CELL_STATE, made[2])):
        ctx.importer.store(ctx.input_indices[i], ctx.reshape(v, ctx.info(i).shape))
    return made[0]


def _first_peepholes(ctx: NodeContext, p: Array, outputs: int, rows: int) -> Array:
    """The peepholes that the kernel uses: with a projection it takes them for as long as the output, and leaves out the other cells."""
    if rows > 1:
        ctx.session.note(
            "TensorFlow Lite's integer LSTM mixes up the peepholes of a batch where it projects to fewer outputs than cells; "
            "here every cell has its own, so results differ from its"
        )
        return p
    ctx.session.note("the peepholes of cells beyond the number of outputs are left out, as TensorFlow Lite's integer LSTM does")
    return np.where(np.arange(p.shape[1]) < outputs, p, p.dtype.type(0))


def _clip(bound: float, scale: np.float32, largest: int) -> int:
    return int(min(max(np.float32(bound) / scale, np.float32(0)), np.float32(largest)))


def _factors(ctx: NodeContext, read: _Reader, normalized: bool) -> list[float]:
    """The multipliers of ``IntegerLSTM``: float32 products and quotients, each rounded once."""
    factors = np.zeros(FACTORS, np.float32)
    x, h, cell = _scale(ctx.info(0)), _scale(ctx.info(OUTPUT_STATE)), np.float32(2.0 ** (_cell_shift(ctx.info(CELL_STATE)) or 0))
    hidden = ctx.intermediates[-1]
    with np.errstate(all="ignore"):
        for k in range(4):
            gate = _scale(ctx.intermediates[k]) if normalized else GATE_SCALE
            factors[INPUT + k] = read.scale(WEIGHTS[k]) * x / gate
            factors[RECURRENT + k] = read.scale(RECURRENT_WEIGHTS[k]) * h / gate
            factors[NORM + k] = read.scale(NORMS[k])
            if k != 2 and ctx.optional(PEEPHOLES[-1]) is not None:
                place = min(k, 2)
                factors[PEEPHOLE + place] = cell * read.scale(PEEPHOLES[place]) / gate
        factors[HIDDEN] = np.float32(2.0**-15 / float(_scale(hidden)) * 2.0**-15)
        factors[PROJECTION] = read.scale(PROJECTION_WEIGHTS) * _scale(hidden) / h
    if not np.all(np.isfinite(factors)) or np.any(factors >= 2.0**31):
        raise MalformedModelError("the scales of an LSTM differ too much")
    return [float(f) for f in factors]
