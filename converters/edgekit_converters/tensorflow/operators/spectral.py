"""Complex numbers and Fourier transforms."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.problems import Poisoned, Unsupported
from edgekit_converters.tensorflow.complex_values import Complex
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.registry import converts


def complex_input(ctx: NodeContext, i: int) -> Complex:
    """The i-th input, which must be complex."""
    item = ctx.items[i] if i < len(ctx.items) else None
    if isinstance(item, Complex):
        return item
    if item is None:
        raise Poisoned
    raise MalformedModelError(f"input {i} is not complex")


@converts("Complex")
def make_complex(ctx: NodeContext) -> Item:
    """From a real and an imaginary part."""
    re, im = ctx.as_float32(ctx.input(0)), ctx.as_float32(ctx.input(1))
    return Complex((_spread(ctx, re, im), _spread(ctx, im, re)))


def _spread(ctx: NodeContext, x: Value, other: Value) -> Value:
    """One part in the shape that both broadcast to."""
    return x if x.shape == other.shape else ctx.call("Add", x, ctx.call("Mul", other, ctx.like(0, other)))


@converts("Real", "Imag")
def part(ctx: NodeContext) -> Value:
    """One part; a real tensor is its own real part."""
    item = ctx.items[0] if ctx.items else None
    if isinstance(item, Complex):
        return item.parts(ctx)[ctx.op == "Imag"]
    x = ctx.input(0)
    return x if ctx.op == "Real" else ctx.call("Mul", x, ctx.like(0, x))


@converts("ComplexAbs")
def magnitude(ctx: NodeContext) -> Value:
    """The root of the sum of squares."""
    both = complex_input(ctx, 0).packed(ctx)
    return ctx.call("Sqrt", ctx.call("ReduceSumSquare", both, axes=(len(both.shape) - 1,), keepdims=False))


@converts("Angle")
def angle(ctx: NodeContext) -> Value:
    """The angle from the real axis."""
    re, im = complex_input(ctx, 0).parts(ctx)
    return ctx.call("Atan2", im, re)


@converts("Conj")
def conjugate(ctx: NodeContext) -> Item:
    """The imaginary part negated."""
    if not isinstance(ctx.items[0] if ctx.items else None, Complex):
        return ctx.input(0)
    re, im = complex_input(ctx, 0).parts(ctx)
    return Complex((re, ctx.call("Neg", im)))


def multiply(ctx: NodeContext) -> Item:
    """The product of two complex tensors; called by Mul."""
    (a, b), (c, d) = complex_input(ctx, 0).parts(ctx), complex_input(ctx, 1).parts(ctx)
    re = ctx.call("Sub", ctx.call("Mul", a, c), ctx.call("Mul", b, d))
    return Complex((re, ctx.call("Add", ctx.call("Mul", a, d), ctx.call("Mul", b, c))))


def exponential(ctx: NodeContext) -> Item:
    """``e`` to a complex power; called by Exp."""
    re, im = complex_input(ctx, 0).parts(ctx)
    size = ctx.call("Exp", re)
    return Complex((ctx.call("Mul", size, ctx.call("Cos", im)), ctx.call("Mul", size, ctx.call("Sin", im))))


@converts("RFFT", "FFT", "IFFT", "IRFFT")
def transform(ctx: NodeContext) -> Item:
    """Fourier transforms along the last dimension; those of real numbers give, or take, the first half of the bins."""
    real_in, real_out = ctx.op == "RFFT", ctx.op == "IRFFT"
    x = ctx.as_float32(ctx.input(0)) if real_in else complex_input(ctx, 0).packed(ctx)
    rank = len(x.shape) if real_in else len(x.shape) - 1
    if rank < 1:
        raise MalformedModelError("a transform of a number")
    if real_in or real_out:
        (length,) = ctx.constant_ints(1, "the length of the transform")
    else:
        length = ctx.static(x.shape[rank - 1], "the length of the transform")
    if length < 1:
        raise Unsupported(f"a transform of length {length}.")
    lines = ctx.unsqueeze(x, [rank]) if real_in else x
    y = ctx.call("Dft", lines, length=length, inverse=ctx.op.startswith("I"), onesided=real_in or real_out)
    return ctx.regroup(y, [[i] for i in range(rank)]) if real_out else Complex(packed=y)


def to_complex(ctx: NodeContext, x: Value) -> Item:
    """A real tensor as a complex one; called by Cast."""
    x = ctx.cast(x, F32)
    return Complex((x, ctx.call("Mul", x, ctx.like(0, x))))
