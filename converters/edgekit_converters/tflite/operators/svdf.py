"""SVDF: a filter over features and time that keeps its history between runs."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I8, QuantParams
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.context import NodeContext, is_int8
from edgekit_converters.tflite.operators.linear import symmetric
from edgekit_converters.tflite.operators.recurrent import TANH, real_constant
from edgekit_converters.tflite.registry import converts


@converts("SVDF")
def svdf(ctx: NodeContext) -> Value:
    """A rank-decomposed filter over features and time, with the last activations as state.

    ``feature = x @ wf.T`` [B, F] is appended to the state [B, F, memory], whose oldest column falls out; then
    ``y = act(sum over memory and rank of state * wt + bias)``. Integer tensors keep their scales; the sum over time runs in float32.
    """
    o = ctx.options
    x = ctx.input(0)
    features, time, state = ctx.input(1), real_constant(ctx, 2), ctx.input(4)
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
    bias = real_constant(ctx, 3)
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
