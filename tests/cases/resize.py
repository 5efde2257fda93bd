"""Cases of Resize."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekit.ops.resize import COORDINATE_MODES, NEAREST_MODES
from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, Tolerance, op_case
from tests.cases.layout_moves import Q, ints, sample

SCALES = {"half": 0.5, "double": 2.0, "uneven_up": 1.7, "uneven_down": 0.6}


def f32(*values: float) -> Array:
    return np.array(values, np.float32)


def bilinear(x: Array, height: int, width: int) -> Array:
    """half_pixel, straight from its definition: the four neighbours of one point, in double precision. x: [..., h, w]."""
    h, w = x.shape[-2:]
    y = np.empty((*x.shape[:-2], height, width))
    for i, j in itertools.product(range(height), range(width)):
        sy, sx = (min(max((k + 0.5) * n / out - 0.5, 0), n - 1) for k, n, out in ((i, h, height), (j, w, width)))
        y0, x0 = min(math.floor(sy), h - 1), min(math.floor(sx), w - 1)
        y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
        fy, fx = sy - y0, sx - x0
        top = x[..., y0, x0] * (1 - fx) + x[..., y0, x1] * fx
        bottom = x[..., y1, x0] * (1 - fx) + x[..., y1, x1] * fx
        y[..., i, j] = top * (1 - fy) + bottom * fy
    return y


def cases() -> Iterator[OpCase]:
    yield from nearest_cases()
    yield from linear_cases()
    yield from cubic_cases()
    yield from antialias_cases()
    yield from int8_cases()
    yield from other_cases()


def nearest_cases() -> Iterator[OpCase]:
    x = sample((1, 2, 5, 6))
    for coordinate, nearest in itertools.product(COORDINATE_MODES[:-1], NEAREST_MODES):
        for label, scale in SCALES.items():
            attrs = {"coordinate_mode": coordinate, "nearest_mode": nearest}
            yield op_case("Resize", f"nearest_{coordinate}_{nearest}_{label}", [x, None, f32(1, 1, scale, scale)], attrs, constants=[2])
    twice = x.repeat(2, 2).repeat(3, 3)
    attrs = {"coordinate_mode": "asymmetric", "nearest_mode": "floor"}
    yield op_case("Resize", "nearest_repeats", [x, ints(1, 2, 10, 18)], attrs, constants=[1], expected=[twice])
    yield op_case("Resize", "nearest_repeats_scales", [x, None, f32(1, 1, 2, 3)], attrs, constants=[2], expected=[twice])
    nhwc = np.moveaxis(x, 1, 3).copy()
    yield op_case("Resize", "nearest_nhwc", [nhwc, ints(1, 10, 18, 2)], attrs, constants=[1], expected=[np.moveaxis(twice, 1, 3)])
    for dtype in (np.float16, np.float64, np.uint8, np.int16, np.int64, np.bool_):
        a = sample((2, 3, 4), dtype)
        yield op_case("Resize", f"nearest_{a.dtype}", [a, ints(2, 6, 2)], attrs, constants=[1], expected=[a.repeat(2, 1)[:, :, ::2]])
    yield op_case("Resize", "nearest_all_axes", [sample((2, 3, 4)), ints(5, 2, 7)], constants=[1])
    yield op_case("Resize", "nearest_outer_and_inner", [sample((3, 4, 5)), ints(6, 4, 10)], attrs, constants=[1])
    seven = np.arange(3, dtype=np.float32)  # 7 / 3 is no binary fraction: positions must still come out whole
    yield op_case("Resize", "nearest_whole_positions", [seven, ints(7)], attrs, constants=[1], expected=[f32(0, 0, 0, 1, 1, 2, 2)])
    tie = np.array([1, 1, 1.4, 1 / 6], np.float32)  # 5 * 1.4 is 7 in float32, 6.9999999 in double precision
    yield op_case("Resize", "nearest_scale_as_float32", [x, None, tie], attrs, constants=[2], expected=[x[:, :, [0, 0, 1, 2, 2, 3, 4], :1]])
    yield op_case("Resize", "same_size", [x, ints(1, 2, 5, 6)], constants=[1], expected=[x])


def linear_cases() -> Iterator[OpCase]:
    x = sample((2, 3, 5, 6))
    for coordinate in COORDINATE_MODES[:-1]:
        for label, scale in SCALES.items():
            attrs = {"mode": "linear", "coordinate_mode": coordinate}
            yield op_case("Resize", f"linear_{coordinate}_{label}", [x, None, f32(1, 1, scale, scale)], attrs, constants=[2])
    tolerance = Tolerance(1e-5, 1e-5)
    for height, width in [(10, 12), (3, 4), (7, 1), (1, 9), (5, 13)]:
        want = [bilinear(x, height, width).astype(np.float32)]
        yield op_case(
            "Resize",
            f"linear_{height}x{width}",
            [x, ints(2, 3, height, width)],
            {"mode": "linear"},
            constants=[1],
            expected=want,
            tolerance=tolerance,
        )
        nhwc, want = np.moveaxis(x, 1, 3).copy(), [np.moveaxis(want[0], 1, 3)]
        inputs = [nhwc, ints(2, height, width, 3)]
        yield op_case(
            "Resize", f"linear_{height}x{width}_nhwc", inputs, {"mode": "linear"}, constants=[1], expected=want, tolerance=tolerance
        )
    corners = {"mode": "linear", "coordinate_mode": "align_corners"}
    line = f32(0, 1, 4)
    yield op_case("Resize", "linear_corners_line", [line, ints(5)], corners, constants=[1], expected=[f32(0, 0.5, 1, 2.5, 4)])
    yield op_case("Resize", "linear_corners_to_one", [line, ints(1)], corners, constants=[1], expected=[f32(0)])
    yield op_case("Resize", "linear_from_one", [f32(3), ints(4)], {"mode": "linear"}, constants=[1], expected=[f32(3, 3, 3, 3)])
    yield op_case("Resize", "linear_volume", [sample((1, 2, 3, 4, 5)), ints(1, 2, 5, 7, 3)], {"mode": "linear"}, constants=[1])
    yield op_case("Resize", "linear_rank5_all", [sample((2, 2, 3, 2, 3)), ints(3, 4, 2, 3, 5)], {"mode": "linear"}, constants=[1])
    yield op_case("Resize", "linear_apart", [sample((4, 3, 5, 2)), ints(6, 3, 8, 2)], {"mode": "linear"}, constants=[1])
    yield op_case("Resize", "linear_wide", [sample((1, 3, 9, 150)), ints(1, 3, 9, 75)], {"mode": "linear"}, constants=[1])
    yield op_case("Resize", "linear_channels", [sample((1, 4, 5, 70)), ints(1, 8, 9, 70)], {"mode": "linear"}, constants=[1])
    yield op_case(
        "Resize",
        "linear_float16",
        [sample((1, 2, 5, 6), np.float16), ints(1, 2, 9, 4)],
        {"mode": "linear"},
        constants=[1],
        tolerance=Tolerance(1e-3, 1e-3),
    )
    roi = f32(0, 0, 0.2, -0.3, 1, 1, 0.7, 1.1)
    crop: dict[str, Any] = {"mode": "linear", "coordinate_mode": "tf_crop_and_resize", "extrapolation_value": 10.0}
    yield op_case("Resize", "crop", [x, ints(2, 3, 4, 7), None, roi], crop, constants=[1, 3])
    yield op_case("Resize", "crop_nearest", [x, ints(2, 3, 4, 7), None, roi], crop | {"mode": "nearest"}, constants=[1, 3])
    inside = f32(0, 0, 0.25, 0.2, 1, 1, 0.75, 0.6)
    # 5 rows at 1..3, 6 columns at 1..3: positions are whole
    yield op_case("Resize", "crop_whole", [x, ints(2, 3, 3, 3), None, inside], crop, constants=[1, 3], expected=[x[:, :, 1:4, 1:4]])


def cubic_cases() -> Iterator[OpCase]:
    x = sample((1, 2, 5, 6))
    for coordinate in COORDINATE_MODES[:-1]:
        for label, scale in SCALES.items():
            attrs = {"mode": "cubic", "coordinate_mode": coordinate, "exclude_outside": scale < 1}
            yield op_case("Resize", f"cubic_{coordinate}_{label}", [x, None, f32(1, 1, scale, scale)], attrs, constants=[2])
    yield op_case("Resize", "cubic_sharper", [x, ints(1, 2, 11, 4)], {"mode": "cubic", "cubic_a": -0.5}, constants=[1])
    # Catmull-Rom at a quarter of the way, and mirrored at three quarters
    k = np.array([-0.0703125, 0.8671875, 0.2265625, -0.0234375])
    line = sample((9,))
    wide = np.pad(line, 2, "edge")
    want = np.empty(18, np.float32)
    want[1::2] = [np.dot(k, wide[i + 1 : i + 5]) for i in range(9)]
    want[::2] = [np.dot(k[::-1], wide[i : i + 4]) for i in range(9)]
    yield op_case("Resize", "cubic_catmull_rom", [line, ints(18)], {"mode": "cubic", "cubic_a": -0.5}, constants=[1], expected=[want])


def antialias_cases() -> Iterator[OpCase]:
    x = sample((1, 2, 9, 12))
    for mode in ("linear", "cubic"):
        for label, sizes in [
            ("half", (4, 6)),
            ("third", (3, 4)),
            ("uneven", (5, 7)),
            ("one", (1, 1)),
            ("up", (11, 20)),
            ("mixed", (4, 20)),
        ]:
            for outside in (False, True):
                attrs = {"mode": mode, "antialias": True, "exclude_outside": outside}
                yield op_case("Resize", f"antialias_{mode}_{label}_{outside}", [x, ints(1, 2, *sizes)], attrs, constants=[1])
    # halving a long line with antialias: the triangle of weights 1/8 3/8 3/8 1/8
    line = sample((40,))
    k = np.array([1, 3, 3, 1]) / 8
    want = np.array([np.dot(k, line[2 * i - 1 : 2 * i + 3]) for i in range(1, 19)])
    edges = np.array([np.dot([4 / 8, 3 / 8, 1 / 8], line[:3]), np.dot([1 / 8, 3 / 8, 4 / 8], line[-3:])])
    want = np.concatenate([edges[:1], want, edges[1:]]).astype(np.float32)
    yield op_case(
        "Resize",
        "antialias_triangle",
        [line, ints(20)],
        {"mode": "linear", "antialias": True},
        constants=[1],
        expected=[want],
        tolerance=Tolerance(1e-6, 1e-5),
    )


def int8_cases() -> Iterator[OpCase]:
    for dtype in (np.int8, np.uint8):
        x = sample((1, 7, 9, 5), dtype)
        for mode in ("nearest", "linear", "cubic"):
            for height, width in [(14, 18), (3, 5), (10, 4)]:
                attrs = {"mode": mode, "coordinate_mode": "half_pixel"}
                inputs = [x, ints(1, height, width, 5)]
                yield op_case("Resize", f"{mode}_{x.dtype}_{height}x{width}", inputs, attrs, constants=[1], qin=[Q], qout=[Q])
        want = np.rint(bilinear(np.moveaxis(x, 3, 1).astype(np.float64), 28, 36)).astype(
            dtype
        )  # eighths: no sum lies near a tie by accident
        assert np.all(np.abs(bilinear(np.moveaxis(x, 3, 1).astype(np.float64), 28, 36) * 64 % 1) == 0)
        yield op_case(
            "Resize",
            f"linear_{x.dtype}_exact",
            [x, ints(1, 28, 36, 5)],
            {"mode": "linear"},
            constants=[1],
            expected=[np.moveaxis(want, 1, 3)],
        )
    overshoot = np.array([-128, -128, 127, 127, -128, -128], np.int8)
    yield op_case("Resize", "cubic_int8_saturates", [overshoot, ints(13)], {"mode": "cubic"}, constants=[1], qin=[Q], qout=[Q])
    crop: dict[str, Any] = {"mode": "linear", "coordinate_mode": "tf_crop_and_resize", "extrapolation_value": 0.5}
    roi, q = f32(-0.5, 1.5), QuantParams.per_tensor(0.02, 3)
    yield op_case("Resize", "crop_int8", [np.arange(10, dtype=np.int8), ints(8), None, roi], crop, constants=[1, 3], qin=[q], qout=[q])


def other_cases() -> Iterator[OpCase]:
    yield op_case("Resize", "to_nothing", [sample((2, 3)), ints(2, 0)], constants=[1], expected=[np.zeros((2, 0), np.float32)])
    both = [sample((1, 1, 4, 4)), ints(1, 1, 7, 7), f32(1, 1, 1.9, 1.9)]
    yield op_case("Resize", "sizes_and_scales", both, {"mode": "linear"}, constants=[1, 2])
