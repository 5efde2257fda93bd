"""Operators that rearrange elements without computing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Bool, Enum, Int, Ints, Optional, Port, T, Variadic, op
from edgekit.ops.shapes import (
    broadcast,
    element_count,
    int_list,
    known_length,
    lower,
    normalize_axis,
    same_scale,
    unknown_dim,
    unknown_shape,
    upper,
)
from edgekit.ops.traits import NotNumeric, SameScale
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Dim, QuantParams, TensorType

ALL_TYPES = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, BOOL, F64)
END = 2**31 - 1
"""Stands for "to the last one" in ``end`` attributes."""


@op(id=1, category="layout", symbolic_values=True, in_place=True)
class Reshape:
    """Give a tensor another shape with the same elements in the same order.

    ``shape`` holds the new dimensions (int64, rank 1). One of them may be -1 and takes what is left; 0 copies the input's
    dimension at that place unless ``allow_zero`` is set.
    """

    inputs = (Port("x", T), Port("shape", I64))
    outputs = (Port("y", T),)
    attrs = (Bool("allow_zero", False),)
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, shape: Arg, *, allow_zero: bool) -> Arg | TensorType:
        want = int_list(shape)
        total = element_count(x.shape)
        if want is None:
            # data dependent: unknown dims of a known product
            return same_scale(x, unknown_shape(known_length(shape), x.type))
        dims = [x.shape[i] if d == 0 and not allow_zero else d for i, d in enumerate(want)]
        holes = [i for i, d in enumerate(dims) if d == -1]
        if len(holes) > 1:
            raise ValueError(f"shape {want} has more than one -1")
        if holes:
            known = element_count([d for d in dims if d != -1])
            if isinstance(total, int) and isinstance(known, int) and known != 0 and total % known:
                raise ValueError(f"cannot reshape {total} elements to {want}")
            dims[holes[0]] = 0 if known == 0 else _divide(total, known)
        if isinstance(total, int) and all(isinstance(d, int) for d in dims) and element_count(dims) != total:
            raise ValueError(f"cannot reshape {total} elements to {dims}")
        sizes = [d for d in dims if isinstance(d, int)]
        value = None if x.value is None or len(sizes) < len(dims) else x.value.reshape(sizes)
        return Arg(same_scale(x, dims), value)

    @staticmethod
    def reference(x: Array, shape: Array, *, allow_zero: bool) -> Array:
        dims = [x.shape[i] if d == 0 and not allow_zero else int(d) for i, d in enumerate(shape.tolist())]
        return np.reshape(x, dims)


def _divide(total: Dim, known: Dim) -> Dim:
    """``total / known``, an unknown dimension where that does not come out as an expression."""
    if isinstance(total, int):
        return total // known if isinstance(known, int) else unknown_dim("rest", total)
    if isinstance(known, int):
        return total // known
    quotient = total.exact_div(known)
    return unknown_dim("rest", total) if quotient is None else quotient


@op(id=2, category="layout", symbolic_values=True)
class Transpose:
    """Permute the dimensions: dimension ``i`` of the output is dimension ``perm[i]`` of the input. Empty ``perm`` reverses them."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Ints("perm", ()),)
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, *, perm: Sequence[int]) -> TensorType:
        order = tuple(perm) or tuple(reversed(range(x.rank)))
        if sorted(order) != list(range(x.rank)):
            raise ValueError(f"perm {order} is not a permutation of the {x.rank} dimensions")
        q = x.type.quant
        if q is not None and q.axis is not None:
            q = QuantParams(q.scale, q.zero_point, order.index(q.axis))
        return TensorType(x.dtype, tuple(x.shape[i] for i in order), q)

    @staticmethod
    def reference(x: Array, *, perm: Sequence[int]) -> Array:
        return np.transpose(x, tuple(perm) or None)


@op(id=3, category="layout", symbolic_values=True, overlaps=True)
class Concat:
    """Join tensors along ``axis``."""

    inputs = (Variadic("xs", T, min=1),)
    outputs = (Port("y", T),)
    attrs = (Int("axis"),)
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(xs: list[Arg], *, axis: int) -> TensorType:
        first = xs[0]
        a = normalize_axis(axis, first.rank)
        if first.rank == 0:
            raise ValueError("tensors of rank 0 cannot be joined")
        shape = list(first.shape)
        for x in xs[1:]:
            if x.rank != first.rank:
                raise ValueError(f"tensors of rank {first.rank} and {x.rank} cannot be joined")
            for i, d in enumerate(x.shape):
                if i == a:
                    shape[i] = shape[i] + d
                elif isinstance(d, int):
                    if isinstance(shape[i], int) and shape[i] != d:
                        raise ValueError(f"dimension {i} is {shape[i]} in one tensor and {d} in another")
                    shape[i] = d
        return same_scale(first, shape)

    @staticmethod
    def reference(xs: list[Array], *, axis: int) -> Array:
        return np.concatenate(xs, axis)


@op(id=4, category="layout", symbolic_values=True, overlaps=True)
class Split:
    """Cut a tensor along ``axis`` into as many outputs as ``sizes`` has entries."""

    inputs = (Port("x", T),)
    outputs = (Variadic("ys", T, min=1),)
    attrs = (Int("axis"), Ints("sizes"))
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, *, axis: int, sizes: Sequence[int]) -> list[TensorType]:
        a = normalize_axis(axis, x.rank)
        if not sizes or min(sizes) < 0 or (isinstance(x.shape[a], int) and sum(sizes) != x.shape[a]):
            raise ValueError(f"sizes {tuple(sizes)} do not add up to dimension {a}, which is {x.shape[a]}")
        return [same_scale(x, [*x.shape[:a], n, *x.shape[a + 1 :]]) for n in sizes]

    @staticmethod
    def reference(x: Array, *, axis: int, sizes: Sequence[int]) -> list[Array]:
        return list(np.split(x, np.cumsum(sizes)[:-1], axis))


def _slice_length(dim: Dim, start: Dim, end: Dim, step: int) -> Dim | None:
    """How many elements ``start:end:step`` takes of ``dim``, None where it cannot be said."""
    if isinstance(dim, int) and isinstance(start, int) and isinstance(end, int):
        return len(range(*slice(start, end, step).indices(dim)))
    if step < 0:
        whole = (_is_end(start) or start == -1) and isinstance(end, int) and end <= -END
        return (dim + (-step - 1)) // -step if whole else None
    begin, stop = _clamped(dim, start), _clamped(dim, end)
    if begin is None or stop is None:
        return None
    length = stop - begin
    if isinstance(length, int):
        return max(0, -(-length // step))
    return length if step == 1 else (length + (step - 1)) // step


def _slice_bound(dim: Dim, end: Dim, step: int) -> int | None:
    """At most how many elements a slice of unknown length takes."""
    limits = [u for u in (upper(dim), end if isinstance(end, int) and end >= 0 and step > 0 else None) if u is not None]
    return min(limits) if limits else None


def _is_end(value: Dim) -> bool:
    return isinstance(value, int) and value >= END


def _clamped(dim: Dim, at: Dim) -> Dim | None:
    """``at`` as a position in ``[0, dim]``, None where it cannot be said which of the two it is."""
    if isinstance(at, int):
        if at >= END:
            return dim
        if at < 0:
            return dim + at if lower(dim) >= -at else (0 if at <= -END else None)
        if at <= lower(dim):
            return at
        top = upper(dim)
        return dim if top is not None and top <= at else None
    if at == dim:
        return dim
    high = upper(at)
    return at if high is not None and high <= lower(dim) else None


@op(id=5, category="layout", symbolic_values=True)
class Slice:
    """Take a range with a step along some axes, with Python's rules for negative and too large positions.

    ``starts``, ``ends``, ``axes`` and ``steps`` are lists of one length; ``axes`` defaults to the first ones, ``steps`` to 1.
    """

    inputs = (Port("x", T), Port("starts", I64), Port("ends", I64), Optional("axes", I64), Optional("steps", I64))
    outputs = (Port("y", T),)
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, starts: Arg, ends: Arg, axes: Arg | None, steps: Arg | None) -> TensorType:
        n = known_length(starts)
        if known_length(ends) != n or (axes is not None and known_length(axes) != n) or (steps is not None and known_length(steps) != n):
            raise ValueError("starts, ends, axes and steps differ in length")
        on = list(range(n)) if axes is None else int_list(axes)
        by = [1] * n if steps is None else int_list(steps)
        if on is None:
            return same_scale(x, [unknown_dim(f"dim{i}", d) for i, d in enumerate(x.shape)])
        where = [normalize_axis(int(a), x.rank) for a in on if not isinstance(a, SymDim)]
        if len(set(where)) != n or (n and max(where) >= x.rank):
            raise ValueError(f"axes {on} must be different dimensions of a tensor of rank {x.rank}")
        first, last = int_list(starts), int_list(ends)
        shape = list(x.shape)
        for k, a in enumerate(where):
            step = 1 if by is None else by[k]
            if step == 0:
                raise ValueError("a step is 0")
            if first is None or last is None or by is None or not isinstance(step, int):
                shape[a] = unknown_dim(f"dim{a}", x.shape[a])
                continue
            length = _slice_length(x.shape[a], first[k], last[k], step)
            shape[a] = unknown_dim(f"dim{a}", _slice_bound(x.shape[a], last[k], step)) if length is None else length
        return same_scale(x, shape)

    @staticmethod
    def reference(x: Array, starts: Array, ends: Array, axes: Array | None, steps: Array | None) -> Array:
        where: list[Any] = [slice(None)] * x.ndim
        for k, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            a = k if axes is None else normalize_axis(int(axes[k]), x.ndim)
            where[a] = slice(int(start), int(end), 1 if steps is None else int(steps[k]))
        y: Array = x[tuple(where)]
        return y


@op(id=7, category="layout")
class Tile:
    """Repeat the whole tensor ``repeats[i]`` times along dimension ``i``."""

    inputs = (Port("x", T), Port("repeats", I64))
    outputs = (Port("y", T),)
    types = {T: ALL_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, repeats: Arg) -> TensorType:
        if known_length(repeats) != x.rank:
            raise ValueError(f"{known_length(repeats)} repeats for a tensor of rank {x.rank}")
        times = int_list(repeats)
        if times is None:
            return same_scale(x, [unknown_dim(f"dim{i}") for i in range(x.rank)])
        if any(isinstance(t, int) and t < 0 for t in times):
            raise ValueError(f"repeats {times} are negative")
        return same_scale(x, [d * t for d, t in zip(x.shape, times, strict=True)])

    @staticmethod
    def reference(x: Array, repeats: Array) -> Array:
        return np.tile(x, repeats.tolist())


@op(id=8, category="layout", symbolic_values=True)
class Expand:
    """Broadcast a tensor to the shape that numpy gives it together with ``shape``."""

    inputs = (Port("x", T), Port("shape", I64))
    outputs = (Port("y", T),)
    types = {T: ALL_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, shape: Arg) -> TensorType:
        want = int_list(shape)
        if want is None:
            rank = max(x.rank, known_length(shape))
            ahead = rank - x.rank
            dims = [unknown_dim(f"dim{i}") if i < ahead or not isinstance(x.shape[i - ahead], int) or x.shape[i - ahead] == 1
                    else x.shape[i - ahead] for i in range(rank)]  # fmt: skip
            return same_scale(x, dims)
        return same_scale(x, broadcast(x.shape, want))

    @staticmethod
    def reference(x: Array, shape: Array) -> Array:
        want = tuple(int(d) for d in shape.tolist())
        return np.broadcast_to(x, np.broadcast_shapes(x.shape, want)).copy()


PAD_MODES = ("constant", "reflect", "edge", "wrap")


@op(id=9, category="layout")
class Pad:
    """Add elements before and after along each axis; negative amounts cut elements off.

    ``pads`` holds the amounts before each axis of ``axes`` (all axes by default), then the amounts after each. ``constant`` fills
    with ``value`` (default: real 0, which is the zero point of a quantized tensor; ``value`` of a quantized tensor is an integer
    of that tensor). ``reflect`` mirrors without repeating the border, ``edge`` repeats it, ``wrap`` continues at the other end.
    Cutting happens first: the other modes repeat what is left.
    """

    inputs = (Port("x", T), Port("pads", I64), Optional("value", T), Optional("axes", I64))
    outputs = (Port("y", T),)
    attrs = (Enum("mode", "constant", PAD_MODES),)
    types = {T: ALL_TYPES}
    quant = SameScale((0, 2))

    @staticmethod
    def infer(x: Arg, pads: Arg, value: Arg | None, axes: Arg | None, *, mode: str) -> TensorType:
        n = x.rank if axes is None else known_length(axes)
        if known_length(pads) != 2 * n:
            raise ValueError(f"{known_length(pads)} pads for {n} axes; two for each are needed")
        if value is not None and value.rank > 1:
            raise ValueError("the value to pad with must be one element")
        amounts = int_list(pads)
        on = list(range(n)) if axes is None else int_list(axes)
        if amounts is None or on is None:
            return same_scale(x, [unknown_dim(f"dim{i}") for i in range(x.rank)])
        shape = list(x.shape)
        for k, axis in enumerate(on):
            a = normalize_axis(int(axis) if isinstance(axis, int) else 0, x.rank)
            before, after = amounts[k], amounts[n + k]
            left = shape[a] + sum(p for p in (before, after) if isinstance(p, int) and p < 0)
            if (
                mode != "constant"
                and isinstance(left, int)
                and any(p != 0 for p in (before, after))
                and left <= 0
                and _positive(before, after)
            ):
                raise ValueError(f"dimension {a} is empty, nothing to {mode}")
            if mode == "reflect" and isinstance(left, int) and any(isinstance(p, int) and p >= left for p in (before, after) if p != 0):
                raise ValueError(f"reflecting needs pads below dimension {a}, which is {left}; they are {before} and {after}")
            shape[a] = shape[a] + before + after
        return same_scale(x, shape)

    @staticmethod
    def reference(x: Array, pads: Array, value: Array | None, axes: Array | None, *, mode: str) -> Array:
        if x.ndim == 0:
            return x
        on = range(x.ndim) if axes is None else [normalize_axis(int(a), x.ndim) for a in axes]
        before, after = np.zeros(x.ndim, np.int64), np.zeros(x.ndim, np.int64)
        for k, a in enumerate(on):
            before[a], after[a] = pads[k], pads[len(on) + k]
        keep = tuple(slice(max(0, -b), n - max(0, -e)) for n, b, e in zip(x.shape, before.tolist(), after.tolist(), strict=True))
        widths = [(max(0, b), max(0, e)) for b, e in zip(before.tolist(), after.tolist(), strict=True)]
        if mode == "constant":
            fill = x.dtype.type(0) if value is None else value.reshape(-1)[0]
            return np.pad(x[keep], widths, "constant", constant_values=fill)
        return np.pad(x[keep], widths, mode)  # type: ignore[call-overload,no-any-return]

    @staticmethod
    def quant_reference(
        x: Array, pads: Array, value: Array | None, axes: Array | None, *, mode: str, qin: Sequence[QuantParams | None], qout: Any
    ) -> Array:
        q = qin[0]
        if value is None and q is not None:
            value = np.asarray(q.zero_point[0], x.dtype)
        return Pad.reference(x, pads, value, axes, mode=mode)


def _positive(*pads: Dim) -> bool:
    return any(isinstance(p, int) and p > 0 for p in pads)


@op(id=10, category="layout")
class Shape:
    """The dimensions ``[start:end]`` of a tensor as int64."""

    inputs = (Port("x", T),)
    outputs = (Port("y", I64),)
    attrs = (Int("start", 0), Int("end", END))
    types = {T: ALL_TYPES}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, start: int, end: int) -> Arg:
        dims = x.shape[start:end]
        value = np.empty(len(dims), object)
        value[:] = dims
        if all(isinstance(d, int) for d in dims):
            value = value.astype(np.int64)
        return Arg(TensorType(I64, (len(dims),)), value)

    @staticmethod
    def reference(x: Array, *, start: int, end: int) -> Array:
        return np.array(x.shape[start:end], np.int64)


@op(id=11, category="layout")
class Size:
    """The number of elements of a tensor, an int64 of rank 0."""

    inputs = (Port("x", T),)
    outputs = (Port("y", I64),)
    types = {T: ALL_TYPES}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg) -> Arg:
        n = element_count(x.shape)
        value = np.empty((), np.int64 if isinstance(n, int) else object)
        value[()] = n
        return Arg(TensorType(I64, ()), value)

    @staticmethod
    def reference(x: Array) -> Array:
        return np.array(x.size, np.int64)


LAYOUTS = ("NCHW", "NHWC")


def _spatial(x: Arg, layout: str) -> tuple[Dim, Dim, Dim, Dim]:
    if x.rank != 4:
        raise ValueError(f"a tensor of rank 4 is needed, got rank {x.rank}")
    n, a, b, c = x.shape
    return (n, a, b, c) if layout == "NCHW" else (n, c, a, b)


def _four(n: Dim, c: Dim, h: Dim, w: Dim, layout: str) -> tuple[Dim, ...]:
    return (n, c, h, w) if layout == "NCHW" else (n, h, w, c)


@op(id=12, category="layout")
class DepthToSpace:
    """Move blocks of channels into ``block_size`` x ``block_size`` squares of pixels (pixel shuffle).

    ``mode`` DCR: channel = (row, column, depth), as TensorFlow orders them; CRD: channel = (depth, row, column), as PyTorch does.
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("block_size"), Enum("mode", "DCR", ("DCR", "CRD")), Enum("layout", "NCHW", LAYOUTS))
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, *, block_size: int, mode: str, layout: str) -> TensorType:
        n, c, h, w = _spatial(x, layout)
        if block_size < 1 or (isinstance(c, int) and c % (block_size * block_size)):
            raise ValueError(f"{c} channels are no multiple of {block_size} x {block_size}")
        return same_scale(x, _four(n, c // (block_size * block_size), h * block_size, w * block_size, layout))

    @staticmethod
    def reference(x: Array, *, block_size: int, mode: str, layout: str) -> Array:
        b = block_size
        if layout == "NHWC":
            return np.moveaxis(DepthToSpace.reference(np.moveaxis(x, 3, 1), block_size=b, mode=mode, layout="NCHW"), 1, 3)
        n, c, h, w = x.shape
        if mode == "DCR":
            y = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
        else:
            y = x.reshape(n, c // (b * b), b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
        return y.reshape(n, c // (b * b), h * b, w * b)


@op(id=13, category="layout")
class SpaceToDepth:
    """Move squares of ``block_size`` x ``block_size`` pixels into channels: channel = (row, column, depth). Undoes DepthToSpace DCR."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("block_size"), Enum("layout", "NCHW", LAYOUTS))
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, *, block_size: int, layout: str) -> TensorType:
        n, c, h, w = _spatial(x, layout)
        if block_size < 1 or any(isinstance(d, int) and d % block_size for d in (h, w)):
            raise ValueError(f"height {h} and width {w} are no multiples of {block_size}")
        return same_scale(x, _four(n, c * (block_size * block_size), h // block_size, w // block_size, layout))

    @staticmethod
    def reference(x: Array, *, block_size: int, layout: str) -> Array:
        b = block_size
        if layout == "NHWC":
            return np.moveaxis(SpaceToDepth.reference(np.moveaxis(x, 3, 1), block_size=b, layout="NCHW"), 1, 3)
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
        return y.reshape(n, c * b * b, h // b, w // b)


@op(id=152, category="layout")
class Trilu:
    """Keep the upper (or lower) triangle of the last two dimensions from diagonal ``k`` on and set the rest to zero.

    ``k`` is one int64 (default 0): positive above the main diagonal. A quantized tensor is filled with its zero point.
    """

    inputs = (Port("x", T), Optional("k", I64))
    outputs = (Port("y", T),)
    attrs = (Bool("upper", True),)
    types = {T: ALL_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, k: Arg | None, *, upper: bool) -> TensorType:
        if x.rank < 2:
            raise ValueError(f"a tensor of rank 2 or more is needed, got rank {x.rank}")
        return same_scale(x, x.shape)

    @staticmethod
    def reference(x: Array, k: Array | None, *, upper: bool) -> Array:
        at = 0 if k is None else int(k.reshape(-1)[0])
        return np.triu(x, at) if upper else np.tril(x, at)

    @staticmethod
    def quant_reference(x: Array, k: Array | None, *, upper: bool, qin: Sequence[QuantParams | None], qout: Any) -> Array:
        keep = Trilu.reference(np.ones(x.shape, np.int8), k, upper=upper)
        q = qin[0]
        return np.where(keep == 1, x, x.dtype.type(0 if q is None else q.zero_point[0]))


@op(id=153, category="layout")
class ReverseSequence:
    """Reverse the first ``lengths[b]`` elements along ``time_axis`` for each index ``b`` of ``batch_axis``; the rest stays."""

    inputs = (Port("x", T), Port("lengths", I64))
    outputs = (Port("y", T),)
    attrs = (Int("time_axis", 0), Int("batch_axis", 1))
    types = {T: ALL_TYPES}
    quant = SameScale((0,))

    @staticmethod
    def infer(x: Arg, lengths: Arg, *, time_axis: int, batch_axis: int) -> TensorType:
        t, b = normalize_axis(time_axis, x.rank), normalize_axis(batch_axis, x.rank)
        if t == b:
            raise ValueError(f"time axis and batch axis are both {t}")
        n = known_length(lengths) if lengths.rank != 1 or isinstance(lengths.shape[0], int) else lengths.shape[0]
        if isinstance(n, int) and isinstance(x.shape[b], int) and n != x.shape[b]:
            raise ValueError(f"{n} lengths for a batch of {x.shape[b]}")
        return same_scale(x, x.shape)

    @staticmethod
    def reference(x: Array, lengths: Array, *, time_axis: int, batch_axis: int) -> Array:
        moved = np.moveaxis(x, (batch_axis, time_axis), (0, 1))
        y = moved.copy()
        for b, n in enumerate(lengths.tolist()):
            y[b, :n] = moved[b, :n][::-1]
        return np.moveaxis(y, (0, 1), (batch_axis, time_axis))


@op(id=161, category="layout", symbolic_values=True, in_place=True)
class Identity:
    """Hand the input on. Kept only where a graph output is also an input or is handed out twice."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg) -> TensorType:
        return x.type

    @staticmethod
    def reference(x: Array) -> Array:
        return x
