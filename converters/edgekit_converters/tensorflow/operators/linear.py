"""Matrix products."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I32
from edgekit_converters.importing.einsum import contract
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts


def product(ctx: NodeContext, a: Value, b: Value, transpose_a: bool, transpose_b: bool) -> Value:
    """``a @ b``; products of integers go through float32 where they are small enough."""
    if a.dtype.is_float:
        return ctx.call("MatMul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    wide = ctx.call("MatMul", ctx.cast(a, F32), ctx.cast(b, F32), transpose_a=transpose_a, transpose_b=transpose_b)
    ctx.problems.note(f"{ctx.op} {ctx.name!r}: integers are multiplied in float32, exact up to 2^24")
    return ctx.cast(wide, I32)


@converts("MatMul")
def mat_mul(ctx: NodeContext) -> Value:
    """Product of two matrices."""
    a, b = ctx.input(0), ctx.input(1)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise MalformedModelError(f"a matrix product of tensors of rank {len(a.shape)} and {len(b.shape)}")
    return product(ctx, a, b, ctx.attr_bool("transpose_a", False), ctx.attr_bool("transpose_b", False))


@converts("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_mat_mul(ctx: NodeContext) -> Value:
    """Products of matrices, leading dimensions broadcast."""
    a, b = ctx.input(0), ctx.input(1)
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise MalformedModelError(f"a matrix product of tensors of rank {len(a.shape)} and {len(b.shape)}")
    return product(ctx, a, b, ctx.attr_bool("adj_x", False), ctx.attr_bool("adj_y", False))


@converts("Cross")
def cross(ctx: NodeContext) -> Value:
    """The cross product of vectors in the last dimension."""
    a, b = (ctx.call_multi("Split", ctx.input(i), axis=len(ctx.input(i).shape) - 1, sizes=(1, 1, 1)) for i in (0, 1))
    parts = [ctx.call("Sub", ctx.call("Mul", a[i], b[j]), ctx.call("Mul", a[j], b[i])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return ctx.call("Concat", *parts, axis=len(ctx.input(0).shape) - 1)


@converts("Einsum", "XlaEinsum")
def einsum(ctx: NodeContext) -> Value:
    """Einstein's summation."""
    return contract(ctx, ctx.attr_string("equation"), ctx.present())
