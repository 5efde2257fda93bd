"""Running a recurrent layer over the steps of a sequence: as one operator where the table has it, else as a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ops.recurrent import ACTIVATION_DEFAULTS, activation_code
from edgekit.types import BOOL, F32, I64, Array, Dim, TensorType
from edgekit_converters.keras.cells import CellArrays, cell_arrays, family, resets_after
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.functions import activation_name, hard_sigmoid_slope

Step = Callable[[LayerContext, Value, Sequence[Value]], tuple[Value, list[Value]]]
#: Keras' activations that the recurrent operators have, with alpha and beta where they are not the operators' own
ACTIVATIONS = {
    "tanh": ("Tanh", None),
    "sigmoid": ("Sigmoid", None),
    "relu": ("Relu", None),
    "linear": ("Affine", (1.0, 0.0)),
    "softsign": ("Softsign", None),
    "softplus": ("Softplus", None),
    "elu": ("Elu", (1.0, 0.0)),
    "leaky_relu": ("LeakyRelu", (0.2, 0.0)),
}
#: rows of the operators' weights by Keras' gates: LSTM has input, output, forget, cell
ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2), "SimpleRNN": (0,)}
OPERATOR = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}


@dataclass(frozen=True)
class Recurrence:
    """What a recurrent layer gives.

    Attributes:
        sequence: every output, [B, S, ...], in the order of time.
        last: the output of the last step that was run.
        states: after it.
    """

    sequence: Value
    last: Value
    states: list[Value]


def zero_state(ctx: LayerContext, x: Value, sizes: Sequence[int]) -> Value:
    """Zeros [B, sizes...] with ``x``'s batch."""
    batch = x.shape[0]
    if isinstance(batch, int):
        ctx.computed((batch, *sizes))
        return ctx.const(np.zeros((batch, *sizes), x.dtype.numpy))
    zeros = ctx.const(np.zeros((1, *sizes), x.dtype.numpy))
    return ctx.call("Expand", zeros, ctx.call("Concat", ctx.shape_values(x, 0, 1), ctx.i64(*sizes), axis=0))


# -- one operator -----------------------------------------------------------------------------------------------------------


def operator_activations(layer: Layer) -> dict[str, tuple[float, ...]] | None:
    """The attributes that name a layer's activations; None where the operators lack one."""
    outer = activation_name(layer.config.get("activation", "tanh"))
    inner = activation_name(layer.config.get("recurrent_activation", "hard_sigmoid"))
    if layer.class_name.startswith("CuDNN"):
        outer, inner = "tanh", "sigmoid"
    wanted = {"LSTM": (inner, outer, outer), "GRU": (inner, outer), "SimpleRNN": (outer,)}[family(layer.class_name) or "SimpleRNN"]
    codes, alphas, betas = [], [], []
    for name in wanted:
        if name == "hard_sigmoid":
            op, pair = "HardSigmoid", (hard_sigmoid_slope(layer.version), 0.5)
        elif name in ACTIVATIONS:
            op, given = ACTIVATIONS[name]
            pair = given or ACTIVATION_DEFAULTS.get(op, (0.0, 0.0))
        else:
            return None
        codes.append(activation_code(op))
        alphas.append(pair[0])
        betas.append(pair[1])
    return {"activations": tuple(codes), "activation_alpha": tuple(alphas), "activation_beta": tuple(betas)}


def run_operator(
    ctx: LayerContext, layer: Layer, x: Value, mask: Value | None, states: Sequence[Value] | None, backwards: bool, zero_masked: bool
) -> Recurrence:
    """An LSTM, GRU or SimpleRNN as one operator.

    Masked steps leave the states alone, so the steps that count are moved to the front, run with their number as the sequence's
    length, and the outputs moved back to where they belong: a masked step repeats the output before it, or is 0.
    """
    kind = family(layer.class_name) or "SimpleRNN"
    gates = len(ORDER[kind])
    a = cell_arrays(layer, gates)
    attrs = operator_activations(layer)
    assert attrs is not None
    if len(x.shape) != 3:
        raise MalformedModelError(f"a recurrent layer needs an input of rank 3, got rank {len(x.shape)}")
    extra = {"linear_before_reset": resets_after(layer)} if kind == "GRU" else {}
    starts = [ctx.unsqueeze(s, [1]) for s in states] if states is not None else []
    lengths = None
    steps = x
    if mask is not None:
        if backwards:
            x, mask = ctx.flip(x, 1), ctx.flip(mask, 1)
        counted = ctx.cast(mask, I64)
        lengths = ctx.call("ReduceSum", counted, axes=(1,), keepdims=False)
        steps = _compacted(ctx, x, mask)
    w, r, b = _operator_weights(a, kind)
    outs = ctx.call_multi(
        OPERATOR[kind],
        steps,
        ctx.parameter(w, f"{layer.name}/kernel"),
        ctx.parameter(r, f"{layer.name}/recurrent_kernel"),
        ctx.parameter(b, f"{layer.name}/bias"),
        lengths,
        *starts,
        hidden_size=a.units,
        direction="reverse" if backwards and mask is None else "forward",
        batch_first=True,
        **attrs,
        **extra,
    )
    sequence = ctx.regroup(outs[0], [[0], [1], [3]])
    finals = [ctx.regroup(o, [[0], [2]]) for o in outs[1:]]
    last = finals[0]
    if mask is not None and lengths is not None:
        sequence = _spread(ctx, sequence, mask, zero_masked)
        zero = ctx.number_like(0.0, last)
        if zero_masked:
            final = ctx.slice(mask, 1, -1, int(np.iinfo(np.int64).max))
            last = ctx.call("Where", final, last, zero)
        elif states is not None:
            some = ctx.call("Greater", lengths, ctx.const(np.zeros((), np.int64)))
            last = ctx.call("Where", ctx.unsqueeze(some, [1]), last, zero)
        if backwards:
            sequence = ctx.flip(sequence, 1)
    return Recurrence(sequence, last, finals)


def _operator_weights(a: CellArrays, kind: str) -> tuple[Array, Array, Array]:
    """Weights [1, G * H, I] and [1, G * H, H] and biases [1, 2 * G * H] with the gates in the operator's order."""
    order = ORDER[kind]
    pick = np.concatenate([np.arange(g * a.units, (g + 1) * a.units) for g in order])
    bias = a.bias[:, pick]
    return a.kernel.T[pick][None], a.recurrent.T[pick][None], bias.reshape(1, -1)


def _wide(ctx: LayerContext, indices: Value, like: Value) -> Value:
    """Indices [B, S] repeated over the features of ``like`` [B, S, F]."""
    return ctx.call("Expand", ctx.unsqueeze(indices, [2]), ctx.shape_values(like))


def _compacted(ctx: LayerContext, x: Value, mask: Value) -> Value:
    """The steps that count in front, in order, the others behind them."""
    steps = ctx.length(x, 1)
    zero, one = (ctx.const(np.asarray(v, np.int64)) for v in (0, 1))
    late = ctx.cast(ctx.call("Sub", steps, ctx.call("Range", zero, steps, one)), F32)  # S .. 1, larger the earlier
    bonus = ctx.call("Mul", ctx.cast(mask, F32), ctx.cast(steps, F32))
    _, order = ctx.call_multi("TopK", ctx.call("Add", bonus, late), ctx.unsqueeze(steps, [0]), axis=1)
    return ctx.call("GatherElements", x, _wide(ctx, order, x), axis=1)


def _spread(ctx: LayerContext, y: Value, mask: Value, zero_masked: bool) -> Value:
    """Outputs of compacted steps at the places of their steps."""
    counts = ctx.call("CumSum", ctx.cast(mask, I64), ctx.const(np.asarray(1, np.int64)))
    zero, one = (ctx.const(np.asarray(v, np.int64)) for v in (0, 1))
    at = ctx.call("Max", ctx.call("Sub", counts, one), zero)
    found = ctx.call("GatherElements", y, _wide(ctx, at, y), axis=1)
    keep = mask if zero_masked else ctx.call("Greater", counts, zero)
    return ctx.call("Where", ctx.unsqueeze(keep, [2]), found, ctx.number_like(0.0, y))


# -- a loop -----------------------------------------------------------------------------------------------------------------


def run_loop(
    ctx: LayerContext, x: Value, mask: Value | None, states: Sequence[Value], step: Step, output: Sequence[Dim], zero_masked: bool
) -> Recurrence:
    """Any cell, as a While loop over the steps of ``x`` [B, S, ...] in order.

    Args:
        ctx: of the layer.
        x: the sequence. mask: bool [B, S].
        states: at the start.
        step: one step in the loop's body.
        output: shape of one output without the batch.
        zero_masked: masked steps give 0 instead of the output before them.
    """
    before = zero_state(ctx, x, [ctx.static(d, "the output's size") for d in output])
    carried = [*states, before]
    graph = Graph(f"{ctx.name}/step")
    build = GraphBuilder(graph, fold=True)
    build.source = ctx.builder.source
    i = graph.add_input("i", TensorType(I64, ()))
    cond = graph.add_input("cond", TensorType(BOOL, ()))
    inner = [graph.add_input(f"state_{k}", v.type) for k, v in enumerate(carried)]
    xs = graph.add_input("x", x.type)
    masks = None if mask is None else graph.add_input("mask", mask.type)
    outer, ctx.builder = ctx.builder, build
    importer_builder, ctx.importer.builder = ctx.importer.builder, build
    try:
        x_t = ctx.call("Gather", xs, i, axis=1)
        y, following = step(ctx, x_t, inner[:-1])
        shown = y
        if masks is not None:
            live = ctx.call("Gather", masks, i, axis=1)
            following = [ctx.call("Where", _column(ctx, live, n), n, o) for n, o in zip(following, inner[:-1], strict=True)]
            y = ctx.call("Where", _column(ctx, live, y), y, inner[-1])
            shown = ctx.call("Where", _column(ctx, live, y), y, ctx.number_like(0.0, y)) if zero_masked else y
        values = [("cond_out", cond), *((f"state_{k}_out", v) for k, v in enumerate([*following, y])), ("y", shown)]
        for name, value in values:
            graph.add_output(build.call("Identity", value, name=f"{name}_value") if name != "cond_out" else value, name)
    finally:
        ctx.builder, ctx.importer.builder = outer, importer_builder
    captures = [x] if mask is None else [x, mask]
    outs = ctx.call_multi("While", ctx.length(x, 1), None, *carried, *captures, body=graph, carried=len(carried))
    stacked = outs[-1]
    sequence = ctx.transpose(stacked, [1, 0, *range(2, len(stacked.shape))])
    last = outs[len(states)]
    if zero_masked and mask is not None:
        final = ctx.regroup(ctx.slice(mask, 1, -1, int(np.iinfo(np.int64).max)), [[0]])
        last = ctx.call("Where", _column(ctx, final, last), last, ctx.number_like(0.0, last))
    return Recurrence(sequence, last, list(outs[: len(states)]))


def _column(ctx: LayerContext, live: Value, like: Value) -> Value:
    """A mask [B] with a dimension of 1 for each further one of ``like``."""
    return ctx.unsqueeze(live, list(range(1, len(like.shape))))
