"""Functions of keras.ops that move elements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.arguments import axes_of, literal, operation, promoted, setting, single
from edgekit_converters.keras.tensors import Tensor, flatten


def reshape_to(ctx: LayerContext, x: Value, target: Sequence[Any]) -> Value:
    """Another shape; its entries are numbers, -1 or None (the rest), or scalar tensors."""
    parts: list[Value] = []
    for d in target:
        if isinstance(d, Tensor):
            assert d.value is not None
            parts.append(ctx.regroup(ctx.as_i64(d.value), [1]) if not d.value.shape else ctx.as_i64(d.value))
        else:
            parts.append(ctx.i64(-1 if d is None else int(d)))
    numbers = [-1 if d is None else d for d in target]
    if all(isinstance(d, int) for d in numbers):
        return ctx.reshape(x, [int(d) for d in numbers])
    return ctx.call("Reshape", x, ctx.call("Concat", *parts, axis=0), allow_zero=True)


@operation("Reshape")
def reshape(ctx: LayerContext) -> Value:
    target = setting(ctx, 1, "newshape")
    return reshape_to(ctx, single(ctx), target if isinstance(target, list | tuple) else [target])


@operation("Ravel")
def ravel(ctx: LayerContext) -> Value:
    return ctx.call("Reshape", single(ctx), ctx.i64(-1), allow_zero=True)


@operation("Transpose")
def transpose(ctx: LayerContext) -> Value:
    x, axes = single(ctx), setting(ctx, 1, "axes")
    order = list(range(len(x.shape)))[::-1] if axes is None else [ctx.axis(int(a), len(x.shape)) for a in axes]
    return ctx.transpose(x, order)


@operation("Swapaxes")
def swapaxes(ctx: LayerContext) -> Value:
    x = single(ctx)
    a, b = (ctx.axis(int(setting(ctx, i, n)), len(x.shape)) for i, n in ((1, "axis1"), (2, "axis2")))
    order = list(range(len(x.shape)))
    order[a], order[b] = b, a
    return ctx.transpose(x, order)


@operation("Moveaxis")
def moveaxis(ctx: LayerContext) -> Value:
    x = single(ctx)
    rank = len(x.shape)
    sources, targets = (
        [ctx.axis(int(a), rank) for a in (v if isinstance(v, list | tuple) else [v])]
        for v in (setting(ctx, 1, "source"), setting(ctx, 2, "destination"))
    )
    order = [a for a in range(rank) if a not in sources]
    for target, source in sorted(zip(targets, sources, strict=True)):
        order.insert(target, source)
    return ctx.transpose(x, order)


@operation("ExpandDims")
def expand_dims(ctx: LayerContext) -> Value:
    axis = setting(ctx, 1, "axis")
    return ctx.unsqueeze(single(ctx), [int(a) for a in (axis if isinstance(axis, list | tuple) else [axis])])


@operation("Squeeze")
def squeeze(ctx: LayerContext) -> Value:
    x, axis = single(ctx), setting(ctx, 1, "axis")
    gone = [i for i, d in enumerate(x.shape) if d == 1] if axis is None else list(axes_of(ctx, len(x.shape), axis))
    return ctx.regroup(x, [[i] for i in range(len(x.shape)) if i not in gone])


@operation("Concatenate")
def concatenate(ctx: LayerContext) -> Value:
    values = _listed(ctx, ctx.argument(0, "xs"))
    return ctx.call("Concat", *values, axis=ctx.axis(int(setting(ctx, 1, "axis", 0)), len(values[0].shape)))


@operation("Stack")
def stack(ctx: LayerContext) -> Value:
    values = _listed(ctx, ctx.argument(0, "x"))
    axis = ctx.axis(int(setting(ctx, 1, "axis", 0)), len(values[0].shape) + 1)
    return ctx.call("Concat", *(ctx.unsqueeze(v, [axis]) for v in values), axis=axis)


def _listed(ctx: LayerContext, given: Any) -> list[Value]:
    leaves = list(flatten(given))
    kinds = [t.value.dtype for t in leaves if isinstance(t, Tensor) and t.value is not None]
    found = []
    for leaf in leaves:
        found.append(leaf.value if isinstance(leaf, Tensor) else literal(ctx, leaf, kinds[0] if kinds else None))
    if not found:
        raise MalformedModelError("there is nothing to join")
    return promoted(ctx, *(v for v in found if v is not None))


@operation("Split")
def split(ctx: LayerContext) -> list[Value]:
    x, cuts = single(ctx), setting(ctx, 1, "indices_or_sections")
    axis = ctx.axis(int(setting(ctx, 2, "axis", 0)), len(x.shape))
    size = ctx.static(x.shape[axis], "a dimension that is split")
    if isinstance(cuts, int):
        if cuts < 1 or size % cuts:
            raise MalformedModelError(f"{size} does not split into {cuts} parts")
        sizes = [size // cuts] * cuts
    else:
        edges = [0, *(int(c) for c in cuts), size]
        sizes = [b - a for a, b in pairwise(edges)]
    return list(ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes)))


@operation("Unstack")
def unstack(ctx: LayerContext) -> list[Value]:
    x = single(ctx)
    axis = ctx.axis(int(setting(ctx, 2, "axis", 0)), len(x.shape))
    size = ctx.static(x.shape[axis], "a dimension that is taken apart")
    return [ctx.call("Gather", x, ctx.const(np.asarray(i, np.int64)), axis=axis) for i in range(size)]


@operation("Tile")
def tile(ctx: LayerContext) -> Value:
    x, repeats = single(ctx), setting(ctx, 1, "repeats")
    times = [int(r) for r in (repeats if isinstance(repeats, list | tuple) else [repeats])]
    times = [1] * (len(x.shape) - len(times)) + times
    if len(times) > len(x.shape):
        x = ctx.unsqueeze(x, list(range(len(times) - len(x.shape))))
    return ctx.call("Tile", x, ctx.i64(*times))


@operation("Repeat")
def repeat(ctx: LayerContext) -> Value:
    x, count, axis = single(ctx), setting(ctx, 1, "repeats"), setting(ctx, 2, "axis")
    if not isinstance(count, int) or axis is None:
        raise Unsupported("only one number of repeats along one axis is supported.")
    at = ctx.axis(int(axis), len(x.shape))
    wide = ctx.call("Tile", ctx.unsqueeze(x, [at + 1]), ctx.i64(*([1] * (at + 1)), count, *([1] * (len(x.shape) - at - 1))))
    return ctx.regroup(wide, [[i] for i in range(at)] + [[at, at + 1]] + [[i] for i in range(at + 2, len(wide.shape))])


@operation("BroadcastTo")
def broadcast_to(ctx: LayerContext) -> Value:
    shape = [int(d) for d in setting(ctx, 1, "shape")]
    return ctx.call("Expand", single(ctx), ctx.i64(*shape))


@operation("Flip")
def flip(ctx: LayerContext) -> Value:
    x = single(ctx)
    for axis in axes_of(ctx, len(x.shape), setting(ctx, 1, "axis")):
        x = ctx.flip(x, axis)
    return x


@operation("Roll")
def roll(ctx: LayerContext) -> Value:
    x, shift, axis = single(ctx), setting(ctx, 1, "shift"), setting(ctx, 2, "axis")
    if not isinstance(shift, int) or not isinstance(axis, int):
        raise Unsupported("only one shift along one axis is supported.")
    at = ctx.axis(axis, len(x.shape))
    size = ctx.static(x.shape[at], "a dimension that is rolled")
    cut = size - shift % size if size else 0
    if cut in (0, size):
        return x
    return ctx.call("Concat", ctx.slice(x, at, cut, size), ctx.slice(x, at, 0, cut), axis=at)


@operation("Pad")
def pad(ctx: LayerContext) -> Value:
    x, width = single(ctx), setting(ctx, 1, "pad_width")
    pairs = [(width, width)] if isinstance(width, int) else [tuple(p) if isinstance(p, list | tuple) else (p, p) for p in width]
    if len(pairs) == 1:
        pairs = pairs * len(x.shape)
    mode = {"constant": "constant", "reflect": "reflect", "edge": "edge"}.get(str(setting(ctx, 2, "mode", "constant")))
    if mode is None:
        raise Unsupported(f"mode={setting(ctx, 2, 'mode')!r} is not supported.")
    value = ctx.argument(3, "constant_values")
    fill = None if value is None or isinstance(value, Tensor) else literal(ctx, value, x.dtype)
    return ctx.call("Pad", x, ctx.i64(*(int(p[0]) for p in pairs), *(int(p[1]) for p in pairs)), fill, mode=mode)


@operation("Tril", "Triu")
def triangle(ctx: LayerContext) -> Value:
    return ctx.call("Trilu", single(ctx), ctx.const(np.asarray(int(setting(ctx, 1, "k", 0)), np.int64)), upper=ctx.op == "Triu")
