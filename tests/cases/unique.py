"""Cases of Unique, with results worked out element by element in Python."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases.case import OpCase, op_case, rng


def _by_hand(x: np.ndarray, axis: int | None, in_order: bool) -> list[np.ndarray]:
    slices = x.reshape(-1) if axis is None else np.moveaxis(x, axis, 0)
    keys = [tuple(np.atleast_1d(s).reshape(-1).tolist()) for s in slices]
    found: list[tuple[float, ...]] = list(dict.fromkeys(keys))
    if in_order:
        found.sort()
    first = [keys.index(k) for k in found]
    y = slices[first] if axis is None else np.moveaxis(slices[first], 0, axis)
    return [y, np.array(first), np.array([found.index(k) for k in keys]), np.array([keys.count(k) for k in found])]


def cases() -> Iterator[OpCase]:
    for dtype in (np.float32, np.int8, np.uint8, np.int32, np.int64):
        x = rng("Unique", dtype).integers(0, 6, 40).astype(dtype)
        for in_order in (True, False):
            name = f"{np.dtype(dtype)}_{'sorted' if in_order else 'as_met'}"
            yield op_case("Unique", name, [x], {"flat": True, "sorted": in_order}, expected=_by_hand(x, None, in_order))
    grid = rng("Unique", "grid").integers(0, 2, (5, 3, 4)).astype(np.float32)
    grid[3], grid[:, 2] = grid[0], grid[:, 1]
    for axis in (0, 1, -1):
        for in_order in (True, False):
            attrs = {"axis": axis, "sorted": in_order}
            name = f"axis{axis}_{'sorted' if in_order else 'as_met'}"
            yield op_case("Unique", name, [grid], attrs, expected=_by_hand(grid, axis, in_order))
    yield op_case("Unique", "flattened", [grid], {"flat": True}, expected=_by_hand(grid, None, True))
    nans = np.array([np.nan, 1, np.nan, -np.inf], np.float32)
    want = [np.array([-np.inf, 1, np.nan], np.float32), np.array([3, 1, 0]), np.array([2, 1, 2, 0]), np.array([1, 1, 2])]
    yield op_case("Unique", "not_a_number", [nans], {"flat": True}, expected=want)
    nothing = [np.zeros(0, np.float32), *[np.zeros(0, np.int64)] * 3]
    yield op_case("Unique", "empty", [np.zeros(0, np.float32)], {"flat": True}, expected=nothing)
    one = [np.array([7]), np.array([0]), np.array([0]), np.array([1])]
    yield op_case("Unique", "scalar", [np.array(7, np.int64)], {"flat": True}, expected=one)
