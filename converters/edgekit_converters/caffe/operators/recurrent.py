"""Recurrent layers, unrolled in time (src/caffe/layers/lstm_layer.cpp, rnn_layer.cpp).

``cont`` [T, N] is 0 where a new sequence begins and clears the state there. Gates: input, forget, output, cell.
"""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.caffe.context import LayerContext, converts
from edgekit_converters.importing.layers import flatten
from edgekit_converters.importing.problems import Unsupported

MAX_STEPS = 512


def unrolled(ctx: LayerContext, rows: int) -> tuple[list[Value], list[Value], int]:
    """What the input gives to each step [N, rows], ``cont`` of each step [N, 1], and how many blobs that took."""
    p = ctx.params("recurrent_param")
    if p.get_bool("expose_hidden", False):
        raise Unsupported("expose_hidden: true is not supported.", "Export the layer without it.")
    x, cont = ctx.input(0), ctx.input(1)
    steps = ctx.static(x.shape[0], "the number of steps of a recurrent layer")
    if not 1 <= steps <= MAX_STEPS:
        raise Unsupported(f"{steps} steps; at most {MAX_STEPS} are unrolled.")
    flat = flatten(ctx, x, 2)
    width = ctx.static(flat.shape[2], "the number of features")
    y = ctx.call("FullyConnected", flat, ctx.blob(0, rows, width), ctx.blob(1, rows))
    used = 2
    if len(ctx.inputs) > 2:
        still = flatten(ctx, ctx.input(2), 1)
        y = ctx.call("Add", y, ctx.call("FullyConnected", still, ctx.blob(2, rows, ctx.static(still.shape[1], "the static input"))))
        used = 3
    return pieces(ctx, y, steps), pieces(ctx, ctx.unsqueeze(cont, [2]), steps), used


def pieces(ctx: LayerContext, v: Value, steps: int) -> list[Value]:
    """[N, ...] of each step."""
    parts = ctx.call_multi("Split", v, axis=0, sizes=(1,) * steps) if steps > 1 else (v,)
    return [ctx.regroup(p, [[i] for i in range(1, len(v.shape))]) for p in parts]


def stacked(ctx: LayerContext, parts: list[Value]) -> Value:
    return ctx.call("Concat", *(ctx.unsqueeze(p, [0]) for p in parts), axis=0)


def width_of(ctx: LayerContext) -> int:
    count = ctx.params("recurrent_param").get_int("num_output", 0)
    if count < 1:
        raise MalformedModelError(f"num_output is {count}")
    return count


@converts("LSTM")
def lstm(ctx: LayerContext) -> Value:
    hidden = width_of(ctx)
    given, conts, used = unrolled(ctx, 4 * hidden)
    weights = ctx.blob(used, 4 * hidden, hidden)
    h: Value | None = None
    c: Value | None = None
    outs = []
    for x, cont in zip(given, conts, strict=True):
        gates = x if h is None else ctx.call("Add", x, ctx.call("FullyConnected", ctx.call("Mul", h, cont), weights))
        i, f, o, g = ctx.call_multi("Split", gates, axis=1, sizes=(hidden,) * 4)
        fresh = ctx.call("Mul", ctx.call("Sigmoid", i), ctx.call("Tanh", g))
        if c is not None:
            fresh = ctx.call("Add", ctx.call("Mul", ctx.call("Mul", ctx.call("Sigmoid", f), c), cont), fresh)
        c = fresh
        h = ctx.call("Mul", ctx.call("Sigmoid", o), ctx.call("Tanh", c))
        outs.append(h)
    return stacked(ctx, outs)


@converts("RNN")
def rnn(ctx: LayerContext) -> Value:
    """``h = tanh(W_hh h + W_xh x + b)``, ``o = tanh(W_ho h + b_o)``."""
    hidden = width_of(ctx)
    given, conts, used = unrolled(ctx, hidden)
    weights, last, bias = ctx.blob(used, hidden, hidden), ctx.blob(used + 1, hidden, hidden), ctx.blob(used + 2, hidden)
    h: Value | None = None
    outs = []
    for x, cont in zip(given, conts, strict=True):
        total = x if h is None else ctx.call("Add", x, ctx.call("FullyConnected", ctx.call("Mul", h, cont), weights))
        h = ctx.call("Tanh", total)
        outs.append(ctx.call("Tanh", ctx.call("FullyConnected", h, last, bias)))
    return stacked(ctx, outs)
