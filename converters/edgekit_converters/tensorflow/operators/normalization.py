"""Normalization, softmax."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.operators.convolution import layout_of
from edgekit_converters.tensorflow.registry import converts


@converts("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx")
def fused_batch_norm(ctx: NodeContext) -> Sequence[Value]:
    """Batch normalization with given mean and variance; the statistics are handed on as they are."""
    x = ctx.input(0)
    if ctx.attr_bool("is_training", True):
        return _batch_statistics(ctx, x)
    scale, offset, mean, variance = (ctx.cast(ctx.input(i), x.dtype) for i in (1, 2, 3, 4))
    y = ctx.call("BatchNorm", x, scale, offset, mean, variance, epsilon=ctx.attr_float("epsilon", 1e-4), layout=layout_of(ctx))
    if ctx.op == "_FusedBatchNormEx":
        if ctx.attr_int("num_side_inputs", 0):
            y = ctx.call("Add", y, ctx.input(5))
        activation = ctx.attr_string("activation_mode", "Identity")
        if activation not in ("Identity", "Relu"):
            raise Unsupported(f"the fused activation {activation} is not supported.")
        y = ctx.call("Relu", y) if activation == "Relu" else y
    return [y, ctx.input(3), ctx.input(4), ctx.input(3), ctx.input(4), ctx.input(3)]


def _batch_statistics(ctx: NodeContext, x: Value) -> Sequence[Value]:
    """Normalization by the batch's own mean and variance, as a graph that was saved for training has it (and Keras' layer norm)."""
    layout, rank = layout_of(ctx), len(x.shape)
    if rank not in (4, 5):
        raise MalformedModelError(f"batch normalization of a tensor of rank {rank}")
    axis = 1 if layout == "NCHW" else rank - 1
    axes = tuple(i for i in range(rank) if i != axis)
    real = ctx.as_float32(x)
    mean = ctx.call("ReduceMean", real, axes=axes, keepdims=True)
    centred = ctx.call("Sub", real, mean)
    variance = ctx.call("ReduceMean", ctx.call("Mul", centred, centred), axes=axes, keepdims=True)
    root = ctx.call("Sqrt", ctx.unary_const(variance, "Add", ctx.attr_float("epsilon", 1e-4)))
    tail = [1] * (rank - 1 - axis)
    scale, offset = (ctx.as_float32(ctx.regroup(ctx.input(i), [[0], *tail])) for i in (1, 2))
    y = ctx.call("Add", ctx.call("Mul", ctx.call("Div", centred, root), scale), offset)
    flat = [ctx.regroup(v, [[axis]]) for v in (mean, variance)]
    return [ctx.cast(y, x.dtype), flat[0], flat[1], flat[0], flat[1], flat[0]]


@converts("BatchNormWithGlobalNormalization")
def old_batch_norm(ctx: NodeContext) -> Value:
    """Batch normalization of the first TensorFlow versions: x, mean, variance, beta, gamma."""
    x, mean, variance, beta, gamma = (ctx.input(i) for i in range(5))
    if not ctx.attr_bool("scale_after_normalization", True):
        gamma = ctx.call("Expand", ctx.like(1, gamma), ctx.shape_of(gamma))
    return ctx.call("BatchNorm", x, gamma, beta, mean, variance, epsilon=ctx.attr_float("variance_epsilon", 1e-3), layout="NHWC")


@converts("Softmax", "LogSoftmax")
def softmax(ctx: NodeContext) -> Value:
    """Over the last axis."""
    return ctx.call(ctx.op, ctx.input(0), axis=-1)


@converts("LRN")
def lrn(ctx: NodeContext) -> Value:
    """``x / (bias + alpha * sum of squares) ^ beta`` over neighbouring channels."""
    radius = ctx.attr_int("depth_radius", 5)
    if not 0 <= radius < 1 << 20:
        raise MalformedModelError(f"a radius of {radius}")
    size = 2 * radius + 1
    return ctx.call(
        "LRN", ctx.input(0), size=size, alpha=ctx.attr_float("alpha", 1.0) * size, beta=ctx.attr_float("beta", 0.5),
        bias=ctx.attr_float("bias", 1.0), layout="NHWC",
    )  # fmt: skip


@converts("L2Loss")
def l2_loss(ctx: NodeContext) -> Value:
    """Half the sum of squares."""
    x = ctx.input(0)
    total = ctx.call("ReduceSumSquare", x, axes=tuple(range(len(x.shape))), keepdims=False)
    return ctx.cast(ctx.unary_const(ctx.cast(total, F32), "Mul", 0.5), x.dtype)
