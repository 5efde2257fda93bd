"""Reductions. The axes are an attribute at first and an input later (ReduceSum from opset 13, the others from 18)."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops import T, get_op
from edgekit.types import DType
from edgekit_converters.importing.composer import WIDER
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import ConvertFunction, converts

REDUCTIONS = (
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSumExp",
    "ReduceSumSquare",
)
#: how ReduceOver calls them
KINDS = ("sum", "mean", "max", "min", "prod", "l1", "l2", "log_sum_exp", "sum_square")
INPUT_SINCE = {"ReduceSum": 13}
LATER = 18
MAX_DETERMINANT = 4


def _reduce(op: str) -> ConvertFunction:
    def convert(ctx: NodeContext) -> Value:
        return reduce(ctx, op, INPUT_SINCE.get(op, LATER))

    return convert


for _name in REDUCTIONS:
    converts(_name)(_reduce(_name))


def reduce(ctx: NodeContext, op: str, input_since: int) -> Value:
    """One reduction; without axes it goes over all, or does nothing where the model says so."""
    x = ctx.input(0)
    if ctx.opset >= input_since:
        given = ctx.optional(1)
        if given is not None and ctx.numbers(given) is None and given.shape != (0,):
            return reduce_over(ctx, op, x, ctx.as_i64(given))
        axes = [] if given is None or given.shape == (0,) else ctx.constant_ints(1, "axes")
        if not axes and ctx.get_int("noop_with_empty_axes", 0):
            return elementwise_part(ctx, op, x)
    else:
        axes = ctx.get_ints("axes", [])
    rank = len(x.shape)
    axes = sorted({ctx.axis(a, rank) for a in axes})
    keepdims = bool(ctx.get_int("keepdims", 1))
    if rank == 0:
        return elementwise_part(ctx, op, x)
    return ctx.call(op, x, axes=tuple(axes), keepdims=keepdims)


def reduce_over(ctx: NodeContext, op: str, x: Value, axes: Value) -> Value:
    """A reduction whose axes are computed at run time."""
    if ctx.get_int("noop_with_empty_axes", 0) and not isinstance(axes.shape[0], int):
        raise Unsupported("noop_with_empty_axes needs to know whether there are axes", ctx.problems.shape_hint(), "dynamic-shape")
    allowed = get_op(op).types[T]
    wide = x.dtype if x.dtype in allowed else next((w for w in WIDER.get(x.dtype, ()) if w in allowed), x.dtype)
    kind = KINDS[REDUCTIONS.index(op)]
    return ctx.cast(ctx.call("ReduceOver", ctx.cast(x, wide), axes, kind=kind, keepdims=bool(ctx.get_int("keepdims", 1))), x.dtype)


def elementwise_part(ctx: NodeContext, op: str, x: Value) -> Value:
    """A reduction over no axes: what is left is what it does to each element."""
    if op in ("ReduceL1", "ReduceL2"):
        return ctx.call("Abs", x)
    return ctx.call("Mul", x, x) if op == "ReduceSumSquare" else x


@converts("ReduceLogSum")
def reduce_log_sum(ctx: NodeContext) -> Value:
    return ctx.call("Log", reduce(ctx, "ReduceSum", LATER))


def _arg(op: str) -> ConvertFunction:
    def convert(ctx: NodeContext) -> Value:
        x = ctx.input(0)
        axis = ctx.axis(ctx.get_int("axis", 0), len(x.shape))
        return ctx.call(op, x, axis=axis, keepdims=bool(ctx.get_int("keepdims", 1)), select_last=bool(ctx.get_int("select_last_index", 0)))

    return convert


for _name in ("ArgMax", "ArgMin"):
    converts(_name)(_arg(_name))


@converts("CumSum", since=11)
def cum_sum(ctx: NodeContext) -> Value:
    axis = ctx.input(1)
    if axis.dtype not in (DType.I32, DType.I64):
        raise MalformedModelError(f"the axis is {axis.dtype.label}, not an integer")
    return ctx.call(
        "CumSum", ctx.input(0), ctx.scalar(axis), exclusive=bool(ctx.get_int("exclusive", 0)), reverse=bool(ctx.get_int("reverse", 0))
    )


@converts("Det", since=11)
def det(ctx: NodeContext) -> Value:
    """The determinant of small matrices, by expansion along the first row."""
    x = ctx.input(0)
    rank = len(x.shape)
    n = ctx.static(x.shape[-1], "the size of the matrices") if rank >= 2 else 0
    if rank < 2 or x.shape[-2] != n:
        raise MalformedModelError("square matrices are needed")
    if n > MAX_DETERMINANT:
        raise Unsupported(f"determinants of more than {MAX_DETERMINANT} rows are not supported")

    def element(i: int, j: int) -> Value:
        row = ctx.call("Gather", x, ctx.const(i, DType.I64), axis=rank - 2)
        return ctx.call("Gather", row, ctx.const(j, DType.I64), axis=rank - 2)

    cells = [[element(i, j) for j in range(n)] for i in range(n)]

    def minor(top: int, columns: tuple[int, ...]) -> Value:
        if len(columns) == 1:
            return cells[top][columns[0]]
        total: Value | None = None
        for k, c in enumerate(columns):
            term = ctx.call("Mul", cells[top][c], minor(top + 1, columns[:k] + columns[k + 1 :]))
            total = term if total is None else ctx.call("Sub" if k % 2 else "Add", total, term)
        assert total is not None
        return total

    return minor(0, tuple(range(n)))
