"""Recurrent operators: LSTM in its variants, simple layers, both ways; they keep their states from run to run.

They run in float32, LSTMs whose tensors are all integers on integers (integer_lstm.py).
Sources: tensorflow/lite/kernels/lstm_shared.h, lstm_eval.cc, lstm.cc, basic_rnn.cc and the sequence kernels beside them. int8 weights are
taken as the numbers they stand for, states are stored in the model's own types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ops.quant_math import dequantize
from edgekit.ops.recurrent import activation_code
from edgekit.types import BOOL, F32, I64, Array, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.operators.integer_lstm import integer_lstm, is_integer_lstm
from edgekit_converters.tflite.registry import converts

RELU, TANH = 1, 4
ACTIVATIONS = {0: "Affine", RELU: "Relu", TANH: "Tanh"}
EPSILON = 1e-8
Places = tuple[int, ...]


def real_constant(ctx: NodeContext, i: int) -> Array | None:
    """A constant input in float32, whatever it is stored in; None where it is absent."""
    v = ctx.optional(i)
    if v is None:
        return None
    if v.const is None:
        raise Unsupported("weights computed at run time are not supported.", reason="dynamic-input")
    info = ctx.info(i)
    if v.quant is not None:
        return dequantize(v.const, v.quant)
    if info.source_quant is not None:  # an int32 bias
        return (v.const.astype(np.float64) * info.source_quant.scale_array().astype(np.float64)).astype(np.float32)
    return v.const.astype(np.float32)


@dataclass(frozen=True)
class Positions:
    """Where the inputs of one LSTM lie; gates in the order input, forget, cell, output, peepholes input, forget, output."""

    weights: Places
    recurrent: Places
    peepholes: Places
    biases: Places
    projection: int
    projection_bias: int
    output_state: int
    cell_state: int
    layer_norms: Places = ()
    auxiliary: Places = ()


ONE_WAY = Positions((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13, 14, 15), 16, 17, 18, 19, (20, 21, 22, 23))
FORWARD = Positions((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13, 14, 15), 16, 17, 35, 36, (), (40, 41, 42, 43))
BACKWARD = Positions((18, 19, 20, 21), (22, 23, 24, 25), (26, 27, 28), (29, 30, 31, 32), 33, 34, 37, 38, (), (44, 45, 46, 47))
AUXILIARY_INPUT = 39


@dataclass(frozen=True)
class Weights:
    """The numbers of one LSTM, gates in the order input, forget, cell, output. A coupled input gate has the forget gate's, negated: then
    ``sigmoid(input) = 1 - sigmoid(forget)``.
    """

    w: Array
    r: Array
    b: Array
    peepholes: Array | None
    layer_norms: Array | None
    coupled: bool
    projection: Array | None
    projection_bias: Array | None

    @property
    def hidden(self) -> int:
        return int(self.w.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.r.shape[2])


def _gates(ctx: NodeContext, places: Places, what: str, coupled: bool, sign: float = -1.0) -> Array | None:
    """One array for each gate, stacked; None where the model has none of them."""
    found = [real_constant(ctx, i) for i in places]
    if all(f is None for f in found):
        return None
    if coupled and found[0] is None and found[1] is not None:
        found[0] = sign * found[1]
    if any(f is None or f.shape != found[1].shape for f in found if found[1] is not None) or found[1] is None:
        raise MalformedModelError(f"the {what} of the gates are not all there, or of different shapes")
    return np.stack([f for f in found if f is not None]).astype(np.float32)


def _weights(ctx: NodeContext, at: Positions) -> Weights:
    coupled = ctx.optional(at.weights[0]) is None
    w, r = _gates(ctx, at.weights, "weights", coupled), _gates(ctx, at.recurrent, "recurrent weights", coupled)
    b = _gates(ctx, at.biases, "biases", coupled)
    if w is None or r is None or w.ndim != 3 or r.ndim != 3 or w.shape[1] != r.shape[1]:
        raise MalformedModelError("the weights of an LSTM are missing, or of other shapes than they must be")
    aux = _gates(ctx, at.auxiliary, "auxiliary weights", coupled) if at.auxiliary else None
    if aux is not None:
        w = np.concatenate([w, aux], axis=2)
    projection, hidden = real_constant(ctx, at.projection), w.shape[1]
    peepholes = _gates(ctx, at.peepholes, "peepholes", coupled)
    layer_norms = _gates(ctx, at.layer_norms, "layer normalizations", coupled, 1.0) if at.layer_norms else None
    if b is None:
        b = np.zeros((4, hidden), np.float32)
    if (projection is None and r.shape[2] != hidden) or (projection is not None and projection.shape != (r.shape[2], hidden)):
        raise MalformedModelError("the recurrent weights do not fit the output's size")
    if any(a is not None and a.shape[1:] != (hidden,) for a in (b, peepholes, layer_norms)):
        raise MalformedModelError(f"biases, peepholes and normalizations need {hidden} numbers a gate")
    return Weights(w, r, b, peepholes, layer_norms, coupled, projection, real_constant(ctx, at.projection_bias))


@dataclass(frozen=True)
class Rules:
    """How a step is computed besides its weights."""

    activation: str
    cell_clip: float
    projection_clip: float


def _rules(ctx: NodeContext) -> Rules:
    o = ctx.options
    code = int(o.activation)
    if code not in ACTIVATIONS or getattr(o, "diagonal", False):
        raise Unsupported("activations other than tanh, relu and none, and diagonal recurrent weights, are not supported.")
    return Rules(ACTIVATIONS[code], float(o.cell_clip), float(o.projection_clip))


def _activate(build: GraphBuilder, rules: Rules, x: Value, name: str) -> Value:
    return x if rules.activation == "Affine" else build.call(rules.activation, x, name=name)


def _step(build: GraphBuilder, weights: Weights, rules: Rules, x: Value, h: Value, c: Value) -> tuple[Value, Value]:
    """One step of the variants that the operator LSTM has no form for: ``(x, h, c) -> (h, c)``."""
    hidden, inf = weights.hidden, float("inf")
    kernel = np.concatenate([np.concatenate(weights.w), np.concatenate(weights.r)], axis=1)
    bias = None if weights.layer_norms is not None else build.constant(np.concatenate(weights.b), "bias")
    joined = build.call("Concat", x, h, axis=1, name="x_t_and_h")
    gates = build.call("FullyConnected", joined, build.constant(kernel, "weights"), bias, name="gates")
    parts = list(build.call_multi("Split", gates, axis=1, sizes=(hidden,) * 4, name="split"))

    def finished(k: int, cell: Value, peephole: int | None) -> Value:
        """What enters the activation of gate k."""
        v = parts[k]
        if weights.peepholes is not None and peephole is not None:
            v = build.call("Add", v, build.call("Mul", cell, build.constant(weights.peepholes[peephole], "peephole")))
        if weights.layer_norms is not None:
            scale, shift = build.constant(weights.layer_norms[k], "scale"), build.constant(weights.b[k], "shift")
            v = build.call("LayerNorm", v, scale, shift, epsilon=EPSILON)
        return v

    forget = build.call("Sigmoid", finished(1, c, 1), name="forget")
    if weights.coupled:
        write = build.call("Sub", build.constant(np.float32(1)), forget, name="input")
    else:
        write = build.call("Sigmoid", finished(0, c, 0), name="input")
    candidate = _activate(build, rules, finished(2, c, None), "candidate")
    bound = rules.cell_clip if rules.cell_clip > 0 else inf
    kept, added = build.call("Mul", forget, c, name="kept"), build.call("Mul", write, candidate, name="added")
    new_c = build.call("Add", kept, added, clamp_min=-bound, clamp_max=bound, name="new_c")
    opened = build.call("Sigmoid", finished(3, new_c, 2), name="output")
    new_h = build.call("Mul", opened, _activate(build, rules, new_c, "squashed"), name="new_h")
    if weights.projection is not None:
        shift = None if weights.projection_bias is None else build.constant(weights.projection_bias, "projection_bias")
        bound = rules.projection_clip if rules.projection_clip > 0 else inf
        new_h = build.call(
            "FullyConnected", new_h, build.constant(weights.projection, "projection"), shift, clamp_min=-bound, clamp_max=bound, name="out"
        )
    return new_h, new_c


def _body(x: TensorType, weights: Weights, rules: Rules) -> Graph:
    """One step over time-major ``x``: ``(i, cond, h, c, x) -> (cond, h, c, h)``."""
    graph = Graph("lstm_step")
    build = GraphBuilder(graph, fold=True)
    i, cond = graph.add_input("i", TensorType(I64, ())), graph.add_input("cond", TensorType(BOOL, ()))
    h = graph.add_input("h", TensorType(F32, (x.shape[1], weights.outputs)))
    c = graph.add_input("c", TensorType(F32, (x.shape[1], weights.hidden)))
    xs = graph.add_input("x", x)
    new_h, new_c = _step(build, weights, rules, build.call("Gather", xs, i, axis=0, name="x_t"), h, c)
    graph.add_output(cond, "cond_out")
    for value, name in ((new_h, "h_out"), (new_c, "c_out"), (build.call("Identity", new_h, name="y_t"), "y")):
        graph.add_output(value, name)
    return graph


def _state(ctx: NodeContext, i: int, shape: tuple[int, int]) -> Value:
    """A state at the beginning of the run, in float32; zeros where the model has none."""
    v = ctx.optional(i)
    ctx.computed(shape)
    return ctx.const(np.zeros(shape, np.float32)) if v is None else ctx.reshape(ctx.as_real(v), shape)


def _keep(ctx: NodeContext, i: int, value: Value) -> None:
    """What a state is behind the run."""
    if ctx.optional(i) is not None:
        info = ctx.info(i)
        ctx.importer.store(ctx.input_indices[i], ctx.settle(ctx.reshape(value, info.shape), info))


def _reversed(ctx: NodeContext, x: Value) -> Value:
    """A time-major sequence from its end."""
    far = -(2**62)
    return ctx.call("Slice", x, ctx.i64(-1), ctx.i64(far), ctx.i64(0), ctx.i64(-1))


def _lstm(ctx: NodeContext, x: Value, at: Positions, backward: bool = False) -> Value:
    """An LSTM over time-major ``x`` [S, B, I]: [S, B, outputs]. The states are read and kept."""
    weights, rules = _weights(ctx, at), _rules(ctx)
    steps, rows = ctx.static(x.shape[0], "the number of steps"), ctx.static(x.shape[1], "the batch")
    if x.shape[2] != weights.w.shape[2]:
        raise MalformedModelError(f"weights for {weights.w.shape[2]} features, the input has {x.shape[2]}")
    h, c = _state(ctx, at.output_state, (rows, weights.outputs)), _state(ctx, at.cell_state, (rows, weights.hidden))
    if weights.projection is None and weights.layer_norms is None:
        order = [0, 3, 1, 2]  # input, output, forget, cell
        bias = np.concatenate([*weights.b[order], np.zeros(4 * weights.hidden, np.float32)])[None]
        peepholes = None if weights.peepholes is None else ctx.const(weights.peepholes[[0, 2, 1]].reshape(1, -1))
        codes = {} if rules.activation == "Tanh" else {"activations": [activation_code(n) for n in ("Sigmoid", *[rules.activation] * 2)]}
        y, y_h, y_c = ctx.call_multi(
            "LSTM", x, *(ctx.const(np.concatenate(a[order])[None]) for a in (weights.w, weights.r)), ctx.const(bias), None,
            ctx.unsqueeze(h, 0), ctx.unsqueeze(c, 0), peepholes,
            hidden_size=weights.hidden, cell_clip=rules.cell_clip, direction="reverse" if backward else "forward", **codes,
        )  # fmt: skip
        y = ctx.regroup(y, [y.shape[0], y.shape[2], y.shape[3]])
    else:
        xs = _reversed(ctx, x) if backward else x
        body = _body(xs.type, weights, rules)
        y_h, y_c, y = ctx.call_multi("While", ctx.const(np.asarray(steps, np.int64)), None, h, c, xs, body=body, carried=2)
        y = _reversed(ctx, y) if backward else y
    _keep(ctx, at.output_state, y_h)
    _keep(ctx, at.cell_state, y_c)
    return y


def _sequence(ctx: NodeContext, i: int, time_major: bool, real: bool = True) -> Value:
    """An input [S, B, I], which the model may have as [B, S, I]; in float32 where ``real``."""
    x = ctx.real(i) if real else ctx.input(i)
    if len(x.shape) != 3:
        raise MalformedModelError(f"a recurrent layer over a tensor of rank {len(x.shape)}")
    return x if time_major else ctx.call("Transpose", x, perm=(1, 0, 2))


def _handed_out(ctx: NodeContext, y: Value, time_major: bool) -> Value:
    return y if time_major else ctx.call("Transpose", y, perm=(1, 0, 2))


@converts("UNIDIRECTIONAL_SEQUENCE_LSTM")
def sequence_lstm(ctx: NodeContext) -> Value:
    """The LSTM over a sequence."""
    time_major = bool(ctx.options.time_major)
    if is_integer_lstm(ctx):
        return _handed_out(ctx, integer_lstm(ctx, _sequence(ctx, 0, time_major, real=False)), time_major)
    return _handed_out(ctx, _lstm(ctx, _sequence(ctx, 0, time_major), ONE_WAY), time_major)


@converts("BIDIRECTIONAL_SEQUENCE_LSTM")
def bidirectional_lstm(ctx: NodeContext) -> Sequence[Value]:
    """One LSTM each way; the outputs apart, or joined along the features."""
    time_major = bool(ctx.options.time_major)
    x = _sequence(ctx, 0, time_major)
    other = None if ctx.optional(AUXILIARY_INPUT) is None else _sequence(ctx, AUXILIARY_INPUT, time_major)
    joined = ctx.optional(FORWARD.auxiliary[1]) is not None
    if joined and other is not None:
        x = ctx.call("Concat", x, other, axis=2)
    both = [_lstm(ctx, x, FORWARD), _lstm(ctx, x if joined or other is None else other, BACKWARD, backward=True)]
    return _merged(ctx, both, time_major)


def _merged(ctx: NodeContext, both: Sequence[Value], time_major: bool) -> Sequence[Value]:
    if ctx.options.merge:
        return [_handed_out(ctx, ctx.call("Concat", *both, axis=2), time_major)]
    return [_handed_out(ctx, y, time_major) for y in both]


@converts("LSTM")
def lstm(ctx: NodeContext) -> Sequence[Value]:
    """One step of an LSTM: the full kernel with all variants, or the basic one with its five inputs."""
    if int(ctx.options.kernel_type) == 0 and is_integer_lstm(ctx):
        y = integer_lstm(ctx, ctx.unsqueeze(ctx.input(0), 0))
        return [ctx.regroup(y, y.shape[1:])]
    if int(ctx.options.kernel_type) == 0:
        y = _lstm(ctx, ctx.unsqueeze(ctx.real(0), 0), ONE_WAY)
        return [ctx.regroup(y, y.shape[1:])]
    x, kernel, bias = ctx.real(0), real_constant(ctx, 2), real_constant(ctx, 3)
    if kernel is None or bias is None or len(x.shape) < 2 or kernel.ndim != 2 or kernel.shape[0] % 4 or bias.shape != kernel.shape[:1]:
        raise MalformedModelError("the weights of a basic LSTM are missing, or of other shapes than they must be")
    hidden, rows = kernel.shape[0] // 4, ctx.static(x.shape[0], "the batch")
    flat = ctx.reshape(x, (rows, -1))
    h, c = ctx.reshape(ctx.real(1), (rows, hidden)), ctx.reshape(ctx.real(4), (rows, hidden))
    gates = ctx.call("FullyConnected", ctx.call("Concat", flat, h, axis=1), ctx.const(kernel), ctx.const(bias))
    write, candidate, forget, opened = ctx.call_multi("Split", gates, axis=1, sizes=(hidden,) * 4)
    added = ctx.call("Mul", ctx.call("Sigmoid", write), ctx.call("Tanh", candidate))
    new_c = ctx.call("Add", added, ctx.call("Mul", ctx.call("Sigmoid", forget), c))
    new_h = ctx.call("Mul", ctx.call("Sigmoid", opened), ctx.call("Tanh", new_c))
    _keep(ctx, 1, new_h)
    _keep(ctx, 4, new_c)
    shape = [ctx.static(d, "a dimension") for d in x.shape[:-1]] + [hidden]
    for o in ctx.outputs[2:]:
        ctx.computed(o.shape)
    rest = [ctx.const(np.zeros(o.shape, o.dtype.numpy), o.dtype) for o in ctx.outputs[2:]]  # what the kernel works in
    return [ctx.reshape(new_h, shape), ctx.reshape(new_c, shape), *rest]


def _rnn(ctx: NodeContext, x: Value, places: Sequence[int], backward: bool = False) -> Value:
    """A simple layer over time-major ``x``: weights, recurrent weights, bias, state, auxiliary weights at ``places``."""
    code = int(ctx.options.activation)
    if code not in ACTIVATIONS:
        raise Unsupported("activations other than tanh, relu and none are not supported.")
    w, r, b = (real_constant(ctx, i) for i in places[:3])
    aux = real_constant(ctx, places[4]) if len(places) > 4 else None
    if w is None or r is None or b is None or r.shape != (len(w), len(w)) or b.shape != (len(w),):
        raise MalformedModelError("the weights of a recurrent layer are missing, or of other shapes than they must be")
    w = w if aux is None else np.concatenate([w, aux], axis=1)
    h = ctx.unsqueeze(_state(ctx, places[3], (ctx.static(x.shape[1], "the batch"), len(w))), 0)
    bias = np.concatenate([b, np.zeros_like(b)])[None]
    y, y_h = ctx.call_multi(
        "RNN", x, ctx.const(w[None]), ctx.const(r[None]), ctx.const(bias), None, h, hidden_size=len(w),
        direction="reverse" if backward else "forward", activations=[activation_code(ACTIVATIONS[code])],
    )  # fmt: skip
    _keep(ctx, places[3], y_h)
    return ctx.regroup(y, [y.shape[0], y.shape[2], y.shape[3]])


@converts("RNN")
def rnn(ctx: NodeContext) -> Value:
    """One step of a simple layer."""
    y = _rnn(ctx, ctx.unsqueeze(ctx.real(0), 0), (1, 2, 3, 4))
    return ctx.regroup(y, y.shape[1:])


@converts("UNIDIRECTIONAL_SEQUENCE_RNN")
def sequence_rnn(ctx: NodeContext) -> Value:
    """A simple layer over a sequence."""
    time_major = bool(ctx.options.time_major)
    return _handed_out(ctx, _rnn(ctx, _sequence(ctx, 0, time_major), (1, 2, 3, 4)), time_major)


@converts("BIDIRECTIONAL_SEQUENCE_RNN")
def bidirectional_rnn(ctx: NodeContext) -> Sequence[Value]:
    """One simple layer each way."""
    time_major = bool(ctx.options.time_major)
    x = _sequence(ctx, 0, time_major)
    other = None if ctx.optional(9) is None else _sequence(ctx, 9, time_major)
    joined = ctx.optional(10) is not None
    if joined and other is not None:
        x = ctx.call("Concat", x, other, axis=2)
    both = [_rnn(ctx, x, (1, 2, 3, 4, 10)), _rnn(ctx, x if joined or other is None else other, (5, 6, 7, 8, 11), backward=True)]
    return _merged(ctx, both, time_major)
