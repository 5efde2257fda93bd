"""Comparisons, logic, bits and selection, element by element, with numpy broadcasting."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Enum, Port, T, op
from edgekit.ops.elementwise_common import ALL_TYPES, INTEGERS, NUMBERS, Binary, Comparison, Unary, equal_dims, is_symbolic
from edgekit.ops.shapes import broadcast
from edgekit.ops.traits import FloatOnly, NotNumeric, SameScale
from edgekit.types import BOOL, Array, TensorType


@op(id=28, category="comparison", symbolic_values=True, commutative=True)
class Equal(Comparison):
    """``a == b``."""

    types = {T: ALL_TYPES}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return equal_dims(a, b) if is_symbolic(a, b) else np.asarray(a == b)


@op(id=29, category="comparison")
class Less(Comparison):
    """``a < b``."""

    types = {T: NUMBERS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a < b)


@op(id=30, category="comparison")
class LessOrEqual(Comparison):
    """``a <= b``."""

    types = {T: NUMBERS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a <= b)


@op(id=31, category="comparison")
class Greater(Comparison):
    """``a > b``."""

    types = {T: NUMBERS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a > b)


@op(id=32, category="comparison")
class GreaterOrEqual(Comparison):
    """``a >= b``."""

    types = {T: NUMBERS}
    quant = FloatOnly()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a >= b)


@op(id=33, category="logical", commutative=True)
class And(Binary):
    """True where both are true."""

    types = {T: (BOOL,)}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a & b)


@op(id=34, category="logical", commutative=True)
class Or(Binary):
    """True where either is true."""

    types = {T: (BOOL,)}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a | b)


@op(id=35, category="logical", commutative=True)
class Xor(Binary):
    """True where exactly one is true."""

    types = {T: (BOOL,)}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a ^ b)


@op(id=36, category="logical", commutative=True)
class BitwiseAnd(Binary):
    """Bits set in both."""

    types = {T: INTEGERS}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a & b)


@op(id=37, category="logical", commutative=True)
class BitwiseOr(Binary):
    """Bits set in either."""

    types = {T: INTEGERS}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a | b)


@op(id=38, category="logical", commutative=True)
class BitwiseXor(Binary):
    """Bits set in exactly one."""

    types = {T: INTEGERS}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array) -> Array:
        return np.asarray(a ^ b)


@op(id=39, category="logical")
class BitShift(Binary):
    """``a`` shifted by ``b`` bits. A right shift of a signed type keeps the sign.

    The amount is read as unsigned; as many bits as the type has, or more, shift everything out (leaving the sign, to the right).
    """

    attrs = (Enum("direction", choices=("left", "right")),)
    types = {T: INTEGERS}
    quant = NotNumeric()

    @staticmethod
    def reference(a: Array, b: Array, *, direction: str) -> Array:
        bits = a.dtype.itemsize * 8
        out = (b < 0) | (b >= bits)
        amount = np.where(out, a.dtype.type(bits - 1), b)
        if direction == "left":
            return np.where(out, a.dtype.type(0), np.left_shift(a, amount))
        right = np.right_shift(a, amount)
        return np.where(out, np.where(a < 0, a.dtype.type(-1 if a.dtype.kind == "i" else 0), a.dtype.type(0)), right)


@op(id=40, category="elementwise", symbolic_values=True)
class Where:
    """``a`` where ``condition`` is true, ``b`` elsewhere. All three broadcast."""

    inputs = (Port("condition", BOOL), Port("a", T), Port("b", T))
    outputs = (Port("y", T),)
    types = {T: ALL_TYPES}
    quant = SameScale((1, 2))

    @staticmethod
    def infer(condition: Arg, a: Arg, b: Arg) -> TensorType:
        return TensorType(a.dtype, broadcast(condition.shape, a.shape, b.shape), a.type.quant)

    @staticmethod
    def reference(condition: Array, a: Array, b: Array) -> Array:
        return np.where(condition.astype(np.bool_), a, b)


@op(id=89, category="logical")
class Not(Unary):
    """True where ``x`` is false."""

    types = {T: (BOOL,)}
    quant = NotNumeric()

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(~x)


@op(id=90, category="logical")
class BitwiseNot(Unary):
    """Every bit the other way."""

    types = {T: INTEGERS}
    quant = NotNumeric()

    @staticmethod
    def reference(x: Array) -> Array:
        return np.asarray(~x)
