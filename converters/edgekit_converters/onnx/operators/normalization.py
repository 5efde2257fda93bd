"""Normalizations, and the softmax family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import ConvertFunction, converts

SOFTMAX_FAMILY = ("Softmax", "LogSoftmax", "Hardmax")


def _along_axis(op: str) -> ConvertFunction:
    def convert(ctx: NodeContext) -> Value:
        return ctx.call(op, ctx.input(0), axis=ctx.axis(ctx.get_int("axis", -1), len(ctx.input(0).shape)))

    return convert


def _flattened(op: str) -> ConvertFunction:
    """Before opset 13 everything from ``axis`` on is one row."""

    def convert(ctx: NodeContext) -> Value:
        x = ctx.input(0)
        rank = len(x.shape)
        axis = ctx.axis(ctx.get_int("axis", 1), rank) if rank > 1 else 0
        if axis == rank - 1 or all(d == 1 for d in x.shape[axis + 1 :]):
            return ctx.call(op, x, axis=axis)
        rows = ctx.regroup(x, [list(range(axis)), list(range(axis, rank))])
        y = ctx.call(op, rows, axis=1)
        if sum(not isinstance(d, int) for d in x.shape) > 1:
            return ctx.call("Reshape", y, ctx.shape_of(x))
        return ctx.reshape(y, [d if isinstance(d, int) else -1 for d in x.shape])

    return convert


for _name in SOFTMAX_FAMILY:
    converts(_name)(_flattened(_name))
    converts(_name, since=13)(_along_axis(_name))


@converts("BatchNormalization")
def batch_normalization(ctx: NodeContext) -> Value:
    if ctx.get_int("training_mode", 0):
        raise Unsupported("training_mode is not supported", "Export the model for inference.")
    if ctx.opset < 9 and not ctx.get_int("spatial", 1):
        raise Unsupported("spatial=0 is not supported", "Export with opset 9 or later.")
    x, scale, bias, mean, var = (ctx.input(i) for i in range(5))
    parameters = [ctx.cast(v, x.dtype) for v in (scale, bias, mean, var)]
    return ctx.call("BatchNorm", x, *parameters, epsilon=ctx.get_float("epsilon", 1e-5), layout="NCHW")


@converts("InstanceNormalization")
def instance_normalization(ctx: NodeContext) -> Value:
    return ctx.call("InstanceNorm", ctx.input(0), ctx.input(1), ctx.input(2), epsilon=ctx.get_float("epsilon", 1e-5), layout="NCHW")


@converts("GroupNormalization", since=18)
def group_normalization_by_group(ctx: NodeContext) -> Value:
    """Opset 18 has one scale and bias a group; they are repeated for the channels of the group."""
    x, groups = ctx.input(0), ctx.get_int("num_groups")
    channels = ctx.static(x.shape[1], "the number of channels")
    if groups < 1 or channels % groups:
        raise MalformedModelError(f"{channels} channels do not split into {groups} groups")

    def repeated(v: Value) -> Value:
        each = ctx.call("Expand", ctx.unsqueeze(v, [1]), ctx.i64(groups, channels // groups))
        return ctx.reshape(each, (channels,))

    return ctx.call(
        "GroupNorm", x, repeated(ctx.input(1)), repeated(ctx.input(2)), groups=groups, epsilon=ctx.get_float("epsilon", 1e-5), layout="NCHW"
    )


@converts("GroupNormalization", since=21)
def group_normalization(ctx: NodeContext) -> Value:
    groups, epsilon = ctx.get_int("num_groups"), ctx.get_float("epsilon", 1e-5)
    return ctx.call("GroupNorm", ctx.input(0), ctx.input(1), ctx.input(2), groups=groups, epsilon=epsilon, layout="NCHW")


@converts("LayerNormalization", since=17)
def layer_normalization(ctx: NodeContext) -> Sequence[Value | None]:
    """The mean and the reciprocal of the deviation are computed beside it where the model asks for them."""
    x, scale, bias = ctx.input(0), ctx.input(1), ctx.optional(2)
    rank, epsilon = len(x.shape), ctx.get_float("epsilon", 1e-5)
    axis = ctx.axis(ctx.get_int("axis", -1), rank)
    y = ctx.call(
        "LayerNorm", x, _over(ctx, scale, x, axis), None if bias is None else _over(ctx, bias, x, axis), axis=axis, epsilon=epsilon
    )
    if not (ctx.wants(1) or ctx.wants(2)):
        return [y]
    wide = ctx.cast(x, F32)
    axes = tuple(range(axis, rank))
    mean = ctx.call("ReduceMean", wide, axes=axes, keepdims=True)
    variance = ctx.call("ReduceMean", ctx.call("SquaredDifference", wide, mean), axes=axes, keepdims=True)
    deviation = ctx.call("Rsqrt", ctx.call("Add", variance, ctx.like(epsilon, variance)))
    return [y, mean, deviation]


def _over(ctx: NodeContext, v: Value, x: Value, axis: int) -> Value:
    """Scale or bias in the normalized shape; ONNX lets it broadcast."""
    want = x.shape[axis:]
    if len(v.shape) == len(want) and all(d == w or not isinstance(w, int) for d, w in zip(v.shape, want, strict=True)):
        return v
    if len(v.shape) > len(want):
        extra = len(v.shape) - len(want)
        if any(d != 1 for d in v.shape[:extra]):
            raise Unsupported(f"a scale of rank {len(v.shape)} over {len(want)} normalized dimensions is not supported")
        v = ctx.regroup(v, [[i] for i in range(extra, len(v.shape))])
    shape = [ctx.static(d, "a normalized dimension") for d in want]
    if v.const is not None:
        ctx.computed(shape)
        return ctx.const(np.ascontiguousarray(np.broadcast_to(v.const, shape)), name=v.name)
    return ctx.call("Expand", v, ctx.i64(*shape))


@converts("RMSNormalization", since=23)
def rms_normalization(ctx: NodeContext) -> Value:
    x = ctx.input(0)
    axis = ctx.axis(ctx.get_int("axis", -1), len(x.shape))
    return ctx.call("RmsNorm", x, _over(ctx, ctx.input(1), x, axis), axis=axis, epsilon=ctx.get_float("epsilon", 1e-5))


@converts("LRN")
def lrn(ctx: NodeContext) -> Value:
    size, alpha, beta, bias = ctx.get_int("size"), ctx.get_float("alpha", 1e-4), ctx.get_float("beta", 0.75), ctx.get_float("bias", 1.0)
    return ctx.call("LRN", ctx.input(0), size=size, alpha=alpha, beta=beta, bias=bias, layout="NCHW")


@converts("LpNormalization")
def lp_normalization(ctx: NodeContext) -> Value:
    return ctx.call("LpNormalize", ctx.input(0), axis=ctx.get_int("axis", -1), p=ctx.get_int("p", 2))
