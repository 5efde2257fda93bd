"""Complex numbers and Fourier transforms."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32
from edgekit_converters.importing.complex_values import Complex, angle, bilinear, conjugate, exponential, magnitude
from edgekit_converters.importing.fourier import transform
from edgekit_converters.importing.problems import Poisoned
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
def absolute(ctx: NodeContext) -> Value:
    """The root of the sum of squares."""
    return magnitude(ctx, complex_input(ctx, 0))


@converts("Angle")
def turn(ctx: NodeContext) -> Value:
    """The angle from the real axis."""
    return angle(ctx, complex_input(ctx, 0))


@converts("Conj")
def conj(ctx: NodeContext) -> Item:
    """The imaginary part negated."""
    if not isinstance(ctx.items[0] if ctx.items else None, Complex):
        return ctx.input(0)
    return conjugate(ctx, complex_input(ctx, 0))


def multiply(ctx: NodeContext) -> Item:
    """The product of two complex tensors; called by Mul."""
    return bilinear(ctx, lambda a, b: ctx.call("Mul", a, b), complex_input(ctx, 0).parts(ctx), complex_input(ctx, 1).parts(ctx))


def power(ctx: NodeContext) -> Item:
    """``e`` to a complex power; called by Exp."""
    return exponential(ctx, complex_input(ctx, 0))


@converts("RFFT", "FFT", "IFFT", "IRFFT")
def fourier(ctx: NodeContext) -> Item:
    """Fourier transforms along the last dimension; those of real numbers give, or take, the first half of the bins."""
    real_in, real_out = ctx.op == "RFFT", ctx.op == "IRFFT"
    x = ctx.as_float32(ctx.input(0)) if real_in else complex_input(ctx, 0)
    if not x.shape:
        raise MalformedModelError("a transform of a number")
    length = ctx.constant_ints(1, "the length of the transform")[0] if real_in or real_out else None
    return transform(ctx, x, len(x.shape) - 1, length, ctx.op.startswith("I"), real_in or real_out)


def to_complex(ctx: NodeContext, x: Value) -> Item:
    """A real tensor as a complex one; called by Cast."""
    x = ctx.cast(x, F32)
    return Complex((x, ctx.call("Mul", x, ctx.like(0, x))))
