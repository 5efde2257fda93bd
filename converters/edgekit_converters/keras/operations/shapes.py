"""Functions of keras.ops that reduce, multiply matrices, and move elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import BOOL, I32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.elementwise import literal, operand, operation, pair, promoted, real, single
from edgekit_converters.keras.tensors import Tensor, element_type, flatten


def setting(ctx: LayerContext, position: int, name: str, default: Any = None) -> Any:
    """A value from the operation's configuration, or else an argument of the call."""
    return ctx.config[name] if name in ctx.config else ctx.argument(position, name, default)


def axes_of(ctx: LayerContext, rank: int, given: Any) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None."""
    if given is None:
        return tuple(range(rank))
    return tuple(sorted(ctx.axis(int(a), rank) for a in (given if isinstance(given, list | tuple) else [given])))


# -- reductions -------------------------------------------------------------------------------------------------------------


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


# -- products ---------------------------------------------------------------------------------------------------------------


@operation("Matmul")
def matmul(ctx: LayerContext) -> Value:
    a, b = (real(ctx, v) for v in pair(ctx))
    return ctx.call("MatMul", a, b)


@operation("Dot")
def dot(ctx: LayerContext) -> Value:
    a, b = (real(ctx, v) for v in pair(ctx))
    if not a.shape or not b.shape:
        return ctx.call("Mul", a, b)
    if len(b.shape) > 2:
        raise Unsupported(f"a dot product with a second operand of rank {len(b.shape)} is not supported.")
    return ctx.call("MatMul", a, b)


@operation("Einsum")
def einsum(ctx: LayerContext) -> Value:
    """One or two operands, without repeated letters in one of them."""
    equation = str(setting(ctx, 9, "subscripts")).replace(" ", "")
    operands = promoted(ctx, *(t.value for t in ctx.arguments.args if isinstance(t, Tensor) and t.value is not None))
    left, _, out = equation.partition("->")
    labels = left.split(",")
    plain = all(len(set(x)) == len(x) == len(v.shape) and x.isalpha() for x, v in zip(labels, operands, strict=False))
    if "->" not in equation or not plain or len(labels) != len(operands) or not 1 <= len(operands) <= 2 or len(set(out)) != len(out):
        raise Unsupported(f"the equation {equation!r} is not supported.", "Write it with matmul, transpose and sum.")
    terms = []
    for i, (x, v) in enumerate(zip(labels, operands, strict=True)):
        others = out + "".join(labels[:i] + labels[i + 1 :])
        gone = tuple(k for k, c in enumerate(x) if c not in others)
        terms.append(("".join(c for c in x if c in others), ctx.call("ReduceSum", v, axes=gone, keepdims=False) if gone else v))
    if len(terms) == 1:
        return ctx.transpose(terms[0][1], [terms[0][0].index(c) for c in out])
    (la, a), (lb, b) = terms
    batch = [c for c in la if c in lb and c in out]
    summed = [c for c in la if c in lb and c not in out]
    rows, columns = [c for c in la if c not in lb], [c for c in lb if c not in la]
    if sorted(out) != sorted(batch + rows + columns):
        raise MalformedModelError(f"the equation {equation!r} cannot be read")
    n = len(batch)
    groups: list[int | Sequence[int]] = [[i] for i in range(n)]

    def arranged(v: Value, x: str, first: list[str], second: list[str]) -> Value:
        moved = ctx.transpose(v, [x.index(c) for c in batch + first + second])
        middle, end = n + len(first), n + len(first) + len(second)
        return ctx.regroup(moved, [*groups, list(range(n, middle)), list(range(middle, end))])

    y = ctx.call("MatMul", arranged(a, la, rows, summed), arranged(b, lb, summed, columns))
    sizes = {c: v.shape[x.index(c)] for x, v in ((la, a), (lb, b)) for c in x}
    if (len(rows), len(columns)) != (1, 1):
        y = ctx.to_shape(y, [sizes[c] for c in batch + rows + columns])
    order = batch + rows + columns
    return ctx.transpose(y, [order.index(c) for c in out])


@operation("DotProductAttention")
def attention(ctx: LayerContext) -> Value:
    """Queries, keys and values as [B, T, heads, size]."""
    q, k, v = (ctx.transpose(operand(ctx, i, n), [0, 2, 1, 3]) for i, n in enumerate(("query", "key", "value")))
    if ctx.argument(3, "bias") is not None or ctx.argument(4, "mask") is not None:
        raise Unsupported("bias and mask are not supported.")
    scale = setting(ctx, 5, "scale")
    y = ctx.call("Attention", q, k, v, None, scale=float(scale or 0.0), causal=bool(setting(ctx, 6, "is_causal", False)))
    return ctx.transpose(y, [0, 2, 1, 3])


# -- shapes -----------------------------------------------------------------------------------------------------------------


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


# -- indexing ---------------------------------------------------------------------------------------------------------------


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
