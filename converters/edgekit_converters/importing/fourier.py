"""Fourier transforms along any axis of a tensor, by the table's ``Dft``."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, F64
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Unsupported


def transform(
    ctx: Composer, x: Value | Complex, axis: int, length: int | None = None, inverse: bool = False, onesided: bool = False
) -> Value | Complex:  # fmt: skip
    """The transform along one axis.

    Args:
        ctx: makes the nodes.
        x: real or complex.
        axis: from the front.
        length: what the axis is cut or padded to; None for its size (twice the bins but two, where the result is real).
        inverse: the inverse transform, divided by ``length``.
        onesided: forward: keep the bins 0 to ``length // 2``. Inverse: ``x`` holds only those, the result is real.

    Returns:
        a complex tensor; a real one for an inverse transform of one side.
    """
    rank = len(x.shape)
    if not 0 <= axis < rank:
        raise MalformedModelError(f"a transform along axis {axis} of a tensor of rank {rank}")
    if length is None:
        length = ctx.static(x.shape[axis], "the length of a transform")
        length = 2 * (length - 1) if inverse and onesided else length
    if length < 1:
        raise Unsupported(f"a transform of length {length}.")
    dtype = x.dtype
    if dtype is F64:
        ctx.problems.note(f"{ctx.op} {ctx.name!r}: float64 is computed in float32")
    both = x.packed(ctx) if isinstance(x, Complex) else ctx.unsqueeze(x, [rank])
    order = [*(i for i in range(rank) if i != axis), axis, rank]
    y = ctx.call("Dft", ctx.transpose(ctx.cast(both, F32), order), length=length, inverse=inverse, onesided=onesided)
    y = ctx.cast(y, dtype if dtype.is_float else F32)
    back = [order.index(i) for i in range(rank)]
    if inverse and onesided:
        return ctx.transpose(ctx.regroup(y, [[i] for i in range(rank)]), back)
    return Complex(packed=ctx.transpose(y, [*back, rank]))


def scaled(ctx: Composer, x: Value | Complex, factor: float) -> Value | Complex:
    """All of a tensor times a number."""
    if factor == 1:
        return x
    if isinstance(x, Complex):
        return x.mapped(lambda v: ctx.call("Mul", v, ctx.like(factor, v)))
    return ctx.call("Mul", x, ctx.like(factor, x))
