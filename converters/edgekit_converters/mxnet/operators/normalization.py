"""Normalization (src/operator/nn)."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.layers import per_channel
from edgekit_converters.mxnet.context import MxnetContext, converts


@converts("BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm", "_contrib_SyncBatchNorm", "_npx_batch_norm", "BatchNormWithReLU")
def batch_norm(ctx: MxnetContext) -> Value:
    """At inference the moving statistics are used; ``fix_gamma``, the default, takes 1 for gamma whatever is stored."""
    x, gamma, beta, mean, var = (ctx.input(i) for i in range(5))
    rank = len(x.shape)
    axis = ctx.axis(ctx.get_int("axis", 1), rank)
    if ctx.get_bool("fix_gamma", True):
        ctx.computed(ctx.static_shape(gamma, "the number of channels"))
        gamma = ctx.const(np.ones(ctx.static_shape(gamma, "the number of channels"), gamma.dtype.numpy), name=gamma.name)
    epsilon = ctx.get_float("eps", 1e-3)
    if rank in (3, 4, 5) and axis in (1, rank - 1):
        layout = "NCHW" if axis == 1 else "NHWC"
        y = ctx.call("BatchNorm", x, gamma, beta, mean, var, epsilon=epsilon, layout=layout)
    else:
        shaped = [per_channel(ctx, v, rank, axis) for v in (gamma, beta, mean, var)]
        deviation = ctx.call("Sqrt", ctx.call("Add", shaped[3], ctx.like(epsilon, var)))
        scale = ctx.call("Div", shaped[0], deviation)
        y = ctx.call("Add", ctx.call("Mul", ctx.call("Sub", x, shaped[2]), scale), shaped[1])
    return ctx.call("Relu", y) if ctx.op == "BatchNormWithReLU" else y


@converts("LayerNorm", "_npx_layer_norm")
def layer_norm(ctx: MxnetContext) -> Value:
    x, gamma, beta = ctx.input(0), ctx.input(1), ctx.input(2)
    rank = len(x.shape)
    axis, epsilon = ctx.axis(ctx.get_int("axis", -1), rank), ctx.get_float("eps", 1e-5)
    if axis == rank - 1:
        return ctx.call("LayerNorm", x, gamma, beta, axis=-1, epsilon=epsilon)
    mean = ctx.call("ReduceMean", x, axes=(axis,))
    variance = ctx.call("ReduceMean", ctx.call("SquaredDifference", x, mean), axes=(axis,))
    scale = ctx.call("Rsqrt", ctx.call("Add", variance, ctx.like(epsilon, x)))
    normal = ctx.call("Mul", ctx.call("Sub", x, mean), scale)
    return ctx.call("Add", ctx.call("Mul", normal, per_channel(ctx, gamma, rank, axis)), per_channel(ctx, beta, rank, axis))


@converts("InstanceNorm", "_npx_instance_norm")
def instance_norm(ctx: MxnetContext) -> Value:
    return ctx.call("InstanceNorm", ctx.input(0), ctx.input(1), ctx.input(2), epsilon=ctx.get_float("eps", 1e-3), layout="NCHW")


@converts("GroupNorm", "_npx_group_norm")
def group_norm(ctx: MxnetContext) -> Value:
    """MXNet 1 has one scale a group, MXNet 2 one a channel."""
    x, gamma, beta = ctx.input(0), ctx.input(1), ctx.input(2)
    groups = ctx.get_int("num_groups", 1)
    channels = ctx.static(x.shape[1], "the number of channels")
    if groups < 1 or channels % groups:
        raise MalformedModelError(f"{channels} channels do not split into {groups} groups")
    if gamma.shape == (groups,) and groups != channels:
        ctx.computed((channels,))
        gamma, beta = (
            ctx.const(np.repeat(ctx.constant_value(v, "the scale of a group"), channels // groups), name=v.name) for v in (gamma, beta)
        )
    return ctx.call("GroupNorm", x, gamma, beta, groups=groups, epsilon=ctx.get_float("eps", 1e-5), layout="NCHW")


@converts("LRN")
def lrn(ctx: MxnetContext) -> Value:
    return ctx.call(
        "LRN", ctx.input(0), size=ctx.get_int("nsize"), alpha=ctx.get_float("alpha", 1e-4), beta=ctx.get_float("beta", 0.75),
        bias=ctx.get_float("knorm", 2.0), layout="NCHW",
    )  # fmt: skip


@converts("L2Normalization")
def l2_normalization(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    mode = ctx.get_choice("mode", "instance", ("instance", "channel", "spatial"))
    rank = len(x.shape)
    axes = {"instance": tuple(range(1, rank)), "channel": (1,), "spatial": tuple(range(2, rank))}[mode]
    if not axes:
        raise MalformedModelError(f"mode={mode} has nothing to normalize over in an input of rank {rank}")
    total = ctx.call("ReduceSumSquare", x, axes=axes)
    return ctx.call("Div", x, ctx.call("Sqrt", ctx.call("Add", total, ctx.like(ctx.get_float("eps", 1e-10), x))))
