"""Layers that work on each element (src/caffe/layers)."""

from __future__ import annotations

import math

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.caffe.context import LayerContext, converts
from edgekit_converters.importing.layers import per_channel

#: layers without parameters
PLAIN = {
    "Sigmoid": "Sigmoid", "TanH": "Tanh", "AbsVal": "Abs", "BNLL": "Softplus", "HardSwish": "HardSwish", "HSwish": "HardSwish",
    "Mish": "Mish", "SELU": "Selu", "GELU": "Gelu",
}  # fmt: skip


@converts("ReLU")
def relu(ctx: LayerContext) -> Value:
    slope = ctx.params("relu_param").get_float("negative_slope", 0.0)
    return ctx.call("LeakyRelu", ctx.input(0), alpha=slope) if slope else ctx.call("Relu", ctx.input(0))


@converts("ReLU6")
def relu6(ctx: LayerContext) -> Value:
    return ctx.call("Clip", ctx.input(0), min=0.0, max=6.0)


@converts("Clip")
def clip(ctx: LayerContext) -> Value:
    p = ctx.params("clip_param")
    return ctx.call("Clip", ctx.input(0), min=p.get_float("min", -math.inf), max=p.get_float("max", math.inf))


@converts("PReLU")
def prelu(ctx: LayerContext) -> Value:
    x = ctx.input(0)
    if ctx.params("prelu_param").get_bool("channel_shared", False):
        return ctx.call("PRelu", x, ctx.blob(0, 1))
    return ctx.call("PRelu", x, per_channel(ctx, ctx.blob(0, ctx.static(x.shape[1], "the number of channels")), len(x.shape)))


@converts("ELU")
def elu(ctx: LayerContext) -> Value:
    return ctx.call("Elu", ctx.input(0), alpha=ctx.params("elu_param").get_float("alpha", 1.0))


@converts(*PLAIN)
def plain(ctx: LayerContext) -> Value:
    return ctx.call(PLAIN[ctx.op], ctx.input(0))


@converts("HardSigmoid", "HSigmoid")
def hard_sigmoid(ctx: LayerContext) -> Value:
    """``relu6(x + 3) / 6`` where the layer gives no numbers of its own."""
    p = ctx.params("hardsigmoid_param")
    return ctx.call("HardSigmoid", ctx.input(0), alpha=p.get_float("alpha", 1 / 6), beta=p.get_float("beta", 0.5))


@converts("Swish")
def swish(ctx: LayerContext) -> Value:
    x, beta = ctx.input(0), ctx.params("swish_param").get_float("beta", 1.0)
    if beta == 1:
        return ctx.call("Silu", x)
    return ctx.call("Mul", x, ctx.call("Sigmoid", ctx.call("Mul", x, ctx.like(beta, x))))


def affine(ctx: LayerContext, x: Value, scale: float, shift: float) -> Value:
    """``scale * x + shift`` without the steps that change nothing."""
    y = x if scale == 1 else ctx.call("Mul", x, ctx.like(scale, x))
    return y if shift == 0 else ctx.call("Add", y, ctx.like(shift, x))


@converts("Power")
def power(ctx: LayerContext) -> Value:
    """``(shift + scale * x) ^ power``."""
    p, x = ctx.params("power_param"), ctx.input(0)
    exponent = p.get_float("power", 1.0)
    y = affine(ctx, x, p.get_float("scale", 1.0), p.get_float("shift", 0.0))
    if exponent == 2:
        return ctx.call("Mul", y, y)
    return y if exponent == 1 else ctx.call("Pow", y, ctx.like(exponent, x))


def logarithm(base: float) -> float:
    """The natural logarithm of a base; -1 stands for e."""
    if base != -1 and (base <= 0 or base == 1):
        raise MalformedModelError(f"a base of {base}")
    return 1.0 if base == -1 else math.log(base)


@converts("Exp")
def exp(ctx: LayerContext) -> Value:
    """``base ^ (shift + scale * x)``."""
    p = ctx.params("exp_param")
    log = logarithm(p.get_float("base", -1.0))
    return ctx.call("Exp", affine(ctx, ctx.input(0), p.get_float("scale", 1.0) * log, p.get_float("shift", 0.0) * log))


@converts("Log")
def log(ctx: LayerContext) -> Value:
    """``log_base(shift + scale * x)``."""
    p = ctx.params("log_param")
    y = ctx.call("Log", affine(ctx, ctx.input(0), p.get_float("scale", 1.0), p.get_float("shift", 0.0)))
    return affine(ctx, y, 1 / logarithm(p.get_float("base", -1.0)), 0.0)


@converts("Threshold")
def threshold(ctx: LayerContext) -> Value:
    x = ctx.input(0)
    above = ctx.call("Greater", x, ctx.like(ctx.params("threshold_param").get_float("threshold", 0.0), x))
    return ctx.cast(above, x.dtype)


@converts("Dropout")
def dropout(ctx: LayerContext) -> Value:
    """Nothing at test time, unless the fork scales then instead of in training (``scale_train: false``)."""
    p = ctx.params("dropout_param")
    return ctx.input(0) if p.get_bool("scale_train", True) else affine(ctx, ctx.input(0), 1 - p.get_float("dropout_ratio", 0.5), 0.0)


@converts("Eltwise")
def eltwise(ctx: LayerContext) -> Value:
    p, xs = ctx.params("eltwise_param"), ctx.present()
    kind = {"0": "PROD", "1": "SUM", "2": "MAX"}.get(p.get_string("operation", "SUM"), p.get_string("operation", "SUM"))
    ops = {"PROD": "Mul", "SUM": "Add", "MAX": "Max", "MIN": "Min"}
    weights = p.get_floats("coeff")
    if kind not in ops or not xs or (weights and (kind != "SUM" or len(weights) != len(xs))):
        raise MalformedModelError(f"operation {kind} of {len(xs)} inputs with the coefficients {weights}")
    if weights:
        xs = [affine(ctx, x, c, 0.0) for x, c in zip(xs, weights, strict=True)]
    y = xs[0]
    for x in xs[1:]:
        y = ctx.call(ops[kind], y, x)
    return y


@converts("Axpy")
def axpy(ctx: LayerContext) -> Value:
    """``a * x + y`` with one ``a`` a channel."""
    a, x, y = ctx.input(0), ctx.input(1), ctx.input(2)
    scale = ctx.unsqueeze(a, range(len(a.shape), len(x.shape))) if len(a.shape) < len(x.shape) else a
    return ctx.call("Add", ctx.call("Mul", x, scale), y)
