"""Recurrent operators: the fused LSTM (float, hybrid and int8 weights) and SVDF, which keeps its history between runs."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ops.quant_math import dequantize
from edgekit.types import BOOL, F32, I8, I64, Array, QuantParams, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext, is_int8
from edgekit_converters.tflite.operators.linear import symmetric
from edgekit_converters.tflite.registry import converts

TANH = 4
#: positions of the inputs of UNIDIRECTIONAL_SEQUENCE_LSTM (tensorflow/lite/kernels/lstm_shared.h);
#: gates in the order input, forget, cell, output
WEIGHTS, RECURRENT, PEEPHOLES, BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11), (12, 13, 14, 15)
PROJECTION, PROJECTION_BIAS, OUTPUT_STATE, CELL_STATE, LAYER_NORMS = 16, 17, 18, 19, (20, 21, 22, 23)


def _real_constant(ctx: NodeContext, i: int) -> Array | None:
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


def _stack(ctx: NodeContext, positions: tuple[int, ...], shape: tuple[int, ...], needed: bool = True) -> Array | None:
    found = [_real_constant(ctx, i) for i in positions]
    if all(f is None for f in found):
        return None
    if any(f is None for f in found):
        raise Unsupported("a coupled input gate (CIFG) is not supported.")
    if any(f is not None and f.shape != shape for f in found):
        raise MalformedModelError(f"weights or biases of the gates are not all of the shape {list(shape)}")
    return np.stack([f for f in found if f is not None])


@converts("UNIDIRECTIONAL_SEQUENCE_LSTM")
def sequence_lstm(ctx: NodeContext) -> Value:
    """The LSTM over a sequence, in float32. Its states go on from run to run, stored as the model has them.

    int8 weights are taken as the numbers they stand for; quantized inputs and outputs keep their scales. Where the cell state may reach
    ``cell_clip`` within the sequence, the steps run in a While loop that clips it; else the operator LSTM does all steps.
    """
    o = ctx.options
    if any(ctx.optional(i) is not None for i in (*PEEPHOLES, PROJECTION, PROJECTION_BIAS, *LAYER_NORMS)):
        raise Unsupported("peepholes, projection and layer normalization in a fused LSTM are not supported.")
    if int(o.activation) not in (0, TANH) or o.diagonal:
        raise Unsupported("only tanh as activation and full recurrent weights are supported.")
    if int(o.activation) == 0:
        raise Unsupported("an LSTM without an activation is not supported.")
    x = ctx.real(0)
    if len(x.shape) != 3:
        raise MalformedModelError(f"an LSTM over a tensor of rank {len(x.shape)}")
    time, batch = (0, 1) if o.time_major else (1, 0)
    steps, size = ctx.static(x.shape[time], "the number of steps"), ctx.static(x.shape[2], "the input size")
    first = _real_constant(ctx, RECURRENT[1])
    if first is None or first.ndim != 2:
        raise MalformedModelError("the recurrent weights are missing")
    hidden = first.shape[0]
    w, r = _stack(ctx, WEIGHTS, (hidden, size)), _stack(ctx, RECURRENT, (hidden, hidden))
    b = _stack(ctx, BIASES, (hidden,))
    if w is None or r is None or b is None:
        raise MalformedModelError("weights of the gates are missing")
    rows = ctx.static(x.shape[batch], "the batch")
    h, c = _state(ctx, OUTPUT_STATE, (rows, hidden)), _state(ctx, CELL_STATE, (rows, hidden))
    clip = float(o.cell_clip)
    if clip <= 0 or steps <= clip:  # |c| grows by less than 1 a step: it cannot reach the clip
        order = [0, 3, 1, 2]  # input, output, forget, cell
        weights = ctx.const(np.concatenate(w[order])[None])
        recurrent = ctx.const(np.concatenate(r[order])[None])
        biases = ctx.const(np.concatenate([*b[order], np.zeros(4 * hidden, np.float32)])[None])
        at = 0 if o.time_major else 1
        h0, c0 = ctx.unsqueeze(h, at), ctx.unsqueeze(c, at)
        y, y_h, y_c = ctx.call_multi("LSTM", x, weights, recurrent, biases, None, h0, c0, hidden_size=hidden, batch_first=not o.time_major)
        _keep(ctx, OUTPUT_STATE, y_h)
        _keep(ctx, CELL_STATE, y_c)
        # y is [S, 1, B, H], or [B, S, 1, H]
        return ctx.regroup(y, [d for i, d in enumerate(y.shape) if i != (1 if o.time_major else 2)])
    body = _lstm_body(x.type, np.concatenate(w), np.concatenate(r), np.concatenate(b), hidden, clip, time)
    y_h, y_c, y = ctx.call_multi("While", ctx.const(np.asarray(steps, np.int64)), None, h, c, x, body=body, carried=2)
    _keep(ctx, OUTPUT_STATE, y_h)
    _keep(ctx, CELL_STATE, y_c)
    # y is [S, B, H]
    return y if o.time_major else ctx.call("Transpose", y, perm=(1, 0, 2))


def _state(ctx: NodeContext, i: int, shape: tuple[int, int]) -> Value:
    """A state at the beginning of the run, in float32; zeros where the model has none."""
    v = ctx.optional(i)
    return ctx.const(np.zeros(shape, np.float32)) if v is None else ctx.reshape(ctx.as_real(v), shape)


def _keep(ctx: NodeContext, i: int, value: Value) -> None:
    """What a state is behind the run."""
    if ctx.optional(i) is not None:
        info = ctx.info(i)
        ctx.importer.store(ctx.input_indices[i], ctx.settle(ctx.reshape(value, info.shape), info))


def _lstm_body(x: TensorType, w: Array, r: Array, b: Array, hidden: int, clip: float, time: int) -> Graph:
    """One step: ``(i, cond, h, c, x) -> (cond, h, c, h)``; rows of the weights are the gates input, forget, cell, output."""
    graph = Graph("lstm_step")
    build = GraphBuilder(graph, fold=True)
    batch = x.shape[1 - time]
    i = graph.add_input("i", TensorType(I64, ()))
    cond = graph.add_input("cond", TensorType(BOOL, ()))
    h = graph.add_input("h", TensorType(F32, (batch, hidden)))
    c = graph.add_input("c", TensorType(F32, (batch, hidden)))
    xs = graph.add_input("x", x)
    step = build.call("Gather", xs, i, axis=time, name="x_t")
    joined = build.call("Concat", step, h, axis=1, name="x_t_and_h")
    weights, bias = build.constant(np.concatenate([w, r], axis=1), "weights"), build.constant(b, "bias")
    gates = build.call("FullyConnected", joined, weights, bias, name="gates")
    to_in, to_forget, to_cell, to_out = build.call_multi("Split", gates, axis=1, sizes=(hidden,) * 4, name="split")
    kept = build.call("Mul", build.call("Sigmoid", to_forget, name="forget"), c, name="kept")
    added = build.call("Mul", build.call("Sigmoid", to_in, name="input"), build.call("Tanh", to_cell, name="candidate"), name="added")
    new_c = build.call("Add", kept, added, clamp_min=-clip, clamp_max=clip, name="new_c")
    new_h = build.call("Mul", build.call("Sigmoid", to_out, name="output"), build.call("Tanh", new_c, name="squashed"), name="new_h")
    scan = build.call("Identity", new_h, name="y_t")
    graph.add_output(cond, "cond_out")
    for value, name in ((new_h, "h_out"), (new_c, "c_out"), (scan, "y")):
        graph.add_output(value, name)
    return graph


@converts("SVDF")
def svdf(ctx: NodeContext) -> Value:
    """A rank-decomposed filter over features and time, with the last activations as state.

    ``feature = x @ wf.T`` [B, F] is appended to the state [B, F, memory], whose oldest column falls out; then
    ``y = act(sum over memory and rank of state * wt + bias)``. Integer tensors keep their scales; the sum over time runs in float32.
    """
    o = ctx.options
    x = ctx.input(0)
    features, time, state = ctx.input(1), _real_constant(ctx, 2), ctx.input(4)
    rank = int(o.rank)
    if features.const is None or time is None or time.ndim != 2 or features.const.ndim != 2:
        raise Unsupported("weights computed at run time are not supported.", reason="dynamic-input")
    filters, memory = time.shape
    if rank < 1 or filters % rank or features.const.shape[0] != filters or len(x.shape) != 2:
        raise MalformedModelError(f"{filters} filters of rank {rank}")
    batch = ctx.static(x.shape[0], "the batch")
    cells = ctx.reshape(state, (batch, filters, memory))
    older = ctx.call("Slice", cells, ctx.i64(1), ctx.i64(memory), ctx.i64(2), ctx.i64(1))
    newest = ctx.reshape(_features(ctx, x, features, state.quant), (batch, filters, 1))
    if state.quant is not None:
        newest = ctx.quantized(newest, state.dtype, state.quant)
    joined = ctx.call("Concat", older, newest, axis=2)
    ctx.importer.store(ctx.input_indices[4], ctx.reshape(joined, (batch, filters * memory)))
    y = ctx.call("Mul", ctx.as_real(joined), ctx.const(time))
    y = ctx.call("ReduceSum", ctx.reshape(y, (batch, filters // rank, rank * memory)), axes=(2,), keepdims=False)
    bias = _real_constant(ctx, 3)
    if bias is not None:
        y = ctx.call("Add", y, ctx.const(bias))
    return _activated(ctx, y)


def _features(ctx: NodeContext, x: Value, w: Value, state: QuantParams | None) -> Value:
    """``x @ w.T``, in int8 where the state is int8 too."""
    assert w.const is not None
    if is_int8(x) and is_int8(w) and state is not None and ctx.input(4).dtype is I8:
        assert w.quant is not None
        found = symmetric(w.const, w.quant, 0)
        if found is not None:
            kernel = ctx.const(found[0], quant=QuantParams.per_channel(found[1], 0), name=w.name)
            return ctx.integer("FullyConnected", x, kernel, quant=state)
    return ctx.call("FullyConnected", ctx.as_real(x), ctx.const(w.const, quant=w.quant, name=w.name))


def _activated(ctx: NodeContext, y: Value) -> Value:
    code = int(ctx.options.activation)
    if code == 0:
        return y
    if code == 1:
        return ctx.call("Relu", y)
    if code == TANH:
        return ctx.call("Tanh", y)
    return ctx.activate(y, done=False)
