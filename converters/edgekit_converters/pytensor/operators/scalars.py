"""Scalar operators, applied to each element (pytensor/scalar/basic.py, pytensor/scalar/math.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL, F32, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytensor.context import ApplyContext, element_type

#: one input and the same element type in the table
UNARY = {
    "Neg": "Neg", "Abs": "Abs", "Sgn": "Sign", "Sign": "Sign", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Reciprocal": "Reciprocal",
    "Inv": "Reciprocal", "Ceil": "Ceil", "Floor": "Floor", "RoundHalfToEven": "Round", "Sin": "Sin", "Cos": "Cos", "Tan": "Tan",
    "ArcSin": "Asin", "ArcCos": "Acos", "ArcTan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh", "Tanh": "Tanh", "ArcSinh": "Asinh",
    "ArcCosh": "Acosh", "ArcTanh": "Atanh", "Erf": "Erf", "Sigmoid": "Sigmoid", "ScalarSigmoid": "Sigmoid", "Softplus": "Softplus",
    "ScalarSoftplus": "Softplus",
}  # fmt: skip
#: inputs that are joined from left to right
FOLDED = {
    "Add": "Add", "Mul": "Mul", "Sub": "Sub", "TrueDiv": "Div", "IntDiv": "FloorDiv", "Mod": "Mod", "Pow": "Pow", "Maximum": "Max",
    "ScalarMaximum": "Max", "Minimum": "Min", "ScalarMinimum": "Min", "ArcTan2": "Atan2",
}  # fmt: skip
COMPARE = {"GT": "Greater", "LT": "Less", "GE": "GreaterOrEqual", "LE": "LessOrEqual", "EQ": "Equal"}
BITS = {"AND": ("And", "BitwiseAnd"), "OR": ("Or", "BitwiseOr"), "XOR": ("Xor", "BitwiseXor")}
#: (logarithm of the base) or factors
LOGARITHMS = {"Log2": math.log(2), "Log10": math.log(10)}
FACTORS = {"Deg2Rad": math.pi / 180, "Rad2Deg": 180 / math.pi}
MAX_INNER_NODES = 1 << 14


def scalar(ctx: ApplyContext, op: Any, xs: Sequence[Value], dtype: DType) -> list[Value]:
    """What a scalar operator makes of tensors.

    Args:
        ctx: the node it stands in.
        op: the scalar operator.
        xs: its inputs.
        dtype: element type of its first output.

    Raises:
        Unsupported: EdgeKit does not know it.
    """
    kind = type(op).__name__
    if kind == "Composite":
        return composite(ctx, op, xs)
    return [ctx.cast(one(ctx, op, kind, list(xs), dtype), dtype)]


def composite(ctx: ApplyContext, op: Any, xs: Sequence[Value]) -> list[Value]:
    """Several scalar operators that were fused into one."""
    inner = op.fgraph
    applies = inner.toposort()
    if len(applies) > MAX_INNER_NODES:
        raise Unsupported(f"it is composed of {len(applies)} operators.", reason="too-large")
    values: dict[Any, Value] = dict(zip(inner.inputs, xs, strict=True))

    def find(v: Any) -> Value:
        if v not in values:
            values[v] = ctx.const(np.asarray(v.data))
        return values[v]

    for a in applies:
        outs = scalar(ctx, a.op, [find(i) for i in a.inputs], element_type(a.outputs[0].type.dtype))
        values.update(dict(zip(a.outputs, outs, strict=True)))
    return [find(o) for o in inner.outputs]


def one(ctx: ApplyContext, op: Any, kind: str, xs: list[Value], dtype: DType) -> Value:
    """A scalar operator of one output; the caller brings the result to ``dtype``."""
    if kind in UNARY:
        return ctx.call(UNARY[kind], ctx.cast(xs[0], dtype))
    if kind in FOLDED:
        return folded(ctx, FOLDED[kind], xs, dtype)
    if kind in COMPARE or kind == "NEQ":
        a, b = common(ctx, xs)
        y = ctx.call(COMPARE.get(kind, "Equal"), a, b)
        return ctx.call("Not", y) if kind == "NEQ" else y
    if kind in BITS:
        y = xs[0]
        for x in xs[1:]:
            a, b = common(ctx, [y, x])
            y = ctx.call(BITS[kind][a.dtype is not BOOL], a, b)
        return y
    if kind in LOGARITHMS:
        x = ctx.cast(xs[0], dtype)
        return ctx.call("Mul", ctx.call("Log", x), ctx.like(1 / LOGARITHMS[kind], x))
    if kind in FACTORS:
        x = ctx.cast(xs[0], dtype)
        return ctx.call("Mul", x, ctx.like(FACTORS[kind], x))
    if kind in SPECIAL:
        return SPECIAL[kind](ctx, op, xs, dtype)
    raise Unsupported(f"the scalar operator {kind} is not supported.", reason="unsupported-op")


def folded(ctx: ApplyContext, op: str, xs: Sequence[Value], dtype: DType) -> Value:
    """Inputs joined from left to right; truth values as numpy adds and multiplies them."""
    if dtype is BOOL:
        known = {"Add": "Or", "Mul": "And", "Max": "Or", "Min": "And"}
        if op not in known:
            raise Unsupported(f"{op} of truth values is not supported.")
        op = known[op]
    y = ctx.cast(xs[0], dtype)
    for x in xs[1:]:
        y = ctx.call(op, y, ctx.cast(x, dtype))
    return y


def common(ctx: ApplyContext, xs: Sequence[Value]) -> list[Value]:
    """Operands in the type numpy compares them in."""
    kinds = {x.dtype for x in xs}
    if len(kinds) == 1:
        return list(xs)
    wide = element_type(str(np.result_type(*(x.dtype.numpy for x in xs))))
    return [ctx.cast(x, wide) for x in xs]


def switch(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    return ctx.call("Where", ctx.cast(xs[0], BOOL), ctx.cast(xs[1], dtype), ctx.cast(xs[2], dtype))


def clip(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x, low, high = (ctx.cast(v, dtype) for v in xs)
    return ctx.call("Min", ctx.call("Max", x, low), high)


def second(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    """The second input in the shape of the first."""
    y = ctx.cast(xs[1], dtype)
    shape = xs[0].shape
    if not shape or tuple(y.shape) == tuple(shape):
        return y
    return ctx.call("Expand", y, ctx.i64(*xs[0].type.static_shape()) if xs[0].type.is_static else ctx.shape_of(xs[0]))


def square(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = ctx.cast(xs[0], dtype)
    return ctx.call("Mul", x, x)


def exp2(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = ctx.cast(xs[0], dtype)
    return ctx.call("Exp", ctx.call("Mul", x, ctx.like(math.log(2), x)))


def expm1(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = ctx.cast(xs[0], dtype)
    return ctx.call("Sub", ctx.call("Exp", x), ctx.like(1, x))


def log1p(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = ctx.cast(xs[0], dtype)
    return ctx.call("Log", ctx.call("Add", x, ctx.like(1, x)))


def erfc(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = ctx.cast(xs[0], dtype)
    return ctx.call("Sub", ctx.like(1, x), ctx.call("Erf", x))


def trunc(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = ctx.cast(xs[0], dtype)
    return ctx.call("Mul", ctx.call("Sign", x), ctx.call("Floor", ctx.call("Abs", x)))


def round_away(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    """Halves go away from zero."""
    x = ctx.cast(xs[0], dtype)
    size = ctx.call("Abs", x)
    whole = ctx.call("Floor", size)
    up = ctx.call("GreaterOrEqual", ctx.call("Sub", size, whole), ctx.like(0.5, x))
    return ctx.call("Mul", ctx.call("Sign", x), ctx.call("Where", up, ctx.call("Add", whole, ctx.like(1, x)), whole))


def invert(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    return ctx.call("Not" if xs[0].dtype is BOOL else "BitwiseNot", xs[0])


def special_value(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    x = xs[0] if xs[0].dtype.is_float else ctx.cast(xs[0], F32)
    return ctx.call("IsNaN" if type(op).__name__ == "IsNan" else "IsInf", x)


def same(ctx: ApplyContext, op: Any, xs: list[Value], dtype: DType) -> Value:
    return xs[0]


SPECIAL: dict[str, Callable[[ApplyContext, Any, list[Value], DType], Value]] = {
    "Switch": switch, "Clip": clip, "Second": second, "Sqr": square, "Exp2": exp2, "Expm1": expm1, "Log1p": log1p, "Erfc": erfc,
    "Trunc": trunc, "RoundHalfAwayFromZero": round_away, "Invert": invert, "IsNan": special_value, "IsInf": special_value,
    "Identity": same, "Cast": same, "TensorFromScalar": same,
}  # fmt: skip


def scalar_operators() -> list[str]:
    """Every scalar operator that converts, by its class."""
    return sorted([*UNARY, *FOLDED, *COMPARE, "NEQ", *BITS, *LOGARITHMS, *FACTORS, *SPECIAL])


def scalar_functions(kind: str) -> list[Callable[..., Any]]:
    """What converts a scalar operator; of one from a table, a function that names its row."""
    if kind in SPECIAL:
        return [SPECIAL[kind]]
    rows: list[str] = [t[kind] for t in (UNARY, FOLDED, COMPARE) if kind in t]
    rows += [*BITS.get(kind, ()), *(["Equal", "Not"] if kind == "NEQ" else []), *(["Log", "Mul"] if kind in LOGARITHMS else [])]
    rows += ["Mul"] if kind in FACTORS else []
    named = tuple(rows)

    def of_table() -> tuple[str, ...]:
        return named

    return [of_table]
