"""Scaled dot-product attention."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.registry import converts


def attention(ctx: AtenContext, mask: Value | None, causal: bool) -> Value:
    """``softmax(scale * q @ k.T + mask) @ v`` over any number of batch dimensions."""
    if ctx.real("dropout_p", 0.0) != 0:
        raise Unsupported("attention with dropout is not supported.", "Call module.eval() before exporting.")
    q, k, v = (ctx.tensor(n) for n in ("query", "key", "value"))
    rank = len(q.shape)
    if rank < 2 or len(k.shape) != rank or len(v.shape) != rank:
        raise MalformedModelError(f"query, key and value have ranks {rank}, {len(k.shape)} and {len(v.shape)}")
    own = ctx.sizes_of(q)
    if rank < 4:
        q, k, v = (ctx.unsqueeze(t, list(range(4 - rank))) for t in (q, k, v))
        mask = ctx.unsqueeze(mask, list(range(rank - len(mask.shape)))) if mask is not None and len(mask.shape) < rank else mask
    elif rank > 4:
        if mask is not None and len(mask.shape) > 3:
            raise Unsupported("attention of rank 5 with a mask of its own for every batch is not supported.")
        q, k, v = (ctx.view(t, [-1, *ctx.sizes_of(t)[-3:]]) for t in (q, k, v))
    if mask is not None and len(mask.shape) > 4:
        raise Unsupported(f"a mask of rank {len(mask.shape)} is not supported.")
    if mask is not None and mask.dtype is not BOOL:
        mask = ctx.cast(mask, q.dtype)
    if mask is not None and causal:
        raise MalformedModelError("attention has both a mask and is_causal")
    y = ctx.call("Attention", q, k, v, mask, scale=ctx.real("scale", 0.0), causal=causal)
    return y if rank == 4 else ctx.view(y, [*own[:-1], ctx.size_of(v, 3)])


@converts("aten.scaled_dot_product_attention")
def scaled_dot_product_attention(ctx: AtenContext) -> Value:
    return attention(ctx, ctx.optional_tensor("attn_mask"), ctx.flag("is_causal", False))


@converts("aten._scaled_dot_product_flash_attention_for_cpu", "aten._scaled_dot_product_attention_math")
def scaled_dot_product_attention_with_weights(ctx: AtenContext) -> tuple[Value, ...]:
    """The second result serves training alone."""
    y = attention(ctx, ctx.optional_tensor("attn_mask"), ctx.flag("is_causal", False))
    return (y,)
