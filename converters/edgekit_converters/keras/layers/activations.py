"""Activation layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL
from edgekit_converters.keras import functions
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.registry import Variable, layer


@layer("Activation", keeps_mask=True, pointwise=True)
def activation(ctx: LayerContext) -> Value:
    return functions.activate(ctx, ctx.x, ctx.get("activation"))


@layer("ReLU", keeps_mask=True, pointwise=True)
def relu(ctx: LayerContext) -> Value:
    top = ctx.get("max_value", default=None)
    return functions.relu(
        ctx,
        ctx.x,
        ctx.number("negative_slope", default=0.0),
        None if top is None else ctx.number("max_value"),
        ctx.number("threshold", default=0.0),
    )


@layer("LeakyReLU", keeps_mask=True, pointwise=True)
def leaky_relu(ctx: LayerContext) -> Value:
    return ctx.call("LeakyRelu", ctx.x, alpha=ctx.number("negative_slope", "alpha", default=0.3))


@layer("ELU", keeps_mask=True, pointwise=True)
def elu(ctx: LayerContext) -> Value:
    return ctx.call("Elu", ctx.x, alpha=ctx.number("alpha", default=1.0))


@layer("ThresholdedReLU", keeps_mask=True, pointwise=True)
def thresholded_relu(ctx: LayerContext) -> Value:
    return ctx.call("ThresholdedRelu", ctx.x, alpha=ctx.number("theta", default=1.0))


@layer("Softmax", keeps_mask=True)
def softmax(ctx: LayerContext) -> Value:
    """Along one axis or several; what the mask hides counts as next to nothing."""
    x, axis = ctx.x, ctx.get("axis", default=-1)
    if ctx.mask is not None:
        x = masked(ctx, x, ctx.mask)
    axes = [ctx.axis(int(a), len(x.shape)) for a in (axis if isinstance(axis, list) else [axis])]
    if len(axes) == 1:
        y = ctx.call("Softmax", x, axis=axes[0])
    else:
        y = ctx.call("Exp", ctx.call("Sub", x, ctx.call("ReduceLogSumExp", x, axes=tuple(axes), keepdims=True)))
    return y if ctx.mask is None else unmasked(ctx, y, ctx.mask)


def masked(ctx: LayerContext, x: Value, mask: Value) -> Value:
    """Scores with a large negative number where the mask is false: in its place (Keras 3), or added (Keras 2)."""
    large = -3e4 if x.dtype.itemsize == 2 else -1e9
    if ctx.layer.version >= 3:
        return ctx.call("Where", ctx.cast(mask, BOOL), x, ctx.number_like(large, x))
    return ctx.call("Add", x, ctx.scaled(ctx.scaled(ctx.cast(mask, x.dtype), -1.0, 1.0), large))


def unmasked(ctx: LayerContext, y: Value, mask: Value) -> Value:
    """Probabilities with 0 where the mask is false: rows that are masked throughout are no even distribution in Keras 3."""
    return ctx.call("Where", ctx.cast(mask, BOOL), y, ctx.number_like(0.0, y)) if ctx.layer.version >= 3 else y


def _alpha(layer_: Layer) -> Sequence[Variable]:
    return (Variable("alpha"),)


@layer("PReLU", variables=_alpha, keeps_mask=True)
def prelu(ctx: LayerContext) -> Value:
    """``x`` where positive, ``alpha * x`` elsewhere; alpha has a dimension of 1 along each shared axis."""
    return ctx.call("PRelu", ctx.x, ctx.parameter(ctx.weight("alpha"), "alpha"))


def _alphas_betas(layer_: Layer) -> Sequence[Variable]:
    return (Variable("alpha"), Variable("beta"))


@layer("ParametricSoftplus", variables=_alphas_betas, keeps_mask=True)
def parametric_softplus(ctx: LayerContext) -> Value:
    """``alpha * softplus(beta * x)`` (Keras 1)."""
    alpha, beta = ctx.parameter(ctx.weight("alpha"), "alpha"), ctx.parameter(ctx.weight("beta"), "beta")
    return ctx.call("Mul", alpha, ctx.call("Softplus", ctx.call("Mul", beta, ctx.x)))


_SRELU = ("t_left", "a_left", "t_right", "a_right")


def _srelu(layer_: Layer) -> Sequence[Variable]:
    return tuple(Variable(r) for r in _SRELU)


@layer("SReLU", variables=_srelu, keeps_mask=True)
def srelu(ctx: LayerContext) -> Value:
    """S-shaped ReLU of Keras 1 (arXiv 1512.07030); the right threshold lies ``|t_right|`` above the left one."""
    t_left, a_left, t_right, a_right = (ctx.weight(r) for r in _SRELU)
    right = ctx.parameter(t_left + np.abs(t_right), "t_right")
    left, x = ctx.parameter(t_left, "t_left"), ctx.x
    inside = ctx.call("Min", ctx.call("Max", x, left), right)
    below = ctx.call("Mul", ctx.parameter(a_left, "a_left"), ctx.call("Min", ctx.call("Sub", x, left), ctx.number_like(0.0, x)))
    above = ctx.call("Mul", ctx.parameter(a_right, "a_right"), ctx.call("Relu", ctx.call("Sub", x, right)))
    return ctx.call("Add", ctx.call("Add", inside, below), above)
