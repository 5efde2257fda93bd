"""Complex tensors: pairs of real ones while importing. The graph itself knows real numbers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.ir import Value
from edgekit.types import Array, Dim, DType
from edgekit_converters.importing.composer import Composer

#: a real part and an imaginary one, None where all of it is zero
Pair = tuple[Value, Value | None]


class Complex:
    """A complex tensor.

    Args:
        parts: its real and imaginary part; or
        packed: both, in a last dimension of 2.
    """

    kind = "complex number"

    def __init__(self, parts: tuple[Value, Value] | None = None, packed: Value | None = None) -> None:
        self._parts = parts
        self._packed = packed

    @property
    def shape(self) -> tuple[Dim, ...]:
        """Dimensions of the complex tensor."""
        if self._parts is not None:
            return self._parts[0].shape
        assert self._packed is not None
        return self._packed.shape[:-1]

    @property
    def dtype(self) -> DType:
        """The element type of its parts: float32 for complex64."""
        return self.known()[0].dtype

    def known(self) -> list[Value]:
        """What there is without new nodes: the parts, or both in one."""
        if self._parts is not None:
            return list(self._parts)
        assert self._packed is not None
        return [self._packed]

    def mapped(self, change: Callable[[Value], Value]) -> Complex:
        """The same tensor in other values: in another graph, or in another element type."""
        if self._parts is not None:
            return Complex((change(self._parts[0]), change(self._parts[1])))
        assert self._packed is not None
        return Complex(packed=change(self._packed))

    @property
    def is_packed(self) -> bool:
        """Whether :meth:`packed` makes no nodes."""
        return self._packed is not None

    def parts(self, ctx: Composer) -> tuple[Value, Value]:
        """The real and the imaginary part."""
        if self._parts is None:
            assert self._packed is not None
            rank = len(self._packed.shape) - 1
            re, im = (ctx.regroup(v, [[i] for i in range(rank)]) for v in ctx.call_multi("Split", self._packed, axis=rank, sizes=(1, 1)))
            self._parts = re, im
        return self._parts

    def packed(self, ctx: Composer) -> Value:
        """Both parts, in a last dimension of 2."""
        if self._packed is None:
            assert self._parts is not None
            rank = len(self._parts[0].shape)
            self._packed = ctx.call("Concat", *(ctx.unsqueeze(v, [rank]) for v in self._parts), axis=rank)
        return self._packed


def packed_array(array: Array) -> Array:
    """A complex array as a real one with a last dimension of 2."""
    parts: Array = np.stack([array.real, array.imag], axis=-1)
    return parts


def componentwise(run: Callable[[int], Any]) -> list[Complex]:
    """The complex results of a function of real tensors that is applied to both parts.

    Args:
        run: gives the result, or results, of the real (0) and of the imaginary (1) parts.
    """
    results = []
    for k in (0, 1):
        made = run(k)
        results.append(list(made) if isinstance(made, list | tuple) else [made])
    return [Complex((re, im)) for re, im in zip(*results, strict=True)]


def bilinear(ctx: Composer, product: Callable[[Value, Value], Value], x: Pair, y: Pair) -> Complex:
    """A product of complex tensors by a product of real ones that is linear in both of its operands."""
    (a, b), (c, d) = x, y
    re = product(a, c)
    if b is not None and d is not None:
        re = ctx.call("Sub", re, product(b, d))
    cross = [product(p, q) for p, q in ((a, d), (b, c)) if p is not None and q is not None]
    im = cross[0] if len(cross) == 1 else ctx.call("Add", *cross) if cross else zeros_of(ctx, re)
    return Complex((re, im))


def zeros_of(ctx: Composer, x: Value) -> Value:
    """Zeros in the shape and type of ``x``."""
    if x.type.is_static:
        return ctx.const(np.zeros((), x.dtype.numpy)) if not x.shape else ctx.call("Expand", ctx.like(0, x), ctx.i64(*_sizes(x)))
    return ctx.call("Expand", ctx.like(0, x), ctx.shape_of(x))


def _sizes(x: Value) -> list[int]:
    return [d for d in x.shape if isinstance(d, int)]


def magnitude(ctx: Composer, x: Complex) -> Value:
    """The root of the sum of squares."""
    if x.is_packed:
        both = x.packed(ctx)
        return ctx.call("Sqrt", ctx.call("ReduceSumSquare", both, axes=(len(both.shape) - 1,), keepdims=False))
    re, im = x.parts(ctx)
    return ctx.call("Sqrt", ctx.call("Add", ctx.call("Mul", re, re), ctx.call("Mul", im, im)))


def angle(ctx: Composer, x: Complex) -> Value:
    """The angle from the real axis, in radians."""
    re, im = x.parts(ctx)
    return ctx.call("Atan2", im, re)


def conjugate(ctx: Composer, x: Complex) -> Complex:
    """The imaginary part negated."""
    re, im = x.parts(ctx)
    return Complex((re, ctx.call("Neg", im)))


def exponential(ctx: Composer, x: Complex) -> Complex:
    """``e`` to a complex power."""
    re, im = x.parts(ctx)
    return polar(ctx, ctx.call("Exp", re), im)


def polar(ctx: Composer, size: Value, turn: Value) -> Complex:
    """The number of a magnitude and an angle in radians."""
    return Complex((ctx.call("Mul", size, ctx.call("Cos", turn)), ctx.call("Mul", size, ctx.call("Sin", turn))))
