"""Reductions, positions of extremes, running sums."""

from __future__ import annotations

from typing import Any

from edgekit.ir import Value
from edgekit.types import BOOL, I32, I64
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.registry import converts

REDUCTIONS = {"MEAN": "ReduceMean", "SUM": "ReduceSum", "REDUCE_MAX": "ReduceMax", "REDUCE_MIN": "ReduceMin", "REDUCE_PROD": "ReduceProd"}


@converts(*REDUCTIONS)
def reduce(ctx: NodeContext) -> Value:
    """Reductions over the axes of the second input."""
    x = ctx.input(0)
    axes = tuple(sorted({ctx.axis(a, len(x.shape)) for a in ctx.constant_ints(1, "the axes")}))
    attrs: dict[str, Any] = {"axes": axes, "keepdims": bool(ctx.options.keep_dims)}
    op = REDUCTIONS[ctx.op]
    if not axes:
        return x
    if op in ("ReduceMax", "ReduceMin"):
        return ctx.call(op, x, **attrs)
    if ctx.same_scale(x) and op != "ReduceProd":
        return ctx.integer(op, x, quant=ctx.out.quant, **attrs)
    return ctx.call(op, ctx.as_real(x), **attrs)


@converts("ARG_MAX", "ARG_MIN")
def arg_max(ctx: NodeContext) -> Value:
    """The index of the largest or smallest element."""
    x = ctx.input(0)
    (axis,) = ctx.constant_ints(1, "the axis")
    return ctx.call("ArgMax" if ctx.op == "ARG_MAX" else "ArgMin", x, axis=ctx.axis(axis, len(x.shape)), keepdims=False)


@converts("TOPK_V2")
def top_k(ctx: NodeContext) -> list[Value]:
    """The largest elements along the last axis, and their indices."""
    k = ctx.cast(ctx.reshape(ctx.input(1), (1,)), I64)
    return list(ctx.call_multi("TopK", ctx.input(0), k, axis=-1, largest=True, sorted=True))


@converts("CUMSUM")
def cumsum(ctx: NodeContext) -> Value:
    """Running sums."""
    axis = ctx.reshape(ctx.input(1), ())
    return ctx.call("CumSum", ctx.real(0), axis, exclusive=bool(ctx.options.exclusive), reverse=bool(ctx.options.reverse))


@converts("REDUCE_ANY", "REDUCE_ALL")
def reduce_logical(ctx: NodeContext) -> Value:
    """Or, and."""
    x = ctx.input(0)
    axes = tuple(ctx.axis(a, len(x.shape)) for a in ctx.constant_ints(1, "the axes"))
    op = "ReduceMax" if ctx.op == "REDUCE_ANY" else "ReduceMin"
    return ctx.cast(ctx.call(op, ctx.cast(x, I32), axes=axes, keepdims=bool(ctx.options.keep_dims)), BOOL)
