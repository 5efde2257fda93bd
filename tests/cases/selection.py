"""Cases of NonZero, Compress, TopK and NonMaxSuppression."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.types import Array
from tests.cases.case import OpCase, op_case, rng
from tests.cases.layout_moves import Q, ints, sample


def cases() -> Iterator[OpCase]:
    yield from non_zero_cases()
    yield from compress_cases()
    yield from top_k_cases()
    yield from nms_cases()


def non_zero_cases() -> Iterator[OpCase]:
    x = np.array([[1.0, 0.0, -0.0], [np.nan, 0.0, -2.0]], np.float32)
    yield op_case("NonZero", "hand", [x], expected=[np.array([[0, 1, 1], [0, 0, 2]], np.int64)])
    for dtype in (np.float16, np.float64, np.int8, np.int32, np.int64, np.bool_):
        a = (rng("NonZero", dtype).integers(0, 3, (3, 4, 5)) % 2).astype(dtype)
        yield op_case("NonZero", f"{a.dtype}", [a], expected=[np.argwhere(a).T.astype(np.int64)])
    yield op_case("NonZero", "none", [np.zeros((2, 2), np.float32)], expected=[np.zeros((2, 0), np.int64)])
    yield op_case("NonZero", "all", [np.ones((70,), np.uint8)], expected=[np.arange(70)[None]])


def compress_cases() -> Iterator[OpCase]:
    x = sample((3, 4, 2))
    keep = np.array([True, False, True])
    yield op_case("Compress", "axis0", [x, keep], expected=[x[[0, 2]]])
    yield op_case("Compress", "axis1_short", [x, keep], {"axis": 1}, constants=[1], expected=[x[:, [0, 2]]])
    yield op_case("Compress", "negative_axis", [x, np.array([False, True])], {"axis": -1}, expected=[x[:, :, 1:]])
    flat = rng("Compress").integers(0, 2, 24).astype(np.bool_)
    yield op_case("Compress", "flat", [x, flat], {"flat": True}, expected=[x.reshape(-1)[flat]])
    yield op_case("Compress", "nothing", [x, np.zeros(3, np.bool_)], expected=[x[:0]])
    yield op_case("Compress", "int8", [sample((5, 3), np.int8), np.array([1, 1, 0, 0, 1], np.bool_)], qin=[Q], qout=[Q])


def top_k_cases() -> Iterator[OpCase]:
    for largest in (True, False):
        for name, shape, axis, k in [
            ("rows", (3, 17), -1, 5),
            ("columns", (9, 4), 0, 9),
            ("middle", (2, 30, 3), 1, 7),
            ("one", (4, 1), 1, 1),
        ]:
            for dtype in (np.float32, np.float16, np.float64, np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64):
                x = sample(shape, dtype)
                want_index = np.empty([k if i == axis % x.ndim else n for i, n in enumerate(shape)], np.int64)
                moved, out = np.moveaxis(x, axis, -1), np.moveaxis(want_index, axis, -1)
                for at in np.ndindex(*moved.shape[:-1]):
                    row = moved[at].tolist()
                    out[at] = sorted(range(len(row)), key=lambda i, row=row: (-row[i] if largest else row[i], i))[:k]  # type: ignore[misc]
                want = [np.take_along_axis(x, want_index, axis), want_index]
                label = f"{name}_{'largest' if largest else 'smallest'}_{x.dtype}"
                yield op_case("TopK", label, [x, ints(k)], {"axis": axis, "largest": largest}, constants=[1], expected=want)
    ties = np.array([[1, 3, 3, 1, 3, -0.0, 0.0]], np.float32)
    yield op_case(
        "TopK", "ties", [ties, ints(5)], constants=[1], expected=[np.array([[3, 3, 3, 1, 1]], np.float32), ints(1, 2, 4, 0, 3)[None]]
    )
    yield op_case(
        "TopK",
        "ties_smallest",
        [ties, ints(3)],
        {"largest": False},
        constants=[1],
        expected=[np.array([[0, 0, 1]], np.float32), ints(5, 6, 0)[None]],
    )
    nan = np.array([1, np.nan, np.inf, -np.inf, np.nan], np.float32)
    yield op_case("TopK", "nan", [nan, ints(3)], constants=[1], expected=[np.array([np.nan, np.nan, np.inf], np.float32), ints(1, 4, 2)])
    yield op_case(
        "TopK",
        "nan_smallest",
        [nan, ints(4)],
        {"largest": False},
        constants=[1],
        expected=[np.array([-np.inf, 1, np.inf, np.nan], np.float32), ints(3, 0, 2, 1)],
    )
    yield op_case(
        "TopK", "zero", [sample((2, 5)), ints(0)], constants=[1], expected=[np.zeros((2, 0), np.float32), np.zeros((2, 0), np.int64)]
    )
    yield op_case("TopK", "computed_k", [sample((2, 50)), ints(7)])
    yield op_case("TopK", "int8_quantized", [sample((2, 50), np.int8), ints(3)], constants=[1], qin=[Q], qout=[Q])


def _boxes(n: int, *key: object) -> Array:
    r = rng("boxes", n, *key)
    corner = r.random((1, n, 2), np.float32) * 10
    return np.concatenate([corner, corner + r.random((1, n, 2), np.float32) * 4], 2)


def nms_cases() -> Iterator[OpCase]:
    # the six boxes of the ONNX specification's examples
    boxes = np.array(
        [[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11], [0, 10.1, 1, 11.1], [0, 100, 1, 101]]], np.float32
    )
    scores = np.array([[[0.9, 0.75, 0.6, 0.95, 0.5, 0.3]]], np.float32)
    half, none = np.array([0.5], np.float32), np.array([0.0], np.float32)

    def rows(*index: int) -> Array:
        return np.array([[0, 0, i] for i in index], np.int64).reshape(-1, 3)

    yield op_case("NonMaxSuppression", "by_overlap", [boxes, scores, ints(3), half, none], constants=[2, 3, 4], expected=[rows(3, 0, 5)])
    yield op_case("NonMaxSuppression", "two_only", [boxes, scores, ints(2), half, none], constants=[2, 3, 4], expected=[rows(3, 0)])
    limit = np.array([0.4], np.float32)
    yield op_case("NonMaxSuppression", "score_limit", [boxes, scores, ints(3), half, limit], constants=[2, 3, 4], expected=[rows(3, 0)])
    flipped = boxes[:, :, [2, 3, 0, 1]].copy()
    yield op_case(
        "NonMaxSuppression", "corners_flipped", [flipped, scores, ints(3), half, none], constants=[2, 3, 4], expected=[rows(3, 0, 5)]
    )
    center = np.array(
        [[[0.5, 0.5, 1, 1], [0.5, 0.6, 1, 1], [0.5, 0.4, 1, 1], [0.5, 10.5, 1, 1], [0.5, 10.6, 1, 1], [0.5, 100.5, 1, 1]]], np.float32
    )
    attrs = {"center_point_box": True}
    yield op_case(
        "NonMaxSuppression", "center", [center, scores, ints(3), half, none], attrs, constants=[2, 3, 4], expected=[rows(3, 0, 5)]
    )
    same = np.zeros((1, 10, 4), np.float32) + np.array([0, 0, 1, 1], np.float32)
    yield op_case(
        "NonMaxSuppression",
        "identical",
        [same, np.full((1, 1, 10), 0.9, np.float32), ints(3), half, none],
        constants=[2, 3, 4],
        expected=[rows(0)],
    )
    two = np.concatenate([boxes, boxes]), np.concatenate([scores, scores])
    want = np.array([[0, 0, 3], [0, 0, 0], [1, 0, 3], [1, 0, 0]], np.int64)
    yield op_case("NonMaxSuppression", "two_batches", [*two, ints(2), half, none], constants=[2, 3, 4], expected=[want])
    want = np.array([[0, 0, 3], [0, 0, 0], [0, 1, 3], [0, 1, 0]], np.int64)
    both = np.concatenate([scores, scores], 1)
    yield op_case("NonMaxSuppression", "two_classes", [boxes, both, ints(2), half, none], constants=[2, 3, 4], expected=[want])
    yield op_case("NonMaxSuppression", "defaults", [boxes, scores], expected=[rows()])
    yield op_case(
        "NonMaxSuppression",
        "nothing_above",
        [boxes, scores, ints(3), half, np.array([2.0], np.float32)],
        constants=[2, 3, 4],
        expected=[rows()],
    )
    r = rng("nms")
    for n in (1, 37, 400):
        s = np.round(r.random((1, 3, n), np.float32), 2)  # many equal scores
        yield op_case(
            "NonMaxSuppression",
            f"random{n}",
            [_boxes(n), s, ints(20), np.array([0.3], np.float32), np.array([0.2], np.float32)],
            constants=[2, 3, 4],
        )
