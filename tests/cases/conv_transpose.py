"""Cases of ConvTranspose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, op_case, rng
from tests.cases.linear_data import channel_scales, floats, int8s, int32s, sum_tolerance, weights8


def attrs(rank: int = 2, **given: Any) -> dict[str, Any]:
    """Attributes of a plain NHWC transposed convolution, with changes."""
    zeros, ones = (0,) * rank, (1,) * rank
    return {"strides": ones, "pads": zeros * 2, "dilations": ones, "output_padding": zeros, "groups": 1, "layout": "NHWC"} | given


def direct(x: Array, w: Array, b: Array, *, strides: Any, pads: Any, dilations: Any, output_padding: Any, groups: int, **_: Any) -> Array:
    """The definition of a 2-D NHWC transposed convolution, one product at a time."""
    n, h, width, c = x.shape
    o, kh, kw, _ = w.shape
    oh = (h - 1) * strides[0] + dilations[0] * (kh - 1) + 1 + output_padding[0] - pads[0] - pads[2]
    ow = (width - 1) * strides[1] + dilations[1] * (kw - 1) + 1 + output_padding[1] - pads[1] - pads[3]
    y = np.tile(b.astype(np.float64), (n, oh, ow, 1))
    ci, co = c // groups, o // groups
    for i, j, u, v, g in product(range(h), range(width), range(kh), range(kw), range(groups)):
        row, column = i * strides[0] + u * dilations[0] - pads[0], j * strides[1] + v * dilations[1] - pads[1]
        if 0 <= row < oh and 0 <= column < ow:
            inputs, filters = slice(g * ci, (g + 1) * ci), slice(g * co, (g + 1) * co)
            y[:, row, column, filters] += x[:, i, j, inputs].astype(np.float64) @ w[filters, u, v].T
    return y.astype(np.float32)


SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "1x1": ((1, 4, 5, 6), (7, 1, 1, 6), {}),
    "2x2_stride2": ((2, 4, 5, 3), (19, 2, 2, 3), {"strides": (2, 2)}),
    "3x3_stride2_same": ((1, 5, 4, 6), (9, 3, 3, 6), {"strides": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 1)}),
    "3x3_stride1": ((1, 5, 6, 4), (5, 3, 3, 4), {"pads": (1, 0, 1, 2)}),
    "4x4_stride2": ((1, 7, 6, 8), (33, 4, 4, 8), {"strides": (2, 2), "pads": (1, 1, 1, 1)}),
    "gaps": ((1, 3, 4, 2), (3, 2, 1, 2), {"strides": (3, 4), "output_padding": (1, 2)}),
    "dilated": ((1, 4, 5, 3), (4, 3, 2, 3), {"strides": (2, 3), "dilations": (2, 2), "pads": (1, 0, 2, 1)}),
    "dilated_stride4": ((1, 3, 3, 3), (4, 4, 3, 3), {"strides": (4, 6), "dilations": (6, 4), "pads": (2, 3, 1, 0)}),
    "groups": ((1, 4, 4, 6), (8, 3, 3, 3), {"groups": 2, "strides": (2, 1), "pads": (1, 1, 1, 1)}),
    "depthwise": ((1, 4, 4, 7), (7, 4, 4, 1), {"groups": 7, "strides": (2, 2), "pads": (1, 1, 1, 1)}),
    "crop_more_than_kernel": ((1, 6, 6, 2), (3, 2, 2, 2), {"strides": (2, 2), "pads": (3, 2, 3, 4)}),
}


def cases() -> Iterator[OpCase]:
    for name, (xs, ws, given) in SHAPES.items():
        r = rng("ConvTranspose", name)
        x, w, b, a = floats(r, *xs), floats(r, *ws), floats(r, ws[0]), attrs(**given)
        t = sum_tolerance(int(np.prod(ws[1:])))
        want = direct(x, w, b, **a)
        yield op_case("ConvTranspose", f"f32_{name}", [x, w, b], a, constants=[1, 2], tolerance=t, expected=[want])
        first, last = a | {"layout": "NCHW"}, np.ascontiguousarray(np.moveaxis(x, -1, 1))
        turned = np.ascontiguousarray(np.moveaxis(want, -1, 1))
        yield op_case("ConvTranspose", f"f32_nchw_{name}", [last, w, b], first, constants=[1, 2], tolerance=t, expected=[turned])
        clamp = a | {"clamp_min": 0.0, "clamp_max": 1.0}
        yield op_case("ConvTranspose", f"clamp_no_bias_{name}", [x, w], clamp, constants=[1], tolerance=t)
        yield op_case("ConvTranspose", f"computed_weights_{name}", [x, w, b], a, tolerance=t)
        yield op_case("ConvTranspose", f"f16_weights_{name}", [x, w.astype(np.float16), b], a, constants=[1, 2], tolerance=t)
        qx, qy, qw = QuantParams.per_tensor(0.05, -7), QuantParams.per_tensor(0.07, 11), channel_scales(r, ws[0])
        ix, iw, ib = int8s(r, *xs), weights8(r, *ws), int32s(r, ws[0])
        yield op_case("ConvTranspose", f"int8_{name}", [ix, iw, ib], a, constants=[1, 2], qin=[qx, qw, None], qout=[qy])
        yield op_case("ConvTranspose", f"int8_weights_{name}", [x, iw, b], a, constants=[1, 2], qin=[None, qw, None], tolerance=t)
        ilast = np.ascontiguousarray(np.moveaxis(ix, -1, 1))
        yield op_case("ConvTranspose", f"int8_nchw_{name}", [ilast, iw, ib], first, constants=[1, 2], qin=[qx, qw, None], qout=[qy])
    r = rng("ConvTranspose", "other ranks")
    line = attrs(1, strides=(3,), pads=(1, 0), output_padding=(1,))
    yield op_case(
        "ConvTranspose", "1d", [floats(r, 2, 5, 3), floats(r, 4, 4, 3), floats(r, 4)], line, constants=[1, 2], tolerance=sum_tolerance(12)
    )
    cube = attrs(3, strides=(2, 1, 2), pads=(0, 1, 1, 1, 0, 0), layout="NCHW")
    yield op_case(
        "ConvTranspose", "3d", [floats(r, 1, 3, 2, 3, 4), floats(r, 5, 2, 3, 3, 3)], cube, constants=[1], tolerance=sum_tolerance(54)
    )
