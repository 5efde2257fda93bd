"""Elementwise operators, reductions and softmax."""

from __future__ import annotations

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, F32, U8
from edgekit_converters.importing.layers import flatten
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytensor.context import ApplyContext, converts
from edgekit_converters.pytensor.operators.scalars import scalar

REDUCTIONS = {
    "Add": "ReduceSum", "Mul": "ReduceProd", "MulWithoutZeros": "ReduceProd", "Maximum": "ReduceMax", "ScalarMaximum": "ReduceMax",
    "Minimum": "ReduceMin", "ScalarMinimum": "ReduceMin", "AND": "ReduceMin", "OR": "ReduceMax",
}  # fmt: skip


@converts("Elemwise")
def elemwise(ctx: ApplyContext) -> list[Value]:
    return scalar(ctx, ctx.kernel.scalar_op, ctx.present(), ctx.out_dtype)


@converts("ScalarOp")
def scalar_op(ctx: ApplyContext) -> list[Value]:
    """A scalar operator on its own: arithmetic of indices."""
    return scalar(ctx, ctx.kernel, ctx.present(), ctx.out_dtype)


@converts("CAReduce")
def reduce(ctx: ApplyContext) -> Value:
    kind = type(ctx.kernel.scalar_op).__name__
    if kind not in REDUCTIONS or kind == "MulWithoutZeros":
        raise Unsupported(f"a reduction with {kind} is not supported.", reason="unsupported-op")
    x, axis = ctx.input(0), ctx.attribute("axis")
    rank = len(x.shape)
    axes = tuple(range(rank)) if axis is None else tuple(ctx.axis(int(a), rank) for a in axis)
    if not axes:
        return ctx.cast(x, ctx.out_dtype)
    if x.dtype is BOOL and REDUCTIONS[kind] in ("ReduceMin", "ReduceMax"):
        return ctx.cast(ctx.call(REDUCTIONS[kind], ctx.cast(x, U8), axes=axes, keepdims=False), ctx.out_dtype)
    return ctx.call(REDUCTIONS[kind], ctx.cast(x, ctx.out_dtype), axes=axes, keepdims=False)


@converts("Argmax")
def argmax(ctx: ApplyContext) -> Value:
    x, axis = ctx.input(0), ctx.attribute("axis")
    rank = len(x.shape)
    axes = list(range(rank)) if axis is None else [ctx.axis(int(a), rank) for a in axis]
    if len(axes) == 1:
        return ctx.cast(ctx.call("ArgMax", x, axis=axes[0], keepdims=False), ctx.out_dtype)
    if axes != list(range(rank)):
        raise Unsupported(f"the position of the largest over axes {axes} of {rank} is not supported.")
    return ctx.cast(ctx.call("ArgMax", flatten(ctx, x, 0), axis=0, keepdims=False), ctx.out_dtype)


@converts("MaxAndArgmax")
def max_and_argmax(ctx: ApplyContext) -> list[Value]:
    x = ctx.input(0)
    axes = [ctx.axis(int(a), len(x.shape)) for a in ctx.attribute("axis")]
    if len(axes) != 1:
        raise Unsupported(f"the largest and its position over axes {axes} is not supported.")
    best = ctx.call("ReduceMax", x, axes=tuple(axes), keepdims=False)
    return [best, ctx.call("ArgMax", x, axis=axes[0], keepdims=False)]


@converts("Softmax", "LogSoftmax")
def softmax(ctx: ApplyContext) -> Value:
    """Over one axis, several, or all."""
    x, axis = ctx.input(0), ctx.attribute("axis", -1)
    rank = len(x.shape)
    named = range(rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    axes = sorted(ctx.axis(int(a), rank) for a in named)
    op = type(ctx.kernel).__name__
    if len(axes) == 1:
        return ctx.call(op, x, axis=axes[0])
    if axes != list(range(rank - len(axes), rank)) or not x.type.is_static:
        raise Unsupported(f"a softmax over axes {axes} of {rank} is not supported.")
    return ctx.reshape(ctx.call(op, flatten(ctx, x, axes[0]), axis=axes[0]), x.type.static_shape())


@converts("CumOp")
def cumulative(ctx: ApplyContext) -> Value:
    if ctx.attribute("mode", "add") != "add":
        raise Unsupported("a running product is not supported.")
    x, axis = ctx.input(0), ctx.attribute("axis")
    x = flatten(ctx, x, 0) if axis is None else x
    return ctx.call("CumSum", ctx.cast(x, ctx.out_dtype), ctx.i64(ctx.axis(0 if axis is None else int(axis), len(x.shape))))


@converts("SortOp", "ArgSortOp")
def sort(ctx: ApplyContext) -> Value:
    x = ctx.input(0)
    axis = ctx.axis(ctx.constant_ints(1, "the axis to sort along")[0], len(x.shape)) if ctx.optional(1) is not None else -1
    if axis < 0:
        x, axis = flatten(ctx, x, 0), 0
    size = ctx.static(x.shape[axis], "the size that is sorted")
    values, places = ctx.call_multi("TopK", x, ctx.i64(size), axis=axis, largest=False)
    return values if type(ctx.kernel).__name__ == "SortOp" else places


@converts("DeepCopyOp", "ViewOp", "OutputGuard", "CheckAndRaise", "Assert", "Unbroadcast", "Rebroadcast", "SpecifyShape", "CpuContiguous",
          "ScalarFromTensor", "TensorFromScalar", "TypeCastingOp")  # fmt: skip
def same(ctx: ApplyContext) -> Value:
    """Changes nothing about the numbers; what it asserts is left out."""
    return ctx.input(0)


@converts("OpFromGraph", "SymbolicOp")
def inner_graph(ctx: ApplyContext) -> list[Value]:
    """A graph of its own, put in place of the node."""
    inner = getattr(ctx.kernel, "fgraph", None)
    if inner is None:
        raise MalformedModelError("the operator holds no inner graph")
    return ctx.importer.inline(inner.inputs, inner.outputs, inner.toposort(), ctx.present()[: len(inner.inputs)])


@converts("Eye")
def eye(ctx: ApplyContext) -> Value:
    import numpy as np

    rows, columns, offset = (ctx.constant_ints(i, "the size of an identity matrix")[0] for i in range(3))
    ctx.computed((rows, columns))
    return ctx.const(np.eye(rows, columns, offset), ctx.out_dtype)


@converts("ARange")
def arange(ctx: ApplyContext) -> Value:
    a, b, step = (ctx.scalar(ctx.cast(v, ctx.out_dtype)) for v in ctx.present())
    if ctx.out_dtype.is_float and ctx.out_dtype.itemsize < F32.itemsize:
        raise Unsupported("a range of float16 is not supported.")
    return ctx.call("Range", a, b, step)
