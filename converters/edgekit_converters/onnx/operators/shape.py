"""Operators that rearrange elements, and shape arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, F64, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators import computed_shapes
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.sequences import AnyValue

END = 2**31 - 1
MAX_PARTS = 1 << 20


@converts("Identity")
def identity(ctx: NodeContext) -> AnyValue:
    found = ctx.special(0)
    return ctx.input(0) if found is None else found


@converts("Constant")
def constant(ctx: NodeContext) -> Value:
    """One of the value attributes gives the tensor."""
    name = ctx.proto.output[0]
    if ctx.has("value"):
        return ctx.importer.session.mark_narrow(ctx.const(ctx.get_tensor("value"), name=name), ctx.tensor_code("value"))
    if ctx.has("sparse_value"):
        return ctx.const(ctx.get_sparse_tensor("sparse_value"), name=name)
    if ctx.has("value_float"):
        return ctx.const(np.asarray(ctx.get_float("value_float"), np.float32), name=name)
    if ctx.has("value_floats"):
        return ctx.const(np.asarray(ctx.get_floats("value_floats"), np.float32), name=name)
    if ctx.has("value_int"):
        return ctx.const(np.asarray(ctx.get_int("value_int"), np.int64), name=name)
    if ctx.has("value_ints"):
        return ctx.const(np.asarray(ctx.get_ints("value_ints"), np.int64), name=name)
    raise Unsupported("constants of strings are not supported", reason="unsupported-type")


@converts("ConstantOfShape", since=9)
def constant_of_shape(ctx: NodeContext) -> Value:
    value = ctx.get_tensor("value") if ctx.has("value") else np.zeros(1, np.float32)
    if value.size != 1:
        raise MalformedModelError(f"the value must have one element, not {value.size}")
    return ctx.call("Expand", ctx.const(value.reshape(())), ctx.as_i64(ctx.input(0)))


@converts("Shape")
def shape(ctx: NodeContext) -> Value:
    end = ctx.get_int("end", END)
    return ctx.call("Shape", ctx.input(0), start=ctx.get_int("start", 0), end=end)


@converts("Size")
def size(ctx: NodeContext) -> Value:
    return ctx.call("Size", ctx.input(0))


@converts("Reshape")
def reshape_by_attribute(ctx: NodeContext) -> Value:
    return ctx.call("Reshape", ctx.input(0), ctx.i64(*ctx.get_ints("shape")))


@converts("Reshape", since=5)
def reshape(ctx: NodeContext) -> Value:
    return ctx.call("Reshape", ctx.input(0), ctx.as_i64(ctx.input(1)), allow_zero=bool(ctx.get_int("allowzero", 0)))


@converts("Flatten")
def flatten(ctx: NodeContext) -> Value:
    x = ctx.input(0)
    rank = len(x.shape)
    axis = ctx.get_int("axis", 1)
    if not -rank <= axis <= rank:
        raise MalformedModelError(f"axis {axis} is outside a tensor of rank {rank}")
    axis = axis + rank if axis < 0 else axis
    return ctx.regroup(x, [list(range(axis)), list(range(axis, rank))])


def _computed_axes(ctx: NodeContext) -> Value | None:
    """Axes that are known only at run time."""
    axes = ctx.optional(1) if ctx.opset >= 13 else None
    return None if axes is None or axes.shape == (0,) or ctx.numbers(axes) is not None else ctx.as_i64(axes)


def _axes(ctx: NodeContext, since_input: int) -> list[int] | None:
    """The axes: an attribute at first, an input later, None where absent."""
    if ctx.opset < since_input:
        return ctx.get_ints("axes") if ctx.has("axes") else None
    axes = ctx.optional(1)
    return None if axes is None else [] if axes.shape == (0,) else ctx.constant_ints(1, "axes")


@converts("Squeeze")
def squeeze(ctx: NodeContext) -> Value:
    x, computed = ctx.input(0), _computed_axes(ctx)
    if computed is not None:
        return computed_shapes.squeeze(ctx, x, computed)
    rank, given = len(x.shape), _axes(ctx, 13)
    if given is None:
        gone = {i for i in range(rank) if ctx.static(x.shape[i], f"to squeeze without axes, dimension {i}") == 1}
    else:
        gone = {ctx.axis(a, rank) for a in given}
        wrong = [i for i in gone if isinstance(x.shape[i], int) and x.shape[i] != 1]
        if wrong:
            raise MalformedModelError(f"dimension {wrong[0]} is {x.shape[wrong[0]]}; only 1 can be squeezed")
    return ctx.regroup(x, [[i] for i in range(rank) if i not in gone])


@converts("Unsqueeze")
def unsqueeze(ctx: NodeContext) -> Value:
    computed = _computed_axes(ctx)
    if computed is not None:
        return computed_shapes.unsqueeze(ctx, ctx.input(0), computed)
    axes = _axes(ctx, 13)
    if axes is None:
        raise MalformedModelError("the axes are missing")
    return ctx.unsqueeze(ctx.input(0), axes)


@converts("Transpose")
def transpose(ctx: NodeContext) -> Value:
    x = ctx.input(0)
    perm = ctx.get_ints("perm", list(reversed(range(len(x.shape)))))
    if sorted(perm) != list(range(len(x.shape))):
        raise MalformedModelError(f"perm {perm} is not a permutation of the {len(x.shape)} dimensions")
    return ctx.transpose(x, perm)


@converts("Concat")
def concat(ctx: NodeContext) -> Value:
    values = ctx.present()
    axis = ctx.get_int("axis", 1) if ctx.opset < 4 else ctx.get_int("axis")
    return ctx.call("Concat", *values, axis=ctx.axis(axis, len(values[0].shape)))


@converts("Split")
def split(ctx: NodeContext) -> Sequence[Value]:
    x = ctx.input(0)
    axis = ctx.axis(ctx.get_int("axis", 0), len(x.shape))
    count = len(ctx.proto.output)
    given = ctx.optional(1) if ctx.opset >= 13 else None
    if given is not None and ctx.numbers(given) is None:
        return computed_shapes.split(ctx, x, axis, ctx.as_i64(given), count)
    if given is not None:
        sizes = ctx.constant_ints(1, "the sizes of the parts")
    elif ctx.opset < 13 and ctx.has("split"):
        sizes = ctx.get_ints("split")
    else:
        parts = ctx.get_int("num_outputs", count)
        if not 1 <= parts <= MAX_PARTS:
            raise MalformedModelError(f"{parts} parts are not possible")
        total = ctx.static(x.shape[axis], "a dimension split into equal parts")
        each = -(-total // parts)
        sizes = [each] * (parts - 1) + [total - each * (parts - 1)]
        if sizes[-1] < 0:
            raise MalformedModelError(f"a dimension of {total} does not split into {parts} parts")
    if len(sizes) != count:
        raise MalformedModelError(f"{len(sizes)} parts, but {count} outputs")
    return ctx.call_multi("Split", x, axis=axis, sizes=tuple(sizes))


@converts("Slice")
def slice_by_attributes(ctx: NodeContext) -> Value:
    starts, ends = ctx.get_ints("starts"), ctx.get_ints("ends")
    axes = ctx.get_ints("axes", list(range(len(starts))))
    return ctx.call("Slice", ctx.input(0), ctx.i64(*starts), ctx.i64(*ends), ctx.i64(*axes))


@converts("Slice", since=10)
def slice_(ctx: NodeContext) -> Value:
    rest = [None if v is None else ctx.as_i64(v) for v in (ctx.optional(i) for i in range(1, 5))]
    return ctx.call("Slice", ctx.input(0), *rest)


@converts("Tile", since=6)
def tile(ctx: NodeContext) -> Value:
    return ctx.call("Tile", ctx.input(0), ctx.as_i64(ctx.input(1)))


@converts("Expand", since=8)
def expand(ctx: NodeContext) -> Value:
    return ctx.call("Expand", ctx.input(0), ctx.as_i64(ctx.input(1)))


@converts("Pad")
def pad_by_attributes(ctx: NodeContext) -> Value:
    x = ctx.input(0)
    pads = ctx.get_ints("pads") if ctx.has("pads") else ctx.get_ints("paddings")
    value = ctx.like(ctx.get_float("value", 0.0), x)
    return ctx.call("Pad", x, ctx.i64(*pads), value, mode=ctx.get_string("mode", "constant"))


@converts("Pad", since=11)
def pad(ctx: NodeContext) -> Value:
    value, axes = ctx.optional(2), ctx.optional(3)
    value = None if value is None else ctx.cast(ctx.scalar(value), ctx.input(0).dtype)
    axes = None if axes is None else ctx.as_i64(axes)
    return ctx.call("Pad", ctx.input(0), ctx.as_i64(ctx.input(1)), value, axes, mode=ctx.get_string("mode", "constant"))


@converts("DepthToSpace")
def depth_to_space(ctx: NodeContext) -> Value:
    return ctx.call("DepthToSpace", ctx.input(0), block_size=ctx.get_int("blocksize"), mode=ctx.get_string("mode", "DCR"), layout="NCHW")


@converts("SpaceToDepth")
def space_to_depth(ctx: NodeContext) -> Value:
    return ctx.call("SpaceToDepth", ctx.input(0), block_size=ctx.get_int("blocksize"), layout="NCHW")


@converts("Range", since=11)
def range_(ctx: NodeContext) -> Value:
    return ctx.call("Range", *(ctx.scalar(ctx.input(i)) for i in range(3)))


@converts("EyeLike", since=9)
def eye_like(ctx: NodeContext) -> Value:
    x = ctx.input(0)
    if len(x.shape) != 2:
        raise MalformedModelError(f"an input of rank 2 is needed, got {len(x.shape)}")
    rows, columns = (ctx.static(d, "the size of the matrix") for d in x.shape)
    ctx.computed((rows, columns))
    return ctx.const(np.eye(rows, columns, ctx.get_int("k", 0), dtype=ctx.get_dtype("dtype", x.dtype).numpy))


@converts("Trilu", since=14)
def trilu(ctx: NodeContext) -> Value:
    k = ctx.optional(1)
    return ctx.call("Trilu", ctx.input(0), None if k is None else ctx.scalar(k), upper=bool(ctx.get_int("upper", 1)))


@converts("ReverseSequence", since=10)
def reverse_sequence(ctx: NodeContext) -> Value:
    time_axis, batch_axis = ctx.get_int("time_axis", 0), ctx.get_int("batch_axis", 1)
    return ctx.call("ReverseSequence", ctx.input(0), ctx.as_i64(ctx.input(1)), time_axis=time_axis, batch_axis=batch_axis)


@converts("Upsample", since=7)
def upsample_by_attribute(ctx: NodeContext) -> Value:
    return _upsample(ctx, ctx.const(np.asarray(ctx.get_floats("scales"), np.float32)))


@converts("Upsample", since=9)
def upsample(ctx: NodeContext) -> Value:
    return _upsample(ctx, ctx.input(1))


def _upsample(ctx: NodeContext, scales: Value) -> Value:
    mode = ctx.get_string("mode", "nearest").replace("bilinear", "linear")
    return ctx.call("Resize", ctx.input(0), None, scales, mode=mode, coordinate_mode="asymmetric", nearest_mode="floor")


@converts("Resize", since=10)
def resize_10(ctx: NodeContext) -> Value:
    return _upsample(ctx, ctx.input(1))


@converts("Resize", since=11)
def resize(ctx: NodeContext) -> Value:
    """Scales or sizes over some axes (opset 18) become scales or sizes over all."""
    x = ctx.input(0)
    rank = len(x.shape)
    axes = [ctx.axis(a, rank) for a in ctx.get_ints("axes", list(range(rank)))]
    scales, sizes, roi = _filled(ctx, 2), _filled(ctx, 3), _filled(ctx, 1)
    coordinate_mode = ctx.get_string("coordinate_transformation_mode", "half_pixel")
    policy = ctx.get_string("keep_aspect_ratio_policy", "stretch")
    if sizes is None and scales is None:
        raise MalformedModelError("neither scales nor sizes are given")
    if sizes is not None and policy != "stretch":
        sizes = _proportional_sizes(ctx, x, axes, sizes, policy)
        axes = list(range(rank))
    elif len(axes) < rank or axes != sorted(axes):
        scales, sizes = _over_all_axes(ctx, x, axes, scales, sizes)
    if roi is not None:
        roi = _full_roi(ctx, roi, ctx.get_ints("axes", list(range(rank))), rank) if coordinate_mode == "tf_crop_and_resize" else None
    return ctx.call(
        "Resize",
        x,
        None if sizes is None else ctx.as_i64(sizes),
        None if sizes is not None or scales is None else ctx.cast(scales, F32),
        roi,
        mode=ctx.get_string("mode", "nearest"),
        coordinate_mode=coordinate_mode,
        nearest_mode=ctx.get_string("nearest_mode", "round_prefer_floor"),
        cubic_a=ctx.get_float("cubic_coeff_a", -0.75),
        exclude_outside=bool(ctx.get_int("exclude_outside", 0)),
        extrapolation_value=ctx.get_float("extrapolation_value", 0.0),
        antialias=bool(ctx.get_int("antialias", 0)),
    )


def _filled(ctx: NodeContext, i: int) -> Value | None:
    """An input that is there and not empty: exporters pass empty tensors for absent ones."""
    v = ctx.optional(i)
    return None if v is None or v.shape == (0,) else v


def _over_all_axes(
    ctx: NodeContext, x: Value, axes: Sequence[int], scales: Value | None, sizes: Value | None
) -> tuple[Value | None, Value | None]:
    if scales is not None and sizes is None:
        ones = ctx.const(np.ones(len(x.shape), np.float32))
        return computed_shapes.filled(ctx, ones, list(axes), ctx.cast(scales, F32)), None
    assert sizes is not None
    parts = [ctx.call("Shape", x, start=i, end=i + 1) for i in range(len(x.shape))]
    for k, a in enumerate(axes):
        parts[a] = ctx.call("Slice", ctx.as_i64(sizes), ctx.i64(k), ctx.i64(k + 1))
    return None, ctx.call("Concat", *parts, axis=0)


def _proportional_sizes(ctx: NodeContext, x: Value, axes: Sequence[int], sizes: Value, policy: str) -> Value:
    """Sizes that keep the proportions: the smallest (not_larger) or largest (not_smaller) of the factors holds for all axes."""
    have = ctx.cast(ctx.call("Gather", ctx.shape_of(x), ctx.i64(*axes), axis=0), F64)
    factors = ctx.call("Div", ctx.cast(sizes, F64), have)
    factor = ctx.call("ReduceMin" if policy == "not_larger" else "ReduceMax", factors, keepdims=False)
    rounded = ctx.call("Floor", ctx.call("Add", ctx.call("Mul", factor, have), ctx.const(0.5, F64)))
    return computed_shapes.filled(ctx, ctx.shape_of(x), list(axes), ctx.as_i64(rounded))


def _full_roi(ctx: NodeContext, roi: Value, axes: Sequence[int], rank: int) -> Value:
    if len(axes) == rank and list(axes) == list(range(rank)):
        return ctx.cast(roi, F32)
    whole = ctx.const(np.concatenate([np.zeros(rank, np.float32), np.ones(rank, np.float32)]))
    at = [ctx.axis(a, rank) for a in axes]
    return computed_shapes.filled(ctx, whole, [*at, *(rank + a for a in at)], ctx.cast(roi, F32))


@converts("CenterCropPad", since=18)
def center_crop_pad(ctx: NodeContext) -> Value:
    """Cut to, or pad with zeros to, a size around the centre: pads below zero cut."""
    x, sizes = ctx.input(0), ctx.as_i64(ctx.input(1))
    rank = len(x.shape)
    axes = [ctx.axis(a, rank) for a in ctx.get_ints("axes", list(range(rank)))]
    more = ctx.call("Sub", sizes, ctx.call("Gather", ctx.shape_of(x), ctx.i64(*axes), axis=0))
    two, zero = ctx.const(2, I64), ctx.const(0, I64)
    # the smaller half goes first, whether elements are added or cut
    size = ctx.call("Abs", more)
    half = ctx.call("Div", ctx.call("Sub", size, ctx.call("Mod", size, two)), two)
    less = ctx.call("Less", more, zero)
    begin = ctx.call("Where", less, ctx.call("Neg", half), half)
    return ctx.call("Pad", x, ctx.call("Concat", begin, ctx.call("Sub", more, begin), axis=0), None, ctx.i64(*axes))


@converts("Col2Im", since=18)
def col2im(ctx: NodeContext) -> Value:
    lists = {k: tuple(ctx.get_ints(k)) for k in ("dilations", "pads", "strides") if ctx.has(k)}
    return ctx.call("Col2Im", ctx.input(0), ctx.as_i64(ctx.input(1)), ctx.as_i64(ctx.input(2)), **lists)
