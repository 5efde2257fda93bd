"""Pools, softmax and normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I8, QuantParams
from edgekit_converters.tflite.context import NodeContext, is_int8
from edgekit_converters.tflite.operators.linear import window_pads
from edgekit_converters.tflite.registry import converts

SOFTMAX_QUANT = QuantParams.per_tensor(1.0 / 256.0, -128)


@converts("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
def pool_2d(ctx: NodeContext) -> Value:
    """Pools; averages count no padding."""
    x, o = ctx.input(0), ctx.options
    if len(x.shape) != 4:
        raise MalformedModelError(f"a pool of a tensor of rank {len(x.shape)}")
    kernel, strides = (int(o.filter_h), int(o.filter_w)), (int(o.stride_h), int(o.stride_w))
    pads = window_pads(ctx, x.shape[1:3], kernel, strides, (1, 1))
    attrs: dict[str, Any] = {"kernel": kernel, "strides": strides, "pads": pads, "dilations": (1, 1), "layout": "NHWC"}
    if ctx.op == "MAX_POOL_2D":
        return ctx.activate(ctx.call("MaxPool", x if is_int8(x) else ctx.as_real(x), **attrs, **ctx.clamp()))
    if ctx.op == "L2_POOL_2D":
        real = ctx.as_real(x)
        mean = ctx.call("AveragePool", ctx.call("Mul", real, real), **attrs)
        return ctx.activate(ctx.call("Sqrt", mean), done=False)
    if ctx.same_scale(x):
        # LiteRT averages the stored integers: ties of uint8 go upwards, of int8 away from zero
        rounding = "even" if x.quant != ctx.out.quant else "up" if ctx.out.is_shifted else "away"
        y = ctx.integer("AveragePool", x, quant=ctx.out.quant, rounding=rounding, **attrs)
    else:
        y = ctx.call("AveragePool", ctx.as_real(x), **attrs)
    return ctx.activate(y, done=False)


@converts("SOFTMAX")
def softmax(ctx: NodeContext) -> Value:
    """Softmax over the last axis of ``beta * x``."""
    x = ctx.input(0)
    beta = float(ctx.options.beta) or 1.0
    if is_int8(x) and beta == 1.0 and ctx.out.dtype is I8 and ctx.out.quant == SOFTMAX_QUANT:
        return ctx.integer("Softmax", x, quant=SOFTMAX_QUANT, axis=-1)
    x = ctx.as_real(x)
    if beta != 1.0:
        x = ctx.call("Mul", x, ctx.const(np.float32(beta)))
    return ctx.call("Softmax", x, axis=-1)


@converts("LOG_SOFTMAX")
def log_softmax(ctx: NodeContext) -> Value:
    """LogSoftmax over the last axis."""
    return ctx.call("LogSoftmax", ctx.real(0), axis=-1)


@converts("L2_NORMALIZATION")
def l2_normalization(ctx: NodeContext) -> Value:
    """Divide by the Euclidean norm of the last axis."""
    return ctx.activate(ctx.call("LpNormalize", ctx.real(0), axis=-1, p=2), done=False)


@converts("LOCAL_RESPONSE_NORMALIZATION")
def lrn(ctx: NodeContext) -> Value:
    """``x / (bias + alpha * sum of squares) ^ beta`` over neighbouring channels."""
    o = ctx.options
    size = 2 * int(o.radius) + 1
    return ctx.call("LRN", ctx.real(0), size=size, alpha=float(o.alpha) * size, beta=float(o.beta), bias=float(o.bias), layout="NHWC")
