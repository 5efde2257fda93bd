"""Shapes: reshape with MXNet's codes, transposes, joins, slices, pads, constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64, Dim
from edgekit_converters.importing.layers import flatten
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.mxnet.context import MxnetContext, converts

#: an entry of a new shape: a size, -1 for what is left, or axes whose sizes are multiplied
Entry = int | list[int]
MAX_PARTS = 1 << 16
END, START = (1 << 31) - 1, -(1 << 31) + 1


@converts("Reshape", "reshape")
def reshape(ctx: MxnetContext) -> Value:
    """0 copies a dimension, -1 takes what is left, -2 copies the rest, -3 multiplies two, -4 splits one."""
    x = ctx.input(0)
    codes = ctx.get_ints("shape", [])
    if not codes:  # before 0.7
        target = ctx.get_ints("target_shape")
        return reshaped(ctx, x, [-1 if d == 0 else d for d in target])
    backwards = ctx.get_bool("reverse", False)
    axes = list(range(len(x.shape)))
    entries = decode(x, codes[::-1] if backwards else codes, axes[::-1] if backwards else axes)
    return reshaped(ctx, x, entries[::-1] if backwards else entries)


def decode(x: Value, codes: Sequence[int], axes: Sequence[int]) -> list[Entry]:
    """What a list of codes means for ``x`` (InferReshapeShape in src/operator/tensor/matrix_op-inl.h)."""
    entries: list[Entry] = []
    at, rest = 0, iter(codes)

    def take() -> int:
        nonlocal at
        at += 1
        if at > len(axes):
            raise MalformedModelError(f"shape={list(codes)} names more dimensions than {list(x.shape)} has")
        return axes[at - 1]

    for code in rest:
        if code == 0:
            entries.append([take()])
        elif code == -1:
            entries.append(-1)
            at += 1
        elif code == -2:
            entries += [[a] for a in axes[at:]]
            at = len(axes)
        elif code == -3:
            entries.append([take(), take()])
        elif code == -4:
            size, first, second = x.shape[take()], next(rest, None), next(rest, None)
            if first is None or second is None or (first == second == -1):
                raise MalformedModelError(f"shape={list(codes)}: -4 needs two sizes, of which one may be -1")
            entries += [share(size, second) if first == -1 else first, share(size, first) if second == -1 else second]
        elif code > 0:
            entries.append(code)
            at += 1
        else:
            raise MalformedModelError(f"shape={list(codes)} holds {code}")
    return entries


def share(size: Dim, by: int) -> int:
    if by < 1 or (isinstance(size, int) and size % by):
        raise MalformedModelError(f"a dimension of {size} does not split into {by}")
    return size // by if isinstance(size, int) else -1


def reshaped(ctx: MxnetContext, x: Value, entries: Sequence[Entry]) -> Value:
    """A reshape; -1 stays open where sizes are symbolic."""
    if entries.count(-1) > 1:
        raise MalformedModelError("a shape leaves two dimensions open")
    if -1 not in entries:
        return ctx.regroup(x, entries)
    sizes: list[Dim] = []
    for e in entries:
        d: Dim = e if isinstance(e, int) else 1
        for a in e if not isinstance(e, int) else ():
            d = d * x.shape[a]
        sizes.append(d)
    if all(isinstance(d, int) for d in sizes):
        return ctx.reshape(x, [d for d in sizes if isinstance(d, int)])
    parts = [ctx.i64(e) if isinstance(e, int) else ctx.product_of_dims(x, e) for e in entries]
    return ctx.call("Reshape", x, ctx.call("Concat", *parts, axis=0), allow_zero=True)


@converts("_np_reshape", "_npi_reshape", "_npx_reshape")
def numpy_reshape(ctx: MxnetContext) -> Value:
    """numpy's; ``npx`` adds -2 to copy a dimension, -3 to skip one of size 1, -4 to copy the rest, -5 to multiply two, -6 to split one."""
    x, codes = ctx.input(0), ctx.get_ints("newshape", [])
    if ctx.op == "_npx_reshape":
        if -3 in codes or ctx.get_bool("reverse", False):
            raise Unsupported(f"newshape={codes} is not supported.")
        codes = [{-2: 0, -4: -2, -5: -3, -6: -4}.get(c, c) for c in codes]
        return reshaped(ctx, x, decode(x, codes, range(len(x.shape))))
    return reshaped(ctx, x, codes)


@converts("reshape_like", "_npx_reshape_like")
def reshape_like(ctx: MxnetContext) -> Value:
    if any(ctx.has(k) for k in ("lhs_begin", "lhs_end", "rhs_begin", "rhs_end")):
        raise Unsupported("reshape_like of a part of the dimensions is not supported.")
    x, like = ctx.input(0), ctx.input(1)
    return ctx.reshape(x, like.type.static_shape()) if like.type.is_static else ctx.call("Reshape", x, ctx.shape_of(like), allow_zero=True)


@converts("Flatten", "flatten", "_npx_batch_flatten")
def flat(ctx: MxnetContext) -> Value:
    return flatten(ctx, ctx.input(0))


@converts("transpose", "_np_transpose", "_npi_transpose")
def transpose(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    axes = [ctx.axis(a, len(x.shape)) for a in ctx.get_ints("axes", [])]
    return ctx.transpose(x, axes or list(range(len(x.shape)))[::-1])


@converts("SwapAxis", "swapaxes", "_npi_swapaxes")
def swap(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    perm = list(range(len(x.shape)))
    a, b = (ctx.axis(ctx.get_int(k, 0), len(perm)) for k in ("dim1", "dim2"))
    perm[a], perm[b] = perm[b], perm[a]
    return ctx.transpose(x, perm)


@converts("expand_dims", "_npi_expand_dims")
def expand_dims(ctx: MxnetContext) -> Value:
    return ctx.unsqueeze(ctx.input(0), [ctx.get_int("axis")])


@converts("squeeze", "_np_squeeze", "_npi_squeeze")
def squeeze(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    rank = len(x.shape)
    axes = [ctx.axis(a, rank) for a in ctx.get_ints("axis", [])] or [i for i, d in enumerate(x.shape) if d == 1]
    if any(isinstance(x.shape[a], int) and x.shape[a] != 1 for a in axes):
        raise MalformedModelError(f"axes {axes} of {list(x.shape)} are not all of size 1")
    left: list[Entry] = [[i] for i in range(rank) if i not in axes]
    return ctx.reshape(x, ()) if not left and ctx.op.startswith("_np") else ctx.regroup(x, left or [1])


@converts("Concat", "concat", "_rnn_param_concat", "_npi_concatenate")
def concat(ctx: MxnetContext) -> Value:
    xs = ctx.present()
    axis = ctx.get_int("dim", 1) if ctx.op != "_npi_concatenate" else ctx.get_int("axis", 0)
    if all(x.const is not None for x in xs):  # the weights of a recurrent layer
        return ctx.const(np.concatenate([x.const for x in xs if x.const is not None], axis))
    return ctx.call("Concat", *xs, axis=ctx.axis(axis, len(xs[0].shape)))


@converts("stack", "_npi_stack")
def stack(ctx: MxnetContext) -> Value:
    xs = ctx.present()
    axis = ctx.axis(ctx.get_int("axis", 0), len(xs[0].shape) + 1)
    return ctx.call("Concat", *(ctx.unsqueeze(x, [axis]) for x in xs), axis=axis)


@converts("SliceChannel", "split", "_npx_slice_channel")
def split(ctx: MxnetContext) -> list[Value]:
    x, count = ctx.input(0), ctx.get_int("num_outputs")
    axis = ctx.axis(ctx.get_int("axis", 1), len(x.shape))
    size = ctx.static(x.shape[axis], "the size that is split")
    if not 1 <= count <= min(size, MAX_PARTS) or size % count:
        raise MalformedModelError(f"a dimension of {size} does not split into {count}")
    parts = ctx.call_multi("Split", x, axis=axis, sizes=(size // count,) * count) if count > 1 else (x,)
    if not ctx.get_bool("squeeze_axis", False):
        return list(parts)
    if size != count:
        raise MalformedModelError("squeeze_axis needs parts of size 1")
    kept: list[Entry] = [[i] for i in range(len(x.shape)) if i != axis]
    return [ctx.regroup(p, kept) for p in parts]


@converts("_split_v2", "split_v2", "_npi_split")
def split_v2(ctx: MxnetContext) -> list[Value]:
    """Equal ``sections``, or the parts that begin at ``indices`` (the first of which is 0)."""
    x = ctx.input(0)
    axis = ctx.axis(ctx.get_int("axis", 1), len(x.shape))
    size, sections = ctx.static(x.shape[axis], "the size that is split"), ctx.get_int("sections", 0)
    if sections:
        if not 1 <= sections <= min(size, MAX_PARTS) or size % sections:
            raise MalformedModelError(f"a dimension of {size} does not split into {sections}")
        bounds = list(range(0, size, size // sections))
    else:
        bounds = ctx.get_ints("indices")
    bounds = [*bounds, size] if bounds and bounds[0] == 0 else [0, *bounds, size]
    sizes = [b - a for a, b in pairwise(bounds)]
    if min(sizes) < 0:
        raise MalformedModelError(f"indices {bounds[:-1]} do not ascend within {size}")
    parts = list(ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes))) if len(sizes) > 1 else [x]
    if not ctx.get_bool("squeeze_axis", False):
        return parts
    kept: list[Entry] = [[i] for i in range(len(x.shape)) if i != axis]
    return [ctx.regroup(p, kept) for p in parts]


def sliced(ctx: MxnetContext, x: Value, cuts: Sequence[tuple[int, int | None, int | None, int]]) -> Value:
    """(axis, begin, end, step) cuts with Python's meaning of None."""
    cuts = [c for c in cuts if c[1:] != (None, None, 1)]
    if not cuts:
        return x
    begins = [(0 if s > 0 else END) if b is None else b for _, b, _, s in cuts]
    ends = [(END if s > 0 else START) if e is None else e for _, _, e, s in cuts]
    return ctx.call("Slice", x, ctx.i64(*begins), ctx.i64(*ends), ctx.i64(*(c[0] for c in cuts)), ctx.i64(*(c[3] for c in cuts)))


@converts("slice", "crop", "_npi_slice", "_npx_slice")
def slice_(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    begins, ends, steps = (ctx.get_optional_ints(k, []) for k in ("begin", "end", "step"))
    if len(begins) > len(x.shape) or len(ends) != len(begins) or (steps and len(steps) != len(begins)):
        raise MalformedModelError(f"begin={begins}, end={ends} and step={steps} do not fit {list(x.shape)}")
    steps = steps or [None] * len(begins)
    if 0 in steps:
        raise MalformedModelError("a step of 0")
    return sliced(ctx, x, [(i, b, e, s or 1) for i, (b, e, s) in enumerate(zip(begins, ends, steps, strict=True))])


@converts("slice_axis")
def slice_axis(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    end = ctx.get_int("end") if ctx.has("end") else None
    return sliced(ctx, x, [(ctx.axis(ctx.get_int("axis"), len(x.shape)), ctx.get_int("begin"), end, 1)])


@converts("slice_like")
def slice_like(ctx: MxnetContext) -> Value:
    x, like = ctx.input(0), ctx.input(1)
    axes = [ctx.axis(a, len(x.shape)) for a in ctx.get_ints("axes", [])] or list(range(len(x.shape)))
    if max(axes, default=0) >= len(like.shape):
        raise MalformedModelError(f"axes {axes} are not all in {list(like.shape)}")
    ends = [ctx.i64(like.shape[a]) if isinstance(like.shape[a], int) else ctx.product_of_dims(like, [a]) for a in axes]
    end = ctx.call("Concat", *ends, axis=0) if len(ends) > 1 else ends[0]
    return ctx.call("Slice", x, ctx.i64(*[0] * len(axes)), end, ctx.i64(*axes))


@converts("Crop")
def crop(ctx: MxnetContext) -> Value:
    """Cut height and width to ``h_w`` or to the second input's, from an offset or around the centre."""
    x = ctx.input(0)
    like = ctx.optional(1)
    want = list(like.shape[2:4]) if like is not None else ctx.get_ints("h_w", [0, 0])
    sizes = [ctx.static(d, "the size to crop to") for d in want]
    offset = ctx.get_ints("offset", [0, 0])
    if ctx.get_bool("center_crop", False):
        offset = [(ctx.static(d, "the size that is cropped") - s) // 2 for d, s in zip(x.shape[2:4], sizes, strict=True)]
    return sliced(ctx, x, [(2 + i, o, o + s, 1) for i, (o, s) in enumerate(zip(offset, sizes, strict=True))])


@converts("Pad", "pad", "_npi_pad", "_npx_pad")
def pad(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    widths = ctx.get_ints("pad_width")
    if len(widths) != 2 * len(x.shape) or min(widths, default=0) < 0:
        raise MalformedModelError(f"pad_width={widths} does not fit an input of rank {len(x.shape)}")
    mode = ctx.get_choice("mode", "constant", ("constant", "edge", "reflect"))
    value = ctx.like(ctx.get_float("constant_value", ctx.get_float("constant_values", 0.0)), x) if mode == "constant" else None
    return ctx.call("Pad", x, ctx.i64(*widths[::2], *widths[1::2]), value, mode=mode)


@converts("tile", "_npi_tile")
def tile(ctx: MxnetContext) -> Value:
    x, reps = ctx.input(0), ctx.get_ints("reps")
    if len(reps) > len(x.shape):
        x = ctx.unsqueeze(x, range(len(reps) - len(x.shape)))
    return ctx.call("Tile", x, ctx.i64(*[1] * (len(x.shape) - len(reps)), *reps))


@converts("repeat", "_np_repeat", "_npi_repeat")
def repeat(ctx: MxnetContext) -> Value:
    """Each element several times: a new dimension behind the axis, tiled and merged into it."""
    x, times = ctx.input(0), ctx.get_int("repeats")
    if not ctx.has("axis"):
        x = flatten(ctx, x, 0)
    axis, rank = ctx.axis(ctx.get_int("axis", 0), len(x.shape)), len(x.shape)
    wide = ctx.unsqueeze(x, [axis + 1])
    tiled = ctx.call("Tile", wide, ctx.i64(*[times if i == axis + 1 else 1 for i in range(rank + 1)]))
    return ctx.regroup(tiled, [*([i] for i in range(axis)), [axis, axis + 1], *([i] for i in range(axis + 2, rank + 1))])


@converts("reverse", "flip", "_npi_flip")
def reverse(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    axes = [ctx.axis(a, len(x.shape)) for a in ctx.get_ints("axis", list(range(len(x.shape))))]
    return sliced(ctx, x, [(a, None, None, -1) for a in axes])


@converts("broadcast_to", "_np_broadcast_to", "_npi_broadcast_to")
def broadcast_to(ctx: MxnetContext) -> Value:
    """0 keeps a dimension."""
    x, shape = ctx.input(0), ctx.get_ints("shape")
    return ctx.call("Expand", x, ctx.i64(*(d or 1 for d in shape)))


@converts("broadcast_axis", "broadcast_axes")
def broadcast_axis(ctx: MxnetContext) -> Value:
    x, shape = ctx.input(0), [1] * len(ctx.input(0).shape)
    for a, size in zip(ctx.get_ints("axis", []), ctx.get_ints("size", []), strict=True):
        shape[ctx.axis(a, len(shape))] = size
    return ctx.call("Expand", x, ctx.i64(*shape))


@converts("broadcast_like")
def broadcast_like(ctx: MxnetContext) -> Value:
    if ctx.has("lhs_axes") or ctx.has("rhs_axes"):
        raise Unsupported("broadcast_like along chosen axes is not supported.")
    x, like = ctx.input(0), ctx.input(1)
    return ctx.call("Expand", x, ctx.i64(*like.type.static_shape()) if like.type.is_static else ctx.shape_of(like))


@converts("shape_array", "size_array")
def shape_array(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    return ctx.call("Shape", x) if ctx.op == "shape_array" else ctx.reshape(ctx.call("Size", x), (1,))


@converts("_zeros", "_ones", "_full", "_npi_zeros", "_npi_ones", "_npi_full", "_zeros_without_dtype")
def filled(ctx: MxnetContext) -> Value:
    """A constant; sizes of 0 are unknown and stay, for the operators that settle them (states of recurrent layers)."""
    shape = ctx.get_ints("shape", [])
    ctx.computed(shape)
    value = ctx.get_float("value", 0.0) if ctx.op.endswith("full") else float(ctx.op.endswith("ones"))
    return ctx.const(np.full(shape, value, ctx.get_dtype("dtype", F32).numpy))


@converts("zeros_like", "ones_like", "_npi_zeros_like", "_npi_ones_like", "_np_zeros_like", "_np_ones_like")
def filled_like(ctx: MxnetContext) -> Value:
    x = ctx.input(0)
    number = ctx.like(int("ones" in ctx.op), x)
    return ctx.call("Expand", number, ctx.i64(*x.type.static_shape()) if x.type.is_static else ctx.shape_of(x))


@converts("_arange", "_npi_arange")
def arange(ctx: MxnetContext) -> Value:
    start, step, repeats = ctx.get_float("start", 0.0), ctx.get_float("step", 1.0), ctx.get_int("repeat", 1)
    stop = ctx.get_float("stop") if ctx.has("stop") else None
    if stop is None:
        start, stop = 0.0, start
    if not step or not math.isfinite(start + stop + step) or not 1 <= repeats <= MAX_PARTS:
        raise MalformedModelError(f"a range from {start} to {stop} in steps of {step}, {repeats} times")
    ctx.computed((max(0, math.ceil((stop - start) / step)), repeats))
    return ctx.const(np.repeat(np.arange(start, stop, step), repeats).astype(ctx.get_dtype("dtype", F32).numpy))


@converts("_contrib_arange_like", "_npx_arange_like")
def arange_like(ctx: MxnetContext) -> Value:
    x, start, step = ctx.input(0), ctx.get_float("start", 0.0), ctx.get_float("step", 1.0)
    if ctx.get_int("repeat", 1) != 1:
        raise Unsupported("repeat of arange_like is not supported.")
    if ctx.has("axis"):
        shape: Sequence[Dim] = (x.shape[ctx.axis(ctx.get_int("axis"), len(x.shape))],)
    else:
        shape = x.shape
    sizes = [ctx.static(d, "the size of a range") for d in shape]
    ctx.computed(sizes)
    count = int(np.prod(sizes))
    return ctx.const((start + step * np.arange(count)).astype(x.dtype.numpy).reshape(sizes))


@converts("depth_to_space", "space_to_depth")
def blocks(ctx: MxnetContext) -> Value:
    op = "DepthToSpace" if ctx.op == "depth_to_space" else "SpaceToDepth"
    return ctx.call(op, ctx.input(0), block_size=ctx.get_int("block_size"), layout="NCHW")


@converts("diag", "_np_diag")
def diag(ctx: MxnetContext) -> Value:
    """The diagonal of a matrix."""
    x, k = ctx.input(0), ctx.get_int("k", 0)
    if len(x.shape) != 2:
        raise Unsupported(f"the diagonal of a tensor of rank {len(x.shape)} is not supported.")
    rows, columns = ctx.static_shape(x, "the matrix")
    ctx.computed((min(rows, columns), 2))
    first = np.arange(max(0, -k), max(0, -k, min(rows, columns - k)), dtype=np.int64)
    return ctx.call("GatherND", x, ctx.const(np.stack([first, first + k], axis=1), I64))
