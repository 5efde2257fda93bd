"""Functions of keras.ops that reduce axes, and sums along them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.ir import Value
from edgekit.types import BOOL, I32
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.arguments import axes_of, operation, real, setting, single


def _reduction(op: str, floats: bool = False) -> Callable[[LayerContext], Value]:
    def convert(ctx: LayerContext) -> Value:
        x = single(ctx)
        x = real(ctx, x) if floats else ctx.cast(x, I32) if x.dtype is BOOL else x
        axes = axes_of(ctx, len(x.shape), setting(ctx, 1, "axis"))
        return ctx.call(op, x, axes=axes, keepdims=bool(setting(ctx, 2, "keepdims", False))) if axes else x

    return convert


for _name, _op, _floats in (
    ("Sum", "ReduceSum", False),
    ("Mean", "ReduceMean", True),
    ("Max", "ReduceMax", False),
    ("Min", "ReduceMin", False),
    ("Amax", "ReduceMax", False),
    ("Amin", "ReduceMin", False),
    ("Prod", "ReduceProd", False),
    ("Logsumexp", "ReduceLogSumExp", True),
):
    operation(_name)(_reduction(_op, _floats))


@operation("Var", "Std")
def variance(ctx: LayerContext) -> Value:
    x = real(ctx, single(ctx))
    axes, keepdims = axes_of(ctx, len(x.shape), setting(ctx, 1, "axis")), bool(setting(ctx, 2, "keepdims", False))
    apart = ctx.call("Sub", x, ctx.call("ReduceMean", x, axes=axes, keepdims=True))
    found = ctx.call("ReduceMean", ctx.call("Mul", apart, apart), axes=axes, keepdims=keepdims)
    return ctx.call("Sqrt", found) if ctx.op == "Std" else found


@operation("All", "Any")
def truth(ctx: LayerContext) -> Value:
    x = ctx.cast(ctx.cast(single(ctx), BOOL), I32)
    axes, keepdims = axes_of(ctx, len(x.shape), setting(ctx, 1, "axis")), bool(setting(ctx, 2, "keepdims", False))
    return ctx.cast(ctx.call("ReduceMin" if ctx.op == "All" else "ReduceMax", x, axes=axes, keepdims=keepdims), BOOL)


@operation("Argmax", "Argmin")
def arg_extreme(ctx: LayerContext) -> Value:
    x, axis = single(ctx), setting(ctx, 1, "axis")
    if axis is None:
        x, axis = ctx.call("Reshape", x, ctx.i64(-1), allow_zero=True), 0
    op = "ArgMax" if ctx.op == "Argmax" else "ArgMin"
    return ctx.cast(ctx.call(op, x, axis=ctx.axis(int(axis), len(x.shape)), keepdims=bool(setting(ctx, 2, "keepdims", False))), I32)


@operation("Norm")
def norm(ctx: LayerContext) -> Value:
    x, order = real(ctx, single(ctx)), setting(ctx, 1, "ord")
    axis, keepdims = setting(ctx, 2, "axis"), bool(setting(ctx, 3, "keepdims", False))
    axes = axes_of(ctx, len(x.shape), axis)
    if order in (None, "euclidean", "fro", 2) and (len(axes) == 1 or order != 2):
        return ctx.call("ReduceL2", x, axes=axes, keepdims=keepdims)
    if order == 1 and len(axes) == 1:
        return ctx.call("ReduceL1", x, axes=axes, keepdims=keepdims)
    raise Unsupported(f"ord={order!r} over {len(axes)} axes is not supported.")


@operation("Normalize")
def normalize(ctx: LayerContext) -> Value:
    """``x / max(norm, epsilon)``."""
    x = real(ctx, single(ctx))
    if setting(ctx, 2, "order", 2) != 2:
        raise Unsupported("only order=2 is supported.")
    axes, least = axes_of(ctx, len(x.shape), setting(ctx, 1, "axis", -1)), float(setting(ctx, 3, "epsilon") or 1e-7)
    total = ctx.call("ReduceSum", ctx.call("Mul", x, x), axes=axes, keepdims=True)
    return ctx.call("Mul", x, ctx.call("Rsqrt", ctx.clip(total, low=least * least)))


@operation("Cumsum")
def cumsum(ctx: LayerContext) -> Value:
    x, axis = single(ctx), setting(ctx, 1, "axis")
    if axis is None:
        x, axis = ctx.call("Reshape", x, ctx.i64(-1), allow_zero=True), 0
    return ctx.call("CumSum", x, ctx.const(np.asarray(ctx.axis(int(axis), len(x.shape)), np.int64)))


@operation("TopK")
def top_k(ctx: LayerContext) -> list[Value]:
    x = single(ctx)
    values, indices = ctx.call_multi("TopK", x, ctx.i64(int(setting(ctx, 1, "k"))), axis=len(x.shape) - 1)
    return [values, ctx.cast(indices, I32)]
