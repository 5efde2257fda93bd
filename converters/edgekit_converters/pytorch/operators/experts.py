"""Mixtures of experts: counting the tokens of each, and products with the matrices of the expert that each row was sorted to."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.operators.linear import product
from edgekit_converters.pytorch.registry import converts


@converts("aten.histc")
def histc(ctx: AtenContext) -> Value:
    """How many elements lie in each of some equal ranges; the last one holds its upper end, too."""
    x = ctx.reshape(ctx.floating(ctx.tensor("self")), (-1,))
    bins, low, high = ctx.integer("bins", 100), ctx.real("min", 0.0), ctx.real("max", 0.0)
    if low >= high or bins < 1:
        raise Unsupported("counts over ranges that the data set are not supported.", "Give histc a min and a larger max.")
    ctx.computed((bins,))
    scaled = ctx.call("Mul", ctx.call("Sub", x, ctx.like(low, x)), ctx.like(bins / (high - low), x))
    place = ctx.call("Min", ctx.call("Floor", scaled), ctx.like(bins - 1, x))
    place = ctx.call("Where", ctx.call("Greater", x, ctx.like(high, x)), ctx.like(-1, x), place)
    every = ctx.const(np.arange(bins, dtype=np.float32).astype(x.dtype.numpy))
    hits = ctx.cast(ctx.call("Equal", ctx.unsqueeze(place, [1]), every), x.dtype)
    return ctx.call("ReduceSum", hits, axes=(0,), keepdims=False)


@converts("aten._grouped_mm", "transformers.grouped_mm_fallback")
def grouped_mm(ctx: AtenContext) -> Value:
    """Rows of ``self`` up to ``offs[e]`` go through matrix ``e``: what mixtures of experts do with sorted tokens.

    How many rows an expert gets is known only at run time: each sees all of them, with zeros for those of others.
    """
    ours = ctx.op.startswith("aten.")
    x, experts = ctx.tensor("self" if ours else "input"), ctx.tensor("mat2" if ours else "weight")
    if not ctx.has("offs"):
        return product(ctx, x, experts)
    if len(x.shape) != 2 or len(experts.shape) != 3:
        raise Unsupported(f"a grouped product of ranks {len(x.shape)} and {len(experts.shape)} is not supported.")
    count = ctx.static(experts.shape[0], "the number of groups")
    ends = ctx.as_i64(ctx.tensor("offs"))
    begin, one = ctx.const(np.asarray(0, np.int64)), ctx.const(np.asarray(1, np.int64))
    rows = ctx.call("Range", begin, ctx.scalar(ctx.call("Shape", x, start=0, end=1)), one)
    total: Value | None = None
    for e in range(count):
        end = ctx.pick(ends, 0, e)
        inside = ctx.call("And", ctx.call("GreaterOrEqual", rows, begin), ctx.call("Less", rows, end))
        own = ctx.call("Where", ctx.unsqueeze(inside, [1]), x, ctx.like(0, x))
        y = product(ctx, own, _expert(ctx, experts, e))
        total = y if total is None else ctx.call("Add", total, y)
        begin = end
    if total is None:
        raise MalformedModelError("a product with no groups")
    bias = ctx.optional_tensor("bias")
    total = total if bias is None else ctx.call("Add", total, bias)
    to = ctx.dtype("out_dtype")
    return total if to is None else ctx.cast(total, to)


def _expert(ctx: AtenContext, experts: Value, e: int) -> Value:
    """One matrix of a stack; of weights seen through a transposition, too."""
    if experts.const is not None:
        return ctx.builder.constant(np.ascontiguousarray(experts.const[e]), f"{experts.name}.{e}")
    p = experts.producer
    stored = p.input(0).const if p is not None and p.op == "Transpose" and p.attrs["perm"] == (0, 2, 1) else None
    if stored is not None:
        return ctx.builder.constant(np.ascontiguousarray(stored[e].T), f"{experts.name}.{e}")
    return ctx.pick(experts, 0, e)
