"""Attention operators of ONNX Runtime's own domain.

Their meaning: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators.attention_core import (
    Scoring,
    attend,
    filled_mask,
    join_heads,
    length,
    numbers,
    rotated,
    split_heads,
    window_mask,
)
from edgekit_converters.onnx.operators.linear import product
from edgekit_converters.onnx.operators.quantize import integer_product
from edgekit_converters.onnx.registry import converts

DOMAIN = "com.microsoft"
#: what ONNX Runtime puts in place of minus infinity for keys that a query may not see by position
LOWEST = float(np.finfo(np.float32).min)


def _refuse(ctx: NodeContext, **inputs: int) -> None:
    """Inputs by number that are not supported where they are given."""
    for name, i in inputs.items():
        if ctx.optional(i) is not None:
            raise Unsupported(f"the input {name} is not supported")


def _parts(ctx: NodeContext, x: Value, sizes: Sequence[int]) -> list[Value]:
    return list(ctx.call_multi("Split", x, axis=len(x.shape) - 1, sizes=tuple(sizes)))


def _padding(ctx: NodeContext, mask: Value | None, k: Value) -> Value | None:
    """A padding mask in one of its forms as bool, broadcasting to [B, H, S, L]: true where a key is there."""
    if mask is None:
        return None
    wide = ctx.as_i64(mask)
    if len(mask.shape) == 1:
        batch, have = k.shape[0], mask.shape[0]
        if batch != have and not (isinstance(have, int) and have == 1):
            raise Unsupported("a mask of begins and ends, or of cumulated lengths, is not supported", "Export a mask [batch, keys].")
        return ctx.call("Less", numbers(ctx, length(ctx, k)), ctx.regroup(wide, [[0], 1, 1, 1]))
    there = ctx.call("Not", ctx.call("Equal", wide, ctx.const(0, I64)))
    if len(mask.shape) == 2:
        return ctx.unsqueeze(there, [1, 2])
    if len(mask.shape) == 3:
        return ctx.unsqueeze(there, [1])
    raise Unsupported(f"a mask of rank {len(mask.shape)} is not supported", "Export a mask [batch, keys].")


def _masks(ctx: NodeContext, padding: Value | None, bias: Value | None, causal: Value | None) -> Value | None:
    """All masks in one that is added: padding by ``mask_filter_value``, what lies ahead by the lowest float."""
    fill = ctx.get_float("mask_filter_value", -10000.0)
    mask = None if padding is None else filled_mask(ctx, padding, None, fill)
    if bias is not None:
        real = ctx.cast(bias, F32)
        mask = real if mask is None else ctx.call("Add", mask, real)
    if causal is not None:
        mask = filled_mask(ctx, causal, mask, LOWEST)
    return mask


def _self_attention(ctx: NodeContext, qkv: Value, mask: Value | None, past: Value | None, bias: Value | None) -> list[Value | None]:
    """Attention over joined projections [B, S, q + k + v]; ``past`` is [2, B, H, P, D]."""
    heads = ctx.get_int("num_heads")
    hidden = ctx.static(qkv.shape[2], "the hidden size")
    sizes = ctx.get_ints("qkv_hidden_sizes", []) or [hidden // 3] * 3
    if ctx.get_int("do_rotary", 0):
        raise Unsupported("do_rotary is not supported in this operator", "Export RotaryEmbedding as a node of its own.")
    if len(sizes) != 3 or sum(sizes) != hidden:
        raise MalformedModelError(f"projections of {sizes} do not make up {hidden}")
    q, k, v = (split_heads(ctx, p, heads) for p in _parts(ctx, qkv, sizes))
    offset = ctx.const(0, I64)
    if past is not None:
        old_k, old_v = (ctx.call("Gather", past, ctx.const(i, I64), axis=0) for i in range(2))
        offset = length(ctx, old_k)
        k, v = ctx.call("Concat", old_k, k, axis=2), ctx.call("Concat", old_v, v, axis=2)
    causal = window_mask(ctx, q, k, offset, None, 0) if ctx.get_int("unidirectional", 0) else None
    y, _ = attend(ctx, q, k, v, _masks(ctx, _padding(ctx, mask, k), bias, causal), Scoring(ctx.get_float("scale", 0.0)))
    present = ctx.call("Concat", ctx.unsqueeze(k, [0]), ctx.unsqueeze(v, [0]), axis=0) if ctx.wants(1) else None
    return [join_heads(ctx, y), present][: max(1, len(ctx.proto.output))]


@converts("Attention", domain=DOMAIN)
def attention(ctx: NodeContext) -> list[Value | None]:
    """Projection of the input to query, key and value, then attention."""
    x, w, b = ctx.input(0), ctx.input(1), ctx.optional(2)
    _refuse(ctx, past_sequence_length=6)
    qkv = product(ctx, x, w)
    if b is not None:
        qkv = ctx.call("Add", qkv, b)
    return _self_attention(ctx, qkv, ctx.optional(3), ctx.optional(4), ctx.optional(5))


@converts("QAttention", domain=DOMAIN)
def quantized_attention(ctx: NodeContext) -> list[Value | None]:
    """The projection in integers, scaled; attention in floats."""
    x, w, b = ctx.input(0), ctx.input(1), ctx.input(2)
    total = integer_product(ctx, x, w, ctx.optional(6), ctx.optional(7))
    scale = ctx.call("Mul", ctx.cast(ctx.scalar(ctx.input(3)), F32), ctx.cast(ctx.input(4), F32))
    qkv = ctx.call("Add", ctx.call("Mul", ctx.cast(total, F32), scale), ctx.cast(b, F32))
    return _self_attention(ctx, qkv, ctx.optional(5), ctx.optional(8), None)


@converts("MultiHeadAttention", domain=DOMAIN)
def multi_head_attention(ctx: NodeContext) -> list[Value | None]:
    q, k, v, bias = ctx.input(0), ctx.optional(1), ctx.optional(2), ctx.optional(3)
    _refuse(ctx, past_sequence_length=8, cache_indirection=9)
    heads = ctx.get_int("num_heads")
    if k is None or v is None:
        if len(q.shape) == 5:  # [B, S, H, 3, D]
            q, k, v = (_packed(ctx, q, i) for i in range(3))
        elif k is not None and len(k.shape) == 5:  # [B, L, H, 2, D]
            k, v = _packed(ctx, k, 0), _packed(ctx, k, 1)
        else:
            raise MalformedModelError("key and value are missing")
    if bias is not None:
        widths = [ctx.static(t.shape[-1], "the hidden size") if len(t.shape) == 3 else 0 for t in (q, k, v)]
        if 0 in widths:
            raise Unsupported("a bias beside keys that are split into heads already is not supported")
        parts = _parts(ctx, bias, widths)
        q, k, v = (ctx.call("Add", t, p) for t, p in zip((q, k, v), parts, strict=True))
    q = split_heads(ctx, q, heads)
    k, v = (t if len(t.shape) == 4 else split_heads(ctx, t, heads) for t in (k, v))
    past_key, past_value = ctx.optional(6), ctx.optional(7)
    offset = ctx.const(0, I64)
    if past_key is not None and past_value is not None:
        offset = length(ctx, past_key)
        k, v = ctx.call("Concat", past_key, k, axis=2), ctx.call("Concat", past_value, v, axis=2)
    causal = window_mask(ctx, q, k, offset, None, 0) if ctx.get_int("unidirectional", 0) else None
    mask = _masks(ctx, _padding(ctx, ctx.optional(4), k), ctx.optional(5), causal)
    y, scores = attend(ctx, q, k, v, mask, Scoring(ctx.get_float("scale", 0.0), keep=0 if ctx.wants(3) else None))
    return [join_heads(ctx, y), k, v, scores][: max(1, len(ctx.proto.output))]


def _packed(ctx: NodeContext, x: Value, which: int) -> Value:
    """One of the tensors packed as [B, S, H, n, D], as [B, S, H * D]."""
    return ctx.regroup(ctx.call("Gather", x, ctx.const(which, I64), axis=3), [[0], [1], [2, 3]])


@converts("RotaryEmbedding", domain=DOMAIN)
def rotary_embedding(ctx: NodeContext) -> Value:
    x, positions, cos, sin = (ctx.input(i) for i in range(4))
    if ctx.get_int("is_packed_batching", 0) or ctx.get_float("scale", 1.0) != 1.0:
        raise Unsupported("packed batches and a scale are not supported")
    size = 2 * ctx.static(cos.shape[1], "the width of the rotary table")
    split = len(x.shape) == 4
    if not split:
        hidden = ctx.static(x.shape[2], "the hidden size")
        heads = ctx.get_int("num_heads", 0) or hidden // max(1, size)
        if ctx.get_int("rotary_embedding_dim", 0) and not ctx.get_int("num_heads", 0):
            raise MalformedModelError("rotary_embedding_dim needs num_heads")
        if heads < 1 or hidden % heads:
            raise MalformedModelError(f"a hidden size of {hidden} does not split into {heads} heads")
    rows = ctx.transpose(x, (0, 2, 1, 3)) if split else ctx.regroup(x, [[0], [1], heads, hidden // heads])
    at = ctx.as_i64(positions)
    if len(at.shape) == 1:  # where the first token stands
        at = ctx.unsqueeze(ctx.call("Add", numbers(ctx, length(ctx, rows, 1)), at), [0])
    c, s = (ctx.call("Gather", t, at, axis=0) for t in (cos, sin))
    y = rotated(ctx, rows, c, s, bool(ctx.get_int("interleaved", 0)))
    return ctx.transpose(y, (0, 2, 1, 3)) if split else ctx.regroup(y, [[0], [1], [2, 3]])


@converts("GroupQueryAttention", domain=DOMAIN)
def group_query_attention(ctx: NodeContext) -> Sequence[Value | None]:
    """Attention with a cache: new keys go behind the ``seqlens_k + 1 - S`` valid ones of each batch entry.

    The cache comes out longer by the new keys; a buffer that past and present share is not supported.
    """
    _refuse(ctx, head_sink=11, k_scale=12, v_scale=13, q_norm_weight=14, k_norm_weight=15)
    if ctx.get_int("smooth_softmax", 0) > 0 or ctx.get_int("sliding_window_cache", 0) or ctx.get_int("qk_output", 0):
        raise Unsupported("smooth_softmax, sliding_window_cache and qk_output are not supported")
    heads, groups = ctx.get_int("num_heads"), ctx.get_int("kv_num_heads")
    q, k, v = ctx.input(0), ctx.optional(1), ctx.optional(2)
    if k is None or v is None:
        hidden = ctx.static(q.shape[2], "the hidden size")
        size = hidden // max(1, heads + 2 * groups)
        q, k, v = _parts(ctx, q, [heads * size, groups * size, groups * size])
    q, k, v = split_heads(ctx, q, heads), split_heads(ctx, k, groups), split_heads(ctx, v, groups)
    last = ctx.as_i64(ctx.input(5))
    new = length(ctx, q)
    valid = ctx.call("Sub", ctx.call("Add", ctx.reshape(last, (-1,)), ctx.const(1, I64)), new)  # [B]: keys before the new ones
    if ctx.get_int("do_rotary", 0):
        q, k = _turned(ctx, q, valid), _turned(ctx, k, valid)
    past_key, past_value = ctx.optional(3), ctx.optional(4)
    begin = ctx.regroup(valid, [[0], 1, 1, 1])
    if past_key is not None and past_value is not None and past_key.shape[2] != 0:
        k, v = _placed(ctx, past_key, k, begin), _placed(ctx, past_value, v, begin)
    window = ctx.get_int("local_window_size", -1)
    causal = ctx.get_int("causal", 1)
    seen = window_mask(ctx, q, k, begin, window - 1 if window > 0 else None, 0 if causal else None)
    if not causal:
        seen = ctx.call("LessOrEqual", numbers(ctx, length(ctx, k)), ctx.regroup(last, [list(range(len(last.shape))), 1, 1, 1]))
    bias = ctx.optional(10)
    mask = seen if bias is None else filled_mask(ctx, seen, bias) if seen is not None else bias
    y, _ = attend(ctx, q, k, v, mask, Scoring(ctx.get_float("scale", 0.0), ctx.get_float("softcap", 0.0)))
    return [join_heads(ctx, y), k, v][: max(1, len(ctx.proto.output))]


def _turned(ctx: NodeContext, x: Value, first: Value) -> Value:
    """[B, H, S, D] turned by the positions from ``first`` [B] on (or those the model gives)."""
    cos, sin, given = ctx.input(7), ctx.input(8), ctx.optional(9)
    at = ctx.as_i64(given) if given is not None else ctx.call("Add", ctx.unsqueeze(first, [1]), numbers(ctx, length(ctx, x)))
    c, s = (ctx.call("Gather", t, at, axis=0) for t in (cos, sin))
    rows = rotated(ctx, ctx.transpose(x, (0, 2, 1, 3)), c, s, bool(ctx.get_int("rotary_interleaved", 0)))
    return ctx.transpose(rows, (0, 2, 1, 3))


def _placed(ctx: NodeContext, past: Value, new: Value, begin: Value) -> Value:
    """``new`` written behind the valid part of ``past``, in a cache that is longer by it."""
    room = ctx.call("Concat", past, ctx.call("Mul", new, ctx.like(0, new)), axis=2)
    at = ctx.call("Add", ctx.unsqueeze(numbers(ctx, length(ctx, new)), [1]), begin)
    return ctx.call("ScatterElements", room, ctx.call("Expand", at, ctx.shape_of(new)), new, axis=2)
