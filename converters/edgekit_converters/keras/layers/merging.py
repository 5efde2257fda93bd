"""Layers that join several tensors, and their masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.registry import layer


def aligned(ctx: LayerContext) -> list[Value]:
    """The inputs with dimensions of 1 put behind the batch until their ranks are equal (as Keras' merging layers do)."""
    values = ctx.present()
    if not values:
        raise MalformedModelError("there is nothing to merge")
    rank = max(len(v.shape) for v in values)
    return [ctx.unsqueeze(v, list(range(1, 1 + rank - len(v.shape)))) if len(v.shape) < rank else v for v in values]


def merged_mask(ctx: LayerContext) -> Value | None:
    """True where all masks are; absent ones do not count."""
    masks = [t.mask for t in ctx.tensors if t.mask is not None]
    if not masks:
        return None
    found = masks[0]
    for m in masks[1:]:
        found = ctx.call("And", found, m)
    return found


def _chain(ctx: LayerContext, op: str) -> Value:
    values = aligned(ctx)
    ctx.masks_out = [merged_mask(ctx)]
    found = values[0]
    for v in values[1:]:
        found = ctx.call(op, found, v)
    return found


@layer("Add")
def add(ctx: LayerContext) -> Value:
    return _chain(ctx, "Add")


@layer("Multiply")
def multiply(ctx: LayerContext) -> Value:
    return _chain(ctx, "Mul")


@layer("Maximum")
def maximum(ctx: LayerContext) -> Value:
    return _chain(ctx, "Max")


@layer("Minimum")
def minimum(ctx: LayerContext) -> Value:
    return _chain(ctx, "Min")


@layer("Subtract")
def subtract(ctx: LayerContext) -> Value:
    if len(ctx.inputs) != 2:
        raise MalformedModelError(f"two tensors are needed, got {len(ctx.inputs)}")
    return _chain(ctx, "Sub")


@layer("Average")
def average(ctx: LayerContext) -> Value:
    return ctx.scaled(_chain(ctx, "Add"), 1.0 / len(ctx.inputs))


@layer("Concatenate")
def concatenate(ctx: LayerContext) -> Value:
    values = ctx.present()
    axis = ctx.axis(ctx.integer("axis", default=-1), len(values[0].shape))
    ctx.masks_out = [_joined_mask(ctx, values, axis)]
    return values[0] if len(values) == 1 else ctx.call("Concat", *values, axis=axis)


def _joined_mask(ctx: LayerContext, values: list[Value], axis: int) -> Value | None:
    """Masks joined along the axis of the steps, or true where all of them are."""
    if all(t.mask is None for t in ctx.tensors):
        return None
    if axis >= 2:
        return merged_mask(ctx)
    masks = []
    for t, v in zip(ctx.tensors, values, strict=True):
        if t.mask is not None:
            masks.append(t.mask)
        else:
            masks.append(ctx.call("Expand", ctx.const(np.ones((1, 1), np.bool_)), ctx.shape_values(v, 0, 2)))
    return ctx.cast(ctx.call("Concat", *masks, axis=axis), BOOL)


@layer("Dot")
def dot(ctx: LayerContext) -> Value:
    axes = ctx.get("axes")
    return batch_dot(ctx, *_pair(ctx), axes, ctx.flag("normalize"))


def _pair(ctx: LayerContext) -> tuple[Value, Value]:
    if len(ctx.inputs) != 2:
        raise MalformedModelError(f"two tensors are needed, got {len(ctx.inputs)}")
    return ctx.input(0), ctx.input(1)


def batch_dot(ctx: LayerContext, a: Value, b: Value, axes: Any, normalize: bool) -> Value:
    """Products summed along one axis of each tensor, image by image (keras/src/layers/merging/dot.py)."""
    ranks = (len(a.shape), len(b.shape))
    pair = [axes, axes] if isinstance(axes, int) else list(axes)
    if isinstance(axes, int) and axes < 0:
        pair = [axes % ranks[0], axes % ranks[1]]
    first, second = (ctx.axis(int(p), r) for p, r in zip(pair, ranks, strict=True))
    if normalize:
        a, b = (ctx.call("Mul", v, _inverse_norm(ctx, v, axis)) for v, axis in ((a, first), (b, second)))
    if min(ranks) < 2 or max(ranks) > 4 or 0 in (first, second):
        raise Unsupported(f"a dot product of tensors of ranks {ranks[0]} and {ranks[1]} along {pair} is not supported.")
    a_rest = [i for i in range(1, ranks[0]) if i != first]
    b_rest = [i for i in range(1, ranks[1]) if i != second]
    left = ctx.regroup(ctx.transpose(a, [0, *a_rest, first]), [[0], list(range(1, ranks[0] - 1)), [ranks[0] - 1]])
    right = ctx.regroup(ctx.transpose(b, [0, second, *b_rest]), [[0], [1], list(range(2, ranks[1]))])
    y = ctx.call("MatMul", left, right)
    dims = [a.shape[i] for i in a_rest] + [b.shape[i] for i in b_rest]
    if not dims:
        return ctx.drop(y, 2)
    if len(a_rest) == 1 and len(b_rest) == 1:
        return y
    return ctx.to_shape(y, [y.shape[0], *dims])


def _inverse_norm(ctx: LayerContext, v: Value, axis: int) -> Value:
    total = ctx.call("ReduceSum", ctx.call("Mul", v, v), axes=(axis,), keepdims=True)
    return ctx.call("Rsqrt", ctx.clip(total, low=1e-12))


def _branches(layer_: Layer) -> Mapping[str, Any]:
    found = layer_.config.get("layers")
    return {"layers": found} if found else {}


@layer("Merge", children=_branches)
def merge(ctx: LayerContext) -> Value:
    """Keras 1: all merging in one layer; in a sequential model its branches are models of their own, with an input each."""
    branches = ctx.layer.children.get("layers", [])
    if branches:
        if len(branches) != len(ctx.tensors):
            raise Unsupported("branches with more than one input are not supported.")
        found = [ctx.inner(b, t.value)[0].value for b, t in zip(branches, ctx.tensors, strict=True)]
        if any(v is None for v in found):
            raise Unsupported("one of the branches does not convert.")
        ctx.inputs = list(found)
    mode = ctx.get("mode", default="sum")
    chains = {"sum": "Add", "mul": "Mul", "max": "Max", "min": "Min", "ave": "Add"}
    if mode in chains:
        y = _chain(ctx, chains[mode])
        return ctx.scaled(y, 1.0 / len(ctx.inputs)) if mode == "ave" else y
    if mode == "concat":
        values = ctx.present()
        return ctx.call("Concat", *values, axis=ctx.axis(ctx.integer("concat_axis", default=-1), len(values[0].shape)))
    if mode in ("dot", "cos"):
        a, b = _pair(ctx)
        y = batch_dot(ctx, a, b, ctx.get("dot_axes", default=-1), mode == "cos")
        if mode == "cos":
            return ctx.unsqueeze(y, [1])
        return y
    raise Unsupported(
        f"mode={str(mode)[:40]!r} holds code, which EdgeKit never runs." if not isinstance(mode, str) else f"mode={mode!r} is not known."
    )
