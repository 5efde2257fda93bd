"""Complex numbers: making them, taking them apart, and operators that mix their parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product as choices
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, F64
from edgekit_converters.importing.complex_values import (
    Complex,
    Pair,
    angle,
    bilinear,
    conjugate,
    exponential,
    magnitude,
    polar,
    zeros_of,
)
from edgekit_converters.importing.einsum import contract
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.complex_dispatch import Numbers, complex_type, is_complex, part_of
from edgekit_converters.pytorch.context import AtenContext, Number, Sym, result_type
from edgekit_converters.pytorch.registry import REGISTRY, ConvertFunction, converts, find, on_complex, writes


def complex_tensor(ctx: AtenContext, name: str) -> Complex:
    """A complex argument.

    Raises:
        Unsupported: it is real.
    """
    v = ctx.args.get(name)
    if not isinstance(v, Complex):
        raise Unsupported(f"{name!r} must be complex here.", reason="complex-number")
    return v


def pairs(ctx: AtenContext, operands: Sequence[Any]) -> list[Pair]:
    """Real and imaginary parts in the one type torch computes them in."""
    stand_ins: list[Value | Sym | Number] = []
    for v in operands:
        if isinstance(v, complex):
            stand_ins.append(v.real)
        elif isinstance(v, Complex):
            stand_ins.append(v.parts(ctx)[0])
        elif isinstance(v, Value | Sym | bool | int | float):
            stand_ins.append(v)
        else:
            raise MalformedModelError("an operand is no number")
    dtype = result_type(stand_ins)
    dtype = dtype if dtype.is_float else F32
    found: list[Pair] = []
    for v, s in zip(operands, stand_ins, strict=True):
        im: Value | None = None
        if isinstance(v, complex):
            im = ctx.operand(v.imag, dtype)
        elif isinstance(v, Complex):
            im = ctx.cast(v.parts(ctx)[1], dtype)
        found.append((ctx.operand(s, dtype), im))
    return found


def named_pairs(ctx: AtenContext, *names: str) -> list[Pair]:
    """Arguments as :func:`pairs`."""
    return pairs(ctx, [ctx.args.get(n) for n in names])


def whole(ctx: AtenContext, x: Pair) -> Complex:
    """A pair with its zeros in place."""
    return Complex((x[0], zeros_of(ctx, x[0]) if x[1] is None else x[1]))


def times(ctx: AtenContext, x: Pair, y: Pair) -> Complex:
    """The product of two tensors, broadcast."""
    return bilinear(ctx, lambda a, b: ctx.call("Mul", a, b), x, y)


# -- making and taking apart --------------------------------------------------------------------------------------------
@converts("aten.view_as_complex", "aten.view_as_complex_copy")
def view_as_complex(ctx: AtenContext) -> Complex:
    x = ctx.tensor("self")
    if not x.shape or x.shape[-1] != 2 or not x.dtype.is_float:
        raise MalformedModelError(f"{x.type} does not end with pairs of floats")
    return Complex(packed=x)


@writes("aten.view_as_complex")
def write_pairs(ctx: AtenContext, base: Numbers, new: Numbers) -> Numbers:
    assert isinstance(new, Complex)
    return new.packed(ctx)


@on_complex("aten.view_as_real", "aten.view_as_real_copy")
@converts("aten.view_as_real", "aten.view_as_real_copy")
def view_as_real(ctx: AtenContext) -> Value:
    return complex_tensor(ctx, "self").packed(ctx)


@writes("aten.view_as_real")
def write_numbers(ctx: AtenContext, base: Numbers, new: Numbers) -> Numbers:
    assert isinstance(new, Value)
    return Complex(packed=new)


@on_complex("aten.real")
def real(ctx: AtenContext) -> Value:
    return complex_tensor(ctx, "self").parts(ctx)[0]


@on_complex("aten.imag")
@converts("aten.imag")
def imag(ctx: AtenContext) -> Value:
    return complex_tensor(ctx, "self").parts(ctx)[1]


@writes("aten.real", "aten.imag")
def write_part(ctx: AtenContext, base: Numbers, new: Numbers) -> Numbers:
    if not isinstance(base, Complex) or not isinstance(new, Value):
        return new
    re, im = base.parts(ctx)
    return Complex((new, im) if ctx.op.startswith("aten.real") else (re, new))


@on_complex("aten.conj", "aten._conj", "aten.conj_physical", "aten._conj_physical")
def conj(ctx: AtenContext) -> Complex:
    return conjugate(ctx, complex_tensor(ctx, "self"))


@writes("aten.conj", "aten._conj")
def write_conj(ctx: AtenContext, base: Numbers, new: Numbers) -> Numbers:
    return conjugate(ctx, new) if isinstance(new, Complex) else new


@converts("aten.matrix_H", "aten.mH", "aten.adjoint")
def real_adjoint(ctx: AtenContext) -> Value:
    return _turned(ctx, ctx.tensor("self"))


@on_complex("aten.matrix_H", "aten.mH", "aten.adjoint")
def adjoint(ctx: AtenContext) -> Complex:
    return conjugate(ctx, Complex(tuple(_turned(ctx, v) for v in complex_tensor(ctx, "self").parts(ctx))))  # type: ignore[arg-type]


def _turned(ctx: AtenContext, x: Value) -> Value:
    rank = len(x.shape)
    if rank < 2:
        raise MalformedModelError(f"the adjoint of a tensor of rank {rank}")
    return ctx.transpose(x, [*range(rank - 2), rank - 1, rank - 2])


@converts("aten.complex")
def make_complex(ctx: AtenContext) -> Complex:
    re, im = ctx.together([ctx.tensor("real"), ctx.tensor("imag")])
    if re.shape != im.shape:
        re, im = (ctx.call("Add", v, ctx.call("Mul", w, ctx.like(0, w))) for v, w in ((re, im), (im, re)))
    return Complex((re, im))


@converts("aten.polar")
def from_polar(ctx: AtenContext) -> Complex:
    return polar(ctx, *ctx.together([ctx.tensor("abs"), ctx.tensor("angle")]))


@on_complex("aten.is_complex")
def is_complex_tensor(ctx: AtenContext) -> bool:
    return True


@on_complex("aten.to", "aten._to_copy", "aten.type_as", "aten.cfloat", "aten.cdouble")
@converts("aten.cfloat", "aten.cdouble")
def to(ctx: AtenContext) -> Numbers:
    """Another element type; of complex numbers turned to real ones only the real part is kept."""
    x, given, other = ctx.args.get("self"), complex_type(ctx), ctx.args.get("other")
    named = {"aten.cfloat": F32, "aten.cdouble": F64}.get(".".join(ctx.op.split(".")[:2]))
    if named is not None or given is not None or isinstance(other, Complex):
        part_type = named or (given.part.dtype if given is not None else other.dtype)  # type: ignore[union-attr]
        if isinstance(x, Complex):
            return x if x.dtype is part_type else x.mapped(lambda v: ctx.cast(v, part_type))
        re = ctx.cast(ctx.tensor("self"), part_type)
        return Complex((re, zeros_of(ctx, re)))
    if not isinstance(x, Complex):
        raise MalformedModelError("a cast of no tensor")
    dtype = other.dtype if isinstance(other, Value) else ctx.dtype()
    return x if dtype is None else ctx.cast(x.parts(ctx)[0], dtype)


for _name in ("float", "double", "half", "int", "long", "bool"):

    @on_complex(f"aten.{_name}")
    def _to_real(ctx: AtenContext) -> Value:
        return REGISTRY.functions(".".join(ctx.op.split(".")[:2]))[0](part_of(ctx, 0))  # type: ignore[no-any-return]


FILLED = (
    "zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_empty",
    "new_full", "scalar_tensor", "tensor", "empty_strided", "empty_permuted", "new_empty_strided", "fill", "zero", "eye",
)  # fmt: skip


@on_complex(*(f"aten.{n}" for n in FILLED))
def filled(ctx: AtenContext) -> Numbers:
    """Tensors of one number; a real element type asked for beside a complex tensor gives a real one."""
    function = find(ctx.op)
    assert function is not None
    given = ctx.args.get("dtype")
    if given is not None and complex_type(ctx) is None:
        result: Value = function(part_of(ctx, 0))
        return result
    own = ctx.args.get("self")
    part_type = complex_type(ctx).part if given is not None else None  # type: ignore[union-attr]
    changed: dict[str, Any] = {} if part_type is None else {"dtype": part_type}
    re: Value = function(part_of(ctx, 0, **changed))
    if part_type is None and not isinstance(own, Complex) and not re.dtype.is_float:  # full(sizes, 1j)
        re = ctx.cast(re, F32)
    numbers = [v for n, v in ctx.args.items() if n in ("fill_value", "value", "s", "data")]
    if isinstance(numbers[0] if numbers else None, list | Complex):
        im: Value = ctx.cast(function(part_of(ctx, 1, **changed)), re.dtype)
    else:
        im = ctx.filled(ctx.sizes_of(re), numbers[0].imag if numbers and isinstance(numbers[0], complex) else 0, re.dtype)
    return Complex((re, im))


# -- element by element -------------------------------------------------------------------------------------------------
@on_complex("aten.add", "aten.sub", "aten.subtract", "aten.rsub")
def add(ctx: AtenContext) -> Complex:
    name = ctx.op.split(".")[1]
    first, second = ("other", "self") if name == "rsub" else ("self", "other")
    x, y = named_pairs(ctx, first, second)
    alpha = ctx.args.get("alpha", 1)
    if isinstance(alpha, Sym | complex) or alpha not in (1, None):
        y = times(ctx, y, pairs(ctx, [y[0], alpha])[1]).parts(ctx)
    op = "Add" if name == "add" else "Sub"
    re = ctx.call(op, x[0], y[0])
    if x[1] is not None and y[1] is not None:
        return Complex((re, ctx.call(op, x[1], y[1])))
    im = x[1]
    if y[1] is not None:
        im = y[1] if op == "Add" else ctx.call("Neg", y[1])
    if im is None:
        raise MalformedModelError("a sum of real numbers")
    return Complex((re, im if im.shape == re.shape else ctx.expand(im, ctx.sizes_of(re))))


@on_complex("aten.mul", "aten.multiply")
def mul(ctx: AtenContext) -> Complex:
    return times(ctx, *named_pairs(ctx, "self", "other"))


@on_complex("aten.div", "aten.divide", "aten.true_divide")
def div(ctx: AtenContext) -> Complex:
    if ctx.args.get("rounding_mode") is not None:
        raise Unsupported("complex numbers have no quotient that is rounded.", reason="complex-number")
    return quotient(ctx, *named_pairs(ctx, "self", "other"))


def quotient(ctx: AtenContext, x: Pair, y: Pair) -> Complex:
    """``x / y``; the divisor is scaled by its larger part first, so that no square overflows."""
    (a, b), (c, d) = x, y
    if d is None:
        re = ctx.call("Div", a, c)
        return Complex((re, ctx.call("Div", b, c))) if b is not None else whole(ctx, (re, None))
    larger = ctx.call("Max", ctx.call("Abs", c), ctx.call("Abs", d))
    e, f = ctx.call("Div", c, larger), ctx.call("Div", d, larger)
    size = ctx.call("Add", ctx.call("Mul", c, e), ctx.call("Mul", d, f))
    re, im = times(ctx, x, (e, ctx.call("Neg", f))).parts(ctx)
    return Complex((ctx.call("Div", re, size), ctx.call("Div", im, size)))


@on_complex("aten.reciprocal")
def reciprocal(ctx: AtenContext) -> Complex:
    return quotient(ctx, *pairs(ctx, [1, complex_tensor(ctx, "self")]))


@on_complex("aten.square")
def square(ctx: AtenContext) -> Complex:
    x = complex_tensor(ctx, "self").parts(ctx)
    return times(ctx, x, x)


@on_complex("aten.abs", "aten.absolute")
def absolute(ctx: AtenContext) -> Value:
    return magnitude(ctx, complex_tensor(ctx, "self"))


@on_complex("aten.angle")
def turn(ctx: AtenContext) -> Value:
    return angle(ctx, complex_tensor(ctx, "self"))


@converts("aten.angle")
def real_angle(ctx: AtenContext) -> Value:
    """Of real numbers: 0 or pi."""
    x = ctx.floating(ctx.tensor("self"))
    y = ctx.call("Where", ctx.call("Less", x, ctx.like(0, x)), ctx.like(math.pi, x), ctx.like(0, x))
    return ctx.call("Where", ctx.call("IsNaN", x), x, y)


@on_complex("aten.exp")
def exp(ctx: AtenContext) -> Complex:
    return exponential(ctx, complex_tensor(ctx, "self"))


def logarithm(ctx: AtenContext, x: Complex) -> Complex:
    """Of the branch with angles in [-pi, pi]."""
    return Complex((ctx.call("Log", magnitude(ctx, x)), angle(ctx, x)))


@on_complex("aten.log")
def log(ctx: AtenContext) -> Complex:
    return logarithm(ctx, complex_tensor(ctx, "self"))


@on_complex("aten.sqrt")
def sqrt(ctx: AtenContext) -> Complex:
    return _real_power(ctx, complex_tensor(ctx, "self"), 0.5)


def _real_power(ctx: AtenContext, x: Complex, exponent: float) -> Complex:
    size, a = magnitude(ctx, x), angle(ctx, x)
    size = ctx.call("Sqrt", size) if exponent == 0.5 else ctx.call("Pow", size, ctx.like(exponent, size))
    return polar(ctx, size, ctx.call("Mul", a, ctx.like(exponent, a)))


@on_complex("aten.pow")
def power(ctx: AtenContext) -> Complex:
    """Small whole exponents by products, real ones by magnitude and angle, others by the logarithm of the base; 0 stays 0."""
    base, exponent = ctx.args.get("self"), ctx.args.get("exponent")
    if isinstance(base, Complex) and isinstance(exponent, int | float):
        x = base.parts(ctx)
        if exponent in (1, 2, 3):
            y = base
            for _ in range(int(exponent) - 1):
                y = times(ctx, y.parts(ctx), x)
            return y
        if exponent == -1:
            return quotient(ctx, *pairs(ctx, [1, base]))
        return _real_power(ctx, base, float(exponent))
    below, above = named_pairs(ctx, "self", "exponent")
    full = whole(ctx, below)
    re, im = times(ctx, logarithm(ctx, full).parts(ctx), above).parts(ctx)
    made = exponential(ctx, Complex((re, im))).parts(ctx)
    zero = ctx.call("Equal", magnitude(ctx, full), ctx.like(0, re))
    return Complex((ctx.call("Where", zero, ctx.like(0, re), made[0]), ctx.call("Where", zero, ctx.like(0, re), made[1])))


@on_complex("aten.sgn")
def sgn(ctx: AtenContext) -> Complex:
    """A number by its magnitude; 0 stays 0."""
    x = complex_tensor(ctx, "self")
    size = magnitude(ctx, x)
    size = ctx.call("Where", ctx.call("Equal", size, ctx.like(0, size)), ctx.like(1, size), size)
    re, im = x.parts(ctx)
    return Complex((ctx.call("Div", re, size), ctx.call("Div", im, size)))


@on_complex("aten.eq")
def equal(ctx: AtenContext) -> Value:
    x, y = (whole(ctx, p).parts(ctx) for p in named_pairs(ctx, "self", "other"))
    return ctx.call("And", ctx.call("Equal", x[0], y[0]), ctx.call("Equal", x[1], y[1]))


@on_complex("aten.ne", "aten.not_equal")
def not_equal(ctx: AtenContext) -> Value:
    return ctx.call("Not", equal(ctx))


def _of_any(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        re, im = complex_tensor(ctx, "self").parts(ctx)
        return ctx.call("Or", ctx.call(op, re), ctx.call(op, im))

    return convert


on_complex("aten.isnan")(_of_any("IsNaN"))
on_complex("aten.isinf")(_of_any("IsInf"))


@on_complex("aten.isfinite")
def isfinite(ctx: AtenContext) -> Value:
    return ctx.call("Not", ctx.call("Or", _of_any("IsNaN")(ctx), _of_any("IsInf")(ctx)))


@on_complex("aten.norm", "aten.linalg_vector_norm", "aten.frobenius_norm")
def norm(ctx: AtenContext) -> Value:
    """The norm of the magnitudes."""
    function = find(ctx.op)
    assert function is not None
    result: Value = function(part_of(ctx, 0, self=magnitude(ctx, complex_tensor(ctx, "self"))))
    return result


# -- products -----------------------------------------------------------------------------------------------------------
#: the operands of products; the converter of real numbers is linear in both
PRODUCTS = {
    "matmul": ("self", "other"), "mm": ("self", "mat2"), "bmm": ("self", "mat2"), "mv": ("self", "vec"), "dot": ("self", "tensor"),
    "outer": ("self", "vec2"), "ger": ("self", "vec2"), "linear": ("input", "weight"), "convolution": ("input", "weight"),
    "conv1d": ("input", "weight"), "conv2d": ("input", "weight"), "conv3d": ("input", "weight"),
}  # fmt: skip


def _product(names: tuple[str, str]) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Complex:
        function = find(ctx.op)
        assert function is not None
        x, y = named_pairs(ctx, *names)
        bias = ctx.args.get("bias")

        def real_product(a: Value, b: Value) -> Value:
            changed = {names[0]: a, names[1]: b, **({"bias": None} if "bias" in ctx.args else {})}
            made: Value = function(AtenContext(ctx.importer, ctx.node, ctx.op, {**ctx.args, **changed}))
            return made

        y_ = bilinear(ctx, real_product, x, y)
        if bias is None:
            return y_
        at = 1 if "conv" in ctx.op and len(y_.shape) == len(y[0].shape) else 0 if "conv" in ctx.op else len(y_.shape) - 1
        wide = [i for i in range(len(y_.shape)) if i != at]
        whole_bias = whole(ctx, pairs(ctx, [bias, y_])[0])
        return Complex(tuple(  # type: ignore[arg-type]
            ctx.call("Add", p, ctx.unsqueeze(q, wide)) for p, q in zip(y_.parts(ctx), whole_bias.parts(ctx), strict=True)
        ))  # fmt: skip

    return convert


for _name, _operands in PRODUCTS.items():
    on_complex(f"aten.{_name}")(_product(_operands))


@converts("aten.vdot")
def real_vdot(ctx: AtenContext) -> Value:
    function = find("aten.dot.default")
    assert function is not None
    args = {"self": ctx.tensor("self"), "tensor": ctx.tensor("other")}
    result: Value = function(AtenContext(ctx.importer, ctx.node, "aten.dot.default", args))
    return result


@on_complex("aten.vdot")
def vdot(ctx: AtenContext) -> Complex:
    """The first operand is conjugated."""
    x = ctx.args.get("self")
    first = conjugate(ctx, x) if isinstance(x, Complex) else x
    again = AtenContext(ctx.importer, ctx.node, "aten.dot.default", {"self": first, "tensor": ctx.args.get("other")})
    return _product(PRODUCTS["dot"])(again)  # type: ignore[no-any-return]


def _added(operands: tuple[str, str, str]) -> ConvertFunction:
    """``beta * self + alpha * (a @ b)``."""

    def convert(ctx: AtenContext) -> Complex:
        x, a, b = named_pairs(ctx, *operands)
        y = bilinear(ctx, lambda p, q: ctx.call("MatMul", p, q), a, b)
        for name in ("alpha", "beta"):
            factor = ctx.args.get(name, 1)
            if isinstance(factor, int | float) and factor == 1:
                continue
            scaled = times(ctx, (y if name == "alpha" else whole(ctx, x)).parts(ctx), pairs(ctx, [y, factor])[1])
            y, x = (scaled, x) if name == "alpha" else (y, scaled.parts(ctx))
        return Complex(tuple(ctx.call("Add", p, q) for p, q in zip(y.parts(ctx), whole(ctx, x).parts(ctx), strict=True)))  # type: ignore[arg-type]

    return convert


on_complex("aten.addmm")(_added(("self", "mat1", "mat2")))
on_complex("aten.baddbmm")(_added(("self", "batch1", "batch2")))


@on_complex("aten.einsum")
def einsum(ctx: AtenContext) -> Complex:
    """The real sums of every choice of parts; each imaginary part counts as a factor i."""
    operands = ctx.args.get("tensors")
    if not isinstance(operands, list) or sum(map(is_complex, operands)) > 4:
        raise Unsupported("einsum of more than 4 complex tensors is not supported.", reason="complex-number")
    equation = ctx.string("equation")
    sums: list[Value | None] = [None, None]
    found = pairs(ctx, operands)
    for choice in choices(*([0] if im is None else [0, 1] for _, im in found)):
        term = contract(ctx, equation, [p[k] for p, k in zip(found, choice, strict=True)])  # type: ignore[misc]
        turns = sum(choice) % 4
        before = sums[turns % 2]
        if before is None:
            sums[turns % 2] = ctx.call("Neg", term) if turns > 1 else term
        else:
            sums[turns % 2] = ctx.call("Sub" if turns > 1 else "Add", before, term)
    re, im = sums
    assert re is not None
    return whole(ctx, (re, im))
