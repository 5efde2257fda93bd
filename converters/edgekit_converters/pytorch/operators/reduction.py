"""Reductions, sorting and searching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I32, I64, U8
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext
from edgekit_converters.pytorch.operators.comparison import truth
from edgekit_converters.pytorch.registry import ConvertFunction, converts


def _accumulated(ctx: AtenContext, x: Value) -> Value:
    """``x`` in the type sums and products are computed in: integers and booleans in int64."""
    dtype = ctx.dtype()
    if dtype is not None:
        return truth(ctx, x) if dtype is BOOL else ctx.cast(x, dtype)
    return x if x.dtype.is_float else ctx.cast(x, I64)


def _reduced(ctx: AtenContext, op: str, x: Value, axes: Sequence[int], keepdim: bool) -> Value:
    return x if not x.shape else ctx.call(op, x, axes=tuple(axes), keepdims=keepdim)


@converts("aten.sum")
def sum_(ctx: AtenContext) -> Value:
    x = _accumulated(ctx, ctx.tensor("self"))
    return _reduced(ctx, "ReduceSum", x, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False))


@converts("aten.mean")
def mean(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    dtype = ctx.dtype()
    x = x if dtype is None else ctx.cast(x, dtype)
    return _reduced(ctx, "ReduceMean", x, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False))


@converts("aten.prod")
def prod(ctx: AtenContext) -> Value:
    x = _accumulated(ctx, ctx.tensor("self"))
    return _reduced(ctx, "ReduceProd", x, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False))


@converts("aten.nansum")
def nansum(ctx: AtenContext) -> Value:
    x = _accumulated(ctx, ctx.tensor("self"))
    if x.dtype.is_float:
        x = ctx.call("Where", ctx.call("IsNaN", x), ctx.like(0, x), x)
    return _reduced(ctx, "ReduceSum", x, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False))


def _extreme(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        return _reduced(ctx, op, x, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False))

    return convert


converts("aten.amax", "aten.max.default")(_extreme("ReduceMax"))
converts("aten.amin", "aten.min.default")(_extreme("ReduceMin"))


@converts("aten.aminmax")
def aminmax(ctx: AtenContext) -> tuple[Value, Value]:
    return _extreme("ReduceMin")(ctx), _extreme("ReduceMax")(ctx)


def _extreme_with_place(reduce: str, arg: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> tuple[Value, Value]:
        x = ctx.tensor("self")
        if not x.shape:
            return x, ctx.const(np.asarray(0, np.int64))
        axis, keepdim = ctx.dim("dim", len(x.shape)), ctx.flag("keepdim", False)
        return ctx.call(reduce, x, axes=(axis,), keepdims=keepdim), ctx.call(arg, x, axis=axis, keepdims=keepdim)

    return convert


converts("aten.max.dim")(_extreme_with_place("ReduceMax", "ArgMax"))
converts("aten.min.dim")(_extreme_with_place("ReduceMin", "ArgMin"))


def _arg(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        """Without a dimension: the place in the flattened tensor."""
        x = ctx.tensor("self")
        keepdim = ctx.flag("keepdim", False)
        if ctx.has("dim") and x.shape:
            return ctx.call(op, x, axis=ctx.dim("dim", len(x.shape)), keepdims=keepdim)
        if not x.shape:
            return ctx.const(np.asarray(0, np.int64))
        y = ctx.call(op, ctx.reshape(x, (-1,)), axis=0, keepdims=False)
        return ctx.reshape(y, [1] * len(x.shape)) if keepdim else y

    return convert


converts("aten.argmax")(_arg("ArgMax"))
converts("aten.argmin")(_arg("ArgMin"))


def _quantifier(op: str) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        x = ctx.tensor("self")
        to = U8 if x.dtype is U8 else BOOL
        t = truth(ctx, x)
        return ctx.cast(_reduced(ctx, op, t, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False)), to)

    return convert


converts("aten.any", "aten._is_any_true")(_quantifier("ReduceMax"))
converts("aten.all", "aten._is_all_true")(_quantifier("ReduceMin"))


def _variance(ctx: AtenContext) -> tuple[Value, Value]:
    """Variance and mean; ``correction`` is taken off the count (1 unless given)."""
    x = ctx.tensor("self")
    rank = len(x.shape)
    if "correction" in ctx.args:
        correction = ctx.real("correction", 1.0)
    else:
        correction = 1.0 if ctx.flag("unbiased", True) else 0.0
    axes, keepdim = tuple(ctx.dims("dim", rank)), ctx.flag("keepdim", False)
    count = 1
    for a in axes:
        count *= ctx.static(x.shape[a], "a dimension of a variance")
    centre = ctx.call("ReduceMean", x, axes=axes, keepdims=True)
    total = ctx.call("ReduceSum", ctx.call("SquaredDifference", x, centre), axes=axes, keepdims=keepdim)
    left = max(0.0, count - correction)
    spread = ctx.call("Div", total, ctx.like(left, total)) if left != 1 else total
    return spread, centre if keepdim else ctx.squeeze(centre, axes)


@converts("aten.var")
def var(ctx: AtenContext) -> Value:
    return _variance(ctx)[0]


@converts("aten.std")
def std(ctx: AtenContext) -> Value:
    return ctx.call("Sqrt", _variance(ctx)[0])


@converts("aten.var_mean")
def var_mean(ctx: AtenContext) -> tuple[Value, Value]:
    return _variance(ctx)


@converts("aten.std_mean")
def std_mean(ctx: AtenContext) -> tuple[Value, Value]:
    spread, centre = _variance(ctx)
    return ctx.call("Sqrt", spread), centre


@converts("aten.logsumexp")
def logsumexp(ctx: AtenContext) -> Value:
    x = ctx.floating(ctx.tensor("self"))
    return _reduced(ctx, "ReduceLogSumExp", x, ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False))


@converts("aten.norm", "aten.linalg_vector_norm", "aten.frobenius_norm", "aten.linalg_norm.default")
def norm(ctx: AtenContext) -> Value:
    """The p-norm over some dimensions, 2 unless given. ``linalg_norm`` with an order over two dimensions is the norm of a matrix."""
    if ctx.op.startswith("aten.linalg_norm") and ctx.has("ord"):
        rank = len(ctx.tensor("self").shape)
        if len(ctx.dims("dim", rank)) == 2:
            raise Unsupported(f"the norm of a matrix of order {ctx.real('ord')} is not supported.", "The Frobenius norm (ord=None) is.")
    dtype = ctx.dtype()
    x = ctx.floating(ctx.tensor("self"))
    x = x if dtype is None else ctx.cast(x, dtype)
    p = ctx.real("ord" if "ord" in ctx.args else "p", 2.0)
    axes, keepdim = ctx.dims("dim", len(x.shape)), ctx.flag("keepdim", False)
    if not x.shape:
        return ctx.call("Abs", x)
    if p in (1.0, 2.0):
        return _reduced(ctx, f"ReduceL{int(p)}", x, axes, keepdim)
    size = ctx.call("Abs", x)
    if p == float("inf"):
        return _reduced(ctx, "ReduceMax", size, axes, keepdim)
    if p == float("-inf"):
        return _reduced(ctx, "ReduceMin", size, axes, keepdim)
    if p == 0:
        return _reduced(ctx, "ReduceSum", ctx.cast(truth(ctx, x), x.dtype), axes, keepdim)
    total = _reduced(ctx, "ReduceSum", ctx.call("Pow", size, ctx.like(p, x)), axes, keepdim)
    return ctx.call("Pow", total, ctx.like(1 / p, total))


@converts("aten.cumsum")
def cumsum(ctx: AtenContext) -> Value:
    x = _accumulated(ctx, ctx.tensor("self"))
    if not x.shape:
        return x
    return ctx.call("CumSum", x, ctx.const(np.asarray(ctx.dim("dim", len(x.shape)), np.int64)))


@converts("aten.cumprod")
def cumprod(ctx: AtenContext) -> Value:
    """Doubling: each step multiplies with the product so far, 1, 2, 4 ... places back."""
    x = _accumulated(ctx, ctx.tensor("self"))
    if not x.shape:
        return x
    axis = ctx.dim("dim", len(x.shape))
    size = ctx.static(x.shape[axis], "the dimension of a cumulative product")
    return _scan(ctx, x, axis, size, "Mul", 1)


def _scan(ctx: AtenContext, x: Value, axis: int, size: int, op: str, neutral: float) -> Value:
    step = 1
    while step < size:
        pads = [0] * (2 * len(x.shape))
        pads[axis] = step
        earlier = ctx.call("Pad", ctx.narrow(x, axis, 0, size - step), ctx.i64(*pads), ctx.like(neutral, x))
        x = ctx.call(op, x, earlier)
        step *= 2
    return x


@converts("aten.sort")
def sort(ctx: AtenContext) -> tuple[Value, ...]:
    """Ties come in their first order, as a stable sort gives them."""
    x = ctx.tensor("self")
    if not x.shape:
        return x, ctx.const(np.asarray(0, np.int64))
    axis = ctx.dim("dim", len(x.shape), -1)
    return _sorted(ctx, x, axis, ctx.flag("descending", False))


def _sorted(ctx: AtenContext, x: Value, axis: int, descending: bool) -> tuple[Value, Value]:
    of = ctx.cast(x, I32) if x.dtype is BOOL else x
    count = ctx.shape_list([ctx.size_of(x, axis)])
    values, places = ctx.call_multi("TopK", of, count, axis=axis, largest=descending, sorted=True)
    return ctx.cast(values, x.dtype), places


@converts("aten.argsort")
def argsort(ctx: AtenContext) -> Value:
    x = ctx.tensor("self")
    return _sorted(ctx, x, ctx.dim("dim", len(x.shape), -1), ctx.flag("descending", False))[1]


@converts("aten.msort")
def msort(ctx: AtenContext) -> Value:
    return _sorted(ctx, ctx.tensor("self"), 0, False)[0]


@converts("aten.topk")
def topk(ctx: AtenContext) -> tuple[Value, ...]:
    x = ctx.tensor("self")
    axis = ctx.dim("dim", len(x.shape), -1)
    k = ctx.size(ctx.args.get("k"), "k")
    if isinstance(k, int) and isinstance(x.shape[axis], int) and k > x.shape[axis]:
        raise MalformedModelError(f"the {k} largest of {x.shape[axis]}")
    return ctx.call_multi("TopK", x, ctx.shape_list([k]), axis=axis, largest=ctx.flag("largest", True), sorted=True)


@converts("aten.kthvalue")
def kthvalue(ctx: AtenContext) -> tuple[Value, Value]:
    x = ctx.tensor("self")
    axis, k, keepdim = ctx.dim("dim", len(x.shape), -1), ctx.integer("k"), ctx.flag("keepdim", False)
    values, places = ctx.call_multi("TopK", x, ctx.i64(k), axis=axis, largest=False, sorted=True)
    return _position(ctx, values, axis, k - 1, keepdim), _position(ctx, places, axis, k - 1, keepdim)


def _position(ctx: AtenContext, x: Value, axis: int, index: int, keepdim: bool) -> Value:
    return ctx.narrow(x, axis, index, index + 1) if keepdim else ctx.pick(x, axis, index)


@converts("aten.median.dim")
def median(ctx: AtenContext) -> tuple[Value, Value]:
    """The lower of the two middle values, as torch has it."""
    x = ctx.tensor("self")
    axis, keepdim = ctx.dim("dim", len(x.shape)), ctx.flag("keepdim", False)
    middle = (ctx.static(x.shape[axis], "the dimension of a median") + 1) // 2
    values, places = ctx.call_multi("TopK", x, ctx.i64(middle), axis=axis, largest=False, sorted=True)
    return _position(ctx, values, axis, middle - 1, keepdim), _position(ctx, places, axis, middle - 1, keepdim)


@converts("aten.nonzero")
def nonzero(ctx: AtenContext) -> Value:
    """One row a place."""
    return ctx.transpose(ctx.call("NonZero", ctx.tensor("self")), (1, 0))


@converts("aten.count_nonzero")
def count_nonzero(ctx: AtenContext) -> Value:
    x = ctx.cast(truth(ctx, ctx.tensor("self")), I64)
    return _reduced(ctx, "ReduceSum", x, ctx.dims("dim", len(x.shape)), False)


@converts("aten._cdist_forward", "aten.cdist")
def cdist(ctx: AtenContext) -> Value:
    """Distances between all pairs of rows."""
    a, b = ctx.tensor("x1"), ctx.tensor("x2")
    p = ctx.real("p", 2.0)
    far = ctx.call("Sub", ctx.unsqueeze(a, [len(a.shape) - 1]), ctx.unsqueeze(b, [len(b.shape) - 2]))
    axes = (max(len(a.shape), len(b.shape)),)
    if p in (1.0, 2.0):
        return ctx.call(f"ReduceL{int(p)}", far, axes=axes, keepdims=False)
    size = ctx.call("Abs", far)
    if p == float("inf"):
        return ctx.call("ReduceMax", size, axes=axes, keepdims=False)
    if p <= 0:
        raise Unsupported(f"distances with p={p} are not supported.")
    total = ctx.call("ReduceSum", ctx.call("Pow", size, ctx.like(p, size)), axes=axes, keepdims=False)
    return ctx.call("Pow", total, ctx.like(1 / p, total))


@converts("aten._pdist_forward", "aten.pdist")
def pdist(ctx: AtenContext) -> Value:
    """Distances between the pairs of rows i < j."""
    x = ctx.tensor("self")
    n = ctx.static(x.shape[0], "the number of rows")
    rows, columns = np.triu_indices(n, 1)
    ctx.computed(rows.shape)
    a, b = (ctx.call("Gather", x, ctx.const(i.astype(np.int64)), axis=0) for i in (rows, columns))
    p = ctx.real("p", 2.0)
    size = ctx.call("Abs", ctx.call("Sub", a, b))
    if p in (1.0, 2.0):
        return ctx.call(f"ReduceL{int(p)}", size, axes=(1,), keepdims=False)
    if p == float("inf"):
        return ctx.call("ReduceMax", size, axes=(1,), keepdims=False)
    if p <= 0:
        raise Unsupported(f"distances with p={p} are not supported.")
    total = ctx.call("ReduceSum", ctx.call("Pow", size, ctx.like(p, size)), axes=(1,), keepdims=False)
    return ctx.call("Pow", total, ctx.like(1 / p, total))
