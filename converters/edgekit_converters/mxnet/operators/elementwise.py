"""Elementwise operators (src/operator/tensor, src/operator/numpy)."""

from __future__ import annotations

import math
from collections.abc import Callable

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F32, DType
from edgekit_converters.mxnet.context import MxnetContext, converts

#: binary operators: the table's operator by MXNet's names (the first is today's, the others its aliases of older files)
BINARY = {
    "Add": ("elemwise_add", "_add", "_plus", "_Plus", "broadcast_add", "broadcast_plus", "_grad_add", "_npi_add"),
    "Sub": ("elemwise_sub", "_sub", "_minus", "_Minus", "broadcast_sub", "broadcast_minus", "_npi_subtract"),
    "Mul": ("elemwise_mul", "_mul", "_Mul", "broadcast_mul", "_npi_multiply"),
    "Div": ("elemwise_div", "_div", "_Div", "broadcast_div"),
    "Pow": ("_power", "_Power", "broadcast_power", "_npi_power"),
    "Mod": ("_mod", "_Mod", "broadcast_mod", "_npi_mod"),
    "Max": ("_maximum", "_Maximum", "broadcast_maximum", "_npi_maximum"),
    "Min": ("_minimum", "_Minimum", "broadcast_minimum", "_npi_minimum"),
    "Atan2": ("_npi_arctan2",),
    "FloorDiv": ("_npi_floor_divide",),
}
#: comparisons: the table's operator, and whether the answer is negated
COMPARE = {
    "equal": ("Equal", False), "not_equal": ("Equal", True), "greater": ("Greater", False), "greater_equal": ("GreaterOrEqual", False),
    "lesser": ("Less", False), "lesser_equal": ("LessOrEqual", False), "less": ("Less", False), "less_equal": ("LessOrEqual", False),
}  # fmt: skip
#: operators with a number: the table's operator, and whether the number comes first
SCALAR = {
    "plus": ("Add", False), "add": ("Add", False), "minus": ("Sub", False), "subtract": ("Sub", False), "rminus": ("Sub", True),
    "rsubtract": ("Sub", True), "mul": ("Mul", False), "multiply": ("Mul", False), "div": ("Div", False), "true_divide": ("Div", False),
    "rdiv": ("Div", True), "rtrue_divide": ("Div", True), "power": ("Pow", False), "rpower": ("Pow", True), "mod": ("Mod", False),
    "rmod": ("Mod", True), "maximum": ("Max", False), "minimum": ("Min", False), "floor_divide": ("FloorDiv", False),
    "rfloor_divide": ("FloorDiv", True), "arctan2": ("Atan2", False), "rarctan2": ("Atan2", True),
}  # fmt: skip
UNARY = {
    "relu": "Relu", "sigmoid": "Sigmoid", "softsign": "Softsign", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
    "rsqrt": "Rsqrt", "abs": "Abs", "absolute": "Abs", "sign": "Sign", "ceil": "Ceil", "floor": "Floor", "negative": "Neg",
    "_neg": "Neg", "reciprocal": "Reciprocal", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos",
    "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "erf": "Erf",
    "mish": "Mish",
}  # fmt: skip
#: names of before 1.0
OLD_SCALAR_NAMES = {
    "plus": ("_PlusScalar",), "minus": ("_MinusScalar",), "rminus": ("_RMinusScalar",), "mul": ("_MulScalar",), "div": ("_DivScalar",),
    "rdiv": ("_RDivScalar",), "power": ("_PowerScalar",), "rpower": ("_RPowerScalar",), "maximum": ("_MaximumScalar",),
    "minimum": ("_MinimumScalar",), "mod": ("_ModScalar",), "rmod": ("_RModScalar",),
}  # fmt: skip
LOG_BASE = {"log2": 2.0, "log10": 10.0}


def _enter_tables() -> None:
    for op, names in BINARY.items():
        converts(*names)(_binary(op))
    for kind in COMPARE:
        converts(*(f"{p}{kind}" for p in ("_", "broadcast_", "_npi_")))(compare)
        converts(*(f"{p}{kind}_scalar" for p in ("_", "_npi_")))(compare)
    for kind in SCALAR:
        converts(f"_{kind}_scalar", f"_npi_{kind}_scalar", *OLD_SCALAR_NAMES.get(kind, ()))(scalar)
    for name, op in UNARY.items():
        numpy_names = () if name.startswith("_") else (f"_npi_{name}", *((f"_npx_{name}",) if name in ("relu", "sigmoid", "erf") else ()))
        converts(name, *numpy_names)(_unary(op))


def _binary(op: str) -> Callable[[MxnetContext], Value]:
    def convert(ctx: MxnetContext) -> Value:
        return ctx.call(op, *pair(ctx))

    return convert


def _unary(op: str) -> Callable[[MxnetContext], Value]:
    def convert(ctx: MxnetContext) -> Value:
        return ctx.call(op, ctx.input(0))

    return convert


def pair(ctx: MxnetContext) -> tuple[Value, Value]:
    """The two operands in one element type."""
    a, b = ctx.input(0), ctx.input(1)
    if a.dtype is b.dtype:
        return a, b
    wide = a.dtype if a.dtype.is_float or (not b.dtype.is_float and a.dtype.itemsize >= b.dtype.itemsize) else b.dtype
    return ctx.cast(a, wide), ctx.cast(b, wide)


def kind_of(op: str) -> str:
    """``equal`` of ``_equal_scalar``, ``broadcast_equal`` or ``_npi_equal``."""
    name = op.removesuffix("_scalar")
    for prefix in ("broadcast_", "_npi_", "_"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def compare(ctx: MxnetContext) -> Value:
    """Comparisons give 0 and 1 in the type of the operands; the numpy ones give truth values."""
    op, negated = COMPARE[kind_of(ctx.op)]
    a, b = pair(ctx) if not ctx.op.endswith("_scalar") else (ctx.input(0), ctx.like(ctx.get_float("scalar"), ctx.input(0)))
    y = ctx.call(op, a, b)
    if negated:
        y = ctx.call("Not", y)
    return y if ctx.op.startswith("_npi_") else ctx.cast(y, a.dtype)


def scalar(ctx: MxnetContext) -> Value:
    """With a number that is no whole one, or divided, the numpy operators make integers real; the others keep their type."""
    old = {n: kind for kind, names in OLD_SCALAR_NAMES.items() for n in names}
    op, first = SCALAR[old.get(ctx.op) or ctx.op.removeprefix("_npi_").removeprefix("_").removesuffix("_scalar")]
    x, value = ctx.input(0), ctx.get_float("scalar")
    if not x.dtype.is_float and ctx.op.startswith("_npi_") and (op == "Div" or not ctx.get_bool("is_int", value == math.floor(value))):
        x = ctx.cast(x, F32)
    number = ctx.like(value, x)
    return ctx.call(op, number, x) if first else ctx.call(op, x, number)


_enter_tables()


@converts("_npi_true_divide")
def true_divide(ctx: MxnetContext) -> Value:
    a, b = pair(ctx)
    return ctx.call("Div", a, b) if a.dtype.is_float else ctx.call("Div", ctx.cast(a, F32), ctx.cast(b, F32))


@converts("add_n", "ElementWiseSum", "elemwise_sum", "_sum", "_contrib_add_n")
def add_n(ctx: MxnetContext) -> Value:
    y = ctx.input(0)
    for v in ctx.present()[1:]:
        y = ctx.call("Add", y, v)
    return y


def truth(ctx: MxnetContext, v: Value) -> Value:
    return ctx.cast(v, BOOL)


@converts("broadcast_logical_and", "broadcast_logical_or", "broadcast_logical_xor", "_logical_and", "_logical_or", "_logical_xor")
def logical(ctx: MxnetContext) -> Value:
    op = {"d": "And", "r": "Or"}[ctx.op[-1]] if not ctx.op.endswith("xor") else "Xor"
    return ctx.cast(ctx.call(op, truth(ctx, ctx.input(0)), truth(ctx, ctx.input(1))), ctx.input(0).dtype)


@converts("_logical_and_scalar", "_logical_or_scalar", "_logical_xor_scalar")
def logical_scalar(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    op = {"_logical_and_scalar": "And", "_logical_or_scalar": "Or", "_logical_xor_scalar": "Xor"}[ctx.op]
    return ctx.cast(ctx.call(op, truth(ctx, x), ctx.const(ctx.get_float("scalar") != 0, BOOL)), x.dtype)


@converts("logical_not")
def logical_not(ctx: MxnetContext) -> Value:
    return ctx.cast(ctx.call("Not", truth(ctx, ctx.input(0))), ctx.input(0).dtype)


@converts("_npi_logical_not", "_npx_logical_not")
def numpy_logical_not(ctx: MxnetContext) -> Value:
    return ctx.call("Not", truth(ctx, ctx.input(0)))


@converts("broadcast_hypot", "_hypot", "_npi_hypot")
def hypot(ctx: MxnetContext) -> Value:
    a, b = pair(ctx)
    return ctx.call("Sqrt", ctx.call("Add", ctx.call("Mul", a, a), ctx.call("Mul", b, b)))


@converts("square", "_npi_square")
def square(ctx: MxnetContext) -> Value:
    return ctx.call("Mul", ctx.input(0), ctx.input(0))


@converts("log2", "log10", "_npi_log2", "_npi_log10")
def log_base(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Mul", ctx.call("Log", x), ctx.like(1 / math.log(LOG_BASE[ctx.op.removeprefix("_npi_")]), x))


@converts("log1p", "_npi_log1p")
def log1p(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Log", ctx.call("Add", x, ctx.like(1, x)))


@converts("expm1", "_npi_expm1")
def expm1(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Sub", ctx.call("Exp", x), ctx.like(1, x))


@converts("degrees", "radians", "_npi_degrees", "_npi_radians")
def angle(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Mul", x, ctx.like(180 / math.pi if ctx.op.endswith("degrees") else math.pi / 180, x))


@converts("cbrt", "rcbrt", "_npi_cbrt")
def cube_root(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    root = ctx.call("Pow", ctx.call("Abs", x), ctx.like(-1 / 3 if ctx.op == "rcbrt" else 1 / 3, x))
    return ctx.call("Mul", ctx.call("Sign", x), root)


@converts("round", "_npi_round")
def rounded(ctx: MxnetContext) -> Value:
    """Halves go away from zero (C's ``round``)."""
    x = ctx.input(0)
    size = ctx.call("Abs", x)
    whole = ctx.call("Floor", size)
    up = ctx.call("GreaterOrEqual", ctx.call("Sub", size, whole), ctx.like(0.5, x))
    return ctx.call("Mul", ctx.call("Sign", x), ctx.call("Where", up, ctx.call("Add", whole, ctx.like(1, x)), whole))


@converts("rint", "_npi_rint")
def rint(ctx: MxnetContext) -> Value:
    """Halves go down (mshadow_op::rint)."""
    x = ctx.input(0)
    low, high = ctx.call("Floor", x), ctx.call("Ceil", x)
    return ctx.call("Where", ctx.call("LessOrEqual", ctx.call("Sub", x, low), ctx.call("Sub", high, x)), low, high)


@converts("fix", "trunc", "_npi_fix", "_npi_trunc")
def trunc(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Mul", ctx.call("Sign", x), ctx.call("Floor", ctx.call("Abs", x)))


@converts("clip", "_npi_clip")
def clip(ctx: MxnetContext) -> Value:
    low, high = ctx.get_float("a_min", -math.inf), ctx.get_float("a_max", math.inf)
    return ctx.call("Clip", ctx.input(0), min=low, max=high)


@converts("smooth_l1")
def smooth_l1(ctx: MxnetContext) -> Value:
    """``(sigma x)^2 / 2`` where ``|x| < 1 / sigma^2``, else ``|x| - 1 / (2 sigma^2)``."""
    x, square_of = ctx.input(0), ctx.get_float("scalar", 1.0) ** 2
    if not square_of:
        raise MalformedModelError("a sigma of 0")
    size = ctx.call("Abs", x)
    inner = ctx.call("Mul", ctx.call("Mul", x, x), ctx.like(0.5 * square_of, x))
    outer = ctx.call("Sub", size, ctx.like(0.5 / square_of, x))
    return ctx.call("Where", ctx.call("Less", size, ctx.like(1 / square_of, x)), inner, outer)


@converts("Cast", "cast", "amp_cast", "_npi_cast")
def cast(ctx: MxnetContext) -> Value:
    return ctx.cast(ctx.input(0), ctx.get_dtype("dtype", F32))


@converts("amp_multicast")
def amp_multicast(ctx: MxnetContext) -> list[Value]:
    """All inputs in the widest (``cast_narrow``: the narrowest) of their types."""
    xs = ctx.present()
    order = sorted(xs, key=lambda v: v.dtype.itemsize)
    to: DType = order[0].dtype if ctx.get_bool("cast_narrow", False) else order[-1].dtype
    return [ctx.cast(x, to) for x in xs]


@converts("_contrib_div_sqrt_dim")
def div_sqrt_dim(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Div", x, ctx.like(math.sqrt(ctx.static(x.shape[-1], "the last dimension")), x))


@converts("_contrib_quadratic")
def quadratic(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    a, b, c = (ctx.like(ctx.get_float(k, 0.0), x) for k in "abc")
    return ctx.call("Add", ctx.call("Mul", ctx.call("Add", ctx.call("Mul", x, a), b), x), c)


@converts("_contrib_isnan", "_npi_isnan", "_contrib_isinf", "_npi_isinf")
def is_special(ctx: MxnetContext) -> Value:
    y = ctx.call("IsNaN" if ctx.op.endswith("nan") else "IsInf", ctx.input(0))
    return y if ctx.op.startswith("_npi_") else ctx.cast(y, ctx.input(0).dtype)


@converts("where", "_npi_where")
def where(ctx: MxnetContext) -> Value:
    """A condition of rank 1 chooses rows."""
    c, a, b = ctx.input(0), ctx.input(1), ctx.input(2)
    if ctx.op == "where" and len(c.shape) == 1 and len(a.shape) > 1:
        c = ctx.unsqueeze(c, range(1, len(a.shape)))
    return ctx.call("Where", truth(ctx, c), a, b)
