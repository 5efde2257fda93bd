"""Normalizations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import converts


def _channels(ctx: AtenContext, x: Value) -> int:
    return ctx.static(x.shape[1] if len(x.shape) > 1 else x.shape[0], "the number of channels")


def _or_constant(ctx: AtenContext, name: str, default: float, x: Value, shape: Sequence[int]) -> Value:
    v = ctx.optional_tensor(name)
    if v is None:
        ctx.computed(shape)
    return ctx.cast(v, x.dtype) if v is not None else ctx.const(np.full(shape, default, x.dtype.numpy))


def _batch_norm(ctx: AtenContext, epsilon: float) -> Value:
    """With the stored statistics. The table's operator wants spatial dimensions; [N, C] gets one for the time being."""
    x = ctx.tensor("input")
    channels = (_channels(ctx, x),)
    names = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
    parameters = [_or_constant(ctx, name, default, x, channels) for name, default in names.items()]
    wide = ctx.unsqueeze(x, [2]) if len(x.shape) == 2 else x
    y = ctx.call("BatchNorm", wide, *parameters, epsilon=epsilon, layout="NCHW")
    return ctx.squeeze(y, [2]) if len(x.shape) == 2 else y


def _by_statistics(ctx: AtenContext, epsilon: float) -> tuple[Value, Value, Value]:
    """With the batch's own mean and variance, as in training mode without running statistics."""
    x = ctx.tensor("input")
    rank = len(x.shape)
    axes = (0, *range(2, rank))
    mean = ctx.call("ReduceMean", x, axes=axes, keepdims=True)
    centred = ctx.call("Sub", x, mean)
    variance = ctx.call("ReduceMean", ctx.call("Mul", centred, centred), axes=axes, keepdims=True)
    deviation = ctx.call("Rsqrt", ctx.call("Add", variance, ctx.like(epsilon, variance)))
    y = ctx.call("Mul", centred, deviation)
    shape = [-1, *([1] * (rank - 2))]
    for name, op in (("weight", "Mul"), ("bias", "Add")):
        if ctx.has(name):
            y = ctx.call(op, y, ctx.reshape(ctx.tensor(name), shape))
    return y, ctx.reshape(mean, (-1,)), ctx.reshape(deviation, (-1,))


@converts("aten.batch_norm")
def batch_norm(ctx: AtenContext) -> Value:
    if ctx.flag("training", False) and ctx.has("running_mean"):
        ctx.inference_only("training", False, "batch_norm")
    epsilon = ctx.real("eps", 1e-5)
    return _by_statistics(ctx, epsilon)[0] if ctx.flag("training", False) else _batch_norm(ctx, epsilon)


@converts("aten._native_batch_norm_legit_no_training", "aten._batch_norm_no_update", "aten.cudnn_batch_norm", "aten.miopen_batch_norm")
def native_batch_norm_no_training(ctx: AtenContext) -> tuple[Value, ...]:
    empty = ctx.const(np.zeros(0, np.float32))
    y = _batch_norm(ctx, ctx.real("eps" if "eps" in ctx.args else "epsilon", 1e-5))
    return (y, empty, empty, empty)


@converts("aten._native_batch_norm_legit", "aten.native_batch_norm", "aten._native_batch_norm_legit_functional")
def native_batch_norm(ctx: AtenContext) -> tuple[Value, ...]:
    epsilon = ctx.real("eps", 1e-5)
    if ctx.flag("training", False):
        if ctx.has("running_mean"):
            ctx.inference_only("training", False, "batch_norm")
        return _by_statistics(ctx, epsilon)
    empty = ctx.const(np.zeros(0, np.float32))
    return (_batch_norm(ctx, epsilon), empty, empty)


@converts("aten._native_batch_norm_legit.no_stats")
def native_batch_norm_no_stats(ctx: AtenContext) -> tuple[Value, ...]:
    return _by_statistics(ctx, ctx.real("eps", 1e-5))


def _layer_norm(ctx: AtenContext, epsilon: float) -> tuple[Value, int]:
    x = ctx.tensor("input")
    count = len(ctx.sizes("normalized_shape"))
    axis = len(x.shape) - count
    if axis < 0:
        raise MalformedModelError(f"a normalized shape of {count} dimensions for an input of rank {len(x.shape)}")
    weight, bias = ctx.optional_tensor("weight"), ctx.optional_tensor("bias")
    if bias is not None and weight is None:
        sizes = [ctx.static(d, "a normalized dimension") for d in x.shape[axis:]]
        ctx.computed(sizes)
        weight = ctx.const(np.ones(sizes, x.dtype.numpy))
    return ctx.call("LayerNorm", x, weight, bias, axis=axis, epsilon=epsilon), axis


@converts("aten.layer_norm")
def layer_norm(ctx: AtenContext) -> Value:
    return _layer_norm(ctx, ctx.real("eps", 1e-5))[0]


@converts("aten.native_layer_norm")
def native_layer_norm(ctx: AtenContext) -> tuple[Value, ...]:
    """The mean and the reciprocal of the deviation are computed where the program reads them."""
    epsilon = ctx.real("eps", 1e-5)
    y, axis = _layer_norm(ctx, epsilon)
    x = ctx.tensor("input")
    axes = tuple(range(axis, len(x.shape)))
    mean = ctx.call("ReduceMean", x, axes=axes, keepdims=True)
    variance = ctx.call("ReduceMean", ctx.call("SquaredDifference", x, mean), axes=axes, keepdims=True)
    return y, mean, ctx.call("Rsqrt", ctx.call("Add", variance, ctx.like(epsilon, variance)))


@converts("aten.rms_norm", "aten._fused_rms_norm")
def rms_norm(ctx: AtenContext) -> Value | tuple[Value, Value]:
    """Without ``eps`` torch takes the smallest step of the element type."""
    x = ctx.tensor("input")
    axis = len(x.shape) - len(ctx.sizes("normalized_shape"))
    epsilon = ctx.real("eps", float(np.finfo(x.dtype.numpy).eps))
    y = ctx.call("RmsNorm", x, ctx.optional_tensor("weight"), axis=axis, epsilon=epsilon)
    if not ctx.op.startswith("aten._fused"):
        return y
    mean = ctx.call("ReduceMean", ctx.call("Mul", x, x), axes=tuple(range(axis, len(x.shape))), keepdims=True)
    return y, ctx.call("Rsqrt", ctx.call("Add", mean, ctx.like(epsilon, mean)))


def _group_norm(ctx: AtenContext, groups: int, epsilon: float) -> Value:
    x = ctx.tensor("input")
    channels = (_channels(ctx, x),)
    scale, bias = _or_constant(ctx, "weight", 1.0, x, channels), _or_constant(ctx, "bias", 0.0, x, channels)
    wide = ctx.unsqueeze(x, [2]) if len(x.shape) == 2 else x
    y = ctx.call("GroupNorm", wide, scale, bias, groups=groups, epsilon=epsilon, layout="NCHW")
    return ctx.squeeze(y, [2]) if len(x.shape) == 2 else y


@converts("aten.group_norm")
def group_norm(ctx: AtenContext) -> Value:
    return _group_norm(ctx, ctx.integer("num_groups"), ctx.real("eps", 1e-5))


@converts("aten.native_group_norm")
def native_group_norm(ctx: AtenContext) -> tuple[Value, ...]:
    groups, epsilon, x = ctx.integer("group"), ctx.real("eps", 1e-5), ctx.tensor("input")
    y = _group_norm(ctx, groups, epsilon)
    rows = ctx.view(x, [*ctx.sizes_of(x)[:1], groups, -1])
    mean = ctx.call("ReduceMean", rows, axes=(2,), keepdims=True)
    variance = ctx.call("ReduceMean", ctx.call("SquaredDifference", rows, mean), axes=(2,), keepdims=False)
    deviation = ctx.call("Rsqrt", ctx.call("Add", variance, ctx.like(epsilon, variance)))
    return y, ctx.squeeze(mean, [2]), deviation


@converts("aten.instance_norm")
def instance_norm(ctx: AtenContext) -> Value:
    x = ctx.tensor("input")
    channels = (_channels(ctx, x),)
    if not ctx.flag("use_input_stats", True):
        return _batch_norm(ctx, ctx.real("eps", 1e-5))
    scale, bias = _or_constant(ctx, "weight", 1.0, x, channels), _or_constant(ctx, "bias", 0.0, x, channels)
    return ctx.call("InstanceNorm", x, scale, bias, epsilon=ctx.real("eps", 1e-5), layout="NCHW")


@converts("aten.local_response_norm")
def local_response_norm(ctx: AtenContext) -> Value:
    x, size = ctx.tensor("input"), ctx.integer("size")
    alpha, beta, bias = ctx.real("alpha", 1e-4), ctx.real("beta", 0.75), ctx.real("k", 1.0)
    return ctx.call("LRN", x, size=size, alpha=alpha, beta=beta, bias=bias, layout="NCHW")


@converts("aten.cosine_similarity")
def cosine_similarity(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("x1"), ctx.tensor("x2")], F32)
    rank = max(len(a.shape), len(b.shape))
    axes, eps = (ctx.dim("dim", rank, 1),), ctx.real("eps", 1e-8)
    dot = ctx.call("ReduceSum", ctx.call("Mul", a, b), axes=axes, keepdims=False)
    norms = [ctx.call("Max", ctx.call("ReduceL2", v, axes=axes, keepdims=False), ctx.like(eps, v)) for v in (a, b)]
    return ctx.call("Div", dot, ctx.call("Mul", *norms))
