"""Dense, embeddings, and layers that do nothing at inference."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from edgekit.arrays import permuted
from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, Array, QuantParams
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.functions import activate
from edgekit_converters.keras.operations.products import contracted
from edgekit_converters.keras.registry import Variable, layer
from edgekit_converters.keras.tensors import quantization


def kernel_bias(layer_: Layer) -> Sequence[Variable]:
    """A kernel, a bias unless the settings say there is none, and the scales of an int8 kernel."""
    bias = (Variable("bias"),) if layer_.config.get("use_bias", True) else ()
    return (Variable("kernel"), *bias, *_scales(layer_, "kernel_scale"))


def _scales(layer_: Layer, role: str) -> tuple[Variable, ...]:
    return (Variable(role),) if quantization(layer_.config.get("dtype")) == "int8" else ()


def refuse_quantized(ctx: LayerContext, *known: str) -> None:
    """Refuse arrays that are quantized in a way that has no converter.

    Raises:
        Unsupported: they are.
    """
    mode = quantization(ctx.config.get("dtype"))
    if mode and mode not in known:
        raise Unsupported(f"{ctx.op} quantized to {mode} is not supported.", "Convert the model as it was before model.quantize().")


def fully_connected(ctx: LayerContext, x: Value, kernel: Array, bias: Value | None, name: str = "kernel") -> Value:
    """``x @ kernel + bias`` with Keras' kernel [K, N]."""
    if kernel.ndim != 2:
        raise MalformedModelError(f"the array {name!r} has the shape {list(kernel.shape)}, two dimensions are needed")
    return ctx.call("FullyConnected", ctx.real(x), ctx.parameter(kernel.T, name), bias)


@layer("Dense", "TimeDistributedDense", variables=kernel_bias, keeps_mask=True, pointwise=True)
def dense(ctx: LayerContext) -> Value:
    refuse_quantized(ctx, "int8")
    kernel = ctx.shaped("kernel", -1, ctx.integer("units"))
    y = fully_connected(ctx, ctx.x, kernel, ctx.bias()) if kernel.dtype != np.int8 else _int8_dense(ctx, kernel)
    return activate(ctx, y, ctx.get("activation", default=None))


def _int8_dense(ctx: LayerContext, kernel: Array) -> Value:
    """Keras 3's int8: each row of the input is scaled to -127..127 and rounded, and the product scaled back."""
    x = ctx.real(ctx.x)
    largest = ctx.call("ReduceMax", ctx.call("Abs", x), axes=(len(x.shape) - 1,), keepdims=True)
    scale = ctx.call("Div", ctx.number_like(127.0, x), ctx.scaled(largest, 1.0, 1e-7))
    rounded = ctx.clip(ctx.call("Round", ctx.call("Mul", x, scale)), -127.0, 127.0)
    scales = ctx.weight("kernel_scale").reshape(-1).astype(np.float64)
    if scales.size != kernel.shape[1] or not (scales > 0).all():
        raise MalformedModelError(f"the array 'kernel_scale' has {scales.size} numbers, {kernel.shape[1]} positive ones are needed")
    quant = QuantParams.per_channel(1.0 / scales, 0)
    w = ctx.builder.constant(permuted(kernel, (1, 0)), f"{ctx.name}/kernel", None, quant)
    y = ctx.call("Div", ctx.call("FullyConnected", rounded, w), scale)
    bias = ctx.bias()
    return y if bias is None else ctx.call("Add", y, bias)


def _einsum_dense(layer_: Layer) -> Sequence[Variable]:
    return (Variable("kernel"), Variable("bias")) if layer_.config.get("bias_axes") else (Variable("kernel"),)


@layer("EinsumDense", variables=_einsum_dense, keeps_mask=False)
def einsum_dense(ctx: LayerContext) -> Value:
    refuse_quantized(ctx)
    y = einsum_product(ctx, ctx.x, ctx.weight("kernel"), str(ctx.get("equation")))
    if ctx.has("bias"):
        y = ctx.call("Add", y, ctx.parameter(ctx.weight("bias"), "bias"))
    return activate(ctx, y, ctx.get("activation", default=None))


def einsum_product(ctx: LayerContext, x: Value, kernel: Array, equation: str) -> Value:
    """An einsum of a tensor and a constant kernel: a FullyConnected unless the two share a dimension that stays."""
    match = re.fullmatch(r"\s*([a-zA-Z.]+)\s*,\s*([a-zA-Z]+)\s*->\s*([a-zA-Z.]+)\s*", equation)
    if match is None:
        raise MalformedModelError(f"the equation {equation!r} cannot be read")
    left, right, out = match.groups()
    rank = len(x.shape)
    if "..." in left:
        spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in left + right + out]
        fill = "".join(spare[: rank - len(left) + 3])
        left, out = left.replace("...", fill), out.replace("...", fill)
    if len(left) != rank or len(right) != kernel.ndim or len(set(left)) != len(left) or len(set(right)) != len(right):
        raise MalformedModelError(f"the equation {equation!r} does not fit tensors of ranks {rank} and {kernel.ndim}")
    summed = [c for c in right if c in left and c not in out]
    new = [c for c in right if c not in left]
    kept = [c for c in left if c not in right]
    if any(c in out for c in right if c in left) or any(c not in out for c in kept) or sorted(out) != sorted(kept + new):
        return contracted(ctx, f"{left},{right}->{out}", [ctx.real(x), ctx.parameter(kernel, "kernel")])
    moved = ctx.transpose(x, [left.index(c) for c in kept + summed])
    flat_kernel = np.transpose(kernel, [right.index(c) for c in summed + new])
    sizes = [kernel.shape[right.index(c)] for c in new]
    inner = int(np.prod([kernel.shape[right.index(c)] for c in summed], dtype=np.int64))
    groups: list[int | Sequence[int]] = [[i] for i in range(len(kept))]
    flat = ctx.regroup(moved, [*groups, [len(kept) + i for i in range(len(summed))]])
    y = fully_connected(ctx, flat, np.ascontiguousarray(flat_kernel).reshape(inner, -1), None)
    y = ctx.regroup(y, [*groups, *sizes])
    return ctx.transpose(y, [(kept + new).index(c) for c in out])


def _embeddings(layer_: Layer) -> Sequence[Variable]:
    return (Variable("embeddings"), *_scales(layer_, "embeddings_scale"))


@layer("Embedding", variables=_embeddings)
def embedding(ctx: LayerContext) -> Value:
    """Rows of a table by number; number 0 is masked where ``mask_zero`` says so."""
    numbers = ctx.tensors[0].value
    assert numbers is not None
    if not numbers.dtype.is_integer:
        numbers = ctx.cast(numbers, I32)
    refuse_quantized(ctx, "int8")
    table = ctx.shaped("embeddings", ctx.integer("input_dim"), ctx.integer("output_dim"))
    if table.dtype == np.int8:
        table = table.astype(np.float32) / ctx.shaped("embeddings_scale", table.shape[0])[:, None]
    if ctx.flag("mask_zero"):
        equal = ctx.call("Equal", numbers, ctx.const(np.zeros((), numbers.dtype.numpy)))
        ctx.masks_out = [ctx.call("Not", equal)]
    return ctx.call("Gather", ctx.parameter(table, "embeddings"), numbers, axis=0)


def _reversible(layer_: Layer) -> Sequence[Variable]:
    more = () if layer_.config.get("tie_weights", True) else (Variable("reverse_embeddings"),)
    return (Variable("embeddings"), *more)


@layer("ReversibleEmbedding", variables=_reversible)
def reversible_embedding(ctx: LayerContext) -> Value:
    """An embedding, and the way back from features to scores of the numbers."""
    refuse_quantized(ctx)
    if not ctx.argument(1, "reverse", False):
        return embedding(ctx)
    kernel = ctx.weight("embeddings").T if ctx.flag("tie_weights", default=True) else ctx.weight("reverse_embeddings")
    y = fully_connected(ctx, ctx.x, kernel, None)
    cap = ctx.get("logit_soft_cap", default=None)
    return y if cap is None else ctx.scaled(ctx.call("Tanh", ctx.scaled(y, 1.0 / float(cap))), float(cap))


def _highway(layer_: Layer) -> Sequence[Variable]:
    roles = ("W", "W_carry", "b", "b_carry") if layer_.config.get("use_bias", True) else ("W", "W_carry")
    return tuple(Variable(r) for r in roles)


@layer("Highway", variables=_highway)
def highway(ctx: LayerContext) -> Value:
    """Keras 1: a Dense layer mixed with its input by a gate (arXiv 1505.00387)."""
    x = ctx.real(ctx.x)
    bias, carry = (ctx.bias(r) if ctx.has(r) else None for r in ("b", "b_carry"))
    gate = ctx.call("Sigmoid", fully_connected(ctx, x, ctx.weight("W_carry"), carry, "W_carry"))
    y = activate(ctx, fully_connected(ctx, x, ctx.weight("W"), bias, "W"), ctx.get("activation", default=None))
    return ctx.call("Add", ctx.call("Mul", y, gate), ctx.call("Mul", ctx.scaled(gate, -1.0, 1.0), x))


def _maxout(layer_: Layer) -> Sequence[Variable]:
    return (Variable("W"), Variable("b")) if layer_.config.get("use_bias", True) else (Variable("W"),)


@layer("MaxoutDense", variables=_maxout)
def maxout_dense(ctx: LayerContext) -> Value:
    """Keras 1: the largest of several Dense layers, [features, inputs, units] (arXiv 1302.4389)."""
    w = ctx.shaped("W", -1, -1, -1)
    flat = np.transpose(w, (1, 0, 2)).reshape(w.shape[1], -1)
    y = ctx.regroup(fully_connected(ctx, ctx.x, flat, ctx.bias("b"), "W"), [[0], w.shape[0], w.shape[2]])
    return ctx.call("ReduceMax", y, axes=(1,), keepdims=False)


def _gamma(layer_: Layer) -> Sequence[Variable]:
    return (Variable("gamma"),)


@layer("LayerScale", variables=_gamma)
def layer_scale(ctx: LayerContext) -> Value:
    """A factor for each channel (keras.applications.convnext, arXiv 2103.17239)."""
    return ctx.call("Mul", ctx.x, ctx.parameter(ctx.weight("gamma"), "gamma"))


@layer("Masking")
def masking(ctx: LayerContext) -> Value:
    """Steps whose features all equal one number are masked, and set to zero."""
    x = ctx.x
    same = ctx.call("Equal", x, ctx.number_like(ctx.number("mask_value", default=0.0), x))
    differ = ctx.cast(ctx.call("Not", same), I32)
    some = ctx.call("ReduceMax", differ, axes=(len(x.shape) - 1,), keepdims=True)
    keep = ctx.call("Greater", some, ctx.const(np.zeros((), np.int32)))
    ctx.masks_out = [ctx.drop(keep, -1)]
    return ctx.call("Where", keep, x, ctx.number_like(0.0, x))


@layer(
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization",
    "Identity",
    "FixedDropout",
    "StochasticDepth",
    keeps_mask=True,
    pointwise=True,
)
def identity(ctx: LayerContext) -> Value:
    """What acts in training only."""
    return ctx.x


@layer("InputLayer")
def input_layer(ctx: LayerContext) -> Value:
    """Stands in a model that is called; the tensor passes."""
    return ctx.x


@layer("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
def code(ctx: LayerContext) -> Value:
    """Holds Python code (or another framework's), which is never run."""
    raise Unsupported(
        "it holds code, which EdgeKit never runs.",
        "Replace it by layers of Keras or functions of keras.ops, or save the model without it and do that step outside.",
        "custom-code",
    )
