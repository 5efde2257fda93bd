"""The fused cells of TF1: LSTMBlockCell, BlockLSTM, GRUBlockCell (tensorflow/core/ops/rnn_ops.cc)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts

MAX_UNROLLED = 256


@dataclass(frozen=True)
class Cell:
    """Weights and options of an LSTM cell.

    Attributes:
        w: [inputs + hidden, 4 * hidden]. b: [4 * hidden].
        peepholes: of input, forget and output gate, or none.
        order: where input, cell, forget and output gate stand among the four.
        forget_bias: added to the forget gate.
        clip: bound of the cell state, none where it is not positive.
    """

    w: Value
    b: Value
    peepholes: tuple[Value, Value, Value] | None
    order: tuple[int, int, int, int]
    forget_bias: float
    clip: float


def _cell(ctx: NodeContext, first: int) -> Cell:
    """The cell whose weights begin at input ``first``."""
    v2 = ctx.op == "BlockLSTMV2"
    peepholes = (ctx.input(first + 1), ctx.input(first + 2), ctx.input(first + 3)) if ctx.attr_bool("use_peephole", False) else None
    return Cell(
        ctx.input(first), ctx.input(first + 4), peepholes, (0, 2, 1, 3) if v2 else (0, 1, 2, 3),
        0.0 if v2 else ctx.attr_float("forget_bias", 1.0), ctx.attr_float("cell_clip", 0.0 if v2 else 3.0),
    )  # fmt: skip


def _step(ctx: NodeContext, cell: Cell, x: Value, cs: Value, h: Value) -> list[Value]:
    """i, cs, f, o, ci, co, h."""
    both = ctx.call("Concat", x, h, axis=1)
    gates = ctx.call("Add", ctx.call("MatMul", both, cell.w), cell.b)
    size = ctx.static(h.shape[1], "the hidden size")
    parts = ctx.call_multi("Split", gates, axis=1, sizes=(size,) * 4)
    i, ci, f, o = (parts[k] for k in cell.order)
    f = ctx.unary_const(f, "Add", cell.forget_bias) if cell.forget_bias else f
    if cell.peepholes:
        i = ctx.call("Add", i, ctx.call("Mul", cs, cell.peepholes[0]))
        f = ctx.call("Add", f, ctx.call("Mul", cs, cell.peepholes[1]))
    i, f, ci = ctx.call("Sigmoid", i), ctx.call("Sigmoid", f), ctx.call("Tanh", ci)
    cs = ctx.call("Add", ctx.call("Mul", ci, i), ctx.call("Mul", cs, f))
    if cell.clip > 0:
        cs = ctx.call("Clip", cs, min=-cell.clip, max=cell.clip)
    if cell.peepholes:
        o = ctx.call("Add", o, ctx.call("Mul", cs, cell.peepholes[2]))
    o, co = ctx.call("Sigmoid", o), ctx.call("Tanh", cs)
    return [i, cs, f, o, ci, co, ctx.call("Mul", co, o)]


@converts("LSTMBlockCell")
def lstm_block_cell(ctx: NodeContext) -> Sequence[Value]:
    """One step: x, cs, h, then weights."""
    return _step(ctx, _cell(ctx, 3), ctx.input(0), ctx.input(1), ctx.input(2))


@converts("BlockLSTM", "BlockLSTMV2")
def block_lstm(ctx: NodeContext) -> Sequence[Value | None]:
    """All steps of a sequence [time, batch, inputs]. Where only h is read and nothing is clipped, it is one LSTM."""
    x, cs, h = ctx.input(1), ctx.input(2), ctx.input(3)
    cell = _cell(ctx, 4)
    time = ctx.static(x.shape[0], "the number of steps")
    limit = ctx.known_ints(ctx.input(0))
    if limit is None or limit[0] < time:
        raise Unsupported("a sequence that is cut short is not supported.", reason="dynamic-input")
    w, b = ctx.numbers(cell.w), ctx.numbers(cell.b)
    if cell.clip <= 0 and w is not None and b is not None and not (_read(ctx) - {"h", "6"}) and x.dtype is F32:
        return [None] * 6 + [_lstm(ctx, cell, (w, b), (x, cs, h))]
    if not 1 <= time <= MAX_UNROLLED:
        raise Unsupported(f"a BlockLSTM of {time} steps whose cell states are read or clipped (up to {MAX_UNROLLED} are written out).")
    rows: list[list[Value]] = []
    for t in range(time):
        row = ctx.call("Slice", x, ctx.i64(t), ctx.i64(t + 1), ctx.i64(0))
        made = _step(ctx, cell, ctx.regroup(row, [[1], [2]]), cs, h)
        cs, h = made[1], made[6]
        rows.append([ctx.unsqueeze(v, [0]) for v in made])
    return [column[0] if time == 1 else ctx.call("Concat", *column, axis=0) for column in zip(*rows, strict=True)]


def _read(ctx: NodeContext) -> set[str]:
    """Which outputs of the node others read: their names, or their numbers."""
    refs = [*(r for n in ctx.importer.body.nodes.values() for r in n.inputs), *ctx.importer.wanted]
    return {r.port or str(r.index) for r in refs if r.node == ctx.name}


def _lstm(ctx: NodeContext, cell: Cell, weights: tuple[np.ndarray, np.ndarray], states: tuple[Value, Value, Value]) -> Value:
    """EdgeKit's LSTM: gates in the order input, output, forget, cell; outputs first in the weights."""
    (w, b), (x, cs, h) = weights, states
    size = b.shape[0] // 4
    if w.ndim != 2 or w.shape[1] != 4 * size or b.ndim != 1 or w.shape[0] <= size:
        raise MalformedModelError(f"weights of shape {list(w.shape)} with a bias of {list(b.shape)}")
    at = [cell.order[k] for k in (0, 3, 2, 1)]
    moved = np.concatenate([w[:, k * size : (k + 1) * size].T for k in at])
    bias = np.concatenate([b[k * size : (k + 1) * size] for k in at]).astype(np.float32)
    bias[2 * size : 3 * size] += np.float32(cell.forget_bias)
    both = np.concatenate([bias, np.zeros_like(bias)])[None]
    inputs = w.shape[0] - size
    peepholes = None
    if cell.peepholes:
        i, f, o = (ctx.constant_value(p, "the peepholes").reshape(-1) for p in cell.peepholes)
        peepholes = ctx.const(np.concatenate([i, o, f])[None])
    y, _, _ = ctx.call_multi(
        "LSTM", x, ctx.const(np.ascontiguousarray(moved[None, :, :inputs])), ctx.const(np.ascontiguousarray(moved[None, :, inputs:])),
        ctx.const(both), None, ctx.unsqueeze(h, [0]), ctx.unsqueeze(cs, [0]), peepholes, hidden_size=size,
    )  # fmt: skip
    return ctx.regroup(y, [[0], [2], [3]])


@converts("GRUBlockCell")
def gru_block_cell(ctx: NodeContext) -> Sequence[Value]:
    """One step: r, u, c, h."""
    x, h = ctx.input(0), ctx.input(1)
    size = ctx.static(h.shape[1], "the hidden size")
    both = ctx.call("MatMul", ctx.call("Concat", x, h, axis=1), ctx.input(2))
    gates = ctx.call("Sigmoid", ctx.call("Add", both, ctx.input(4)))
    r, u = ctx.call_multi("Split", gates, axis=1, sizes=(size, size))
    kept = ctx.call("Concat", x, ctx.call("Mul", h, r), axis=1)
    c = ctx.call("Tanh", ctx.call("Add", ctx.call("MatMul", kept, ctx.input(3)), ctx.input(5)))
    new = ctx.call("Add", ctx.call("Mul", u, h), ctx.call("Mul", ctx.call("Sub", ctx.like(1, u), u), c))
    return [r, u, c, new]
