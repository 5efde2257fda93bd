"""Operators that give elements another shape, order or number."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I64
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.operators.slicing import INT_MAX
from edgekit_converters.tflite.registry import converts


@converts("RESHAPE")
def reshape(ctx: NodeContext) -> Value | Sequence[Value]:
    """The shape is an input, or an option; -1 is whatever is left."""
    z = ctx.complex_or_none()
    given = ctx.optional(1)
    by_option = given is None or len(given.shape) != 1
    to = ctx.i64(*(int(d) for d in ctx.options.new_shape)) if by_option or given is None else ctx.cast(given, I64)
    if z is not None:
        return ctx.give_complex(ctx.call("Reshape", z, ctx.call("Concat", to, ctx.i64(2), axis=0), allow_zero=True))
    return ctx.call("Reshape", ctx.input(0), to, allow_zero=True)


@converts("SQUEEZE")
def squeeze(ctx: NodeContext) -> Value | Sequence[Value]:
    """Drop dimensions of 1: the named ones, or all."""
    z = ctx.complex_or_none()
    x = ctx.input(0) if z is None else z
    rank = len(x.shape) - (z is not None)
    named = {ctx.axis(int(d), rank) for d in ctx.options.dims} or {i for i, d in enumerate(x.shape[:rank]) if d == 1}
    if any(x.shape[i] != 1 for i in named):
        raise MalformedModelError(f"dimensions {sorted(named)} of the shape {list(x.shape[:rank])} are not all 1")
    y = ctx.regroup(x, [d for i, d in enumerate(x.shape) if i not in named])
    return y if z is None else ctx.give_complex(y)


@converts("EXPAND_DIMS")
def expand_dims(ctx: NodeContext) -> Value | Sequence[Value]:
    """Insert a dimension of 1."""
    z = ctx.complex_or_none()
    x = ctx.input(0) if z is None else z
    (axis,) = ctx.constant_ints(1, "the axis")
    y = ctx.unsqueeze(x, ctx.axis(axis, len(x.shape) + (z is None)))
    return y if z is None else ctx.give_complex(y)


@converts("TRANSPOSE")
def transpose(ctx: NodeContext) -> Value:
    """Permute dimensions."""
    x = ctx.input(0)
    perm = [ctx.axis(p, len(x.shape)) for p in ctx.constant_ints(1, "the permutation")]
    return ctx.call("Transpose", x, perm=tuple(perm))


def concat(ctx: NodeContext, values: Sequence[Value], axis: int) -> Value:
    """Join values; quantized ones in the output's scale first."""
    quant = ctx.out.quant
    if any(v.quant is not None for v in values):
        if quant is not None:
            values = [ctx.quantized(v, ctx.out.dtype, quant) for v in values]
        else:
            values = [ctx.as_real(v) for v in values]
    return ctx.call("Concat", *values, axis=axis)


@converts("CONCATENATION")
def concatenation(ctx: NodeContext) -> Value:
    """Join along an axis."""
    values = ctx.present()
    y = concat(ctx, values, ctx.axis(int(ctx.options.axis), len(values[0].shape)))
    return ctx.activate(y, done=False)


@converts("PACK")
def pack(ctx: NodeContext) -> Value:
    """Stack along a new axis."""
    values = ctx.present()
    axis = ctx.axis(int(ctx.options.axis), len(values[0].shape) + 1)
    return concat(ctx, [ctx.unsqueeze(v, axis) for v in values], axis)


@converts("UNPACK")
def unpack(ctx: NodeContext) -> list[Value]:
    """The slices along an axis, without it."""
    x = ctx.input(0)
    axis = ctx.axis(int(ctx.options.axis), len(x.shape))
    n = ctx.static(x.shape[axis], "the dimension to unpack")
    if n != len(ctx.outputs):
        raise MalformedModelError(f"a dimension of {n} is unpacked into {len(ctx.outputs)} outputs")
    parts = ctx.call_multi("Split", x, axis=axis, sizes=(1,) * n)
    return [ctx.regroup(p, [d for i, d in enumerate(p.shape) if i != axis]) for p in parts]


@converts("SPLIT")
def split(ctx: NodeContext) -> list[Value]:
    """Equal parts along an axis."""
    x = ctx.input(1)
    (axis,) = ctx.constant_ints(0, "the axis")
    axis = ctx.axis(axis, len(x.shape))
    n, parts = ctx.static(x.shape[axis], "the dimension to split"), int(ctx.options.splits)
    if parts != len(ctx.outputs):
        raise MalformedModelError(f"{parts} parts go into {len(ctx.outputs)} outputs")
    if parts < 1 or n % parts:
        raise MalformedModelError(f"a dimension of {n} does not split into {parts} parts")
    return list(ctx.call_multi("Split", x, axis=axis, sizes=(n // parts,) * parts))


@converts("SPLIT_V")
def split_v(ctx: NodeContext) -> list[Value]:
    """Parts of given sizes along an axis; one may be -1."""
    x = ctx.input(0)
    sizes = ctx.constant_ints(1, "the sizes")
    (axis,) = ctx.constant_ints(2, "the axis")
    axis = ctx.axis(axis, len(x.shape))
    if -1 in sizes:
        rest = ctx.static(x.shape[axis], "the dimension to split") - sum(s for s in sizes if s >= 0)
        sizes = [rest if s == -1 else s for s in sizes]
    return list(ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes)))


@converts("SHAPE")
def shape(ctx: NodeContext) -> Value:
    """The shape as a list."""
    return ctx.call("Shape", ctx.input(0))


@converts("PAD", "PADV2")
def pad(ctx: NodeContext) -> Value:
    """Pad with zero (the zero point), or with a given number."""
    value = ctx.optional(2)
    if value is not None and len(value.shape) == 1:
        value = ctx.reshape(value, ())
    x = ctx.input(0)
    if value is not None and x.quant is not None:
        value = ctx.quantized(value, x.dtype, x.quant) if value.quant != x.quant else value
    return ctx.call("Pad", x, _pads(ctx), value)


def _pads(ctx: NodeContext) -> Value:
    """[rank, 2] to begins, then ends."""
    pads = ctx.numbers(ctx.input(1))
    if pads is None:
        return ctx.call("Reshape", ctx.call("Transpose", ctx.i64_input(1), perm=(1, 0)), ctx.i64(-1))
    if pads.ndim != 2 or pads.shape[1] != 2:
        raise MalformedModelError(f"pads of shape {list(pads.shape)}")
    return ctx.i64(*(int(p) for p in pads.T.reshape(-1)))


@converts("MIRROR_PAD")
def mirror_pad(ctx: NodeContext) -> Value:
    """Pad with reflections: without the edge (mode 0), or with it (mode 1)."""
    if int(ctx.options.mode) == 0:
        return ctx.call("Pad", ctx.input(0), _pads(ctx), mode="reflect")
    y = ctx.input(0)
    for axis, (before, after) in enumerate(ctx.constant_input(1, "the pads").tolist()):
        n = ctx.static(y.shape[axis], "a dimension with symmetric padding")
        if before == after == 0:
            continue
        ctx.computed((n + abs(int(before)) + abs(int(after)),))
        places = np.pad(np.arange(n), (int(before), int(after)), mode="symmetric").astype(np.int64)
        y = ctx.call("Gather", y, ctx.const(places), axis=axis)
    return y


@converts("TILE")
def tile(ctx: NodeContext) -> Value:
    """Repeat along each dimension."""
    return ctx.call("Tile", ctx.input(0), ctx.i64_input(1))


@converts("BROADCAST_TO")
def broadcast_to(ctx: NodeContext) -> Value:
    """Repeat dimensions of 1."""
    return ctx.call("Expand", ctx.input(0), ctx.i64_input(1))


@converts("FILL")
def fill(ctx: NodeContext) -> Value:
    """A number in every place."""
    return ctx.call("Expand", ctx.input(1), ctx.i64_input(0))


@converts("RANGE")
def range_(ctx: NodeContext) -> Value:
    """``start, start + delta, ...`` below ``limit``."""
    return ctx.call("Range", ctx.input(0), ctx.input(1), ctx.input(2))


@converts("REVERSE_V2")
def reverse(ctx: NodeContext) -> Value:
    """Reverse some axes."""
    x = ctx.input(0)
    axes = [ctx.axis(a, len(x.shape)) for a in ctx.constant_ints(1, "the axes")]
    n = len(axes)
    return ctx.call("Slice", x, ctx.i64(*[-1] * n), ctx.i64(*[-INT_MAX] * n), ctx.i64(*axes), ctx.i64(*[-1] * n))


@converts("REVERSE_SEQUENCE")
def reverse_sequence(ctx: NodeContext) -> Value:
    """Reverse the first elements of each sequence."""
    return ctx.call(
        "ReverseSequence", ctx.input(0), ctx.i64_input(1), time_axis=int(ctx.options.seq_dim), batch_axis=int(ctx.options.batch_dim)
    )


@converts("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
def depth_space(ctx: NodeContext) -> Value:
    """Blocks of channels to positions, and back."""
    name = "DepthToSpace" if ctx.op == "DEPTH_TO_SPACE" else "SpaceToDepth"
    return ctx.call(name, ctx.input(0), block_size=int(ctx.options.block_size), layout="NHWC")


@converts("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
def space_batch(ctx: NodeContext) -> Value:
    """Blocks of positions to the batch, and back."""
    x = ctx.input(0)
    block = ctx.constant_ints(1, "the block shape")
    margins = ctx.constant_input(2, "the paddings").reshape(-1, 2).astype(np.int64).tolist()
    m, rank = len(block), len(x.shape)
    if len(margins) != m or m + 1 > rank or min(block) < 1:
        raise MalformedModelError(f"a block shape {block} with {len(margins)} paddings for a tensor of rank {rank}")
    dims = [ctx.static(d, "every dimension") for d in x.shape]
    tail = list(range(m + 1, rank))
    if ctx.op == "SPACE_TO_BATCH_ND":
        before, after = [0, *(int(p[0]) for p in margins), *[0] * len(tail)], [0, *(int(p[1]) for p in margins), *[0] * len(tail)]
        y = ctx.call("Pad", x, ctx.i64(*before, *after))
        sizes = [dims[i + 1] + before[i + 1] + after[i + 1] for i in range(m)]
        if any(s % b for s, b in zip(sizes, block, strict=True)):
            raise MalformedModelError(f"padded sizes {sizes} are no multiples of the block {block}")
        y = ctx.reshape(y, [dims[0], *(n for s, b in zip(sizes, block, strict=True) for n in (s // b, b)), *(dims[i] for i in tail)])
        order = [2 * i + 2 for i in range(m)] + [0] + [2 * i + 1 for i in range(m)] + [2 * m + 1 + k for k in range(len(tail))]
        y = ctx.call("Transpose", y, perm=tuple(order))
        return ctx.reshape(y, [dims[0] * math.prod(block), *(s // b for s, b in zip(sizes, block, strict=True)), *(dims[i] for i in tail)])
    batch = dims[0] // math.prod(block)
    y = ctx.reshape(x, [*block, batch, *dims[1:]])
    order = [m] + [k for i in range(m) for k in (m + 1 + i, i)] + [2 * m + 1 + k for k in range(len(tail))]
    y = ctx.call("Transpose", y, perm=tuple(order))
    sizes = [dims[i + 1] * block[i] for i in range(m)]
    y = ctx.reshape(y, [batch, *sizes, *(dims[i] for i in tail)])
    starts = [int(p[0]) for p in margins]
    ends = [s - int(p[1]) for s, p in zip(sizes, margins, strict=True)]
    return ctx.call("Slice", y, ctx.i64(*starts), ctx.i64(*ends), ctx.i64(*range(1, m + 1)))


@converts("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
def resize(ctx: NodeContext) -> Value:
    """Interpolate the two middle dimensions."""
    x, o = ctx.input(0), ctx.options
    if len(x.shape) != 4:
        raise MalformedModelError(f"a resize of a tensor of rank {len(x.shape)}")
    height, width = ctx.constant_ints(1, "the size")
    batch, channels = ctx.static(x.shape[0], "the batch"), ctx.static(x.shape[3], "the channels")
    sizes = ctx.i64(batch, height, width, channels)
    if ctx.op == "RESIZE_BILINEAR":
        mode = "align_corners" if o.align_corners else "half_pixel" if o.half_pixel_centers else "asymmetric"
        return ctx.call("Resize", x, sizes, mode="linear", coordinate_mode=mode)
    # TensorFlow Lite's nearest neighbour: floor of the position, or the nearest one, ties upwards, with aligned corners
    mode = "align_corners" if o.align_corners else "tf_half_pixel_for_nn" if o.half_pixel_centers else "asymmetric"
    near = "round_prefer_ceil" if o.align_corners else "floor"
    return ctx.call("Resize", x, sizes, mode="nearest", coordinate_mode=mode, nearest_mode=near)


@converts("ONE_HOT")
def one_hot(ctx: NodeContext) -> Value:
    """1 where the index is, 0 elsewhere (or two given numbers)."""
    on, off = ctx.input(2), ctx.input(3)
    values = ctx.call("Concat", ctx.reshape(off, (1,)), ctx.reshape(on, (1,)), axis=0)
    return ctx.call("OneHot", ctx.input(0), ctx.cast(ctx.reshape(ctx.input(1), ()), I64), values, axis=int(ctx.options.axis))


@converts("WHERE")
def where(ctx: NodeContext) -> Value:
    """Indices of the elements that are not zero, one row each."""
    return ctx.call("Transpose", ctx.call("NonZero", ctx.real(0)), perm=(1, 0))


@converts("DENSIFY")
def densify(ctx: NodeContext) -> Value:
    """Sparse weights spelt out: constants are read that way already."""
    return ctx.input(0)
