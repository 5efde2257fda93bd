"""Sizes, numbers and what programs compute with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F32, I64
from edgekit_converters.importing.complex_values import Complex, packed_array
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Number, Sym
from edgekit_converters.pytorch.registry import ConvertFunction, converts


@converts("aten.sym_size.int", "aten.size.int")
def sym_size(ctx: AtenContext) -> Any:
    x = ctx.tensor("self")
    found = ctx.size_of(x, ctx.dim("dim", len(x.shape)))
    return found if isinstance(found, int) else ctx.sym(found.value)


@converts("aten.size.default")
def sizes(ctx: AtenContext) -> list[Any]:
    """The shape as a list of numbers."""
    return [d if isinstance(d, int) else ctx.sym(d.value) for d in ctx.sizes_of(ctx.tensor("self"))]


@converts("aten.dim", "aten.ndimension")
def rank(ctx: AtenContext) -> int:
    return len(ctx.tensor("self").shape)


@converts("aten.len.Tensor")
def length(ctx: AtenContext) -> Any:
    d = ctx.size_of(ctx.tensor("t" if "t" in ctx.args else "self"), 0)
    return d if isinstance(d, int) else ctx.sym(d.value)


@converts("aten.is_floating_point")
def is_floating_point(ctx: AtenContext) -> bool:
    return ctx.tensor("self").dtype.is_float


@converts("aten.is_complex")
def is_complex(ctx: AtenContext) -> bool:
    return False


@converts("edgekit.constant")
def constant(ctx: AtenContext) -> Value | Complex:
    """An array of the program."""
    array = ctx.args["value"]
    array = np.asarray(array.detach().resolve_conj().numpy() if hasattr(array, "detach") else array)
    return Complex(packed=ctx.const(packed_array(array))) if array.dtype.kind == "c" else ctx.const(array)


@converts("edgekit.tensor")
def as_tensor(ctx: AtenContext) -> Value:
    """A number as a tensor of rank 0."""
    return ctx.tensor("value")


@converts("aten.sym_numel", "aten.numel")
def sym_numel(ctx: AtenContext) -> Any:
    return ctx.sym(ctx.call("Size", ctx.tensor("self")))


@converts("aten.sym_stride.int")
def sym_stride(ctx: AtenContext) -> Any:
    """The stride of a contiguous tensor: the product of the dimensions behind."""
    x = ctx.tensor("self")
    axis = ctx.dim("dim", len(x.shape))
    return ctx.sym(ctx.scalar(ctx.product_of_dims(x, list(range(axis + 1, len(x.shape))))))


@converts("aten.sym_is_contiguous", "aten.is_contiguous")
def is_contiguous(ctx: AtenContext) -> bool:
    """Every value of a graph lies contiguous."""
    return True


@converts("aten.sym_storage_offset")
def sym_storage_offset(ctx: AtenContext) -> int:
    return 0


@converts(
    "aten._local_scalar_dense", "aten.item", "aten.Int.Tensor", "aten.Float.Tensor", "aten.Bool.Tensor", "aten.ScalarImplicit",
    "aten.IntImplicit", "aten.FloatImplicit",
)  # fmt: skip
def item(ctx: AtenContext) -> Any:
    x = ctx.scalar(ctx.tensor("self" if "self" in ctx.args else "a"))
    kind = ctx.op.split(".")[1]
    to = F32 if kind.startswith("Float") else BOOL if kind == "Bool" else I64 if kind.startswith("Int") else x.dtype
    if to is BOOL and x.dtype is not BOOL:
        x = ctx.call("Not", ctx.call("Equal", x, ctx.like(0, x)))
    return ctx.sym(ctx.cast(x, to if to.is_float or to is BOOL else I64))


@converts(
    "aten._assert_async", "aten._assert_scalar", "aten.sym_constrain_range", "aten.sym_constrain_range_for_size", "_operator.is_",
    "aten._assert_tensor_metadata", "aten._functional_assert_async", "aten._functional_assert_scalar",
    "aten._functional_sym_constrain_range",
)  # fmt: skip
def nothing(ctx: AtenContext) -> None:
    """What only checks."""
    return None


def _operand(v: Any) -> Number | Sym:
    if isinstance(v, Value):
        return Sym(v)
    if not isinstance(v, bool | int | float | Sym):
        raise MalformedModelError("an operand is no number")
    return v


def _positional(ctx: AtenContext) -> list[Number | Sym]:
    return [_operand(v) for v in ctx.args.values()]


def arithmetic(ctx: AtenContext, numbers: list[Number | Sym], known: Callable[..., Any], op: str, to_float: bool = False) -> Any:
    """A function of two numbers: worked out where both are known."""
    if all(not isinstance(n, Sym) for n in numbers):
        try:
            return known(*numbers)
        except ArithmeticError as e:
            raise MalformedModelError(f"the numbers {numbers} do not go together: {e}") from e
    a, b = ctx.together(numbers, F32 if to_float else None)
    if a.dtype is BOOL and op in ("Add", "Sub", "Mul"):
        a, b = ctx.cast(a, I64), ctx.cast(b, I64)
    return ctx.sym(ctx.call(op, a, b))


def _binary(known: Callable[..., Any], op: str, to_float: bool = False) -> ConvertFunction:
    return lambda ctx: arithmetic(ctx, _positional(ctx), known, op, to_float)


_ARITHMETIC: dict[str, tuple[Callable[..., Any], str]] = {
    "add": (lambda a, b: a + b, "Add"), "sub": (lambda a, b: a - b, "Sub"), "mul": (lambda a, b: a * b, "Mul"),
    "floordiv": (lambda a, b: a // b, "FloorDiv"), "mod": (lambda a, b: a % b, "Mod"), "eq": (lambda a, b: a == b, "Equal"),
    "lt": (lambda a, b: a < b, "Less"), "le": (lambda a, b: a <= b, "LessOrEqual"), "gt": (lambda a, b: a > b, "Greater"),
    "ge": (lambda a, b: a >= b, "GreaterOrEqual"), "and_": (lambda a, b: a & b, "And"), "or_": (lambda a, b: a | b, "Or"),
}  # fmt: skip
for _name, (_known, _op) in _ARITHMETIC.items():
    converts(f"_operator.{_name}")(_binary(_known, _op))
converts("_operator.truediv")(_binary(lambda a, b: a / b, "Div", True))
converts("torch.sym_max", "math.max", "builtins.max", "torch.sym_max.default")(_binary(max, "Max"))
converts("torch.sym_min", "math.min", "builtins.min", "torch.sym_min.default")(_binary(min, "Min"))


@converts("_operator.pow")
def power(ctx: AtenContext) -> Any:
    base, exponent = _positional(ctx)
    if isinstance(base, Sym) or isinstance(exponent, Sym):
        return ctx.sym(ctx.call("Pow", *ctx.together([base, exponent])))
    if abs(exponent) > 64:
        raise MalformedModelError(f"a power of {exponent}")
    return base**exponent


@converts("_operator.neg")
def negated(ctx: AtenContext) -> Any:
    (x,) = _positional(ctx)
    return ctx.sym(ctx.call("Neg", x.value)) if isinstance(x, Sym) else -x


@converts("_operator.ne")
def differs(ctx: AtenContext) -> Any:
    a, b = _positional(ctx)
    if not isinstance(a, Sym) and not isinstance(b, Sym):
        return a != b
    return ctx.sym(ctx.call("Not", ctx.call("Equal", *ctx.together([a, b]))))


@converts("torch.sym_not", "_operator.not_")
def inverted(ctx: AtenContext) -> Any:
    (x,) = _positional(ctx)
    return ctx.sym(ctx.call("Not", ctx.cast(x.value, BOOL))) if isinstance(x, Sym) else not x


@converts("torch.sym_float")
def to_float(ctx: AtenContext) -> Any:
    (x,) = _positional(ctx)
    return ctx.sym(ctx.cast(x.value, F32)) if isinstance(x, Sym) else float(x)


@converts("torch.sym_int", "math.trunc", "_operator.trunc")
def to_int(ctx: AtenContext) -> Any:
    (x,) = _positional(ctx)
    return ctx.sym(ctx.cast(x.value, I64)) if isinstance(x, Sym) else int(x)


def _rounded(known: Callable[[float], int], op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Any:
        x = _positional(ctx)[0]
        if not isinstance(x, Sym):
            return known(x)
        if not x.value.dtype.is_float:
            return x
        return ctx.sym(ctx.cast(ctx.call(op, x.value), I64))

    return convert


converts("math.floor", "_operator.floor")(_rounded(math.floor, "Floor"))
converts("math.ceil", "_operator.ceil")(_rounded(math.ceil, "Ceil"))
converts("builtins.round")(_rounded(round, "Round"))


@converts("torch._sym_sqrt", "math.sqrt")
def square_root(ctx: AtenContext) -> Any:
    x = _positional(ctx)[0]
    if isinstance(x, Sym):
        return ctx.sym(ctx.call("Sqrt", ctx.cast(x.value, F32)))
    if x < 0:
        raise MalformedModelError(f"the square root of {x}")
    return math.sqrt(x)


@converts("torch.sym_sum")
def total(ctx: AtenContext) -> Any:
    parts = next(iter(ctx.args.values()))
    if not isinstance(parts, list):
        raise MalformedModelError("sym_sum adds up a list")
    y: Any = 0
    for p in parts:
        y = arithmetic(ctx, [y, _operand(p)], lambda a, b: a + b, "Add")
    return y


@converts("torch.sym_ite")
def either(ctx: AtenContext) -> Any:
    condition, a, b = _positional(ctx)
    if isinstance(condition, Sym):
        return ctx.sym(ctx.call("Where", ctx.cast(condition.value, BOOL), *ctx.together([a, b])))
    return a if condition else b


@converts("_operator.getitem")
def getitem(ctx: AtenContext) -> Any:
    values = list(ctx.args.values())
    if len(values) != 2 or not isinstance(values[0], list | tuple) or not isinstance(values[1], int):
        raise Unsupported("getitem of something else than a list is not supported.")
    return values[0][values[1]]
