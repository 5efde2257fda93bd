"""Reductions, sorting and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.layers import flatten
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts

REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd"}


def axes_of(ctx: MxnetContext, x: Value) -> tuple[int, ...]:
    """The axes a node names, all of them where it names none; ``exclude`` means the others."""
    rank = len(x.shape)
    named = [ctx.axis(a, rank) for a in ctx.get_ints("axis", [])]
    if not named:
        return tuple(range(rank))
    return tuple(a for a in range(rank) if a not in named) if ctx.get_bool("exclude", False) else tuple(named)


def reduced(ctx: MxnetContext, op: str, x: Value, axes: Sequence[int], keep: bool) -> Value:
    """A reduction; a total of everything has one element of rank 1, but rank 0 for the numpy operators."""
    if not x.shape or not axes:
        return x
    y = ctx.call(op, x, axes=tuple(axes), keepdims=keep)
    return ctx.reshape(y, (1,)) if not y.shape and not ctx.op.startswith("_np") else y


@converts(
    "sum", "sum_axis", "mean", "max", "max_axis", "min", "min_axis", "prod", "_np_sum", "_np_max", "_np_min", "_np_prod", "_npi_mean",
    "_npi_sum", "_npi_max", "_npi_min", "_npi_prod", "_np_mean",
)  # fmt: skip
def reduce(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    if ctx.has("initial"):
        raise Unsupported("a reduction with an initial value is not supported.")
    kind = ctx.op.removeprefix("_npi_").removeprefix("_np_").removesuffix("_axis")
    x = ctx.cast(x, ctx.get_dtype("dtype", x.dtype))
    return reduced(ctx, REDUCTIONS[kind], x, axes_of(ctx, x), ctx.get_bool("keepdims", False))


@converts("norm", "_npi_norm")
def norm(ctx: MxnetContext) -> Value:
    x, order = ctx.input(0), ctx.get_int("ord", 2)
    if order not in (1, 2):
        raise Unsupported(f"a norm of order {order} is not supported.")
    return reduced(ctx, f"ReduceL{order}", x, axes_of(ctx, x), ctx.get_bool("keepdims", False))


@converts("argmax", "argmin", "argmax_channel", "_npi_argmax", "_npi_argmin")
def argmax(ctx: MxnetContext) -> Value:
    """Positions are float32, int64 for the numpy operators; without an axis they count through the whole tensor."""
    x, keep = ctx.input(0), ctx.get_bool("keepdims", False)
    op = "ArgMin" if ctx.op.endswith("argmin") else "ArgMax"
    if ctx.op == "argmax_channel":
        y = ctx.call(op, x, axis=1, keepdims=False)
    elif ctx.has("axis"):
        y = ctx.call(op, x, axis=ctx.axis(ctx.get_int("axis"), len(x.shape)), keepdims=keep)
    else:
        y = ctx.call(op, flatten(ctx, x, 0), axis=0, keepdims=not ctx.op.startswith("_np"))
        y = ctx.reshape(y, (1,) * len(x.shape)) if keep else y
    if not y.shape and not ctx.op.startswith("_np"):
        y = ctx.reshape(y, (1,))
    return y if ctx.op.startswith("_np") else ctx.cast(y, F32)


@converts("topk", "_npx_topk")
def topk(ctx: MxnetContext) -> Value | list[Value]:
    x = ctx.input(0)
    kind = ctx.get_choice("ret_typ", "indices", ("value", "indices", "mask", "both"))
    if ctx.attrs.get("axis") == "None":
        x, axis = flatten(ctx, x, 0), 0
    else:
        axis = ctx.axis(ctx.get_int("axis", -1), len(x.shape))
    k = ctx.get_int("k", 1)
    size = ctx.static(x.shape[axis], "the size that is sorted") if k < 1 else k
    values, places = ctx.call_multi("TopK", x, ctx.i64(size), axis=axis, largest=not ctx.get_bool("is_ascend", False))
    numbered = ctx.get_dtype("dtype", F32)
    if kind == "mask":
        one, zero = ctx.like(1, x), ctx.like(0, x)
        blank = ctx.call("Mul", x, zero) if not x.type.is_static else ctx.call("Expand", zero, ctx.i64(*x.type.static_shape()))
        ones = ctx.call("Expand", one, ctx.shape_of(places))
        return ctx.call("ScatterElements", blank, places, ones, axis=axis)
    if kind == "both":
        return [values, ctx.cast(places, numbered)]
    return values if kind == "value" else ctx.cast(places, numbered)


@converts("sort", "argsort", "_npi_argsort", "_npi_sort")
def sort(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    if ctx.attrs.get("axis") == "None":
        x, axis = flatten(ctx, x, 0), 0
    else:
        axis = ctx.axis(ctx.get_int("axis", -1), len(x.shape))
    size = ctx.static(x.shape[axis], "the size that is sorted")
    values, places = ctx.call_multi("TopK", x, ctx.i64(size), axis=axis, largest=not ctx.get_bool("is_ascend", True))
    return ctx.cast(places, ctx.get_dtype("dtype", F32)) if ctx.op.endswith("argsort") else values


@converts("cumsum", "_np_cumsum", "_npi_cumsum")
def cumsum(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    x = ctx.cast(x, ctx.get_dtype("dtype", x.dtype))
    if not ctx.has("axis"):
        x = flatten(ctx, x, 0)
    return ctx.call("CumSum", x, ctx.i64(ctx.get_int("axis", 0)))


@converts("dot", "_np_dot")
def dot(ctx: MxnetContext) -> Value:
    """The last axis of ``a`` with the first of ``b`` (numpy's dot: with the last but one)."""
    a, b = ctx.input(0), ctx.input(1)
    if not a.shape or not b.shape:
        return ctx.call("Mul", a, b)
    if ctx.get_bool("transpose_a", False):
        a = ctx.transpose(a, (*range(1, len(a.shape)), 0))
    if ctx.get_bool("transpose_b", False):
        b = ctx.transpose(b, (len(b.shape) - 1, *range(len(b.shape) - 1)))
    if len(a.shape) == len(b.shape) == 1:
        y = ctx.call("MatMul", a, b)
        return y if ctx.op.startswith("_np") else ctx.reshape(y, (1,))
    if ctx.op.startswith("_np") and len(b.shape) > 2:
        raise Unsupported("numpy's dot with a right operand of rank 3 or more is not supported.", "Use matmul.")
    if len(b.shape) <= 2:
        return ctx.call("MatMul", a, b)
    sizes = [ctx.static(d, "a dimension of a product") for d in b.shape[1:]]
    y = ctx.call("MatMul", a, flatten(ctx, b, 1))
    lead = [[i] for i in range(len(a.shape) - 1)]
    return ctx.regroup(y, [*lead, *sizes])


@converts("batch_dot", "_npx_batch_dot", "linalg_gemm2", "_linalg_gemm2")
def batch_dot(ctx: MxnetContext) -> Value:
    a, b = ctx.input(0), ctx.input(1)
    if min(len(a.shape), len(b.shape)) < 2:
        raise MalformedModelError("operands of rank 2 or more are needed")
    y = ctx.call(
        "MatMul", a, b, transpose_a=ctx.get_bool("transpose_a", False), transpose_b=ctx.get_bool("transpose_b", False)
    )  # fmt: skip
    alpha = ctx.get_float("alpha", 1.0)
    return y if alpha == 1 else ctx.call("Mul", y, ctx.like(alpha, y))


@converts("_npi_matmul")
def matmul(ctx: MxnetContext) -> Value:
    return ctx.call("MatMul", ctx.input(0), ctx.input(1))


@converts("_contrib_interleaved_matmul_selfatt_qk", "_contrib_interleaved_matmul_selfatt_valatt")
def self_attention(ctx: MxnetContext) -> Value:
    """``qkv`` [T, N, heads * 3 * D] holds query, key and value of each head side by side; attention is [N * heads, T, T]."""
    x, heads = ctx.input(0), ctx.get_int("heads")
    if len(x.shape) != 3:
        raise MalformedModelError(f"an input of rank 3 is needed, got {len(x.shape)}")
    time, batch, width = ctx.static_shape(x, "queries, keys and values")
    if heads < 1 or width % (3 * heads):
        raise MalformedModelError(f"{width} does not split into queries, keys and values of {heads} heads")
    size = width // (3 * heads)
    parts = ctx.transpose(ctx.reshape(x, (time, batch, heads, 3, size)), (3, 1, 2, 0, 4))
    q, k, v = (ctx.reshape(p, (batch * heads, time, size)) for p in ctx.call_multi("Split", parts, axis=0, sizes=(1, 1, 1)))
    if ctx.op.endswith("_qk"):
        return ctx.call("MatMul", ctx.call("Mul", q, ctx.like(size**-0.5, q)), k, transpose_b=True)
    y = ctx.reshape(ctx.call("MatMul", ctx.input(1), v), (batch, heads, time, size))
    return ctx.reshape(ctx.transpose(y, (2, 0, 1, 3)), (time, batch, heads * size))
