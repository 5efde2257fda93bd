"""Cases of the operators that rearrange elements: Transpose, Concat, Split, Slice, Tile, Expand, Pad, DepthToSpace, SpaceToDepth, Trilu,
ReverseSequence, Shape, Size, Identity."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np

from edgekit.types import Array, DType, QuantParams
from tests.cases.case import OpCase, op_case, rng

Q = QuantParams.per_tensor(0.05, -7)
ALL_DTYPES = [d.numpy for d in DType]


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


def sample(shape: tuple[int, ...], dtype: Any = np.float32, *key: Any) -> Array:
    """Distinct-looking values of any element type."""
    r = rng("layout", shape, np.dtype(dtype).name, *key)
    if np.dtype(dtype) == np.bool_:
        return r.integers(0, 2, shape).astype(np.bool_)
    if np.dtype(dtype).kind == "f":
        return r.standard_normal(shape).astype(dtype)
    info = np.iinfo(dtype)
    return r.integers(max(info.min, -(2**40)), min(info.max, 2**40), shape, endpoint=True).astype(dtype)


def cases() -> Iterator[OpCase]:
    yield from transpose_cases()
    yield from concat_split_cases()
    yield from slice_cases()
    yield from repeat_cases()
    yield from pad_cases()
    yield from block_cases()
    yield from small_cases()


def transpose_cases() -> Iterator[OpCase]:
    x = sample((2, 3, 5))
    for perm in permutations(range(3)):
        want = np.empty([x.shape[p] for p in perm], np.float32)
        for at in np.ndindex(*x.shape):
            want[tuple(at[p] for p in perm)] = x[at]
        yield op_case("Transpose", "perm" + "".join(map(str, perm)), [x], {"perm": perm}, expected=[want])
    for dtype in ALL_DTYPES:
        a = sample((3, 70, 37), dtype)
        yield op_case("Transpose", f"{a.dtype}_inner", [a], {"perm": (0, 2, 1)}, expected=[np.swapaxes(a, 1, 2)])
    yield op_case("Transpose", "reverse_default", [x], expected=[x.T])
    yield op_case("Transpose", "scalar", [np.array(3.0, np.float32)], expected=[np.array(3.0, np.float32)])
    yield op_case("Transpose", "empty", [np.zeros((2, 0, 3), np.float32)], {"perm": (2, 0, 1)}, expected=[np.zeros((3, 2, 0), np.float32)])
    for name, shape, perm in [
        ("nchw_to_nhwc", (2, 5, 9, 11), (0, 2, 3, 1)),
        ("nhwc_to_nchw", (2, 9, 11, 5), (0, 3, 1, 2)),
        ("heads", (2, 7, 4, 16), (0, 2, 1, 3)),
        ("rank6", (2, 3, 1, 4, 2, 5), (5, 0, 3, 2, 4, 1)),
        ("large_plane", (1, 130, 257), (0, 2, 1)),
        ("rgb", (1, 33, 65, 3), (0, 3, 1, 2)),
    ]:
        for kind in (np.float32, np.int8):
            a = sample(shape, kind)
            yield op_case(
                "Transpose", f"{name}_{a.dtype}", [a], {"perm": perm}, qin=[Q if kind is np.int8 else None], expected=[a.transpose(perm)]
            )


def concat_split_cases() -> Iterator[OpCase]:
    for axis in (0, 1, 2, -1):
        a, b, c = (sample((3, 4, 5), np.float32, axis, k) for k in range(3))
        shape = [3, 4, 5]
        shape[axis] = 2
        d = sample(tuple(shape))
        yield op_case("Concat", f"axis{axis}", [a, d, b, c], {"axis": axis}, expected=[np.concatenate([a, d, b, c], axis)])
    for dtype in ALL_DTYPES:
        a, b = sample((3, 4), dtype, "a"), sample((3, 1), dtype, "b")
        yield op_case("Concat", f"{a.dtype}", [a, b], {"axis": 1}, expected=[np.hstack([a, b])])
    yield op_case("Concat", "one", [sample((2, 3))], {"axis": 0})
    yield op_case("Concat", "with_empty", [np.zeros((2, 0), np.int8), sample((2, 3), np.int8)], {"axis": 1})
    yield op_case("Concat", "constants", [ints(1, 2), ints(3)], {"axis": 0}, constants=[1], expected=[ints(1, 2, 3)])
    yield op_case(
        "Concat", "int8_channels", [sample((1, 4, 4, 3), np.int8), sample((1, 4, 4, 6), np.int8)], {"axis": 3}, qin=[Q, Q], qout=[Q]
    )
    x = sample((4, 9, 5))
    for axis, sizes in [(1, (2, 3, 4)), (-1, (1, 4)), (0, (4,)), (0, (0, 4)), (2, (5,))]:
        parts, at = [], 0
        for n in sizes:
            where: list[Any] = [slice(None)] * 3
            where[axis] = slice(at, at + n)
            parts.append(x[tuple(where)])
            at += n
        yield op_case("Split", f"axis{axis}_" + "_".join(map(str, sizes)), [x], {"axis": axis, "sizes": sizes}, expected=parts)
    yield op_case("Split", "int8", [sample((2, 8), np.int8)], {"axis": 1, "sizes": (3, 5)}, qin=[Q], qout=[Q, Q])


def slice_cases() -> Iterator[OpCase]:
    x = sample((7, 6, 5))
    big = 2**63 - 1
    for name, starts, ends, axes, steps, want in [
        ("middle", [2, 1], [5, 4], None, None, x[2:5, 1:4]),
        ("negative", [-3], [-1], [1], None, x[:, -3:-1]),
        ("to_end", [3], [big], [0], None, x[3:]),
        ("steps", [0, 1], [7, 6], [0, 1], [2, 3], x[::2, 1::3]),
        ("backwards", [-1], [-big - 1], [2], [-1], x[:, :, ::-1]),
        ("backwards_to_first", [4], [0], [2], [-1], x[:, :, 4:0:-1]),
        ("backwards_by_2", [100, 3], [-100, 0], [0, 1], [-2, -1], x[::-2, 3:0:-1]),
        ("nothing", [4], [2], [0], None, x[4:2]),
        ("beyond", [1], [1000], [-1], None, x[:, :, 1:]),
        ("axes_mixed", [1, 0], [2, 4], [-1, 0], [1, 3], x[0:4:3, :, 1:2]),
    ]:
        inputs = [x, ints(*starts), ints(*ends), None if axes is None else ints(*axes), None if steps is None else ints(*steps)]
        yield op_case("Slice", name, inputs, constants=[1, 2, 3, 4], expected=[want])
        if name in ("middle", "steps", "nothing"):
            yield op_case("Slice", f"{name}_computed", inputs, expected=[want])
    for dtype in (np.int8, np.float16, np.int64, np.bool_):
        a = sample((3, 20), dtype)
        yield op_case("Slice", f"{a.dtype}", [a, ints(1), ints(19), ints(1), ints(3)], constants=[1, 2, 3, 4], expected=[a[:, 1:19:3]])
    yield op_case("Slice", "int8_with_scale", [sample((3, 4), np.int8), ints(1), ints(4), ints(1)], constants=[1, 2, 3], qin=[Q], qout=[Q])


def repeat_cases() -> Iterator[OpCase]:
    x = sample((2, 3))
    yield op_case("Tile", "both", [x, ints(2, 3)], constants=[1], expected=[np.vstack([np.hstack([x, x, x])] * 2)])
    yield op_case("Tile", "none", [x, ints(1, 1)], constants=[1], expected=[x])
    yield op_case("Tile", "zero", [x, ints(0, 2)], constants=[1], expected=[np.zeros((0, 6), np.float32)])
    a = sample((1, 3, 1, 2), np.int8)
    yield op_case("Tile", "int8_rank4", [a, ints(3, 1, 4, 2)], constants=[1], qin=[Q], qout=[Q], expected=[np.tile(a, (3, 1, 4, 2))])
    yield op_case("Tile", "float16_rank1", [sample((5,), np.float16), ints(4)], constants=[1])
    for name, a, shape in [
        ("new_dims", sample((3, 1)), (2, 3, 4)),
        ("keeps_larger", sample((3, 4)), (1, 4)),
        ("scalar", np.array(2.5, np.float32), (2, 2)),
        ("int64", sample((1, 5), np.int64), (4, 1)),
        ("int8", sample((2, 1, 3, 1), np.int8), (2, 5, 3, 7)),
        ("bool", sample((2, 1), np.bool_), (2, 9)),
        ("empty", np.zeros((1, 0), np.float32), (3, 0)),
    ]:
        want = a + np.zeros(shape, a.dtype) if a.dtype != np.bool_ else a | np.zeros(shape, np.bool_)
        yield op_case("Expand", name, [a, ints(*shape)], constants=[1], expected=[want])


def pad_cases() -> Iterator[OpCase]:
    x = sample((3, 4, 5))
    pads = [(1, 2), (0, 3), (2, 0)]
    flat = ints(*(p[0] for p in pads), *(p[1] for p in pads))
    yield op_case(
        "Pad", "constant", [x, flat, np.array(1.5, np.float32)], constants=[1, 2], expected=[np.pad(x, pads, constant_values=1.5)]
    )
    yield op_case("Pad", "constant_default", [x, flat], constants=[1], expected=[np.pad(x, pads)])
    for mode in ("reflect", "edge", "wrap"):
        yield op_case("Pad", mode, [x, flat], {"mode": mode}, constants=[1], expected=[np.pad(x, pads, mode)])
        yield op_case("Pad", f"{mode}_outer", [x, ints(2, 1), None, ints(0)], {"mode": mode}, constants=[1, 3])
        a = sample((1, 6, 7, 3), np.int8, mode)
        want = np.pad(a, [(0, 0), (2, 1), (3, 3), (0, 0)], mode)
        yield op_case(
            "Pad", f"{mode}_int8_nhwc", [a, ints(2, 3, 1, 3), None, ints(1, -2)], {"mode": mode}, constants=[1, 3], qin=[Q], expected=[want]
        )
    cut = np.pad(x[1:, :-2], [(0, 1), (2, 0), (0, 0)], constant_values=0)
    yield op_case("Pad", "negative", [x, ints(-1, 2, 0, 1, -2, 0)], constants=[1], expected=[cut])
    cut = np.pad(x[:, 1:, :-1], [(0, 0), (0, 2), (3, 0)], "edge")
    yield op_case("Pad", "negative_edge", [x, ints(-1, 3, 2, -1), None, ints(1, 2)], {"mode": "edge"}, constants=[1, 3], expected=[cut])
    yield op_case("Pad", "wrap_twice", [sample((1, 3)), ints(0, 7, 0, 5)], {"mode": "wrap"}, constants=[1])
    a = sample((2, 3), np.int8)
    want = np.pad(a, [(1, 1), (0, 2)], constant_values=Q.zero_point[0])
    yield op_case("Pad", "int8_zero_point", [a, ints(1, 0, 1, 2)], constants=[1], qin=[Q], qout=[Q], expected=[want])
    yield op_case("Pad", "int8_raw", [a, ints(1, 0, 1, 2), np.array(9, np.int8)], constants=[1, 2], qin=[Q, None, Q], qout=[Q])
    yield op_case("Pad", "int8_plain", [a, ints(1, 0, 1, 2)], constants=[1], expected=[np.pad(a, [(1, 1), (0, 2)])])
    for dtype in (np.float16, np.float64, np.int64, np.bool_, np.uint8, np.uint16):
        yield op_case("Pad", f"{np.dtype(dtype)}", [sample((2, 3), dtype), ints(0, 1, 1, 2)], constants=[1])
    yield op_case(
        "Pad", "of_nothing", [np.zeros((0, 3), np.float32), ints(1, 0, 1, 1)], constants=[1], expected=[np.zeros((2, 4), np.float32)]
    )
    yield op_case("Pad", "scalar", [np.array(4.0, np.float32), ints()], constants=[1], expected=[np.array(4.0, np.float32)])
    yield op_case("Pad", "computed_value", [x, flat, np.array([-2.0], np.float32)], constants=[1])


def block_cases() -> Iterator[OpCase]:
    for b in (2, 3):
        for dtype in (np.float32, np.int8):
            x = sample((2, 2 * b * b, 3, 5), dtype)
            q = [Q] if dtype is np.int8 else []
            for mode in ("DCR", "CRD"):
                want = np.empty((2, 2, 3 * b, 5 * b), dtype)
                for n, c, h, w in np.ndindex(*want.shape):
                    row, column = h % b, w % b
                    channel = (row * b + column) * 2 + c if mode == "DCR" else (c * b + row) * b + column
                    want[n, c, h, w] = x[n, channel, h // b, w // b]
                attrs = {"block_size": b, "mode": mode}
                yield op_case("DepthToSpace", f"{mode}_{b}_{x.dtype}", [x], attrs, qin=q, qout=q, expected=[want])
                nhwc = [np.moveaxis(want, 1, 3)]
                yield op_case(
                    "DepthToSpace", f"{mode}_{b}_{x.dtype}_nhwc", [np.moveaxis(x, 1, 3).copy()], attrs | {"layout": "NHWC"}, expected=nhwc
                )
            y = sample((2, 3, 2 * b, 4 * b), dtype)
            want = np.empty((2, 3 * b * b, 2, 4), dtype)
            for n, c, h, w in np.ndindex(*y.shape):
                want[n, (h % b * b + w % b) * 3 + c, h // b, w // b] = y[n, c, h, w]
            yield op_case("SpaceToDepth", f"{b}_{x.dtype}", [y], {"block_size": b}, qin=q, qout=q, expected=[want])
            attrs = {"block_size": b, "layout": "NHWC"}
            yield op_case("SpaceToDepth", f"{b}_{x.dtype}_nhwc", [np.moveaxis(y, 1, 3).copy()], attrs, expected=[np.moveaxis(want, 1, 3)])


def small_cases() -> Iterator[OpCase]:
    x = sample((2, 4, 6))
    for upper in (True, False):
        for k in (None, 0, 2, -3, 9, -9):
            mask = np.arange(6)[None, :] - np.arange(4)[:, None]
            keep = mask >= (k or 0) if upper else mask <= (k or 0)
            name = f"{'upper' if upper else 'lower'}_{k}"
            inputs = [x] if k is None else [x, np.array(k, np.int64)]
            yield op_case("Trilu", name, inputs, {"upper": upper}, constants=[1], expected=[np.where(keep, x, np.float32(0))])
    yield op_case("Trilu", "int8", [sample((5, 5), np.int8)], qin=[Q], qout=[Q])
    yield op_case("Trilu", "int64_computed_k", [sample((3, 5), np.int64), np.array([1], np.int64)])
    yield op_case("Trilu", "bool", [np.ones((3, 3), np.bool_)], {"upper": False}, expected=[np.tri(3, dtype=np.bool_)])
    t = sample((4, 3, 2))
    want = t.copy()
    for batch, n in enumerate([4, 1, 3]):
        want[:n, batch] = t[:n, batch][::-1]
    yield op_case("ReverseSequence", "time_first", [t, ints(4, 1, 3)], expected=[want])
    attrs = {"time_axis": 1, "batch_axis": 0}
    flipped = [np.swapaxes(want, 0, 1)]
    yield op_case("ReverseSequence", "batch_first", [np.swapaxes(t, 0, 1).copy(), ints(4, 1, 3)], attrs, constants=[1], expected=flipped)
    yield op_case("ReverseSequence", "int8", [sample((3, 2), np.int8), ints(0, 2)], qin=[Q], qout=[Q])
    for name, attrs, want_dims in [
        ("all", {}, [2, 4, 6]),
        ("range", {"start": 1, "end": -1}, [4]),
        ("last", {"start": -1}, [6]),
        ("none", {"start": 5}, []),
    ]:
        yield op_case("Shape", name, [x], attrs, expected=[np.array(want_dims, np.int64)])
    yield op_case("Shape", "scalar", [np.array(1, np.int32)], expected=[np.zeros((0,), np.int64)])
    yield op_case("Size", "rank3", [x], expected=[np.array(48, np.int64)])
    yield op_case("Size", "empty", [np.zeros((3, 0), np.int8)], expected=[np.array(0, np.int64)])
    yield op_case("Identity", "f32", [x], expected=[x])
    yield op_case("Identity", "int8", [sample((300, 301), np.int8)], qin=[Q], qout=[Q])
