"""Cases of RoiPool and SuppressOverlaps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases.case import OpCase, op_case, rng
from tests.cases.layout_moves import ints, sample


def cases() -> Iterator[OpCase]:
    yield from pool_cases()
    yield from suppress_cases()


def pool_cases() -> Iterator[OpCase]:
    x = sample((2, 3, 9, 11))
    rois = np.array([[0, 0, 10, 8], [2.3, 1.7, 7.9, 6.2], [-3, -2, 4, 3], [8, 7, 30, 30], [5, 5, 5, 5], [9, 9, 1, 1]], np.float32)
    for scale in (1.0, 0.75, 0.0625):
        for height, width in ((3, 2), (7, 7), (1, 1)):
            attrs = {"output_height": height, "output_width": width, "spatial_scale": scale}
            yield op_case("RoiPool", f"{height}x{width}_{scale}", [x, rois, ints(0, 1, 1, 0, -1, 1)], attrs)
    whole = {"output_height": 9, "output_width": 11}
    everything = np.array([[0, 0, 10, 8]], np.float32)
    yield op_case("RoiPool", "elements", [x, everything, np.array([1], np.int32)], whole, expected=[x[1:]])
    halves = np.array([[0.5, 1.5, 2.4999, 3.5]], np.float32)  # columns 1 to 2, rows 2 to 4
    one = {"output_height": 1, "output_width": 1}
    yield op_case("RoiPool", "halves", [x, halves, ints(0)], one, expected=[x[:1, :, 2:5, 1:3].max((2, 3), keepdims=True)])
    outside = np.array([[40, 40, 50, 50], [-9, -9, -8, -8]], np.float32)
    yield op_case("RoiPool", "outside", [x, outside, ints(0, 1)], one, expected=[np.zeros((2, 3, 1, 1), np.float32)])
    wild = np.array([[np.nan, 0, np.inf, 1e30], [-np.inf, -1e30, np.nan, 2]], np.float32)
    yield op_case("RoiPool", "wild", [x, wild, ints(0, 1)], {"output_height": 2, "output_width": 3})
    yield op_case("RoiPool", "no_regions", [x, np.zeros((0, 4), np.float32), ints()], one, expected=[np.zeros((0, 3, 1, 1), np.float32)])


def suppress_cases() -> Iterator[OpCase]:
    r = rng("SuppressOverlaps")
    low = r.uniform(0, 8, (2, 40, 2))
    boxes = np.concatenate([low, low + r.uniform(1, 4, (2, 40, 2))], axis=2).astype(np.float32)
    some, classes = r.random((2, 40)) > 0.2, r.integers(-1, 3, (2, 40))
    for threshold in (0.0, 0.3, 0.7):
        yield op_case("SuppressOverlaps", f"all_{threshold}", [boxes, some], {"threshold": threshold})
        for kind in (np.int32, np.int64):
            named = [boxes, some, classes.astype(kind)]
            yield op_case("SuppressOverlaps", f"classes_{np.dtype(kind)}_{threshold}", named, {"threshold": threshold})
    chain = np.array(
        [[[0, 0, 4, 4], [2, 0, 6, 4], [4, 0, 8, 4], [8, 4, 4, 0]]], np.float32
    )  # neighbours overlap by a third; corners turned
    yes = np.ones((1, 4), np.bool_)
    yield op_case("SuppressOverlaps", "chain", [chain, yes], {"threshold": 0.3}, expected=[np.array([[True, False, True, False]])])
    yield op_case("SuppressOverlaps", "loose", [chain, yes], {"threshold": 0.5}, expected=[np.array([[True, True, True, False]])])
    no = np.array([[False, True, True, True]])
    yield op_case("SuppressOverlaps", "not_candidates", [chain, no], {"threshold": 0.3}, expected=[np.array([[False, True, False, False]])])
    kinds = ints(0, 1, 0, 1).reshape(1, 4)
    yield op_case("SuppressOverlaps", "kinds", [chain, yes, kinds], {"threshold": 0.3}, expected=[np.array([[True, True, True, False]])])
    wild = np.array([[[0, 0, np.nan, 1], [0, 0, np.inf, np.inf], [0, 0, 1, 1], [0, 0, 0, 0]]], np.float32)
    yield op_case("SuppressOverlaps", "wild", [wild, yes], {"threshold": 0.5})
    yield op_case("SuppressOverlaps", "nothing", [np.zeros((1, 0, 4), np.float32), np.zeros((1, 0), np.bool_)], {"threshold": 0.5})
