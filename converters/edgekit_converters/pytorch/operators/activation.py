"""Activation functions."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import converts

INF = float("inf")


@converts("aten.leaky_relu")
def leaky_relu(ctx: AtenContext) -> Value:
    return ctx.call("LeakyRelu", ctx.tensor("self"), alpha=ctx.real("negative_slope", 0.01))


@converts("aten.elu")
def elu(ctx: AtenContext) -> Value:
    """``scale * (x if x > 0 else alpha * (exp(input_scale * x) - 1))``."""
    x = ctx.tensor("self")
    alpha, scale, input_scale = ctx.real("alpha", 1.0), ctx.real("scale", 1.0), ctx.real("input_scale", 1.0)
    if input_scale == 1 and scale == 1:
        return ctx.call("Elu", x, alpha=alpha)
    if input_scale == 1:
        return ctx.call("Selu", x, alpha=alpha, gamma=scale)
    below = ctx.call("Elu", ctx.call("Mul", x, ctx.like(input_scale, x)), alpha=alpha)
    y = ctx.call("Where", ctx.call("Greater", x, ctx.like(0, x)), x, below)
    return y if scale == 1 else ctx.call("Mul", y, ctx.like(scale, y))


@converts("aten.selu")
def selu(ctx: AtenContext) -> Value:
    return ctx.call("Selu", ctx.tensor("self"))


@converts("aten.celu")
def celu(ctx: AtenContext) -> Value:
    return ctx.call("Celu", ctx.tensor("self"), alpha=ctx.real("alpha", 1.0))


@converts("aten.gelu")
def gelu(ctx: AtenContext) -> Value:
    return ctx.call("Gelu", ctx.tensor("self"), approximate=ctx.string("approximate", "none"))


@converts("aten.hardtanh")
def hardtanh(ctx: AtenContext) -> Value:
    low, high = ctx.real("min_val", -1.0), ctx.real("max_val", 1.0)
    return ctx.call("Clip", ctx.tensor("self"), min=low, max=high)


@converts("aten.relu6")
def relu6(ctx: AtenContext) -> Value:
    return ctx.call("Clip", ctx.tensor("self"), min=0.0, max=6.0)


@converts("aten.hardsigmoid")
def hardsigmoid(ctx: AtenContext) -> Value:
    return ctx.call("HardSigmoid", ctx.tensor("self"), alpha=1 / 6, beta=0.5)


@converts("aten.hardswish")
def hardswish(ctx: AtenContext) -> Value:
    return ctx.call("HardSwish", ctx.tensor("self"))


@converts("aten.softplus")
def softplus(ctx: AtenContext) -> Value:
    """``log(1 + exp(beta * x)) / beta``; torch's linear part above ``threshold`` differs by less than its own rounding."""
    x, beta = ctx.tensor("self"), ctx.real("beta", 1.0)
    threshold = ctx.real("threshold", 20.0)
    scaled = x if beta == 1 else ctx.call("Mul", x, ctx.like(beta, x))
    y = ctx.call("Softplus", scaled)
    y = y if beta == 1 else ctx.call("Mul", y, ctx.like(1 / beta, y))
    return y if threshold >= 20 else ctx.call("Where", ctx.call("Greater", scaled, ctx.like(threshold, x)), x, y)


@converts("aten.log_sigmoid")
def log_sigmoid(ctx: AtenContext) -> Value:
    return ctx.call("Neg", ctx.call("Softplus", ctx.call("Neg", ctx.tensor("self"))))


@converts("aten.log_sigmoid_forward")
def log_sigmoid_forward(ctx: AtenContext) -> tuple[Value, Value]:
    y = log_sigmoid(ctx)
    return y, ctx.const([], ctx.tensor("self").dtype)


@converts("aten.threshold")
def threshold(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    limit, value = ctx.number("threshold"), ctx.number("value")
    return ctx.call("Where", ctx.call("Greater", x, ctx.operand(limit, x.dtype)), x, ctx.operand(value, x.dtype))


@converts("aten.hardshrink")
def hardshrink(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    small = ctx.call("LessOrEqual", ctx.call("Abs", x), ctx.like(ctx.real("lambd", 0.5), x))
    return ctx.call("Where", small, ctx.like(0, x), x)


@converts("aten.softshrink")
def softshrink(ctx: AtenContext) -> Value:
    x, lambd = ctx.tensor("self"), ctx.real("lambd", 0.5)
    return ctx.call("Sub", x, ctx.call("Clip", x, min=-lambd, max=lambd))


@converts("aten.glu")
def glu(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    axis = ctx.dim("dim", len(x.shape), -1)
    size = ctx.static(x.shape[axis], "the dimension glu splits")
    if size % 2:
        raise MalformedModelError(f"glu splits a dimension of {size}")
    a, b = ctx.call_multi("Split", x, axis=axis, sizes=(size // 2, size // 2))
    return ctx.call("Mul", a, ctx.call("Sigmoid", b))


@converts("aten.prelu", "aten._prelu_kernel")
def prelu(ctx: AtenContext) -> Value:
    """One slope for all, or one a channel (dimension 1)."""
    x, slope = ctx.tensor("self"), ctx.tensor("weight")
    if len(slope.shape) == 1 and slope.shape[0] != 1 and len(x.shape) > 1:
        slope = ctx.reshape(slope, (ctx.static(slope.shape[0], "the number of slopes"), *([1] * (len(x.shape) - 2))))
    elif slope.shape == (1,) or not slope.shape:
        slope = ctx.reshape(slope, (1,))
    return ctx.call("PRelu", x, slope)


@converts("aten.rrelu", "aten.rrelu_with_noise")
def rrelu(ctx: AtenContext) -> Value:
    """At inference the slope is the middle of its range."""
    ctx.inference_only("training", False, "rrelu")
    slope = (ctx.real("lower", 0.125) + ctx.real("upper", 1 / 3)) / 2
    return ctx.call("LeakyRelu", ctx.tensor("self"), alpha=slope)


@converts("aten.rrelu_with_noise_functional")
def rrelu_functional(ctx: AtenContext) -> tuple[Value, Value]:
    y: Value = rrelu(ctx)
    return y, ctx.tensor("noise")


@converts("aten.softmax", "aten._softmax", "aten._safe_softmax", "aten.special_softmax")
def softmax(ctx: AtenContext) -> Value:
    return _along_dim(ctx, "Softmax")


@converts("aten.log_softmax", "aten._log_softmax", "aten.special_log_softmax")
def log_softmax(ctx: AtenContext) -> Value:
    return _along_dim(ctx, "LogSoftmax")


def _along_dim(ctx: AtenContext, op: str) -> Value:
    x = ctx.tensor("self")
    dtype = ctx.dtype()
    x = ctx.cast(x, dtype) if dtype is not None else ctx.floating(x)
    if not x.shape:
        return ctx.reshape(ctx.call(op, ctx.reshape(x, (1,)), axis=0), ())
    return ctx.call(op, x, axis=ctx.dim("dim", len(x.shape)))
