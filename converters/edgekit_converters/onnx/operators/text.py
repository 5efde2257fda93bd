"""Counts of n-grams, as comparisons with a table of them."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64, Array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts

MODES = ("TF", "IDF", "TFIDF")


@converts("TfIdfVectorizer", since=9)
def tf_idf_vectorizer(ctx: NodeContext) -> Value:
    """Each n-gram of the pool is compared with each run of n tokens, at every distance that the skips allow; equal ones are counted."""
    if ctx.has("pool_strings"):
        raise Unsupported("tokens that are strings are not supported", "Use integer tokens (pool_int64s).", "unsupported-type")
    shortest, longest, skips = (ctx.get_int(n) for n in ("min_gram_length", "max_gram_length", "max_skip_count"))
    mode, pools = ctx.get_string("mode"), _pools(ctx, longest)
    places = np.asarray(ctx.get_ints("ngram_indexes"), np.int64)
    if (
        mode not in MODES
        or not 1 <= shortest <= longest
        or skips < 0
        or len(places) != sum(len(p) for p in pools)
        or places.min(initial=0) < 0
    ):
        raise MalformedModelError("mode, lengths of n-grams, skips or ngram_indexes are impossible")
    x = ctx.as_i64(ctx.input(0))
    flat = len(x.shape) < 2
    rows = ctx.reshape(x, (1, -1)) if flat else x
    length = ctx.static(rows.shape[1], "the number of tokens")
    width = int(places.max(initial=-1)) + 1
    ctx.computed((len(places), width))
    spread = np.zeros((len(places), width), np.float32)
    spread[np.arange(len(places)), places] = 1
    total: Value | None = None
    first = 0
    for n, pool in enumerate(pools, 1):
        if len(pool) and shortest <= n <= longest:
            # runs of one token are the same at every distance
            farthest = 1 if n == 1 else min(skips + 1, (length - 1) // (n - 1))
            ctx.computed((farthest, length, len(pool), n))
            for distance in range(1, farthest + 1):
                counts = _counts(ctx, rows, pool, length, distance)
                if counts is not None:
                    there = ctx.call("MatMul", counts, ctx.const(spread[first : first + len(pool)]))
                    total = there if total is None else ctx.call("Add", total, there)
        first += len(pool)
    if total is None:
        total = ctx.call("Expand", ctx.const(0.0, F32), ctx.call("Concat", ctx.call("Shape", rows, end=1), ctx.i64(width), axis=0))
    if mode == "IDF":
        total = ctx.cast(ctx.call("Greater", total, ctx.const(0.0, F32)), F32)
    if mode != "TF" and ctx.has("weights"):
        weights = np.zeros(width, np.float32)
        weights[places] = ctx.get_floats("weights")
        total = ctx.call("Mul", total, ctx.const(weights))
    return ctx.reshape(total, (-1,)) if flat else total


def _pools(ctx: NodeContext, longest: int) -> list[Array]:
    """The n-grams of each length: [count, n] for n = 1, 2, ..."""
    pool, begins = np.asarray(ctx.get_ints("pool_int64s"), np.int64), ctx.get_ints("ngram_counts")
    ends = [*begins[1:], len(pool)]
    out = []
    for n, (begin, end) in enumerate(zip(begins, ends, strict=True), 1):
        if not 0 <= begin <= end <= len(pool) or (end - begin) % n:
            raise MalformedModelError(f"the pool's n-grams of length {n} lie at {begin} to {end} of {len(pool)} tokens")
        out.append(pool[begin:end].reshape(-1, n))
    if longest > len(out):
        raise MalformedModelError(f"n-grams of up to {longest} tokens are asked for, the pool has up to {len(out)}")
    return out


def _counts(ctx: NodeContext, rows: Value, pool: Array, length: int, distance: int) -> Value | None:
    """How often each n-gram occurs with tokens ``distance`` apart: float32 [N, n-grams]; None where a row is too short for any."""
    n = pool.shape[1]
    runs = length - (n - 1) * distance
    if runs < 1:
        return None
    index = np.arange(runs, dtype=np.int64)[:, None] + np.arange(n, dtype=np.int64) * distance
    found = ctx.call("Gather", rows, ctx.const(index), axis=1)  # [N, runs, n]
    same = ctx.call("Equal", ctx.unsqueeze(found, [2]), ctx.const(pool.reshape(1, 1, -1, n), I64))
    whole = ctx.cast(ctx.call("ReduceMin", same, axes=(3,), keepdims=False), F32)
    return ctx.call("ReduceSum", whole, axes=(1,), keepdims=False)
