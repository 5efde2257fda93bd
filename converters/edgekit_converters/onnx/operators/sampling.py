"""Operators that read a tensor at positions between its elements: composed of gathers and weighted sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.operators.computed_shapes import list_length
from edgekit_converters.onnx.registry import converts

MODES = {"bilinear": "linear", "linear": "linear", "nearest": "nearest", "bicubic": "cubic", "cubic": "cubic"}
CUBIC = -0.75


class _Axis:
    """Positions along one axis, float32, and how many elements the axis has."""

    def __init__(self, ctx: NodeContext, position: Value, size: int, padding: str, align: bool) -> None:
        self.ctx, self.size, self.padding = ctx, size, padding
        self.low, self.high = (0.0, size - 1.0) if align else (-0.5, size - 0.5)
        self.position = position

    def _f(self, op: str, a: Value, b: float) -> Value:
        return self.ctx.call(op, a, self.ctx.const(b, F32))

    def reflected(self, x: Value) -> Value:
        """``x`` mirrored at both ends until it lies inside."""
        span = self.high - self.low
        if span <= 0:
            return self._f("Add", self._f("Mul", x, 0.0), self.low)
        a = self._f("Sub", x, self.low)
        t = self.ctx.call("Sub", a, self._f("Mul", self.ctx.call("Floor", self._f("Mul", a, 1 / (2 * span))), 2 * span))
        mirrored = self.ctx.call("Abs", self._f("Sub", t, span))
        return self.ctx.call("Sub", self.ctx.const(self.low + span, F32), mirrored)

    def settle(self) -> None:
        """Bring positions outside to where the padding mode reads them."""
        if self.padding == "border":
            self.position = self.ctx.call("Clip", self.position, min=0.0, max=self.size - 1.0)
        elif self.padding == "reflection":
            self.position = self.reflected(self.position)

    def taps(self, mode: str) -> list[tuple[Value, Value | None]]:
        """Element positions (whole numbers in float32) and their weights, None for 1."""
        ctx = self.ctx
        if mode == "nearest":
            self.position = ctx.call("Round", self.position)
            self.settle()
            return [(ctx.call("Round", self.position), None)]
        self.settle()
        base = ctx.call("Floor", self.position)
        t = ctx.call("Sub", self.position, base)
        if mode == "linear":
            return [(base, ctx.call("Sub", ctx.const(1.0, F32), t)), (self._f("Add", base, 1.0), t)]
        return [(self._f("Add", base, float(k)) if k else base, self._cubic(t, k)) for k in (-1, 0, 1, 2)]

    def _cubic(self, t: Value, k: int) -> Value:
        """Keys' kernel at distance ``|t - k|``."""
        d = self.ctx.call("Abs", self._f("Sub", t, float(k)))
        if k in (0, 1):
            coefficients = (CUBIC + 2, -(CUBIC + 3), 0.0, 1.0)
        else:
            coefficients = (CUBIC, -5 * CUBIC, 8 * CUBIC, -4 * CUBIC)
        y = self.ctx.const(coefficients[0], F32)
        for c in coefficients[1:]:
            y = self._f("Add", self.ctx.call("Mul", y, d), c)
        return y

    def index(self, at: Value) -> tuple[Value, Value | None]:
        """An element position as an index inside the axis, and where it lay inside (None: everywhere)."""
        ctx = self.ctx
        if self.padding == "reflection":
            at = self.reflected(at)
        held = ctx.cast(ctx.call("Clip", at, min=0.0, max=self.size - 1.0), I64)
        if self.padding != "zeros":
            return held, None
        inside = ctx.call("Equal", ctx.call("Clip", at, min=0.0, max=self.size - 1.0), at)
        return held, inside


def sample(ctx: NodeContext, rows: Value, axes: Sequence[_Axis], mode: str, batch_dims: int) -> Value:
    """Weighted sums of elements.

    Args:
        ctx: the node.
        rows: [batch..., S, C] with S the product of the axes' sizes.
        axes: positions [batch..., P] along each axis.
        mode: ``nearest``, ``linear`` or ``cubic``.
        batch_dims: how many dimensions ``batch...`` are.

    Returns:
        [batch..., P, C].
    """
    total: Value | None = None
    for taps in product(*(a.taps(mode) for a in axes)):
        index: Value | None = None
        weight: Value | None = None
        for axis, (at, w) in zip(axes, taps, strict=True):
            i, inside = axis.index(at)
            index = i if index is None else ctx.call("Add", ctx.call("Mul", index, ctx.const(axis.size, I64)), i)
            if inside is not None:
                mask = ctx.cast(inside, F32)
                w = mask if w is None else ctx.call("Mul", w, mask)
            if w is not None:
                weight = w if weight is None else ctx.call("Mul", weight, w)
        assert index is not None
        picked = ctx.call("GatherND", rows, ctx.unsqueeze(index, [-1]), batch_dims=batch_dims)
        term = picked if weight is None else ctx.call("Mul", picked, ctx.unsqueeze(weight, [-1]))
        total = term if total is None else ctx.call("Add", total, term)
    assert total is not None
    return total


@converts("GridSample", since=16)
def grid_sample(ctx: NodeContext) -> Value:
    x, grid = ctx.input(0), ctx.cast(ctx.input(1), F32)
    mode, padding = ctx.get_string("mode", "linear"), ctx.get_string("padding_mode", "zeros")
    if mode not in MODES or padding not in ("zeros", "border", "reflection"):
        raise MalformedModelError(f"mode {mode!r} and padding_mode {padding!r} are not known")
    rank = len(x.shape) - 2
    if rank < 1 or len(grid.shape) != rank + 2 or grid.shape[-1] != rank:
        raise MalformedModelError(f"a grid of rank {rank + 2} whose last dimension is {rank} is needed")
    sizes = [ctx.static(d, "a sampled dimension") for d in x.shape[2:]]
    align = bool(ctx.get_int("align_corners", 0))
    real = ctx.cast(x, F32)
    rows = ctx.transpose(ctx.regroup(real, [[0], [1], list(range(2, rank + 2))]), (0, 2, 1))
    points = ctx.regroup(grid, [[0], list(range(1, rank + 1)), rank])
    axes = []
    for k, size in enumerate(sizes):
        g = ctx.call("Gather", points, ctx.const(rank - 1 - k, I64), axis=2)
        scale, offset = ((size - 1) / 2, (size - 1) / 2) if align else (size / 2, (size - 1) / 2)
        position = ctx.call("Add", ctx.call("Mul", g, ctx.const(scale, F32)), ctx.const(offset, F32))
        axes.append(_Axis(ctx, position, size, padding, align))
    y = ctx.transpose(sample(ctx, rows, axes, MODES[mode], 1), (0, 2, 1))
    out = [ctx.static(d, "a dimension of the grid") for d in grid.shape[1:-1]]
    return ctx.cast(ctx.regroup(y, [[0], [1], *out]), x.dtype)


@converts("AffineGrid", since=20)
def affine_grid(ctx: NodeContext) -> Value:
    """Positions in [-1, 1] of a grid of ``size``, each moved by ``theta``: sums of one term an axis."""
    theta, size = ctx.input(0), ctx.as_i64(ctx.input(1))
    rank = list_length(ctx, size, "sizes") - 2
    if rank not in (2, 3) or len(theta.shape) != 3 or theta.shape[1] not in (rank, None) or theta.shape[2] not in (rank + 1, None):
        raise MalformedModelError(f"theta [N, {rank}, {rank + 1}] and sizes [N, C, 2 or 3 more] are needed")
    grid: Value | None = None
    for k in range(rank + 1):  # the columns of theta: x, y (, z), 1
        column = ctx.call("Gather", theta, ctx.const(k, I64), axis=2)
        term = ctx.regroup(column, [[0], *([1] * rank), [1]])
        if k < rank:
            at = _grid_positions(ctx, size, 1 + rank - k, bool(ctx.get_int("align_corners", 0)))
            shape = [1] * (rank + 1)
            shape[rank - 1 - k] = -1
            term = ctx.call("Mul", term, ctx.cast(ctx.reshape(at, shape), theta.dtype))
        grid = term if grid is None else ctx.call("Add", grid, term)
    assert grid is not None
    return grid


def _grid_positions(ctx: NodeContext, size: Value, axis: int, align: bool) -> Value:
    """As many positions between -1 and 1 as the size of ``axis`` says."""
    n = ctx.call("Gather", size, ctx.const(axis, I64), axis=0)
    steps = ctx.cast(ctx.call("Range", ctx.const(0, I64), n, ctx.const(1, I64)), F32)
    one, two, length = ctx.const(1.0, F32), ctx.const(2.0, F32), ctx.cast(n, F32)
    if align:
        return ctx.call("Sub", ctx.call("Div", ctx.call("Mul", steps, two), ctx.call("Sub", length, one)), one)
    return ctx.call("Sub", ctx.call("Div", ctx.call("Add", ctx.call("Mul", steps, two), one), length), one)


@converts("DeformConv", since=19)
def deform_conv(ctx: NodeContext) -> Value:
    """Every tap is sampled at its own offset; what is left is a convolution with a kernel of one element."""
    x, w, offset, bias, mask = ctx.input(0), ctx.input(1), ctx.input(2), ctx.optional(3), ctx.optional(4)
    if len(x.shape) != 4:
        raise Unsupported(f"{len(x.shape) - 2} spatial dimensions are not supported, 2 are")
    n, channels, height, width = ctx.static_shape(x, "the input")
    o, per_group, kh, kw = ctx.static_shape(w, "the weights")
    oh, ow = (ctx.static(d, "the offsets' size") for d in offset.shape[2:])
    groups, parts, taps = ctx.get_int("group", 1), ctx.get_int("offset_group", 1), kh * kw
    strides, dilations, pads = ctx.get_ints("strides", [1, 1]), ctx.get_ints("dilations", [1, 1]), ctx.get_ints("pads", [0, 0, 0, 0])
    points = taps * oh * ow
    ctx.computed((points,))
    offsets = ctx.reshape(offset, (n, parts, taps, 2, oh, ow))
    rows = ctx.transpose(ctx.reshape(x, (n, parts, channels // parts, height * width)), (0, 1, 3, 2))
    axes = []
    for k, (size, kernel, out) in enumerate(((height, kh, oh), (width, kw, ow))):
        tap = np.arange(kernel, dtype=np.float32) * dilations[k]
        start = np.arange(out, dtype=np.float32) * strides[k] - pads[k]
        base = tap.reshape(-1, 1, 1, 1) + start.reshape(-1, 1) if k == 0 else tap.reshape(1, -1, 1, 1) + start
        base = np.ascontiguousarray(np.broadcast_to(base, (kh, kw, oh, ow)).reshape(taps, oh, ow))
        moved = ctx.call("Add", ctx.call("Gather", offsets, ctx.const(k, I64), axis=3), ctx.const(base))
        axes.append(_Axis(ctx, ctx.reshape(moved, (n, parts, points)), size, "zeros", True))
    columns = sample(ctx, rows, axes, "linear", 2)
    if mask is not None:
        columns = ctx.call("Mul", columns, ctx.reshape(mask, (n, parts, points, 1)))
    columns = ctx.transpose(ctx.reshape(columns, (n, parts, taps, oh, ow, channels // parts)), (0, 1, 5, 2, 3, 4))
    columns = ctx.reshape(columns, (n, channels * taps, oh, ow))
    weights = ctx.reshape(w, (o, 1, 1, per_group * taps))
    return ctx.call(
        "Conv", columns, weights, bias, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), groups=groups, layout="NCHW"
    )  # fmt: skip


@converts("MaxRoiPool")
def max_roi_pool(ctx: NodeContext) -> Value:
    """Regions [count, (image, x0, y0, x1, y1)], as Caffe's ROIPooling."""
    image, corners = ctx.call_multi("Split", ctx.input(1), axis=1, sizes=(1, 4))
    height, width = ctx.get_ints("pooled_shape")
    batch, scale = ctx.as_i64(ctx.regroup(image, [[0]])), ctx.get_float("spatial_scale", 1.0)
    return ctx.call("RoiPool", ctx.input(0), corners, batch, output_height=height, output_width=width, spatial_scale=scale)


@converts("RoiAlign", since=10)
def roi_align_10(ctx: NodeContext) -> Value:
    return _roi_align(ctx, "output_half_pixel")


@converts("RoiAlign", since=16)
def roi_align(ctx: NodeContext) -> Value:
    return _roi_align(ctx, ctx.get_string("coordinate_transformation_mode", "half_pixel"))


def _roi_align(ctx: NodeContext, coordinate_mode: str) -> Value:
    """A fixed grid of samples in each cell of each region (He et al., Mask R-CNN, arXiv 1703.06870)."""
    x, rois, batch = ctx.input(0), ctx.cast(ctx.input(1), F32), ctx.as_i64(ctx.input(2))
    oh, ow, ratio = ctx.get_int("output_height", 1), ctx.get_int("output_width", 1), ctx.get_int("sampling_ratio", 0)
    scale, mode = ctx.get_float("spatial_scale", 1.0), ctx.get_string("mode", "avg")
    if ratio <= 0:
        raise Unsupported("sampling_ratio=0 makes the number of samples depend on the data", "Export with a sampling_ratio of 2.")
    half = 0.5 if coordinate_mode == "half_pixel" else 0.0
    _, channels, height, width = (ctx.static(d, "the input's shape") for d in x.shape)
    count = ctx.static(rois.shape[0], "the number of regions")
    corner = [ctx.call("Sub", ctx.call("Mul", _column(ctx, rois, k), ctx.const(scale, F32)), ctx.const(half, F32)) for k in range(4)]
    samples = (oh * ratio, ow * ratio)
    ctx.computed(samples)
    positions = []
    for k, out in ((1, oh), (0, ow)):
        extent = ctx.call("Sub", corner[k + 2], corner[k])
        if half == 0.0:
            extent = ctx.call("Max", extent, ctx.const(1.0, F32))
        steps = ((np.arange(out * ratio) + 0.5) / (ratio * out)).astype(np.float32)
        positions.append(ctx.call("Add", corner[k], ctx.call("Mul", extent, ctx.const(steps.reshape(1, -1)))))
    grid = (count, *samples)
    y = ctx.call("Expand", ctx.unsqueeze(positions[0], [2]), ctx.i64(*grid))
    z = ctx.call("Expand", ctx.unsqueeze(positions[1], [1]), ctx.i64(*grid))
    rows = ctx.transpose(ctx.regroup(ctx.cast(x, F32), [[0], [1], [2, 3]]), (0, 2, 1))
    which = ctx.call("Expand", ctx.reshape(batch, (count, 1, 1)), ctx.i64(*grid))
    terms = _corners(ctx, rows, which, (y, z), (height, width))
    cells = (count, oh, ratio, ow, ratio, channels)
    if mode == "max":
        best = terms[0]
        for t in terms[1:]:
            best = ctx.call("Max", best, t)
        pooled = ctx.call("ReduceMax", ctx.reshape(best, cells), axes=(2, 4), keepdims=False)
    else:
        total = terms[0]
        for t in terms[1:]:
            total = ctx.call("Add", total, t)
        pooled = ctx.call("ReduceMean", ctx.reshape(total, cells), axes=(2, 4), keepdims=False)
    return ctx.cast(ctx.transpose(pooled, (0, 3, 1, 2)), x.dtype)


def _column(ctx: NodeContext, table: Value, k: int) -> Value:
    return ctx.call("Gather", table, ctx.i64(k), axis=1)


def _corners(ctx: NodeContext, rows: Value, which: Value, positions: Sequence[Value], sizes: Sequence[int]) -> list[Value]:
    """The four weighted corners of each sample; samples more than one element outside count as 0."""
    inside: Value | None = None
    low, high, fraction = [], [], []
    for p, size in zip(positions, sizes, strict=True):
        near = ctx.call("And", ctx.call("GreaterOrEqual", p, ctx.const(-1.0, F32)), ctx.call("LessOrEqual", p, ctx.const(float(size), F32)))
        inside = near if inside is None else ctx.call("And", inside, near)
        held = ctx.call("Clip", p, min=0.0, max=size - 1.0)
        base = ctx.call("Floor", held)
        low.append(ctx.cast(base, I64))
        high.append(ctx.cast(ctx.call("Clip", ctx.call("Add", base, ctx.const(1.0, F32)), min=0.0, max=size - 1.0), I64))
        fraction.append(ctx.call("Sub", held, base))
    assert inside is not None
    mask = ctx.cast(inside, F32)
    terms = []
    for upper in product((False, True), repeat=2):
        weight, at = mask, None
        for k, top in enumerate(upper):
            part = fraction[k] if top else ctx.call("Sub", ctx.const(1.0, F32), fraction[k])
            weight = ctx.call("Mul", weight, part)
            index = high[k] if top else low[k]
            at = index if at is None else ctx.call("Add", ctx.call("Mul", at, ctx.const(sizes[k], I64)), index)
        assert at is not None
        pair = ctx.call("Concat", ctx.unsqueeze(which, [-1]), ctx.unsqueeze(at, [-1]), axis=len(at.shape))
        picked = ctx.call("GatherND", rows, pair)
        terms.append(ctx.call("Mul", picked, ctx.unsqueeze(weight, [-1])))
    return terms


@converts("TensorScatter", since=24)
def tensor_scatter(ctx: NodeContext) -> Value:
    """Write an update into a cache at a place of each batch entry's own, around the end where the cache is circular."""
    cache, update, start = ctx.input(0), ctx.input(1), ctx.optional(2)
    rank = len(cache.shape)
    axis = ctx.axis(ctx.get_int("axis", -2), rank)
    length = ctx.static(update.shape[axis], "the update's length")
    ctx.computed((length,))
    at = ctx.const(np.arange(length, dtype=np.int64).reshape([-1 if i == axis else 1 for i in range(rank)]))
    if start is not None:
        at = ctx.call("Add", at, ctx.regroup(ctx.as_i64(start), [[0], *([1] * (rank - 1))]))
    if ctx.get_string("mode", "linear") == "circular":
        at = ctx.call("Mod", at, ctx.const(ctx.static(cache.shape[axis], "the cache's length"), I64))
    return ctx.call("ScatterElements", cache, ctx.call("Expand", at, ctx.shape_of(update)), update, axis=axis)
