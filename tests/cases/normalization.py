"""Cases of the normalizations, the softmax family and attention.

Their C forms round to float32 a few times where the reference rounds once; the default tolerance (1e-6 + 1e-5 relative) holds that.
Where values around zero are differences of larger ones, the case says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, sqrt
from typing import Any

import numpy as np

from edgekit.types import Array, QuantParams
from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.linear_data import floats, int8s

# sums of a few terms near 1 whose result may be near 0: two roundings of a value below 8
AFFINE = Tolerance(2e-6, 1e-5)


def rows_of(x: Array, axis: int, f: Any) -> Array:
    """Apply ``f`` to every row along an axis, one at a time."""
    return np.apply_along_axis(f, axis, x.astype(np.float64)).astype(np.float32)


def naive_softmax(row: Array) -> Array:
    """The definition, by Python's own exp."""
    e = [exp(v - max(row)) for v in row]
    return np.array([v / sum(e) for v in e])


def softmax_family() -> Iterator[OpCase]:
    out = QuantParams.per_tensor(1 / 256, -128)
    for shape in [(7,), (3, 10), (2, 5, 33), (2, 3, 4, 6), (1, 1)]:
        for axis in range(-len(shape), len(shape) if len(shape) < 3 else 0):
            name = f"{'x'.join(map(str, shape))}_axis{axis}"
            r = rng("softmax", name)
            x = floats(r, *shape) * np.float32(3)
            yield op_case("Softmax", f"f32_{name}", [x], {"axis": axis}, expected=[rows_of(x, axis, naive_softmax)])
            yield op_case("LogSoftmax", f"f32_{name}", [x], {"axis": axis}, tolerance=AFFINE)
            yield op_case("Hardmax", f"f32_{name}", [np.round(x)], {"axis": axis})
            for scale in (0.0001, 0.05, 0.4, 30.0):
                yield op_case(
                    "Softmax",
                    f"int8_{name}_{scale}",
                    [int8s(r, *shape)],
                    {"axis": axis},
                    qin=[QuantParams.per_tensor(scale, 5)],
                    qout=[out],
                )
            yield op_case("LpNormalize", f"l1_{name}", [x], {"axis": axis, "p": 1})
            want = rows_of(x, axis, lambda v: v / sqrt(sum(v * v)))
            yield op_case("LpNormalize", f"l2_{name}", [x], {"axis": axis}, expected=[want])
    big = np.array([[1000.0, 999.0, -1000.0], [-np.inf, 0.0, 0.0]], np.float32)
    yield op_case("Softmax", "f32_large", [big], expected=[np.array([[1 / (1 + exp(-1)), 1 / (1 + exp(1)), 0], [0, 0.5, 0.5]], np.float32)])
    yield op_case("LogSoftmax", "f32_large", [big])
    yield op_case("LpNormalize", "zeros", [np.zeros((2, 3), np.float32)], expected=[np.zeros((2, 3), np.float32)])
    equal = np.full((2, 4), 17, np.int8)
    yield op_case("Softmax", "int8_equal", [equal], qin=[QuantParams.per_tensor(0.1)], qout=[out], expected=[np.full((2, 4), -64, np.int8)])
    alone = np.array([[127, -128, -128]], np.int8)
    yield op_case(
        "Softmax",
        "int8_one_wins",
        [alone],
        qin=[QuantParams.per_tensor(1.0)],
        qout=[out],
        expected=[np.array([[127, -128, -128]], np.int8)],
    )
    # close to the real softmax: within one unit of 1/256
    q = int8s(rng("softmax", "accuracy"), 4, 50)
    yield op_case("Softmax", "int8_long", [q], qin=[QuantParams.per_tensor(0.07, -3)], qout=[out])
    yield op_case("Softmax", "f32_empty", [np.zeros((0, 3), np.float32)])


def affine_norms() -> Iterator[OpCase]:
    for shape, axis in [((4, 7), -1), ((2, 3, 64), 2), ((2, 3, 5, 6), 2), ((3, 1), 1), ((2, 130), -1), ((5,), 0)]:
        name = f"{'x'.join(map(str, shape))}_axis{axis}"
        r = rng("layer norm", name)
        last = shape[axis if axis >= 0 else axis + len(shape) :]
        x, s, b = floats(r, *shape) + np.float32(2), floats(r, *last), floats(r, *last)
        for given, inputs in (("both", [x, s, b]), ("scale", [x, s]), ("bias", [x, None, b]), ("none", [x])):
            yield op_case("LayerNorm", f"{name}_{given}", inputs, {"axis": axis}, constants=[1, 2], tolerance=AFFINE)
        yield op_case("RmsNorm", f"{name}_scale", [x, s], {"axis": axis, "epsilon": 1e-6}, constants=[1], tolerance=AFFINE)
        yield op_case("RmsNorm", f"{name}_none", [x], {"axis": axis}, tolerance=AFFINE)
    x = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    sd = sqrt(1.25)
    yield op_case(
        "LayerNorm", "by_hand", [x], {"epsilon": 0.0}, expected=[np.array([[-1.5 / sd, -0.5 / sd, 0.5 / sd, 1.5 / sd]], np.float32)]
    )
    yield op_case("RmsNorm", "by_hand", [x], {"epsilon": 0.0}, expected=[(x / np.float32(sqrt(7.5))).astype(np.float32)])
    far = (floats(rng("layer norm", "far"), 3, 40) + 1000).astype(np.float32)  # a mean a thousand times the deviation
    yield op_case("LayerNorm", "far_from_zero", [far], tolerance=AFFINE)


def channel_norms() -> Iterator[OpCase]:
    for shape in [(2, 5, 6, 12), (1, 7, 3, 40), (3, 9, 4), (1, 2, 3, 4, 6)]:
        name = "x".join(map(str, shape))
        r = rng("channel norm", name)
        c = shape[-1]
        last, s, b = floats(r, *shape) + np.float32(1), floats(r, c), floats(r, c)
        first = np.ascontiguousarray(np.moveaxis(last, -1, 1))
        for layout, x in (("NHWC", last), ("NCHW", first)):
            a = {"layout": layout}
            axes = tuple(range(1, len(shape) - 1)) if layout == "NHWC" else tuple(range(2, len(shape)))
            form = [1] * len(shape)
            form[-1 if layout == "NHWC" else 1] = c
            x64 = x.astype(np.float64)
            want = (x64 - x64.mean(axes, keepdims=True)) / np.sqrt(x64.var(axes, keepdims=True) + 1e-5) * s.reshape(form) + b.reshape(form)
            yield op_case(
                "InstanceNorm", f"{layout}_{name}", [x, s, b], a, constants=[1, 2], tolerance=AFFINE, expected=[want.astype(np.float32)]
            )
            for groups in (1, 2, c):
                yield op_case(
                    "GroupNorm", f"{layout}_{name}_{groups}", [x, s, b], a | {"groups": groups}, constants=[1, 2], tolerance=AFFINE
                )
            m, v = floats(r, c), np.abs(floats(r, c)) + np.float32(0.1)
            want = (x64 - m.reshape(form)) / np.sqrt(v.reshape(form).astype(np.float64) + 1e-3) * s.reshape(form) + b.reshape(form)
            yield op_case(
                "BatchNorm",
                f"{layout}_{name}",
                [x, s, b, m, v],
                a | {"epsilon": 1e-3},
                constants=[1, 2, 3, 4],
                tolerance=Tolerance(4e-6, 1e-5),
                expected=[want.astype(np.float32)],
            )
            for size in (1, 3, 4, 99):
                yield op_case("LRN", f"{layout}_{name}_{size}", [x], a | {"size": size, "alpha": 0.5, "beta": 0.6, "bias": 2.0})
    x = floats(rng("channel norm", "plain"), 6, 5)
    yield op_case(
        "BatchNorm", "rank2", [x, *[np.abs(floats(rng("bn", i), 5)) for i in range(4)]], {"layout": "NCHW"}, tolerance=Tolerance(4e-6, 1e-5)
    )


def attention() -> Iterator[OpCase]:
    sizes = [
        ("plain", 1, 2, 2, 5, 5, 8, 8),
        ("grouped", 2, 6, 2, 7, 9, 16, 5),
        ("long", 1, 2, 1, 70, 45, 33, 17),
        ("one_query", 1, 3, 3, 1, 20, 4, 4),
    ]
    for name, batch, heads, groups, s, length, d, e in sizes:
        r = rng("Attention", name)
        q, k, v = floats(r, batch, heads, s, d), floats(r, batch, groups, length, d), floats(r, batch, groups, length, e)
        t = Tolerance(4e-6, 1e-5)
        yield op_case("Attention", name, [q, k, v], tolerance=t, expected=[by_loops(q, k, v)])
        yield op_case("Attention", f"{name}_scale", [q, k, v], {"scale": 0.3}, tolerance=t)
        yield op_case("Attention", f"{name}_causal", [q, k, v], {"causal": True}, tolerance=t)
        yield op_case("Attention", f"{name}_causal_offset", [q, k, v], {"causal": True, "causal_offset": length - s}, tolerance=t)
        yield op_case("Attention", f"{name}_mask", [q, k, v, floats(r, s, length)], tolerance=t)
        yield op_case("Attention", f"{name}_mask_batch", [q, k, v, floats(r, batch, 1, 1, length)], {"causal": True}, tolerance=t)
        keep = r.random((1, heads, s, length)) < 0.6
        keep[0, 0, 0] = False  # a query that sees nothing
        yield op_case("Attention", f"{name}_mask_bool", [q, k, v, keep], tolerance=t)
        yield op_case("Attention", f"{name}_mask_f16", [q, k, v, floats(r, s, length).astype(np.float16)], tolerance=t)


def by_loops(q: Array, k: Array, v: Array) -> Array:
    """Attention by its definition, one query at a time."""
    share = q.shape[1] // k.shape[1]
    y = np.zeros((*q.shape[:3], v.shape[3]), np.float32)
    for b, h, i in np.ndindex(*q.shape[:3]):
        scores = k[b, h // share].astype(np.float64) @ q[b, h, i].astype(np.float64) / sqrt(q.shape[3])
        y[b, h, i] = naive_softmax(scores) @ v[b, h // share].astype(np.float64)
    return y


def cases() -> Iterator[OpCase]:
    yield from softmax_family()
    yield from affine_norms()
    yield from channel_norms()
    yield from attention()
