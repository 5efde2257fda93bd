"""Cases of Conv."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, op_case, rng
from tests.cases.linear_data import channel_scales, floats, int8s, int32s, sum_tolerance, weights8


def attrs(rank: int = 2, **given: Any) -> dict[str, Any]:
    """Attributes of a plain NHWC convolution, with changes."""
    return {"strides": (1,) * rank, "pads": (0,) * (2 * rank), "dilations": (1,) * rank, "groups": 1, "layout": "NHWC"} | given


def direct(x: Array, w: Array, b: Array, *, strides: Any, pads: Any, dilations: Any, groups: int, **_: Any) -> Array:
    """The definition of a 2-D NHWC convolution, one output element at a time."""
    n, h, width, _ = x.shape
    o, kh, kw, per_group = w.shape
    oh = (h + pads[0] + pads[2] - dilations[0] * (kh - 1) - 1) // strides[0] + 1
    ow = (width + pads[1] + pads[3] - dilations[1] * (kw - 1) - 1) // strides[1] + 1
    y = np.zeros((n, oh, ow, o), np.float64)
    for image, i, j, f in product(range(n), range(oh), range(ow), range(o)):
        group = f // (o // groups)
        total = float(b[f])
        for u, v in product(range(kh), range(kw)):
            row, column = i * strides[0] - pads[0] + u * dilations[0], j * strides[1] - pads[1] + v * dilations[1]
            if 0 <= row < h and 0 <= column < width:
                total += float(np.dot(x[image, row, column, group * per_group : (group + 1) * per_group].astype(np.float64), w[f, u, v]))
        y[image, i, j, f] = total
    return y.astype(np.float32)


SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "1x1": ((1, 5, 7, 3), (5, 1, 1, 3), {}),
    "1x1_wide": ((2, 6, 5, 37), (50, 1, 1, 37), {}),
    "1x1_stride2": ((1, 7, 6, 9), (17, 1, 1, 9), {"strides": (2, 2)}),
    "1x1_groups": ((1, 4, 5, 12), (18, 1, 1, 4), {"groups": 3}),
    "3x3_same": ((1, 6, 7, 5), (9, 3, 3, 5), {"pads": (1, 1, 1, 1)}),
    "3x3_stride2_asymmetric": ((2, 9, 8, 3), (33, 3, 3, 3), {"strides": (2, 2), "pads": (0, 0, 1, 1)}),
    "3x2_stride_mixed": ((1, 8, 9, 4), (7, 3, 2, 4), {"strides": (2, 3), "pads": (2, 0, 1, 1)}),
    "3x3_dilated": ((1, 11, 10, 6), (8, 3, 3, 6), {"dilations": (2, 3), "pads": (2, 3, 2, 3)}),
    "3x3_pad_beyond_kernel": ((1, 3, 3, 2), (3, 3, 3, 2), {"pads": (4, 4, 4, 4)}),
    "5x5_groups2": ((1, 7, 7, 8), (6, 5, 5, 4), {"groups": 2, "pads": (2, 2, 2, 2)}),
    "depthwise_3x3": ((1, 9, 8, 19), (19, 3, 3, 1), {"groups": 19, "pads": (1, 1, 1, 1)}),
    "depthwise_3x3_stride2": ((2, 9, 10, 40), (40, 3, 3, 1), {"groups": 40, "strides": (2, 2), "pads": (0, 0, 1, 1)}),
    "depthwise_5x5": ((1, 8, 7, 33), (33, 5, 5, 1), {"groups": 33, "pads": (2, 2, 2, 2)}),
    "depthwise_dilated": ((1, 9, 9, 8), (8, 3, 3, 1), {"groups": 8, "dilations": (2, 2), "pads": (2, 2, 2, 2)}),
    "depthwise_2x1": ((1, 4, 5, 3), (3, 2, 1, 1), {"groups": 3}),
    "depthwise_multiplier": ((1, 6, 5, 7), (21, 3, 3, 1), {"groups": 7, "pads": (1, 1, 1, 1)}),
    "kernel_is_input": ((2, 4, 3, 10), (12, 4, 3, 10), {}),
    "one_output_channel": ((1, 6, 6, 16), (1, 3, 3, 16), {"pads": (1, 1, 1, 1)}),
}


def cases() -> Iterator[OpCase]:
    for name, (xs, ws, given) in SHAPES.items():
        r = rng("Conv", name)
        x, w, b, a = floats(r, *xs), floats(r, *ws), floats(r, ws[0]), attrs(**given)
        t = sum_tolerance(int(np.prod(ws[1:])))
        yield op_case("Conv", f"f32_{name}", [x, w, b], a, constants=[1, 2], tolerance=t, expected=[direct(x, w, b, **a)])
        qx, qy, qw = QuantParams.per_tensor(0.05, -7), QuantParams.per_tensor(0.09, 11), channel_scales(r, ws[0])
        ix, iw, ib = int8s(r, *xs), weights8(r, *ws), int32s(r, ws[0])
        yield op_case("Conv", f"int8_{name}", [ix, iw, ib], a, constants=[1, 2], qin=[qx, qw, None], qout=[qy])
        for mode in ("fixed_up", "fixed_away"):
            options = a | {"requantize": mode, "clamp_min": -4.0}
            yield op_case("Conv", f"int8_{mode}_{name}", [ix, iw, ib], options, constants=[1, 2], qin=[qx, qw, None], qout=[qy])
        if name in ("1x1_wide", "3x3_same", "5x5_groups2", "depthwise_3x3", "depthwise_multiplier"):
            yield op_case("Conv", f"int8_computed_fixed_{name}", [ix, iw, ib], options, qin=[qx, qw, None], qout=[qy])
            first = a | {"layout": "NCHW"}
            yield op_case(
                "Conv", f"f32_nchw_{name}", [np.ascontiguousarray(np.moveaxis(x, -1, 1)), w, b], first, constants=[1, 2], tolerance=t
            )
            yield op_case(
                "Conv",
                f"int8_nchw_{name}",
                [np.ascontiguousarray(np.moveaxis(ix, -1, 1)), iw, ib],
                first,
                constants=[1, 2],
                qin=[qx, qw, None],
                qout=[qy],
            )
            yield op_case("Conv", f"f16_weights_{name}", [x, w.astype(np.float16), b.astype(np.float16)], a, constants=[1, 2], tolerance=t)
            yield op_case("Conv", f"int8_weights_{name}", [x, iw, b], a, constants=[1, 2], qin=[None, qw, None], tolerance=t)
            yield op_case("Conv", f"computed_weights_{name}", [x, w, b], a, tolerance=t)
            yield op_case("Conv", f"int8_computed_weights_{name}", [ix, iw, ib], a, qin=[qx, qw, None], qout=[qy])
    yield from _special()


def _special() -> Iterator[OpCase]:
    r = rng("Conv", "special")
    x, w = floats(r, 1, 5, 5, 4), floats(r, 6, 3, 3, 4)
    same = attrs(pads=(1, 1, 1, 1))
    t = sum_tolerance(36)
    yield op_case("Conv", "no_bias", [x, w], same, constants=[1], tolerance=t, expected=[direct(x, w, np.zeros(6), **same)])
    clamped = np.clip(direct(x, w, np.zeros(6), **same), -0.5, 1.5)
    yield op_case("Conv", "clamp", [x, w], same | {"clamp_min": -0.5, "clamp_max": 1.5}, constants=[1], tolerance=t, expected=[clamped])
    dw = floats(r, 4, 3, 3, 1)
    yield op_case("Conv", "depthwise_clamp", [x, dw], same | {"groups": 4, "clamp_min": 0.0, "clamp_max": 6.0}, constants=[1], tolerance=t)
    for layout, shape in (("NHWC", (2, 9, 3)), ("NCHW", (2, 3, 9))):
        x1, w1 = floats(r, *shape), floats(r, 5, 4, 3)
        a = attrs(1, layout=layout, strides=(2,), pads=(1, 2), dilations=(2,))
        yield op_case("Conv", f"1d_{layout}", [x1, w1, floats(r, 5)], a, constants=[1, 2], tolerance=t)
    for layout, cube in (("NHWC", (1, 4, 5, 6, 3)), ("NCHW", (1, 3, 4, 5, 6))):
        x3, w3 = floats(r, *cube), floats(r, 4, 2, 3, 3, 3)
        a = attrs(3, layout=layout, strides=(1, 2, 1), pads=(1, 1, 0, 0, 1, 2))
        yield op_case("Conv", f"3d_{layout}", [x3, w3, floats(r, 4)], a, constants=[1, 2], tolerance=sum_tolerance(54))
    x3, w3 = floats(r, 1, 3, 4, 5, 6), floats(r, 6, 3, 3, 3, 1)
    yield op_case("Conv", "3d_depthwise", [x3, w3], attrs(3, groups=6, pads=(1,) * 6), constants=[1], tolerance=t)
    qx, qy = QuantParams.per_tensor(0.04, -128), QuantParams.per_tensor(0.0235, -128)
    ix, iw = int8s(r, 1, 6, 6, 20), weights8(r, 24, 3, 3, 20)
    quant: dict[str, Any] = {"constants": [1, 2], "qin": [qx, channel_scales(r, 24), None], "qout": [qy]}
    yield op_case("Conv", "int8_relu6", [ix, iw, int32s(r, 24)], same | {"clamp_min": 0.0, "clamp_max": 6.0}, **quant)
    yield op_case("Conv", "int8_no_bias", [ix, iw], same, constants=[1], qin=[qx, channel_scales(r, 24)], qout=[qy])
    yield op_case(
        "Conv",
        "int8_per_tensor_weights",
        [ix, iw, int32s(r, 24)],
        same,
        constants=[1, 2],
        qin=[qx, QuantParams.per_tensor(0.01)],
        qout=[qy],
    )
    low = np.full((24, 3, 3, 20), -128, np.int8)  # foreign models use -128 in weights
    yield op_case("Conv", "int8_weights_minus_128", [np.full_like(ix, -128), low, int32s(r, 24)], same, **quant)
    coarse, fine = QuantParams.per_tensor(0.5), QuantParams.per_tensor(0.001, 5)
    extreme: dict[str, Any] = {"constants": [1, 2], "qin": [qx, coarse, None], "qout": [fine]}
    for mode in ("fixed_up", "fixed_away"):  # factors above 1, and sums that leave int32 when they are shifted
        yield op_case("Conv", f"int8_{mode}_saturates", [ix, iw, int32s(r, 24, 2**30)], same | {"requantize": mode}, **extreme)
    yield op_case("Conv", "int8_saturates", [ix, iw, int32s(r, 24, 2**30)], same, **extreme)
