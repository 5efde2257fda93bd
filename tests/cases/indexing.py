"""Cases of Gather, GatherElements, GatherND, ScatterElements, ScatterND, Range and OneHot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.layout_moves import ALL_DTYPES, Q, ints, sample


def cases() -> Iterator[OpCase]:
    yield from gather_cases()
    yield from scatter_cases()
    yield from range_cases()
    yield from one_hot_cases()


def gather_cases() -> Iterator[OpCase]:
    x = sample((4, 5, 3))
    for axis in (0, 1, -1):
        index = np.array([[0, -1], [2, 1]], np.int64)
        yield op_case("Gather", f"axis{axis}", [x, index], {"axis": axis}, expected=[np.take(x, index, axis)])
    yield op_case("Gather", "scalar_index", [x, np.array(-2, np.int32)], {"axis": 1}, constants=[1], expected=[x[:, 3]])
    yield op_case("Gather", "no_index", [x, np.zeros((0,), np.int64)], expected=[np.zeros((0, 5, 3), np.float32)])
    for dtype in ALL_DTYPES:
        a = sample((6, 3), dtype)
        yield op_case("Gather", f"{a.dtype}", [a, np.array([5, 0, 5], np.int32)], expected=[a[[5, 0, 5]]])
    yield op_case("Gather", "embedding_int8", [sample((50, 33), np.int8), ints(*range(49, -1, -3))], constants=[0], qin=[Q], qout=[Q])
    r = rng("GatherElements")
    for axis in (0, 1, -1):
        index = r.integers(-x.shape[axis], x.shape[axis], (2, 5, 3))
        index = index[:, :4] if axis != 1 else index
        want = np.empty(index.shape, np.float32)
        for at in np.ndindex(*index.shape):
            to = list(at)
            to[axis] = index[at]
            want[at] = x[tuple(to)]
        yield op_case("GatherElements", f"axis{axis}", [x, index], {"axis": axis}, expected=[want])
    a = sample((3, 4), np.int8)
    index = r.integers(0, 4, (3, 9)).astype(np.int32)
    yield op_case(
        "GatherElements",
        "int8_longer",
        [a, index],
        {"axis": 1},
        qin=[Q],
        qout=[Q],
        expected=[np.take_along_axis(a, index.astype(np.int64), 1)],
    )
    points: list[tuple[str, Any, int, Array]] = [
        ("points", [[0, 1, 2], [3, -1, 0]], 0, np.stack([x[0, 1, 2], x[3, 4, 0]])),
        ("rows", [[0, 1], [3, 2]], 0, np.stack([x[0, 1], x[3, 2]])),
        ("planes", [[[1]], [[-1]]], 0, x[[[1], [3]]]),
        ("batch", [[4], [0], [2], [1]], 1, x[np.arange(4), [4, 0, 2, 1]]),
        ("batch2", [[[0], [1], [2], [0], [1]]] * 4, 2, np.stack([x[i, np.arange(5), [0, 1, 2, 0, 1]] for i in range(4)])),
    ]
    for name, at, batch, want in points:
        yield op_case("GatherND", name, [x, np.array(at, np.int64)], {"batch_dims": batch}, expected=[want])
    a = sample((2, 3), np.int64)
    yield op_case("GatherND", "empty_coordinates", [a, np.zeros((2, 0), np.int64)], expected=[np.stack([a, a])])
    yield op_case("GatherND", "int8_int32", [sample((4, 6), np.int8), np.array([[1], [0]], np.int32)], qin=[Q], qout=[Q])


def scatter_cases() -> Iterator[OpCase]:
    zero = np.zeros((3, 3), np.float32)
    index = ints(1, 0, 2, 0, 2, 1).reshape(2, 3)
    updates = np.array([[1.0, 1.1, 1.2], [2.0, 2.1, 2.2]], np.float32)
    want = np.array([[2.0, 1.1, 0.0], [1.0, 0.0, 2.2], [0.0, 2.1, 1.2]], np.float32)
    yield op_case("ScatterElements", "hand", [zero, index, updates], expected=[want])
    row = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]], np.float32)
    add = [np.array([[1.0, 5.2, 3.0, 4.0, 5.0]], np.float32)]
    yield op_case(
        "ScatterElements",
        "axis1_add",
        [row, ints(1, 1).reshape(1, 2), np.array([[1.1, 2.1]], np.float32)],
        {"axis": 1, "reduction": "add"},
        expected=add,
    )
    for reduction in ("none", "add", "mul", "max", "min"):
        for dtype in (np.float32, np.float16, np.float64, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.bool_):
            x, u = sample((4, 3), dtype, reduction), sample((5, 2), dtype, reduction, "u")
            at = rng("scatter", reduction).integers(-4, 4, (5, 2))
            tolerance = Tolerance(1e-6, 1e-5)
            yield op_case("ScatterElements", f"{reduction}_{x.dtype}", [x, at, u], {"reduction": reduction}, tolerance=tolerance)
        x, u, at = sample((3, 4), np.int8), sample((2, 4), np.int8), np.array([[-1], [0]], np.int32)
        yield op_case("ScatterND", f"{reduction}_int8_quantized", [x, at, u], {"reduction": reduction}, qin=[Q, None, Q], qout=[Q])
        wide = QuantParams.per_tensor(0.01, 5)
        many = [sample((40,), np.int8), ints(*([3, 9] * 20)), sample((40,), np.int8, "u")]
        yield op_case("ScatterElements", f"{reduction}_int8_quantized", many, {"reduction": reduction}, qin=[wide, None, wide], qout=[wide])
    x = np.arange(1, 9, dtype=np.float32)
    points = np.array([[4], [3], [1], [7]], np.int64)
    want = np.array([1, 11, 3, 10, 9, 6, 7, 12], np.float32)
    yield op_case("ScatterND", "points", [x, points, np.array([9, 10, 11, 12], np.float32)], expected=[want])
    combine: dict[str, Any] = {"none": lambda _, b: b, "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
    for reduction, f in combine.items():
        x, u = sample((4, 3, 2)), sample((3, 2), np.float32, "u")
        want = x.copy()
        for (i, j), v in zip([(0, 1), (3, 2), (0, 1)], u, strict=True):
            want[i, j] = f(want[i, j], v)
        yield op_case(
            "ScatterND",
            f"rows_{reduction}",
            [x, np.array([[0, 1], [-1, 2], [0, 1]], np.int64), u],
            {"reduction": reduction},
            expected=[want],
        )
    yield op_case("ScatterND", "whole", [sample((2, 3)), np.zeros((1, 0), np.int64), sample((1, 2, 3))], expected=[sample((1, 2, 3))[0]])
    yield op_case(
        "ScatterND", "nothing", [sample((2, 3)), np.zeros((0, 2), np.int64), np.zeros((0,), np.float32)], expected=[sample((2, 3))]
    )


def range_cases() -> Iterator[OpCase]:
    for dtype in (np.int16, np.int32, np.int64, np.float32, np.float64):
        for name, start, limit, delta in [("up", 3, 9, 3), ("uneven", 0, 10, 4), ("down", 10, 4, -2), ("none", 5, 1, 1)]:
            values = [np.array(v, dtype) for v in (start, limit, delta)]
            want = np.array(list(range(start, limit, delta)), dtype)
            yield op_case("Range", f"{name}_{np.dtype(dtype)}", values, constants=[0, 1, 2], expected=[want])
    yield op_case(
        "Range",
        "fraction",
        [np.array(v, np.float32) for v in (0.5, 2.0, 0.25)],
        constants=[0, 1, 2],
        expected=[np.arange(0.5, 2.0, 0.25, dtype=np.float32)],
    )


def one_hot_cases() -> Iterator[OpCase]:
    values = np.array([2.0, 5.0], np.float32)

    def one_hot(index: Array, depth: int, axis: int, off_on: Array) -> Array:
        shape = list(index.shape)
        shape.insert(axis if axis >= 0 else axis + index.ndim + 1, depth)
        y = np.full(shape, off_on[0])
        for at in np.ndindex(*index.shape):
            v = int(index[at])
            if -depth <= v < depth:
                to: list[Any] = list(at)
                to.insert(axis if axis >= 0 else axis + index.ndim + 1, v % depth)
                y[tuple(to)] = off_on[1]
        return y

    index = np.array([[0, 3, -1], [-4, 4, 2]], np.int64)
    for axis in (-1, 0, 1):
        yield op_case(
            "OneHot",
            f"axis{axis}",
            [index, np.array(4, np.int64), values],
            {"axis": axis},
            constants=[1, 2],
            expected=[one_hot(index, 4, axis, values)],
        )
    i32 = np.array([1, 0], np.int32)
    off_on = np.array([0, 1], np.int64)
    yield op_case("OneHot", "int32_to_int64", [i32, ints(3), off_on], constants=[1, 2], expected=[one_hot(i32, 3, -1, off_on)])
    yield op_case(
        "OneHot",
        "scalar",
        [np.array(1, np.int64), np.array(3, np.int64), np.array([0, 1], np.int8)],
        constants=[1],
        expected=[np.array([0, 1, 0], np.int8)],
    )
