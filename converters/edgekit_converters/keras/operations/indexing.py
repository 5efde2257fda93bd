"""Functions of keras.ops that pick elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.arguments import operand, operation, setting, single
from edgekit_converters.keras.tensors import Tensor, element_type


@operation("Take")
def take(ctx: LayerContext) -> Value:
    x, axis = single(ctx), setting(ctx, 2, "axis")
    indices = operand(ctx, 1, "indices", I64)
    if axis is None:
        x, axis = ctx.call("Reshape", x, ctx.i64(-1), allow_zero=True), 0
    return ctx.call("Gather", x, indices if indices.dtype in (I32, I64) else ctx.as_i64(indices), axis=ctx.axis(int(axis), len(x.shape)))


@operation("TakeAlongAxis")
def take_along_axis(ctx: LayerContext) -> Value:
    x, axis = single(ctx), setting(ctx, 2, "axis")
    if axis is None:
        raise Unsupported("axis=None is not supported.")
    return ctx.call("GatherElements", x, ctx.as_i64(operand(ctx, 1, "indices", I64)), axis=ctx.axis(int(axis), len(x.shape)))


@operation("OneHot")
def one_hot(ctx: LayerContext) -> Value:
    x = single(ctx)
    dtype = element_type(ctx.get("dtype", default=None) or "float32")
    depth = ctx.const(np.asarray(int(setting(ctx, 1, "num_classes")), np.int64))
    return ctx.call("OneHot", ctx.as_i64(x), depth, ctx.const(np.asarray([0, 1], dtype.numpy)), axis=int(setting(ctx, 2, "axis", -1)))


@operation("GetItem")
def get_item(ctx: LayerContext) -> Value:
    key = ctx.argument(1, "key")
    return sliced(ctx, operand(ctx, 0, "x"), key if isinstance(key, list | tuple) else [key])


def sliced(ctx: LayerContext, x: Value, key: Sequence[Any]) -> Value:
    """``x[key]`` with slices, numbers, None and one ellipsis."""
    real_entries = sum(1 for k in key if k is not None and k is not Ellipsis)
    spare = len(x.shape) - real_entries
    if spare < 0 or sum(1 for k in key if k is Ellipsis) > 1:
        raise MalformedModelError(f"the index {key} does not fit a tensor of rank {len(x.shape)}")
    full = []
    for k in key:
        full += [slice(None)] * spare if k is Ellipsis else [k]
    starts, ends, axes, steps = [], [], [], []
    shape: list[Any] = []
    axis = 0
    far = int(np.iinfo(np.int64).max)
    for k in full:
        if k is None:
            shape.append(1)
            continue
        if isinstance(k, slice):
            if any(isinstance(v, Tensor) for v in (k.start, k.stop, k.step)):
                raise Unsupported("slices with computed ends are not supported.", reason="dynamic-input")
            step = 1 if k.step is None else int(k.step)
            if (k.start, k.stop, step) != (None, None, 1):
                starts.append((0 if step > 0 else far) if k.start is None else int(k.start))
                ends.append((far if step > 0 else -far) if k.stop is None else int(k.stop))
                axes.append(axis)
                steps.append(step)
            shape.append([axis])
        elif isinstance(k, int) and not isinstance(k, bool):
            starts.append(k)
            ends.append(far if k == -1 else k + 1)
            axes.append(axis)
            steps.append(1)
        else:
            raise Unsupported(f"an index of {type(k).__name__} is not supported.")
        axis += 1
    y = ctx.call("Slice", x, ctx.i64(*starts), ctx.i64(*ends), ctx.i64(*axes), ctx.i64(*steps)) if axes else x
    rest = [[i] for i in range(axis, len(x.shape))]
    return ctx.regroup(y, [*shape, *rest])


@operation("Shape")
def shape_of(ctx: LayerContext) -> Value:
    return ctx.cast(ctx.call("Shape", single(ctx)), I32)
