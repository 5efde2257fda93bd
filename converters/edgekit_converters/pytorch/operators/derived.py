"""Functions, differences and distances that torch composes from others and ``torch.export`` leaves whole."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F32, F64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.operators.comparison import truth
from edgekit_converters.pytorch.operators.slicing import END
from edgekit_converters.pytorch.registry import ConvertFunction, converts

MAX_TIMES = 64


@converts("aten.diff")
def diff(ctx: AtenContext) -> Value:
    """Differences of neighbours, ``n`` times over."""
    x = ctx.tensor("self")
    axis, times = ctx.dim("dim", len(x.shape), -1), ctx.integer("n", 1)
    around = [v for v in (ctx.optional_tensor("prepend"), x, ctx.optional_tensor("append")) if v is not None]
    if len(around) > 1:
        x = ctx.call("Concat", *ctx.together(around), axis=axis)
    if not 0 <= times <= MAX_TIMES:
        raise Unsupported(f"differences taken {times} times over are not supported.")
    for _ in range(times):
        late, early = ctx.narrow(x, axis, 1, END), ctx.narrow(x, axis, 0, -1)
        x = ctx.call("Xor", late, early) if x.dtype is BOOL else ctx.call("Sub", late, early)
    return x


def _log_add(ctx: AtenContext, a: Value, b: Value, log: str = "e") -> Value:
    """``log(exp(a) + exp(b))``, without overflow: the larger plus ``log1p(exp(-distance))``."""
    scale = math.log(2) if log == "2" else 1.0
    high = ctx.call("Max", a, b)
    far = ctx.call("Neg", ctx.call("Abs", ctx.call("Sub", a, b)))
    same = ctx.call("Equal", a, b)  # infinities have no distance
    far = ctx.call("Where", same, ctx.like(0, far), far)
    rest = ctx.call("Softplus", far if scale == 1 else ctx.call("Mul", far, ctx.like(scale, far)))
    return ctx.call("Add", high, rest if scale == 1 else ctx.call("Mul", rest, ctx.like(1 / scale, rest)))


@converts("aten.logaddexp", "aten.logaddexp2")
def logaddexp(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")])
    return _log_add(ctx, a, b, "2" if ctx.op.startswith("aten.logaddexp2") else "e")


@converts("aten._weight_norm", "aten._weight_norm_interface")
def weight_norm(ctx: AtenContext) -> Value | tuple[Value, Value]:
    """``v * g / |v|``, the norm over all dimensions but one (arXiv 1602.07868); of constants it is worked out here."""
    v, g = ctx.tensor("v"), ctx.tensor("g")
    rank = len(v.shape)
    dim = ctx.integer("dim", 0)
    axes = tuple(range(rank)) if dim == -1 else tuple(i for i in range(rank) if i != ctx.axis(dim, rank))
    if v.const is not None and g.const is not None and v.quant is None and g.quant is None:
        wide = v.const.astype(np.float64)
        size = np.sqrt(np.sum(wide * wide, axis=axes, keepdims=True))
        with np.errstate(all="ignore"):
            weight = ctx.builder.constant((wide * (g.const / size)).astype(v.const.dtype), v.name)
        length = ctx.const(size.astype(v.const.dtype))
    else:
        length = ctx.call("ReduceL2", v, axes=axes, keepdims=True)
        weight = ctx.call("Mul", v, ctx.call("Div", g, length))
    return (weight, length) if ctx.op.startswith("aten._weight_norm_interface") else weight


def _times(factor: float) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.floating(ctx.tensor("self"))
        return ctx.call("Mul", x, ctx.like(factor, x))

    return convert


converts("aten.deg2rad")(_times(math.pi / 180))
converts("aten.rad2deg")(_times(180 / math.pi))


@converts("aten.signbit")
def signbit(ctx: AtenContext) -> Value:
    """True below zero; a zero counts as positive, for a graph does not tell its two zeros apart."""
    x = ctx.tensor("self")
    return ctx.call("Less", x, ctx.like(0, x))


@converts("aten.copysign")
def copysign(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.number("self"), ctx.number("other")], F32)
    size = ctx.call("Abs", a)
    return ctx.call("Where", ctx.call("Less", b, ctx.like(0, b)), ctx.call("Neg", size), size)


@converts("aten.xlogy", "aten.special_xlogy")
def xlogy(ctx: AtenContext) -> Value:
    """``x * log(y)``, and 0 where x is 0."""
    x, y = ctx.together([ctx.number("self"), ctx.number("other")], F32)
    none = ctx.call("Equal", x, ctx.like(0, x))
    log = ctx.call("Log", ctx.call("Where", ctx.call("And", none, ctx.call("Not", ctx.call("IsNaN", y))), ctx.like(1, y), y))
    return ctx.call("Mul", x, log)


@converts("aten.sinc", "aten.special_sinc")
def sinc(ctx: AtenContext) -> Value:
    x = ctx.floating(ctx.tensor("self"))
    zero = ctx.call("Equal", x, ctx.like(0, x))
    angle = ctx.call("Where", zero, ctx.like(1, x), ctx.call("Mul", x, ctx.like(math.pi, x)))
    return ctx.call("Where", zero, ctx.like(1, x), ctx.call("Div", ctx.call("Sin", angle), angle))


@converts("aten.heaviside")
def heaviside(ctx: AtenContext) -> Value:
    x, at_zero = ctx.together([ctx.tensor("self"), ctx.tensor("values")])
    above = ctx.cast(ctx.call("Greater", x, ctx.like(0, x)), x.dtype)
    return ctx.call("Where", ctx.call("Equal", x, ctx.like(0, x)), at_zero, above)


@converts("aten.float_power")
def float_power(ctx: AtenContext) -> Value:
    """A power in float64, which computes in float32."""
    a, b = (ctx.operand(ctx.number(n), F64) for n in ("self", "exponent"))
    return ctx.call("Pow", a, b)


_ELEMENTS, _TESTED = ("elements", "element"), ("test_elements", "test_element")


@converts("aten.isin")
def isin(ctx: AtenContext) -> Value:
    """Whether each element is among others: compared with every one of them."""
    x, among = ctx.together([ctx.number(next(n for n in names if n in ctx.args)) for names in (_ELEMENTS, _TESTED)])
    same = ctx.call("Equal", ctx.unsqueeze(x, [len(x.shape)]), ctx.reshape(among, (-1,)))
    found = ctx.call("ReduceMax", same, axes=(len(x.shape),), keepdims=False)
    return ctx.call("Not", found) if ctx.flag("invert", False) else found


@converts("aten.equal")
def equal(ctx: AtenContext) -> object:
    """Whether two tensors are the same, as one truth value."""
    a, b = ctx.tensor("self"), ctx.tensor("other")
    if len(a.shape) != len(b.shape) or any(
        isinstance(p, int) and isinstance(q, int) and p != q for p, q in zip(a.shape, b.shape, strict=True)
    ):
        return False
    same = ctx.call("Equal", *ctx.together([a, b]))
    return ctx.sym(ctx.call("ReduceMin", same, axes=tuple(range(len(same.shape))), keepdims=False) if same.shape else same)


@converts("aten.is_nonzero")
def is_nonzero(ctx: AtenContext) -> object:
    return ctx.sym(truth(ctx, ctx.scalar(ctx.tensor("self"))))


@converts("aten.mse_loss", "aten.l1_loss")
def loss(ctx: AtenContext) -> Value:
    """Squared or absolute differences: each (0), their mean (1) or their sum (2)."""
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("target")])
    each = ctx.call("SquaredDifference", a, b) if "mse" in ctx.op else ctx.call("Abs", ctx.call("Sub", a, b))
    how = ctx.integer("reduction", 1)
    if how == 0 or not each.shape:
        return each
    return ctx.call("ReduceMean" if how == 1 else "ReduceSum", each, axes=tuple(range(len(each.shape))), keepdims=False)


def _norm(ctx: AtenContext, x: Value, p: float, axes: Sequence[int], keepdims: bool) -> Value:
    if p in (1.0, 2.0):
        return ctx.call(f"ReduceL{int(p)}", x, axes=tuple(axes), keepdims=keepdims)
    size = ctx.call("Abs", x)
    if p == math.inf:
        return ctx.call("ReduceMax", size, axes=tuple(axes), keepdims=keepdims)
    if p <= 0:
        raise Unsupported(f"distances with p={p} are not supported.")
    total = ctx.call("ReduceSum", ctx.call("Pow", size, ctx.like(p, size)), axes=tuple(axes), keepdims=keepdims)
    return ctx.call("Pow", total, ctx.like(1 / p, total))


@converts("aten.pairwise_distance")
def pairwise_distance(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("x1"), ctx.tensor("x2")])
    far = ctx.call("Sub", a, b)
    far = ctx.call("Add", far, ctx.like(ctx.real("eps", 1e-6), far))
    return _norm(ctx, far, ctx.real("p", 2.0), [len(far.shape) - 1], ctx.flag("keepdim", False))


@converts("aten.dist")
def dist(ctx: AtenContext) -> Value:
    far = ctx.call("Sub", *ctx.together([ctx.tensor("self"), ctx.tensor("other")]))
    return _norm(ctx, far, ctx.real("p", 2.0), list(range(len(far.shape))), False) if far.shape else ctx.call("Abs", far)


@converts("aten.linalg_matrix_norm.str_ord", "aten.linalg_norm.ord_str")
def matrix_norm(ctx: AtenContext) -> Value:
    """The Frobenius norm."""
    x = ctx.floating(ctx.tensor("self"))
    if ctx.string("ord", "fro") != "fro":
        raise Unsupported(f"the {ctx.string('ord')} norm of a matrix is not supported.", "The Frobenius norm is.")
    axes = ctx.integers("dim", [-2, -1])
    return ctx.call("ReduceL2", x, axes=tuple(sorted(ctx.axis(a, len(x.shape)) for a in axes)), keepdims=ctx.flag("keepdim", False))


@converts("aten.nanmean")
def nanmean(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    x = ctx.cast(x, ctx.dtype("dtype", x.dtype) or x.dtype)
    axes, keepdim = tuple(ctx.dims("dim", len(x.shape))), ctx.flag("keepdim", False)
    gone = ctx.call("IsNaN", x)
    total = ctx.call("ReduceSum", ctx.call("Where", gone, ctx.like(0, x), x), axes=axes, keepdims=keepdim)
    count = ctx.call("ReduceSum", ctx.call("Where", gone, ctx.like(0, x), ctx.like(1, x)), axes=axes, keepdims=keepdim)
    return ctx.call("Div", total, count)


@converts("aten.quantile")
def quantile(ctx: AtenContext) -> Value:
    """Sorted, then read between two places: linearly, or at the lower, higher, nearest or middle of them."""
    x = ctx.tensor("self")
    whole = not ctx.has("dim")
    keepdim, rank = ctx.flag("keepdim", False), len(x.shape)
    axis = 0 if whole else ctx.dim("dim", rank)
    flat = ctx.reshape(x, (-1,)) if whole else x
    size = ctx.static(flat.shape[axis], "the dimension of a quantile")
    if isinstance(ctx.args.get("q"), Value):
        share = ctx.constant_value(ctx.tensor("q"), "the share of a quantile")
    else:
        share = np.asarray(ctx.real("q"))
    place = share.astype(np.float64) * (size - 1)
    low, high = np.floor(place), np.ceil(place)
    how = ctx.string("interpolation", "linear")
    weights = {"linear": place - low, "lower": 0 * place, "higher": np.ceil(place - low), "midpoint": 0.5 * (high > low)}
    weights["nearest"] = np.rint(place) - low
    if how not in weights or size < 1:
        raise MalformedModelError(f"a quantile of {size} elements by {how!r}")
    values = ctx.call_multi("TopK", flat, ctx.i64(size), axis=axis, largest=False, sorted=True)[0]
    first, second = (ctx.call("Gather", values, ctx.const(i.reshape(-1).astype(np.int64)), axis=axis) for i in (low, high))
    shape = [1] * len(flat.shape)
    shape[axis] = place.size
    step = ctx.const(np.asarray(weights[how]).reshape(shape).astype(x.dtype.numpy))
    y = ctx.call("Add", first, ctx.call("Mul", ctx.call("Sub", second, first), step))
    order = [axis, *(i for i in range(len(flat.shape)) if i != axis)]
    y = ctx.transpose(y, order)  # the shares come first
    if whole and keepdim:
        y = ctx.unsqueeze(y, list(range(1, rank + 1)))
    elif keepdim:
        y = ctx.unsqueeze(y, [axis + 1])
    return y if share.ndim else ctx.squeeze(y, [0])
