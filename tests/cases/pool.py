"""Cases of the pools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from math import floor
from typing import Any

import numpy as np

from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, op_case, rng
from tests.cases.linear_data import floats, int8s


def attrs(kernel: tuple[int, ...], **given: Any) -> dict[str, Any]:
    """Attributes of a plain NHWC pool, with changes."""
    n = len(kernel)
    return {
        "kernel": kernel,
        "strides": (1,) * n,
        "pads": (0,) * (2 * n),
        "dilations": (1,) * n,
        "ceil_mode": False,
        "layout": "NHWC",
    } | given


def direct(x: Array, a: dict[str, Any], out: tuple[int, int], reduce: Callable[[Array, int], Array], include_pad: bool = False) -> Array:
    """A 2-D NHWC pool by its definition: ``reduce(elements [taps, C], count)`` for each window."""
    (kh, kw), (sh, sw), (t, le, bo, ri), (dh, dw) = a["kernel"], a["strides"], a["pads"], a["dilations"]
    n, h, w, c = x.shape
    y = np.zeros((n, *out, c), np.float64)
    for image, i, j in product(range(n), range(out[0]), range(out[1])):
        taps, count = [], 0
        for u, v in product(range(kh), range(kw)):
            row, column = i * sh - t + u * dh, j * sw - le + v * dw
            if 0 <= row < h and 0 <= column < w:
                taps.append(x[image, row, column].astype(np.float64))
            count += -t <= row < h + bo and -le <= column < w + ri if include_pad else 0 <= row < h and 0 <= column < w
        y[image, i, j] = reduce(np.asarray(taps).reshape(-1, c), count)
    return y


WINDOWS: dict[str, tuple[tuple[int, ...], dict[str, Any], tuple[int, int]]] = {
    "2x2": ((1, 6, 8, 5), attrs((2, 2), strides=(2, 2)), (3, 4)),
    "3x3_pad": ((2, 7, 6, 37), attrs((3, 3), strides=(2, 2), pads=(1, 1, 1, 1)), (4, 3)),
    "3x3_asymmetric": ((1, 7, 7, 16), attrs((3, 3), strides=(2, 2), pads=(0, 1, 1, 0)), (3, 3)),
    "3x3_ceil": ((1, 6, 8, 9), attrs((3, 3), strides=(2, 2), ceil_mode=True), (3, 4)),
    "ceil_drops_window": ((1, 4, 4, 3), attrs((1, 2), strides=(3, 3), pads=(0, 1, 0, 1), ceil_mode=True), (2, 2)),
    "dilated": ((1, 9, 8, 4), attrs((3, 2), dilations=(2, 3), pads=(1, 1, 1, 1)), (7, 7)),
    "whole": ((1, 5, 4, 70), attrs((5, 4)), (1, 1)),
    "wide_channels": ((1, 4, 4, 131), attrs((2, 2), pads=(1, 0, 0, 1)), (4, 4)),
}


def _first(x: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def _integer_mean(name: str, x: Array, a: dict[str, Any], out: tuple[int, int], rounding: str) -> OpCase:
    """Means of the stored integers, by exact fractions; padding that counts is the zero point."""
    zero, half = -13, Fraction(1, 2)

    def nearest(e: Array, n: int) -> Array:
        means = [(Fraction(int(s)) + zero * (n - len(e))) / n for s in e.sum(axis=0)]
        return np.asarray([-floor(half - m) if m < 0 and rounding == "away" else floor(m + half) for m in means])

    q = QuantParams.per_tensor(0.07, zero)
    want = direct(x, a, out, nearest, a["count_include_pad"]).astype(np.int8)
    return op_case("AveragePool", name, [x], a | {"rounding": rounding}, qin=[q], qout=[q], expected=[want])


def cases() -> Iterator[OpCase]:
    q = QuantParams.per_tensor(0.07, -13)
    for name, (shape, a, out) in WINDOWS.items():
        r = rng("pool", name)
        x, ix = floats(r, *shape), int8s(r, *shape)
        largest = direct(x, a, out, lambda e, _: e.max(axis=0)).astype(np.float32)
        yield op_case("MaxPool", f"f32_{name}", [x], a, expected=[largest])
        yield op_case("MaxPool", f"f32_clamp_{name}", [x], a | {"clamp_min": 0.0, "clamp_max": 0.5}, expected=[np.clip(largest, 0, 0.5)])
        yield op_case(
            "MaxPool", f"int8_{name}", [ix], a, qin=[q], qout=[q], expected=[direct(ix, a, out, lambda e, _: e.max(axis=0)).astype(np.int8)]
        )
        yield op_case("MaxPool", f"int8_clamp_{name}", [ix], a | {"clamp_min": -1.0, "clamp_max": 6.0}, qin=[q], qout=[q])
        yield op_case("MaxPool", f"uint8_{name}", [ix.view(np.uint8)], a)
        yield op_case("MaxPool", f"f32_nchw_{name}", [_first(x)], a | {"layout": "NCHW"}, expected=[_first(largest)])
        yield op_case("MaxPool", f"int8_nchw_{name}", [_first(ix)], a | {"layout": "NCHW"}, qin=[q], qout=[q])
        for include in (False, True):
            b = a | {"count_include_pad": include}
            mean = direct(x, a, out, lambda e, n: e.sum(axis=0) / n, include).astype(np.float32)
            kind = "with_pad_" if include else ""
            yield op_case("AveragePool", f"f32_{kind}{name}", [x], b, expected=[mean])
            yield op_case("AveragePool", f"f32_nchw_{kind}{name}", [_first(x)], b | {"layout": "NCHW"}, expected=[_first(mean)])
            yield op_case("AveragePool", f"int8_{kind}{name}", [ix], b, qin=[q], qout=[QuantParams.per_tensor(0.03, 40)])
            yield op_case("AveragePool", f"int8_same_scale_{kind}{name}", [ix], b, qin=[q], qout=[q])
            for rounding in ("up", "away"):
                yield _integer_mean(f"int8_{rounding}_{kind}{name}", ix, b, out, rounding)
        norm = direct(x, a, out, lambda e, _: (np.abs(e) ** 3).sum(axis=0) ** (1 / 3)).astype(np.float32)
        yield op_case("LpPool", f"p3_{name}", [x], a | {"p": 3}, expected=[norm])
        yield op_case("LpPool", f"p2_{name}", [x], a | {"p": 2})
        yield op_case("LpPool", f"p1_nchw_{name}", [_first(x)], a | {"p": 1, "layout": "NCHW"})
    r = rng("pool", "other")
    for kind in ("MaxPool", "AveragePool"):
        line = attrs((3,), strides=(2,), pads=(1, 1), dilations=(1,))
        yield op_case(kind, "1d", [floats(r, 2, 9, 5)], line)
        yield op_case(kind, "1d_nchw", [floats(r, 2, 5, 9)], line | {"layout": "NCHW"})
        yield op_case(kind, "3d", [floats(r, 1, 5, 6, 4, 7)], attrs((2, 3, 2), strides=(1, 2, 1), pads=(0, 1, 1, 1, 0, 1), ceil_mode=True))
        yield op_case(kind, "window_of_padding", [floats(r, 1, 2, 2, 3)], attrs((2, 2), pads=(2, 2, 2, 2)))
    for shape in [(1, 7, 7, 64), (2, 3, 5, 19), (1, 1, 1, 4), (1, 40, 40, 3), (2, 6, 5), (1, 3, 4, 5, 6)]:
        name = "x".join(map(str, shape))
        x, ix = floats(r, *shape), int8s(r, *shape)
        axes = tuple(range(1, len(shape) - 1))
        mean = x.astype(np.float64).mean(axis=axes, keepdims=True).astype(np.float32)
        yield op_case("GlobalAveragePool", f"f32_{name}", [x], {"layout": "NHWC"}, expected=[mean])
        yield op_case("GlobalAveragePool", f"f32_nchw_{name}", [_first(x)], {"layout": "NCHW"}, expected=[_first(mean)])
        yield op_case("GlobalAveragePool", f"int8_{name}", [ix], {"layout": "NHWC"}, qin=[q], qout=[QuantParams.per_tensor(0.011, 3)])
        yield op_case("GlobalAveragePool", f"int8_nchw_{name}", [_first(ix)], {"layout": "NCHW"}, qin=[q], qout=[q])
        yield op_case("GlobalMaxPool", f"f32_{name}", [x], {"layout": "NHWC"}, expected=[x.max(axis=axes, keepdims=True)])
        yield op_case(
            "GlobalMaxPool", f"int8_{name}", [ix], {"layout": "NHWC"}, qin=[q], qout=[q], expected=[ix.max(axis=axes, keepdims=True)]
        )
        yield op_case("GlobalMaxPool", f"f32_nchw_{name}", [_first(x)], {"layout": "NCHW"})
