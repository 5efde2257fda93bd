"""Attention layers: dot product, additive, multi-head, grouped queries; masks as Keras merges them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F16, Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.activations import masked, unmasked
from edgekit_converters.keras.layers.core import fully_connected, refuse_quantized
from edgekit_converters.keras.registry import Variable, layer
from edgekit_converters.keras.tensors import Tensor

#: what dot_product_attention of Keras 3 puts where the mask is false: the softmax of a row of nothing else is uniform
HIDDEN = -0.7 * float(np.finfo(np.float32).max)


def positions(ctx: LayerContext, x: Value, axis: int) -> Value:
    """``0 .. n - 1`` for one dimension."""
    zero, one = (ctx.const(np.asarray(v, np.int64)) for v in (0, 1))
    return ctx.call("Range", zero, ctx.length(x, axis), one)


def causal_mask(ctx: LayerContext, q: Value, k: Value, q_axis: int, k_axis: int) -> Value:
    """[queries, keys], true where the key lies not behind the query."""
    rows, columns = ctx.unsqueeze(positions(ctx, q, q_axis), [1]), ctx.unsqueeze(positions(ctx, k, k_axis), [0])
    return ctx.call("GreaterOrEqual", rows, columns)


def both(ctx: LayerContext, a: Value | None, b: Value | None) -> Value | None:
    """True where both masks are; None stands for true."""
    if a is None or b is None:
        return b if a is None else a
    return ctx.call("And", ctx.cast(a, BOOL), ctx.cast(b, BOOL))


# -- Attention, AdditiveAttention -------------------------------------------------------------------------------------------


def _scales(layer_: Layer) -> Sequence[Variable]:
    found = [Variable("scale")] if layer_.config.get("use_scale", layer_.class_name == "AdditiveAttention") else []
    return [*found, Variable("concat_score_weight")] if layer_.config.get("score_mode") == "concat" else found


@layer("Attention", "AdditiveAttention", variables=_scales)
def attention(ctx: LayerContext) -> list[Value]:
    """Queries [B, T, D] over values [B, S, E], keys being the values where they are not given."""
    if not 2 <= len(ctx.inputs) <= 3:
        raise MalformedModelError(f"[query, value] or [query, value, key] is needed, got {len(ctx.inputs)} tensors")
    q, v = ctx.input(0), ctx.input(1)
    k = ctx.input(2) if len(ctx.inputs) > 2 else v
    given = ctx.arguments.kwargs.get("mask")
    masks = [t.value if isinstance(t, Tensor) else None for t in given] if isinstance(given, list) else [t.mask for t in ctx.tensors]
    q_mask, v_mask = masks[0], masks[1]
    scores = _scores(ctx, q, k)
    keep = None if v_mask is None else ctx.unsqueeze(v_mask, [1])
    if ctx.keyword("use_causal_mask", False) or ctx.flag("causal"):
        keep = both(ctx, keep, ctx.unsqueeze(causal_mask(ctx, q, k, 1, 1), [0]))
    if keep is not None:
        large = 65504.0 if scores.dtype is F16 else 1e9
        hidden = ctx.call("Sub", scores, ctx.number_like(large, scores))
        scores = ctx.call("Where", ctx.cast(keep, BOOL), scores, hidden)
    weights = ctx.call("Softmax", scores, axis=2)
    y = ctx.call("MatMul", weights, v)
    if q_mask is not None:
        y = ctx.call("Where", ctx.unsqueeze(ctx.cast(q_mask, BOOL), [2]), y, ctx.number_like(0.0, y))
    ctx.masks_out = [q_mask, None]
    return [y, weights] if ctx.keyword("return_attention_scores", False) else [y]


def _scores(ctx: LayerContext, q: Value, k: Value) -> Value:
    """[B, T, S]."""
    scale = ctx.parameter(ctx.weight("scale"), "scale") if ctx.has("scale") else None
    if ctx.op == "Attention" and ctx.get("score_mode", default="dot") == "dot":
        scores = ctx.call("MatMul", q, k, transpose_b=True)
        return scores if scale is None else ctx.call("Mul", scores, scale)
    total = ctx.call("Add", ctx.unsqueeze(q, [2]), ctx.unsqueeze(k, [1]))
    if ctx.op == "AdditiveAttention":
        bent = ctx.call("Tanh", total)
        bent = bent if scale is None else ctx.call("Mul", bent, scale)
        return ctx.call("ReduceSum", bent, axes=(3,), keepdims=False)
    bent = ctx.call("Tanh", total if scale is None else ctx.call("Mul", total, scale))
    found = ctx.call("ReduceSum", bent, axes=(3,), keepdims=False)
    return ctx.call("Mul", found, ctx.parameter(ctx.weight("concat_score_weight"), "concat_score_weight"))


# -- MultiHeadAttention, GroupedQueryAttention ------------------------------------------------------------------------------


def _projections(layer_: Layer) -> Mapping[str, Any]:
    names = ["query", "key", *(["gate"] if layer_.config.get("use_gate") else []), "value"]
    bias = "x" if layer_.config.get("use_bias", True) else None
    common = {"bias_axes": bias, "dtype": layer_.config.get("dtype"), "trainable": layer_.config.get("trainable", True)}
    found = {f"{n}_dense": {"class_name": "EinsumDense", "config": {"name": n, **common}} for n in names}
    return {**found, "output_dense": {"class_name": "EinsumDense", "config": {"name": "attention_output", **common}}}


@layer("MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention", children=_projections)
def multi_head_attention(ctx: LayerContext) -> list[Value]:
    """Projections to heads, attention over all inner dimensions of queries, keys and values, projection back."""
    refuse_quantized(ctx)
    query, value = ctx.tensor_argument(0, "query"), ctx.tensor_argument(1, "value")
    if query is None or query.value is None or value is None or value.value is None:
        raise MalformedModelError("query and value are needed")
    key_given = ctx.tensor_argument(2, "key")
    key = key_given if key_given is not None and key_given.value is not None else value
    assert key.value is not None
    rank = len(query.value.shape)
    axes = ctx.get("attention_axes", default=None)
    if axes is not None and sorted(ctx.axis(int(a), rank) for a in (axes if isinstance(axes, list) else [axes])) != list(
        range(1, rank - 1)
    ):
        raise Unsupported(f"attention_axes={axes} are not all inner dimensions.", "Bring the other ones into the batch.")
    q, k, v = (_heads(ctx, name, t) for name, t in (("query", query.value), ("key", key.value), ("value", value.value)))
    mask, causal = _merged_mask(ctx, query, value, key_given, q, k)
    scale = 1.0 / math.sqrt(float(ctx.integer("key_dim", "head_dim")))
    wants_scores = bool(ctx.keyword("return_attention_scores", False))
    weights = None
    if wants_scores or ctx.number("dropout", default=0.0) > 0 or ctx.layer.version < 3 or rank != 3:
        y, weights = _explicit(ctx, q, k, v, scale, mask, causal)
    else:
        hidden = None
        if mask is not None:
            zero = ctx.const(np.float32(0.0))
            hidden = ctx.call("Where", mask, zero, ctx.const(np.float32(HIDDEN)))
        y = ctx.call("Attention", q, k, v, hidden, scale=scale, causal=causal)
    y = ctx.transpose(y, [0, 2, 1, 3])
    if "gate_dense" in ctx.layer.children:
        gate = ctx.call("Sigmoid", _heads(ctx, "gate", query.value))
        y = ctx.call("Mul", y, ctx.transpose(gate, [0, 2, 1, 3]))
    ctx.masks_out = [query.mask, None]
    out = _output(ctx, y, query.value)
    return [out, weights] if wants_scores and weights is not None else [out]


def _heads(ctx: LayerContext, name: str, x: Value) -> Value:
    """A projection to heads: [B, heads, T, size], all inner dimensions of ``x`` in one."""
    dense = ctx.layer.child(f"{name}_dense")
    kernel = _array(dense, "kernel", 3)
    inner = list(range(1, len(x.shape) - 1))
    flat = ctx.regroup(x, [[0], inner, [len(x.shape) - 1]]) if len(inner) > 1 else x
    bias = None if "bias" not in dense.arrays else ctx.parameter(dense.arrays["bias"].reshape(-1), f"{name}_bias")
    y = fully_connected(ctx, flat, kernel.reshape(kernel.shape[0], -1), bias, f"{name}_kernel")
    return ctx.transpose(ctx.regroup(y, [[0], [1], kernel.shape[1], kernel.shape[2]]), [0, 2, 1, 3])


def _output(ctx: LayerContext, y: Value, query: Value) -> Value:
    """The projection back: [B, T, heads, size] to the query's inner dimensions and the output's own."""
    dense = ctx.layer.child("output_dense")
    kernel = _array(dense, "kernel", -3)
    bias = None if "bias" not in dense.arrays else ctx.parameter(dense.arrays["bias"].reshape(-1), "output_bias")
    joined = ctx.regroup(y, [[0], [1], int(kernel.shape[0] * kernel.shape[1])])
    out = fully_connected(ctx, joined, kernel.reshape(kernel.shape[0] * kernel.shape[1], -1), bias, "output_kernel")
    own = list(kernel.shape[2:])
    if len(query.shape) > 3 or len(own) > 1:
        return ctx.to_shape(out, [*query.shape[:-1], *own])
    return out


def _array(dense: Layer, role: str, rank: int) -> Array:
    found = dense.arrays.get(role)
    if found is None or (found.ndim != rank if rank > 0 else found.ndim < -rank):
        raise MalformedModelError(f"{dense.path}: the array {role!r} is missing, or has not {abs(rank)} dimensions")
    return found


def _merged_mask(ctx: LayerContext, query: Tensor, value: Tensor, key: Tensor | None, q: Value, k: Value) -> tuple[Value | None, bool]:
    """All masks in one, bool [B or 1, heads or 1, T, S]; and whether the causal one is left to the operator."""
    asked = {n: ctx.arguments.kwargs.get(n) for n in ("query_mask", "value_mask", "key_mask", "attention_mask")}
    given = {n: t.value for n, t in asked.items() if isinstance(t, Tensor)}
    found: Value | None = None
    q_mask = query.mask if query.mask is not None else given.get("query_mask")
    v_mask = given.get("value_mask", value.mask)
    k_mask = given.get("key_mask", None if key is None else key.mask)
    for m, place in ((q_mask, [1, 3]), (v_mask, [1, 2]), (k_mask, [1, 2])):
        if m is not None:
            found = both(ctx, found, ctx.unsqueeze(m, place))
    own = given.get("attention_mask")
    if own is not None:
        own = ctx.cast(own, BOOL)
        found = both(ctx, found, own if len(own.shape) == 4 else ctx.unsqueeze(own, [1] if len(own.shape) == 3 else [0, 1]))
    window = ctx.get("sliding_window", default=None)
    causal = bool(ctx.keyword("use_causal_mask", False))
    if window is not None:
        apart = ctx.call("Sub", ctx.unsqueeze(positions(ctx, q, 2), [1]), ctx.unsqueeze(positions(ctx, k, 2), [0]))
        near = ctx.call("Less", ctx.call("Abs", apart), ctx.const(np.asarray(int(window), np.int64)))
        found = both(ctx, found, ctx.unsqueeze(near, [0, 1]))
    if causal and found is not None:
        return both(ctx, found, ctx.unsqueeze(causal_mask(ctx, q, k, 2, 2), [0, 1])), False
    return found, causal


def _explicit(ctx: LayerContext, q: Value, k: Value, v: Value, scale: float, mask: Value | None, causal: bool) -> tuple[Value, Value]:
    """Attention step by step: the output, and the weights [B, heads, T, S]."""
    repeats = ctx.static(q.shape[1], "heads") // ctx.static(k.shape[1], "heads")
    if repeats > 1:
        numbers = ctx.const(np.repeat(np.arange(ctx.static(k.shape[1], "heads"), dtype=np.int64), repeats))
        k, v = ctx.call("Gather", k, numbers, axis=1), ctx.call("Gather", v, numbers, axis=1)
    scores = ctx.call("MatMul", ctx.scaled(q, scale), k, transpose_b=True)
    if causal:
        mask = both(ctx, mask, ctx.unsqueeze(causal_mask(ctx, q, k, 2, 2), [0, 1]))
    if mask is not None:
        scores = masked(ctx, scores, mask)
    weights = ctx.call("Softmax", scores, axis=3)
    if mask is not None:
        weights = unmasked(ctx, weights, mask)
    return ctx.call("MatMul", weights, v), weights
