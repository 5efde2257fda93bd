"""The fused recurrent layer (src/operator/rnn.cc): one vector holds the weights of all layers and directions, then all biases.

Gates: LSTM input, forget, cell, output; GRU reset, update, new, with the reset gate behind the recurrent product, as cuDNN has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts

#: order of the table's gates in MXNet's
GATES: dict[str, tuple[int, ...]] = {"rnn_relu": (0,), "rnn_tanh": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
RELU_CODE = "Relu"


class Packed:
    """Cuts the parameter vector into matrices."""

    def __init__(self, vector: Array) -> None:
        self.vector = vector.reshape(-1)
        self.at = 0

    def take(self, *shape: int) -> Array:
        count = int(np.prod(shape))
        if self.at + count > self.vector.size:
            raise MalformedModelError(f"the parameter vector has {self.vector.size} numbers, more are needed")
        self.at += count
        return self.vector[self.at - count : self.at].reshape(shape)


def reorder(a: Array, mode: str, hidden: int) -> Array:
    """The rows of a matrix or vector in the table's order of gates."""
    parts = a.reshape(len(GATES[mode]), hidden, *a.shape[1:])
    return parts[list(GATES[mode])].reshape(a.shape)


def unpack(ctx: MxnetContext, mode: str, layers: int, directions: int, width: int, hidden: int) -> list[tuple[Array, Array, Array]]:
    """Weights [D, G * H, I], recurrent weights [D, G * H, H] and biases [D, 2 * G * H] of each layer."""
    rows = len(GATES[mode]) * hidden
    packed = Packed(ctx.constant_input(1, "the weights of a recurrent layer"))
    matrices = []
    for k in range(layers):
        read = width if k == 0 else hidden * directions
        matrices.append([(packed.take(rows, read), packed.take(rows, hidden)) for _ in range(directions)])
    found = []
    for pairs in matrices:
        biases = [np.concatenate([reorder(packed.take(rows), mode, hidden) for _ in range(2)]) for _ in range(directions)]
        w = np.stack([reorder(w, mode, hidden) for w, _ in pairs])
        found.append((w, np.stack([reorder(r, mode, hidden) for _, r in pairs]), np.stack(biases)))
    if packed.at != packed.vector.size:
        raise MalformedModelError(f"the parameter vector has {packed.vector.size} numbers, {packed.at} are needed")
    return found


@converts("RNN", "_npx_rnn")
def rnn(ctx: MxnetContext) -> Value | list[Value]:
    """``data`` [T, N, I], states [layers * D, N, H]; gives [T, N, D * H] and, if asked, the last states."""
    mode = ctx.get_choice("mode", "", tuple(GATES))
    if ctx.get_int("projection_size", 0):
        raise Unsupported("a recurrent layer with a projection is not supported.")
    layers, hidden = ctx.get_int("num_layers"), ctx.get_int("state_size")
    directions = 2 if ctx.get_bool("bidirectional", False) else 1
    if not 1 <= layers <= 1024 or hidden < 1:
        raise MalformedModelError(f"num_layers={layers}, state_size={hidden}")
    x = ctx.input(0)
    width = ctx.static(x.shape[-1], "the number of features")
    weights = unpack(ctx, mode, layers, directions, width, hidden)
    lstm = mode == "lstm"
    states = [state_input(ctx, i) for i in ((2, 3) if lstm else (2,))]
    at = 3 + lstm
    count = ctx.as_i64(ctx.input(at)) if ctx.get_bool("use_sequence_length", False) else None
    op = {"lstm": "LSTM", "gru": "GRU"}.get(mode, "RNN")
    attrs: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    if mode == "gru":
        attrs["linear_before_reset"] = True
    if mode == "rnn_relu":
        attrs["activations"] = (activation(RELU_CODE),) * directions
    low, high = ctx.get_float("lstm_state_clip_min", -np.inf), ctx.get_float("lstm_state_clip_max", np.inf)
    if lstm and (np.isfinite(low) or np.isfinite(high)):
        raise Unsupported("a recurrent layer that clips its state is not supported.")
    last: list[list[Value]] = [[] for _ in states]
    for k, (w, r, b) in enumerate(weights):
        first = [None if s is None else layer_state(ctx, s, k, directions) for s in states]
        outs = ctx.call_multi(op, x, ctx.const(w), ctx.const(r), ctx.const(b), count, *first, **attrs)
        y = outs[0]  # [T, D, N, H]
        x = ctx.regroup(y, [[0], [2], [3]]) if directions == 1 else ctx.regroup(ctx.transpose(y, (0, 2, 1, 3)), [[0], [1], [2, 3]])
        for kept, state in zip(last, outs[1:], strict=True):
            kept.append(state)
    if not ctx.get_bool("state_outputs", False):
        return x
    return [x, *(s[0] if len(s) == 1 else ctx.call("Concat", *s, axis=0) for s in last)]


def activation(name: str) -> int:
    from edgekit.ops.recurrent import activation_code

    return activation_code(name)


def state_input(ctx: MxnetContext, i: int) -> Value | None:
    """A first state, None where it is zeros (whose batch size the file may leave open as 0)."""
    v = ctx.optional(i)
    if v is None or (v.const is not None and not np.any(v.const)):
        return None
    return v


def layer_state(ctx: MxnetContext, state: Value, layer: int, directions: int) -> Value:
    """The states of one layer, [D, N, H]."""
    if state.shape[0] == directions:
        return state
    return ctx.call("Slice", state, ctx.i64(layer * directions), ctx.i64((layer + 1) * directions), ctx.i64(0))
