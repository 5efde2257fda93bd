"""Normalization layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.registry import Variable, layer


def _axes(ctx: LayerContext, rank: int, default: Any = -1) -> list[int]:
    value = ctx.get("axis", default=default)
    values = value if isinstance(value, list) else [value]
    return [ctx.axis(int(v), rank) for v in values]


def _affine(layer_: Layer) -> list[Variable]:
    if layer_.version == 1:
        return [Variable("gamma"), Variable("beta")]
    return [Variable(r) for r, flag in (("gamma", "scale"), ("beta", "center")) if layer_.config.get(flag, True)]


def _batch_norm(layer_: Layer) -> Sequence[Variable]:
    moving = [] if layer_.version == 1 and layer_.config.get("mode", 0) == 1 else ["moving_mean", "moving_variance"]
    if layer_.config.get("renorm"):  # statistics of training alone
        moving += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    return [*_affine(layer_), *(Variable(r, False) for r in moving)]


@layer(
    "BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization", variables=_batch_norm, keeps_mask=True
)
def batch_norm(ctx: LayerContext) -> Value:
    """With the moving statistics. On the channel axis as one operator, on others as multiply and add."""
    x = ctx.real(ctx.x)
    rank = len(x.shape)
    axes = _axes(ctx, rank)
    if ctx.layer.version == 1 and ctx.integer("mode", default=0) != 0:
        raise Unsupported(f"mode={ctx.get('mode')} of Keras 1 is not supported; 0 is.")
    mean, variance = ctx.weight("moving_mean"), ctx.weight("moving_variance")
    gamma = ctx.weight("gamma") if ctx.has("gamma") else np.ones_like(mean)
    beta = ctx.weight("beta") if ctx.has("beta") else np.zeros_like(mean)
    epsilon = ctx.number("epsilon", default=1e-3)
    if len(axes) == 1 and rank >= 2 and mean.ndim == 1 and axes[0] in (1, rank - 1):
        parts = [ctx.parameter(a, n) for a, n in ((gamma, "gamma"), (beta, "beta"), (mean, "mean"), (variance, "variance"))]
        return ctx.call("BatchNorm", x, *parts, epsilon=epsilon, layout="NHWC" if axes[0] == rank - 1 else "NCHW")
    shape = [1] * rank
    for a in axes:
        shape[a] = ctx.static(x.shape[a], "the normalized dimension")
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    offset = beta.astype(np.float64) - mean.astype(np.float64) * scale
    y = ctx.call("Mul", x, ctx.parameter(scale.reshape(shape), "scale"))
    return ctx.call("Add", y, ctx.parameter(offset.reshape(shape), "offset"))


def _layer_norm(layer_: Layer) -> Sequence[Variable]:
    if layer_.config.get("rms_scaling"):
        return [Variable("gamma")]
    return _affine(layer_)


@layer("LayerNormalization", variables=_layer_norm, keeps_mask=True)
def layer_norm(ctx: LayerContext) -> Value:
    x = ctx.real(ctx.x)
    rank = len(x.shape)
    axes = sorted(_axes(ctx, rank))
    if ctx.flag("rms_scaling"):
        raise Unsupported("rms_scaling is not supported.", "Use the layer RMSNormalization.")
    epsilon = ctx.number("epsilon", default=1e-3)
    gamma = ctx.weight("gamma") if ctx.has("gamma") else None
    beta = ctx.weight("beta") if ctx.has("beta") else None
    if axes == list(range(axes[0], rank)):
        shape = [ctx.static(d, "the normalized dimension") for d in x.shape[axes[0] :]]
        parts = [None if a is None else ctx.parameter(_fitted(a, shape), n) for a, n in ((gamma, "gamma"), (beta, "beta"))]
        if parts[0] is None and parts[1] is not None:
            parts[0] = ctx.parameter(np.ones(shape), "gamma")
        return ctx.call("LayerNorm", x, *parts, axis=axes[0], epsilon=epsilon)
    mean = ctx.call("ReduceMean", x, axes=tuple(axes), keepdims=True)
    centred = ctx.call("Sub", x, mean)
    variance = ctx.call("ReduceMean", ctx.call("Mul", centred, centred), axes=tuple(axes), keepdims=True)
    y = ctx.call("Mul", centred, ctx.call("Rsqrt", ctx.scaled(variance, 1.0, epsilon)))
    wide = [ctx.static(d, "the normalized dimension") if i in axes else 1 for i, d in enumerate(x.shape)]
    if gamma is not None:
        y = ctx.call("Mul", y, ctx.parameter(_fitted(gamma, wide), "gamma"))
    return y if beta is None else ctx.call("Add", y, ctx.parameter(_fitted(beta, wide), "beta"))


def _fitted(array: Array, shape: Sequence[int]) -> Array:
    if array.size != math.prod(shape):
        raise MalformedModelError(f"an array of {list(array.shape)} does not fit the normalized dimensions {list(shape)}")
    return array.reshape(shape)


@layer("GroupNormalization", variables=_affine, keeps_mask=True)
def group_norm(ctx: LayerContext) -> Value:
    x = ctx.real(ctx.x)
    rank = len(x.shape)
    (axis,) = _axes(ctx, rank)
    channels = ctx.static(x.shape[axis], "the number of channels")
    groups = ctx.integer("groups", default=32)
    groups = channels if groups == -1 else groups
    ctx.computed((channels,))
    gamma = ctx.weight("gamma") if ctx.has("gamma") else np.ones(channels, np.float32)
    beta = ctx.weight("beta") if ctx.has("beta") else np.zeros(channels, np.float32)
    parts = (ctx.parameter(gamma, "gamma"), ctx.parameter(beta, "beta"))
    attrs: dict[str, Any] = {"groups": groups, "epsilon": ctx.number("epsilon", default=1e-3)}
    if rank >= 3 and axis in (1, rank - 1):
        return ctx.call("GroupNorm", x, *parts, layout="NHWC" if axis == rank - 1 else "NCHW", **attrs)
    moved = ctx.unsqueeze(x, [1]) if rank == 2 else ctx.transpose(x, [a for a in range(rank) if a != axis] + [axis])
    y = ctx.call("GroupNorm", moved, *parts, layout="NHWC", **attrs)
    if rank == 2:
        return ctx.drop(y, 1)
    order = [a for a in range(rank) if a != axis] + [axis]
    return ctx.transpose(y, [order.index(a) for a in range(rank)])


def _rms(layer_: Layer) -> Sequence[Variable]:
    return [Variable("scale")]


@layer("RMSNormalization", variables=_rms, keeps_mask=False)
def rms_norm(ctx: LayerContext) -> Value:
    x = ctx.real(ctx.x)
    rank = len(x.shape)
    axes = sorted(_axes(ctx, rank))
    epsilon = ctx.number("epsilon", default=1e-6)
    scale = ctx.weight("scale")
    if axes == list(range(axes[0], rank)) and scale.ndim == len(axes):
        return ctx.call("RmsNorm", x, ctx.parameter(scale, "scale"), axis=axes[0], epsilon=epsilon)
    square = ctx.call("ReduceMean", ctx.call("Mul", x, x), axes=tuple(axes), keepdims=True)
    wide = [ctx.static(d, "the normalized dimension") if i in axes else 1 for i, d in enumerate(x.shape)]
    y = ctx.call("Mul", x, ctx.call("Rsqrt", ctx.scaled(square, 1.0, epsilon)))
    return ctx.call("Mul", y, ctx.parameter(_fitted(scale, wide), "scale"))


@layer("UnitNormalization", keeps_mask=True)
def unit_norm(ctx: LayerContext) -> Value:
    """``x / sqrt(max(sum(x^2), 1e-12))``."""
    x = ctx.real(ctx.x)
    total = ctx.call("ReduceSum", ctx.call("Mul", x, x), axes=tuple(_axes(ctx, len(x.shape))), keepdims=True)
    return ctx.call("Mul", x, ctx.call("Rsqrt", ctx.clip(total, low=1e-12)))


def _statistics(layer_: Layer) -> Sequence[Variable]:
    if layer_.config.get("mean") is not None:
        return []
    return [Variable("mean", False), Variable("variance", False), Variable("count", False)]


@layer("Normalization", variables=_statistics, keeps_mask=True)
def normalization(ctx: LayerContext) -> Value:
    """``(x - mean) / max(sqrt(variance), 1e-7)`` with adapted or given statistics, or the way back (``invert``)."""
    x = ctx.cast(ctx.x, ctx.dtype)
    rank = len(x.shape)
    axis = ctx.get("axis", default=-1)
    axes = [] if axis is None else _axes(ctx, rank)
    shape = [1] * rank
    for a in axes:
        shape[a] = ctx.static(x.shape[a], "the normalized dimension")
    if ctx.has("mean"):
        mean, variance = ctx.weight("mean"), ctx.weight("variance")
    else:
        mean, variance = numbers_of(ctx.get("mean")), numbers_of(ctx.get("variance"))
    ctx.computed(shape)
    wide = [np.broadcast_to(a.reshape(shape) if a.size == math.prod(shape) else a, shape) for a in (mean, variance)]
    deviation = np.maximum(np.sqrt(wide[1].astype(np.float64)), 1e-7)
    if ctx.flag("invert"):
        return ctx.call("Add", ctx.parameter(wide[0], "mean"), ctx.call("Mul", x, ctx.parameter(deviation, "deviation")))
    return ctx.call("Div", ctx.call("Sub", x, ctx.parameter(wide[0], "mean")), ctx.parameter(deviation, "deviation"))


def numbers_of(value: Any) -> Array:
    """Numbers of a configuration: plain, nested lists, or a serialized array."""
    if isinstance(value, Mapping):
        config = value.get("config", {})
        value = config.get("value") if isinstance(config, Mapping) else config
    return np.asarray(value, F32.numpy)


def _wrapped(layer_: Layer) -> Mapping[str, Any]:
    return {"layer": layer_.config["layer"]}


def _vector_u(layer_: Layer) -> Sequence[Variable]:
    return [Variable("vector_u", False)]


@layer("SpectralNormalization", variables=_vector_u, children=_wrapped, keeps_mask=False)
def spectral_norm(ctx: LayerContext) -> Sequence[Value]:
    """Normalizes the kernel in training; at inference the inner layer runs as it is."""
    found = ctx.inner(ctx.layer.child("layer"), *ctx.inputs)
    return [t.value for t in found if t.value is not None]
