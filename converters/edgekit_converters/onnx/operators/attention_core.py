"""What the attention operators of several domains share: heads, masks, rotary positions, and the product itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F32, I64
from edgekit_converters.onnx.context import NodeContext


@dataclass(frozen=True)
class Scoring:
    """How scores are made.

    Attributes:
        scale: of the products; 0 stands for 1 / sqrt(size of a head).
        softcap: ``softcap * tanh(score / softcap)`` where it is not 0.
        keep: which scores are wanted, too: 0 the scaled products, 1 after the soft cap, 2 after the mask, 3 after the softmax; None: none.
    """

    scale: float = 0.0
    softcap: float = 0.0
    keep: int | None = None


def split_heads(ctx: NodeContext, x: Value, heads: int) -> Value:
    """[B, S, heads * D] as [B, heads, S, D]."""
    if len(x.shape) != 3:
        raise MalformedModelError(f"a tensor of rank 3 is needed, not {len(x.shape)}")
    hidden = ctx.static(x.shape[2], "the hidden size")
    if heads < 1 or hidden % heads:
        raise MalformedModelError(f"a hidden size of {hidden} does not split into {heads} heads")
    return ctx.transpose(ctx.regroup(x, [[0], [1], heads, hidden // heads]), (0, 2, 1, 3))


def join_heads(ctx: NodeContext, x: Value) -> Value:
    """[B, H, S, D] as [B, S, H * D]."""
    return ctx.regroup(ctx.transpose(x, (0, 2, 1, 3)), [[0], [1], [2, 3]])


def length(ctx: NodeContext, x: Value, axis: int = 2) -> Value:
    """The size of a dimension, int64 of rank 0."""
    return ctx.scalar(ctx.call("Shape", x, start=axis, end=axis + 1))


def numbers(ctx: NodeContext, n: Value) -> Value:
    """0, 1, ... below ``n``."""
    return ctx.call("Range", ctx.const(0, I64), n, ctx.const(1, I64))


def both(ctx: NodeContext, masks: Sequence[Value | None]) -> Value | None:
    """Where all boolean masks hold; None without any."""
    found = [m for m in masks if m is not None]
    out = found[0] if found else None
    for m in found[1:]:
        assert out is not None
        out = ctx.call("And", out, m)
    return out


def window_mask(ctx: NodeContext, q: Value, k: Value, offset: Value, left: int | None, right: int | None) -> Value | None:
    """Which keys a query sees by position: ``p - left <= j <= p + right`` with ``p = i + offset``; None leaves a side open.

    Args:
        ctx: the node.
        q: [B, H, S, D].
        k: [B, G, L, D].
        offset: keys before the first query: int64 of rank 0, or [B, 1, 1, 1].
        left: keys before the query that it sees.
        right: keys behind the query that it sees.

    Returns:
        bool [S, L] or [B, 1, S, L].
    """
    if left is None and right is None:
        return None
    at = ctx.call("Add", ctx.unsqueeze(numbers(ctx, length(ctx, q)), [1]), offset)  # [S, 1]
    keys = numbers(ctx, length(ctx, k))
    upper = None if right is None else ctx.call("LessOrEqual", keys, ctx.call("Add", at, ctx.const(right, I64)))
    lower = None if left is None else ctx.call("GreaterOrEqual", keys, ctx.call("Sub", at, ctx.const(left, I64)))
    return both(ctx, (upper, lower))


def filled_mask(ctx: NodeContext, keep: Value, bias: Value | None, fill: float = -np.inf) -> Value:
    """A float mask: ``bias`` (or 0) where ``keep`` holds, else ``fill``."""
    return ctx.call("Where", keep, ctx.const(0.0, F32) if bias is None else ctx.cast(bias, F32), ctx.const(fill, F32))


def attend(ctx: NodeContext, q: Value, k: Value, v: Value, mask: Value | None, how: Scoring) -> tuple[Value, Value | None]:
    """``softmax(scale * q @ k.T + mask) @ v`` and, where wanted, scores on the way.

    Args:
        ctx: the node.
        q: [B, H, S, D].
        k: [B, G, L, D] with H a multiple of G.
        v: [B, G, L, E].
        mask: bool (keeps where true) or float (is added); broadcasts to [B, H, S, L].
        how: scale, soft cap, wanted scores.
    """
    if how.softcap == 0 and how.keep is None:
        return ctx.call("Attention", q, k, v, mask, scale=how.scale), None
    heads, groups = (ctx.static(t.shape[1], "the number of heads") for t in (q, k))
    dtype = q.dtype
    q, k, v = (ctx.cast(t, F32) for t in (q, k, v))
    if heads != groups:
        k, v = (_repeated(ctx, t, heads // max(1, groups)) for t in (k, v))
    scale = how.scale or 1 / float(np.sqrt(ctx.static(q.shape[3], "the size of a head")))
    kept = scores = ctx.call("Mul", ctx.call("MatMul", q, k, transpose_b=True), ctx.const(scale, F32))
    if how.softcap:
        cap = ctx.const(how.softcap, F32)
        scores = ctx.call("Mul", ctx.call("Tanh", ctx.call("Div", scores, cap)), cap)
    kept = scores if how.keep == 1 else kept
    if mask is not None:
        scores = ctx.call("Add", scores, filled_mask(ctx, mask, None) if mask.dtype is BOOL else ctx.cast(mask, F32))
    kept = scores if how.keep == 2 else kept
    weights = ctx.call("Softmax", scores, axis=-1)
    if mask is not None:  # a query that sees no key gives zeros
        top = ctx.call("ReduceMax", scores, axes=(3,), keepdims=True)
        weights = ctx.call("Where", ctx.call("Equal", top, ctx.const(-np.inf, F32)), ctx.const(0.0, F32), weights)
    kept = weights if how.keep == 3 else kept
    y = ctx.call("MatMul", weights, v)
    return ctx.cast(y, dtype), None if how.keep is None else ctx.cast(kept, dtype)


def _repeated(ctx: NodeContext, x: Value, times: int) -> Value:
    """Every head ``times`` times in a row."""
    parts = [ctx.unsqueeze(x, [2])] * times
    return ctx.regroup(ctx.call("Concat", *parts, axis=2), [[0], [1, 2], [3], [4]])


def rotated(ctx: NodeContext, x: Value, cos: Value, sin: Value, interleaved: bool) -> Value:
    """Rotary positions (Su et al., RoFormer, arXiv 2104.09864) of x [B, S, H, D]; cos and sin [B or 1, S, R / 2] turn the first R elements.

    Pairs are elements i and i + R / 2, or neighbours where ``interleaved``.
    """
    half = ctx.static(cos.shape[-1], "the width of the rotary table")
    size = ctx.static(x.shape[3], "the size of a head")
    if 2 * half > size:
        raise MalformedModelError(f"{2 * half} elements turn, but a head has {size}")

    def cut(begin: int, end: int, step: int = 1) -> Value:
        return ctx.call("Slice", x, ctx.i64(begin), ctx.i64(end), ctx.i64(3), ctx.i64(step))

    a, b = (cut(0, 2 * half, 2), cut(1, 2 * half, 2)) if interleaved else (cut(0, half), cut(half, 2 * half))
    c, s = (ctx.unsqueeze(ctx.cast(t, x.dtype), [2]) for t in (cos, sin))
    first = ctx.call("Sub", ctx.call("Mul", a, c), ctx.call("Mul", b, s))
    second = ctx.call("Add", ctx.call("Mul", a, s), ctx.call("Mul", b, c))
    if interleaved:
        pairs = ctx.call("Concat", ctx.unsqueeze(first, [4]), ctx.unsqueeze(second, [4]), axis=4)
        turned = [ctx.regroup(pairs, [[0], [1], [2], [3, 4]])]
    else:
        turned = [first, second]
    rest = [cut(2 * half, size)] if 2 * half < size else []
    parts = [*turned, *rest]
    return parts[0] if len(parts) == 1 else ctx.call("Concat", *parts, axis=3)
