"""LSTM, GRU and RNN. Torch orders gates i, f, g, o and r, z, n; the table has ONNX's i, o, f, c and z, r, h."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops.recurrent import activation_code
from edgekit.types import F32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import ConvertFunction, converts

ORDERS = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


def _reordered(ctx: AtenContext, w: Value, order: Sequence[int]) -> Value:
    """Blocks of rows in another order."""
    rows = ctx.static(w.shape[0], "the number of gates")
    if rows % len(order):
        raise MalformedModelError(f"{rows} rows of weights do not split into {len(order)} gates")
    if list(order) == list(range(len(order))):
        return w
    each = rows // len(order)
    if w.const is not None and w.quant is None:
        blocks = [w.const[k * each : (k + 1) * each] for k in order]
        return ctx.const(np.concatenate(blocks), name=w.name)
    parts = ctx.call_multi("Split", w, axis=0, sizes=(each,) * len(order))
    return ctx.call("Concat", *(parts[k] for k in order), axis=0)


def _stacked(ctx: AtenContext, values: Sequence[Value]) -> Value:
    """One a direction, in a new first dimension."""
    if all(v.const is not None for v in values):
        return ctx.const(np.stack([v.const for v in values if v.const is not None]), name=values[0].name)
    parts = [ctx.unsqueeze(v, [0]) for v in values]
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=0)


def _weights(ctx: AtenContext, op: str, cells: Sequence[Sequence[Value]]) -> tuple[Value, Value, Value | None]:
    """``w``, ``r`` and ``b`` of the table's operator; each cell is (w_ih, w_hh) or (w_ih, w_hh, b_ih, b_hh)."""
    order = ORDERS[op]
    made = [[ctx.cast(_reordered(ctx, v, order), F32) for v in cell] for cell in cells]
    w, r = (_stacked(ctx, [cell[k] for cell in made]) for k in (0, 1))
    if len(made[0]) < 4:
        return w, r, None
    biases = []
    for cell in made:
        a, b = cell[2], cell[3]
        both = a.const is not None and b.const is not None
        biases.append(ctx.const(np.concatenate([a.const, b.const])) if both else ctx.call("Concat", a, b, axis=0))
    return w, r, _stacked(ctx, biases)


def _attributes(op: str, hidden: int, directions: int, activation: str) -> dict[str, Any]:
    attrs: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    if op == "GRU":
        attrs["linear_before_reset"] = True
    if op == "RNN":
        attrs["activations"] = (activation_code(activation),) * directions
    return attrs


def _layers(ctx: AtenContext, op: str, states: Sequence[Value], activation: str = "Tanh") -> tuple[Value, ...]:
    """All layers, one operator each. The states are [layers * directions, N, hidden]."""
    x = ctx.tensor("input")
    if len(x.shape) not in (2, 3):
        raise MalformedModelError(f"an input of rank 2 or 3 is needed, got {len(x.shape)}")
    single = len(x.shape) == 2
    first = ctx.flag("batch_first", False) and not single
    x = ctx.unsqueeze(x, [1]) if single else ctx.transpose(x, (1, 0, 2)) if first else x
    states = [ctx.unsqueeze(s, [1]) if single else s for s in states]
    if ctx.real("dropout", 0.0) != 0:
        ctx.inference_only("train", False, "dropout between the layers")
    layers, directions = ctx.integer("num_layers", 1), 2 if ctx.flag("bidirectional", False) else 1
    per_cell = 4 if ctx.flag("has_biases", True) else 2
    params = ctx.tensors("params")
    if len(params) != layers * directions * per_cell:
        raise Unsupported(f"{len(params)} parameters for {layers} layers: projections (proj_size) are not supported.")
    ends: list[list[Value]] = [[] for _ in states]
    dtype = x.dtype
    y = ctx.cast(x, F32)
    for layer in range(layers):
        at = layer * directions
        cells = [params[(at + d) * per_cell : (at + d + 1) * per_cell] for d in range(directions)]
        hidden = ctx.static(cells[0][1].shape[1], "the hidden size")
        w, r, b = _weights(ctx, op, cells)
        begins = [ctx.cast(s if layers == 1 else ctx.narrow(s, 0, at, at + directions), F32) for s in states]
        y4, *last = ctx.call_multi(op, y, w, r, b, None, *begins, **_attributes(op, hidden, directions, activation))
        steps, _, batch, _ = ctx.sizes_of(y4)
        y = ctx.view(ctx.transpose(y4, (0, 2, 1, 3)), [steps, batch, directions * hidden]) if directions == 2 else ctx.squeeze(y4, [1])
        for k, v in enumerate(last[: len(states)]):
            ends[k].append(v)
    y = ctx.cast(y, dtype)
    y = ctx.squeeze(y, [1]) if single else ctx.transpose(y, (1, 0, 2)) if first else y
    final = []
    for parts in ends:
        v = ctx.cast(parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=0), dtype)
        final.append(ctx.squeeze(v, [1]) if single else v)
    return (y, *final)


@converts("aten.lstm.input")
def lstm(ctx: AtenContext) -> tuple[Value, ...]:
    return _layers(ctx, "LSTM", ctx.tensors("hx"))


@converts("aten.gru.input")
def gru(ctx: AtenContext) -> tuple[Value, ...]:
    return _layers(ctx, "GRU", [ctx.tensor("hx")])


@converts("aten.rnn_tanh.input")
def rnn_tanh(ctx: AtenContext) -> tuple[Value, ...]:
    return _layers(ctx, "RNN", [ctx.tensor("hx")])


@converts("aten.rnn_relu.input")
def rnn_relu(ctx: AtenContext) -> tuple[Value, ...]:
    return _layers(ctx, "RNN", [ctx.tensor("hx")], "Relu")


def _cell(ctx: AtenContext, op: str, states: Sequence[Value], activation: str = "Tanh") -> tuple[Value, ...]:
    """One step: a layer over a sequence of one."""
    x = ctx.tensor("input")
    single = len(x.shape) == 1
    x, *begins = (ctx.unsqueeze(v, [0, 1] if single else [0]) for v in (x, *states))
    cell = [ctx.tensor("w_ih"), ctx.tensor("w_hh")]
    if ctx.has("b_ih") and ctx.has("b_hh"):
        cell += [ctx.tensor("b_ih"), ctx.tensor("b_hh")]
    hidden = ctx.static(cell[1].shape[1], "the hidden size")
    w, r, b = _weights(ctx, op, [cell])
    dtype = x.dtype
    _, *last = ctx.call_multi(
        op, ctx.cast(x, F32), w, r, b, None, *(ctx.cast(s, F32) for s in begins), **_attributes(op, hidden, 1, activation)
    )
    return tuple(ctx.cast(ctx.squeeze(v, [0, 1] if single else [0]), dtype) for v in last[: len(states)])


@converts("aten.lstm_cell")
def lstm_cell(ctx: AtenContext) -> tuple[Value, ...]:
    return _cell(ctx, "LSTM", ctx.tensors("hx"))


def _simple_cell(op: str, activation: str) -> ConvertFunction:
    return lambda ctx: _cell(ctx, op, [ctx.tensor("hx")], activation)[0]


converts("aten.gru_cell")(_simple_cell("GRU", "Tanh"))
converts("aten.rnn_tanh_cell")(_simple_cell("RNN", "Tanh"))
converts("aten.rnn_relu_cell")(_simple_cell("RNN", "Relu"))
