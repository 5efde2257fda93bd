"""Operators that pick or place elements by index."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I32, I64
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts


def _indices(ctx: NodeContext, i: int) -> Value:
    v = ctx.input(i)
    return v if v.dtype in (I32, I64) else ctx.as_i64(v)


@converts("Gather")
def gather(ctx: NodeContext) -> Value:
    return ctx.call("Gather", ctx.input(0), _indices(ctx, 1), axis=ctx.axis(ctx.get_int("axis", 0), len(ctx.input(0).shape)))


@converts("GatherElements", since=11)
def gather_elements(ctx: NodeContext) -> Value:
    return ctx.call("GatherElements", ctx.input(0), _indices(ctx, 1), axis=ctx.axis(ctx.get_int("axis", 0), len(ctx.input(0).shape)))


@converts("GatherND", since=11)
def gather_nd(ctx: NodeContext) -> Value:
    return ctx.call("GatherND", ctx.input(0), _indices(ctx, 1), batch_dims=ctx.get_int("batch_dims", 0))


@converts("Scatter", since=9)
def scatter(ctx: NodeContext) -> Value:
    return _scatter_elements(ctx)


@converts("ScatterElements", since=11)
def scatter_elements(ctx: NodeContext) -> Value:
    return _scatter_elements(ctx)


def _scatter_elements(ctx: NodeContext) -> Value:
    axis, reduction = ctx.axis(ctx.get_int("axis", 0), len(ctx.input(0).shape)), ctx.get_string("reduction", "none")
    return ctx.call("ScatterElements", ctx.input(0), _indices(ctx, 1), ctx.input(2), axis=axis, reduction=reduction)


@converts("ScatterND", since=11)
def scatter_nd(ctx: NodeContext) -> Value:
    return ctx.call("ScatterND", ctx.input(0), _indices(ctx, 1), ctx.input(2), reduction=ctx.get_string("reduction", "none"))


@converts("ArrayFeatureExtractor", domain="ai.onnx.ml")
def array_feature_extractor(ctx: NodeContext) -> Value:
    x, indices = ctx.input(0), ctx.input(1)
    y = ctx.call("Gather", x, ctx.reshape(ctx.as_i64(indices), (-1,)), axis=len(x.shape) - 1)
    return ctx.unsqueeze(y, [0]) if len(x.shape) == 1 else y


@converts("OneHot", since=9)
def one_hot(ctx: NodeContext) -> Value:
    return ctx.call("OneHot", _indices(ctx, 0), ctx.scalar(ctx.as_i64(ctx.input(1))), ctx.input(2), axis=ctx.get_int("axis", -1))


@converts("NonZero", since=9)
def non_zero(ctx: NodeContext) -> Value:
    return ctx.call("NonZero", ctx.input(0))


@converts("Compress", since=9)
def compress(ctx: NodeContext) -> Value:
    x, condition = ctx.input(0), ctx.cast(ctx.input(1), BOOL)
    if not ctx.has("axis"):
        return ctx.call("Compress", x, condition, flat=True)
    return ctx.call("Compress", x, condition, axis=ctx.axis(ctx.get_int("axis"), len(x.shape)))


@converts("TopK")
def top_k_by_attribute(ctx: NodeContext) -> Sequence[Value]:
    return _top_k(ctx, ctx.i64(ctx.get_int("k")))


@converts("TopK", since=10)
def top_k(ctx: NodeContext) -> Sequence[Value]:
    return _top_k(ctx, ctx.as_i64(ctx.input(1)))


def _top_k(ctx: NodeContext, k: Value) -> Sequence[Value]:
    largest, ordered = bool(ctx.get_int("largest", 1)), bool(ctx.get_int("sorted", 1))
    return ctx.call_multi("TopK", ctx.input(0), k, axis=ctx.get_int("axis", -1), largest=largest, sorted=ordered)


@converts("NonMaxSuppression", since=10)
def non_max_suppression(ctx: NodeContext) -> Value:
    limit = ctx.optional(2)
    rest = [None if v is None else ctx.scalar(v) for v in (ctx.optional(3), ctx.optional(4))]
    maximum = None if limit is None else ctx.scalar(ctx.as_i64(limit))
    centre = ctx.get_int("center_point_box", 0)
    if centre not in (0, 1):
        raise MalformedModelError(f"center_point_box is {centre}")
    return ctx.call("NonMaxSuppression", ctx.input(0), ctx.input(1), maximum, *rest, center_point_box=bool(centre))


@converts("Unique", since=11)
def unique(ctx: NodeContext) -> Sequence[Value]:
    in_order = bool(ctx.get_int("sorted", 1))
    if not ctx.has("axis"):
        return ctx.call_multi("Unique", ctx.input(0), flat=True, sorted=in_order)
    return ctx.call_multi("Unique", ctx.input(0), axis=ctx.axis(ctx.get_int("axis"), len(ctx.input(0).shape)), sorted=in_order)
