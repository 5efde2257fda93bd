"""Attention of ONNX's own domain (opsets 23 on)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators.attention_core import (
    Scoring,
    attend,
    both,
    filled_mask,
    join_heads,
    length,
    numbers,
    split_heads,
    window_mask,
)
from edgekit_converters.onnx.registry import converts


@converts("Attention", since=23)
def attention(ctx: NodeContext) -> Sequence[Value | None]:
    """Scaled dot-product attention with a cache, a mask and windows (https://onnx.ai/onnx/operators/onnx__Attention.html)."""
    q, k, v = (ctx.input(i) for i in range(3))
    joined = len(q.shape) == 3
    if joined:
        heads, groups = ctx.get_int("q_num_heads"), ctx.get_int("kv_num_heads")
        q, k, v = split_heads(ctx, q, heads), split_heads(ctx, k, groups), split_heads(ctx, v, groups)
    if any(len(t.shape) != 4 for t in (q, k, v)):
        raise MalformedModelError("query, key and value need rank 3 or 4, all the same")
    past_key, past_value, valid = ctx.optional(4), ctx.optional(5), ctx.optional(6)
    if (past_key is None) != (past_value is None) or (past_key is not None and valid is not None):
        raise MalformedModelError("past_key and past_value go together, and not with nonpad_kv_seqlen")
    offset = ctx.const(0, I64)
    if past_key is not None and past_value is not None:
        offset = length(ctx, past_key)
        k, v = ctx.call("Concat", past_key, k, axis=2), ctx.call("Concat", past_value, v, axis=2)
    here = None
    if valid is not None:
        lengths = ctx.regroup(ctx.as_i64(valid), [[0], 1, 1, 1])
        here = ctx.call("Less", numbers(ctx, length(ctx, k)), lengths)
        offset = ctx.call("Sub", lengths, length(ctx, q))
    left, right = (None if n < 0 else n for n in (ctx.get_int("left_window_size", -1), ctx.get_int("right_window_size", -1)))
    if ctx.get_int("is_causal", 0):
        right = 0
    seen = both(ctx, (here, window_mask(ctx, q, k, offset, left, right)))
    mask = _mask(ctx, ctx.optional(3), k)
    if mask is not None and seen is not None:
        mask = both(ctx, (mask, seen)) if mask.dtype is BOOL else filled_mask(ctx, seen, mask)
    keep = ctx.get_int("qk_matmul_output_mode", 0) if ctx.wants(3) else None
    how = Scoring(ctx.get_float("scale", 0.0), ctx.get_float("softcap", 0.0), keep)
    if keep is not None and not 0 <= keep <= 3:
        raise MalformedModelError(f"qk_matmul_output_mode {keep} is not known")
    y, scores = attend(ctx, q, k, v, seen if mask is None else mask, how)
    return [join_heads(ctx, y) if joined else y, k, v, scores][: max(1, len(ctx.proto.output))]


def _mask(ctx: NodeContext, mask: Value | None, k: Value) -> Value | None:
    """The mask over all keys: keys that a shorter mask does not name are not seen."""
    if mask is None:
        return None
    have, want = mask.shape[-1] if mask.shape else 1, k.shape[2]
    if have in (1, want) or have == want:
        return mask
    if not isinstance(have, int) or not isinstance(want, int):
        return mask
    if have > want:
        raise MalformedModelError(f"the mask is for {have} keys, there are {want}")
    if mask.dtype is not BOOL and not mask.dtype.is_float:
        raise Unsupported(f"a mask of {mask.dtype.label} is not supported", reason="unsupported-type")
    pads = ctx.i64(*([0] * (2 * len(mask.shape) - 1)), want - have)
    return ctx.call("Pad", mask, pads, ctx.like(False if mask.dtype is BOOL else -np.inf, mask))
