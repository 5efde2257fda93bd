"""Cases of GridSample and RoiAlign."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.layout_moves import ints, sample


def cases() -> Iterator[OpCase]:
    yield from grid_cases()
    yield from roi_cases()


def grid_cases() -> Iterator[OpCase]:
    x = sample((2, 3, 5, 6))
    grid = rng("grid").uniform(-1.6, 1.6, (2, 4, 7, 2)).astype(np.float32)
    for mode, padding, corners in itertools.product(("linear", "nearest", "cubic"), ("zeros", "border", "reflection"), (False, True)):
        attrs = {"mode": mode, "padding_mode": padding, "align_corners": corners}
        name = f"{mode}_{padding}_{'corners' if corners else 'edges'}"
        yield op_case("GridSample", name, [x, grid], attrs, tolerance=Tolerance(1e-5, 1e-5))
    # the identity: element centres in order
    for corners in (False, True):
        ys, xs = (np.linspace(-1, 1, n) if corners else (np.arange(n) + 0.5) * 2 / n - 1 for n in (5, 6))
        same = np.stack(np.meshgrid(xs, ys), -1)[None].repeat(2, 0).astype(np.float32)
        attrs = {"align_corners": corners}
        yield op_case("GridSample", f"identity_{corners}", [x, same], attrs, expected=[x], tolerance=Tolerance(1e-5, 1e-5))
    flipped = np.stack(np.meshgrid(-np.linspace(-1, 1, 6), np.linspace(-1, 1, 5)), -1)[None].repeat(2, 0).astype(np.float32)
    attrs = {"align_corners": True, "mode": "nearest"}
    yield op_case("GridSample", "mirror", [x, flipped], attrs, expected=[x[..., ::-1].copy()])
    volume, points = sample((1, 2, 3, 4, 5)), rng("grid3").uniform(-1.2, 1.2, (1, 2, 3, 2, 3)).astype(np.float32)
    yield op_case("GridSample", "volume", [volume, points], tolerance=Tolerance(1e-5, 1e-5))
    line = rng("grid1").uniform(-1.2, 1.2, (1, 9, 1)).astype(np.float32)
    yield op_case("GridSample", "line", [sample((1, 2, 7)), line], {"padding_mode": "border"}, tolerance=Tolerance(1e-5, 1e-5))
    wild = np.array([[[[np.nan, 0], [np.inf, -np.inf], [1e30, 0.5]]]], np.float32)
    for padding in ("zeros", "border", "reflection"):
        yield op_case("GridSample", f"wild_{padding}", [x[:1].copy(), wild], {"padding_mode": padding, "mode": "nearest"})


def roi_cases() -> Iterator[OpCase]:
    x = sample((2, 3, 9, 11))
    rois = np.array([[0, 0, 10, 8], [2.3, 1.7, 7.9, 6.2], [-3, -2, 4, 3], [8, 7, 30, 30], [5, 5, 5, 5]], np.float32)
    batch = ints(0, 1, 1, 0, 1)
    for mode, coordinate, ratio in itertools.product(("avg", "max"), ("half_pixel", "output_half_pixel"), (0, 2)):
        attrs = {
            "mode": mode,
            "coordinate_mode": coordinate,
            "output_height": 3,
            "output_width": 2,
            "sampling_ratio": ratio,
            "spatial_scale": 0.75,
        }
        yield op_case("RoiAlign", f"{mode}_{coordinate}_{ratio}", [x, rois, batch], attrs, tolerance=Tolerance(1e-5, 1e-5))
    # one sample a cell at whole positions reads the elements themselves
    attrs = {"coordinate_mode": "output_half_pixel", "output_height": 3, "output_width": 4, "sampling_ratio": 1}
    inside = np.array([[1.5, 2.5, 5.5, 5.5]], np.float32)
    yield op_case("RoiAlign", "elements", [x, inside, np.array([1], np.int32)], attrs, expected=[x[1:, :, 3:6, 2:6]])
    yield op_case("RoiAlign", "no_regions", [x, np.zeros((0, 4), np.float32), ints()], attrs, expected=[np.zeros((0, 3, 3, 4), np.float32)])
