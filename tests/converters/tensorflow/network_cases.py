"""Convolutions, pools, normalization, images, quantization and cells, with their values in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from edgekit.types import Array
from tests.converters.tensorflow.cases import Case, K, f, k, s
from tests.converters.tensorflow.models import Type

Pads = Sequence[tuple[int, int]]


def windows(x: Array, kernel: Sequence[int], strides: Sequence[int], rates: Sequence[int], pads: Pads, fill: float) -> Array:
    """[N, out..., kernel..., C] of [N, spatial..., C]."""
    p = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    extents = [(a - 1) * r + 1 for a, r in zip(kernel, rates, strict=True)]
    out = [(d - e) // st + 1 for d, e, st in zip(p.shape[1:-1], extents, strides, strict=True)]
    made = np.zeros((x.shape[0], *out, *kernel, x.shape[-1]), x.dtype)
    for tap in product(*map(range, kernel)):
        where = tuple(slice(t * r, t * r + (o - 1) * st + 1, st) for t, r, o, st in zip(tap, rates, out, strides, strict=True))
        made[(slice(None), *[slice(None)] * len(out), *tap)] = p[(slice(None), *where)]
    return made


def same(x: Array, kernel: Sequence[int], strides: Sequence[int], rates: Sequence[int]) -> Pads:
    """The pads of SAME."""
    pads = []
    for d, a, st, r in zip(x.shape[1:-1], kernel, strides, rates, strict=True):
        total = max((-(-d // st) - 1) * st + (a - 1) * r + 1 - d, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def conv(x: Array, w: Array, strides: Sequence[int] = (1, 1), rates: Sequence[int] = (1, 1), pads: Pads | None = None) -> Array:
    """A convolution in double precision, SAME by default."""
    kernel = w.shape[:-2]
    n = len(kernel)
    v = windows(x.astype(np.float64), kernel, strides, rates, same(x, kernel, strides, rates) if pads is None else pads, 0.0)
    return np.tensordot(v, w.astype(np.float64), (list(range(1 + n, 2 + 2 * n)), list(range(n + 1)))).astype(np.float32)


def depthwise(x: Array, w: Array, strides: Sequence[int] = (1, 1), rates: Sequence[int] = (1, 1)) -> Array:
    v = windows(x, w.shape[:2], strides, rates, same(x, w.shape[:2], strides, rates), 0.0)
    y = np.einsum("nabhwc,hwcm->nabcm", v, w)
    return y.reshape(*y.shape[:3], -1)


def scatter(x: Array, w: Array, strides: Sequence[int], pads: Pads, out: Sequence[int]) -> Array:
    """A transposed convolution with weights [h, w, out, in]."""
    big = np.zeros((x.shape[0], *(o + a + b for o, (a, b) in zip(out, pads, strict=True)), w.shape[2]))
    for i, j in product(range(x.shape[1]), range(x.shape[2])):
        at = (slice(None), slice(i * strides[0], i * strides[0] + w.shape[0]), slice(j * strides[1], j * strides[1] + w.shape[1]))
        big[at] += np.einsum("nc,hwoc->nhwo", x[:, i, j], w)
    return big[:, pads[0][0] : pads[0][0] + out[0], pads[1][0] : pads[1][0] + out[1]].astype(np.float32)


def nchw(x: Array) -> Array:
    return np.moveaxis(x, 1, -1)


def back(x: Array) -> Array:
    return np.moveaxis(x, -1, 1)


def pool(x: Array, kernel: Sequence[int], strides: Sequence[int], how: str, pads: Pads | None = None) -> Array:
    ones, n = (1,) * len(kernel), len(kernel)
    pads = same(x, kernel, strides, ones) if pads is None else pads
    axes = tuple(range(1 + n, 1 + 2 * n))
    if how == "max":
        return windows(x, kernel, strides, ones, pads, -np.inf).max(axes)
    return windows(x, kernel, strides, ones, pads, 0).sum(axes) / windows(np.ones_like(x), kernel, strides, ones, pads, 0).sum(axes)


def batch_norm(x: Array, g: Array, b: Array, m: Array, v: Array, e: float = 0.01) -> Array:
    return (x - m) / np.sqrt(v + e) * g + b


W, DW, IMAGE = f(3, 3, 2, 4), f(3, 3, 2, 2), f(1, 7, 8, 2)
NHWC: dict[str, Any] = {"data_format": "NHWC", "dilations": [1, 1, 1, 1], "padding": "SAME"}
S1, S2 = [1, 1, 1, 1], [1, 2, 2, 1]
SCALE, OFFSET, MEAN, VARIANCE = f(2), f(2), f(2), f(2, low=0.1)
CONVOLUTIONS = [
    Case("Conv2D", [IMAGE, K(W)], conv, {**NHWC, "strides": S1}, "same"),
    Case("Conv2D", [IMAGE, K(W)], lambda x, w: conv(x, w, (2, 2)), {**NHWC, "strides": S2}, "stride"),
    Case(
        "Conv2D",
        [IMAGE, K(W)],
        lambda x, w: conv(x, w, rates=(2, 2), pads=((0, 0), (0, 0))),
        {**NHWC, "strides": S1, "dilations": [1, 2, 2, 1], "padding": "VALID"},
        "dilated",
    ),
    Case(
        "Conv2D",
        [IMAGE, K(W)],
        lambda x, w: conv(x, w, pads=((1, 2), (0, 3))),
        {**NHWC, "strides": S1, "padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 2, 0, 3, 0, 0]},
        "explicit",
    ),
    Case(
        "Conv2D",
        [f(1, 5, 5, 4), K(f(3, 3, 2, 4))],
        lambda x, w: np.concatenate([conv(x[..., 2 * i : 2 * i + 2], w[..., 2 * i : 2 * i + 2]) for i in range(2)], -1),
        {**NHWC, "strides": S1},
        "groups",
    ),
    Case("DepthwiseConv2dNative", [IMAGE, K(DW)], depthwise, {**NHWC, "strides": S1}),
    Case("DepthwiseConv2dNative", [IMAGE, K(DW)], lambda x, w: depthwise(x, w, (2, 2)), {**NHWC, "strides": S2}, "stride"),
    Case(
        "Conv3D",
        [f(1, 4, 5, 6, 2), K(f(2, 3, 3, 2, 3))],
        lambda x, w: conv(x, w, (1, 2, 2), (1, 1, 1)),
        {"strides": [1, 1, 2, 2, 1], "padding": "SAME", "data_format": "NDHWC"},
    ),
    Case(
        "Conv2DBackpropInput",
        [k(1, 8, 8, 3), K(f(3, 3, 3, 2)), f(1, 4, 4, 2)],
        lambda _, w, x: scatter(x, w, (2, 2), ((0, 1), (0, 1)), (8, 8)),
        {**NHWC, "strides": S2, "T": Type("float32")},
    ),
    Case(
        "Conv2DBackpropInput",
        [k(1, 9, 9, 3), K(f(3, 3, 3, 2)), f(1, 4, 4, 2)],
        lambda _, w, x: scatter(x, w, (2, 2), ((0, 0), (0, 0)), (9, 9)),
        {**NHWC, "strides": S2, "padding": "VALID", "T": Type("float32")},
        "valid",
    ),
    Case(
        "Conv2DBackpropInput",
        [k(1, 7, 7, 3), K(f(2, 2, 3, 2)), f(1, 4, 4, 2)],
        lambda _, w, x: scatter(x, w, (2, 2), ((0, 1), (0, 1)), (7, 7)),
        {**NHWC, "strides": S2, "T": Type("float32")},
        "odd",
    ),
    Case("MaxPool", [IMAGE], lambda x: pool(x, (3, 2), (2, 2), "max"), {"ksize": [1, 3, 2, 1], "strides": S2, "padding": "SAME"}),
    Case("AvgPool", [IMAGE], lambda x: pool(x, (3, 2), (2, 2), "mean"), {"ksize": [1, 3, 2, 1], "strides": S2, "padding": "SAME"}),
    Case(
        "AvgPool",
        [IMAGE],
        lambda x: pool(x, (3, 3), (1, 1), "mean", ((0, 0), (0, 0))),
        {"ksize": [1, 3, 3, 1], "strides": S1, "padding": "VALID"},
        "valid",
    ),
    Case(
        "MaxPool3D",
        [f(1, 4, 5, 6, 2)],
        lambda x: pool(x, (2, 2, 2), (2, 2, 2), "max"),
        {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "SAME"},
    ),
    Case(
        "AvgPool3D",
        [f(1, 4, 5, 6, 2)],
        lambda x: pool(x, (2, 2, 2), (2, 2, 2), "mean"),
        {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "SAME"},
    ),
    Case("MaxPoolV2", [IMAGE, k(1, 3, 2, 1), k(*S2)], lambda x, *_: pool(x, (3, 2), (2, 2), "max"), {"padding": "SAME"}),
    Case(
        "FusedBatchNormV3",
        [IMAGE, K(SCALE), K(OFFSET), K(MEAN), K(VARIANCE)],
        batch_norm,
        {"epsilon": 0.01, "is_training": False, "U": Type("float32")},
    ),
    Case(
        "FusedBatchNormV3",
        [IMAGE, K(SCALE), K(OFFSET), K(np.zeros(0, np.float32)), K(np.zeros(0, np.float32))],
        lambda x, g, o, *_: batch_norm(x, g, o, x.mean((0, 1, 2)), x.var((0, 1, 2))),
        {"epsilon": 0.01, "is_training": True, "U": Type("float32")},
        "training",
    ),
    Case(
        "LRN",
        [IMAGE],
        lambda x: x / (1.5 + 0.3 * np.stack([(x**2).sum(-1)] * 2, -1)) ** 0.6,
        {"depth_radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.6},
    ),
]
#: TensorFlow's CPU kernels know NHWC alone; the importer is held against numpy
CHANNELS_FIRST = [
    Case(
        "Conv2D",
        [back(IMAGE), K(W)],
        lambda x, w: back(conv(nchw(x), w, (2, 2))),
        {"data_format": "NCHW", "padding": "SAME", "strides": [1, 1, 2, 2]},
        "NCHW",
    ),
    Case(
        "DepthwiseConv2dNative",
        [back(IMAGE), K(DW)],
        lambda x, w: back(depthwise(nchw(x), w)),
        {"data_format": "NCHW", "padding": "SAME", "strides": S1},
        "NCHW",
    ),
    Case(
        "MaxPool",
        [back(IMAGE)],
        lambda x: back(pool(nchw(x), (3, 2), (2, 2), "max")),
        {"ksize": [1, 1, 3, 2], "strides": [1, 1, 2, 2], "padding": "SAME", "data_format": "NCHW"},
        "NCHW",
    ),
    Case(
        "FusedBatchNorm",
        [back(IMAGE), K(SCALE), K(OFFSET), K(MEAN), K(VARIANCE)],
        lambda x, *p: back(batch_norm(nchw(x), *p)),
        {"epsilon": 0.01, "is_training": False, "data_format": "NCHW"},
        "NCHW",
    ),
    Case(
        "FusedDepthwiseConv2dNative",
        [IMAGE, K(DW), K(f(4)), K(np.float32(0.5))],
        lambda x, w, b, a: np.where(depthwise(x, w) + b < 0, a * (depthwise(x, w) + b), depthwise(x, w) + b),
        {**NHWC, "strides": S1, "fused_ops": ["BiasAdd", "Prelu"], "num_args": 2},
    ),
]
MATRICES = [
    Case("MatMul", [f(2, 3), K(f(3, 4))], np.matmul),
    Case("MatMul", [f(3, 2), K(f(4, 3))], lambda a, b: a.T @ b.T, {"transpose_a": True, "transpose_b": True}, "transposed"),
    Case("BatchMatMulV2", [f(2, 1, 3, 4), f(5, 4, 2)], np.matmul),
    Case("BatchMatMulV2", [f(2, 3, 4), f(2, 5, 4)], lambda a, b: a @ b.swapaxes(1, 2), {"adj_y": True}, "adjoint"),
    Case("Einsum", [f(2, 3, 4), f(4, 5)], lambda a, b: np.einsum("abc,cd->abd", a, b), {"equation": "abc,cd->abd", "N": 2}),
    Case(
        "Einsum",
        [f(2, 3, 4, 5), f(2, 6, 4, 5)],
        lambda a, b: np.einsum("bfnh,btnh->bnft", a, b),
        {"equation": "BFNH,BTNH->BNFT", "N": 2},
        "heads",
    ),
    Case("Cross", [f(2, 3), f(2, 3)], np.cross),
    Case(
        "_FusedConv2D",
        [IMAGE, K(W), K(f(4))],
        lambda x, w, b: np.clip(conv(x, w) + b, 0, 6),
        {**NHWC, "strides": S1, "fused_ops": ["BiasAdd", "Relu6"], "num_args": 1, "TArgs": [Type("float32")]},
    ),
    Case(
        "_FusedMatMul",
        [f(2, 3), K(f(3, 4)), K(f(4))],
        lambda x, w, b: np.tanh(x @ w + b),
        {"fused_ops": ["BiasAdd", "Tanh"], "num_args": 1},
    ),
]


def axis_positions(size: int, out: int, mode: str) -> Array:
    i = np.arange(out)
    if mode == "aligned":
        return i * (size - 1) / (out - 1)
    return (i + 0.5) * size / out - 0.5 if mode == "centres" else i * size / out


def bilinear(x: Array, height: int, width: int, mode: str) -> Array:
    for axis, out in ((1, height), (2, width)):
        size = x.shape[axis]
        at = np.clip(axis_positions(size, out, mode), 0, size - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = np.take(x, low, axis) * (1 - part) + np.take(x, np.minimum(low + 1, size - 1), axis) * part
    return x


def nearest(x: Array, height: int, width: int, mode: str) -> Array:
    for axis, out in ((1, height), (2, width)):
        size = x.shape[axis]
        at = axis_positions(size, out, mode) + (0.5 if mode in ("aligned", "centres") else 0)
        x = np.take(x, np.clip(np.floor(at), 0, size - 1).astype(int), axis)
    return x


def bicubic(x: Array, height: int, width: int, mode: str) -> Array:
    """Keys' kernel at exact positions; TensorFlow rounds them to 1024ths."""
    a = -0.5 if mode == "centres" else -0.75
    for axis, out in ((1, height), (2, width)):
        size = x.shape[axis]
        at = axis_positions(size, out, mode)
        weights = np.zeros((out, size))
        for i, t in product(range(out), range(-1, 3)):
            tap = int(np.floor(at[i])) + t
            d = abs(at[i] - tap)
            w = ((a + 2) * d - (a + 3)) * d * d + 1 if d <= 1 else ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            if mode != "centres" or 0 <= tap < size:
                weights[i, min(max(tap, 0), size - 1)] += w
        if mode == "centres":
            weights /= weights.sum(1, keepdims=True)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


MODES = {"legacy": {}, "aligned": {"align_corners": True}, "centres": {"half_pixel_centers": True}}
SMALL = f(1, 4, 5, 2)
BOXES = np.array([[0, 0, 1, 1], [0, 0.05, 1, 1.05], [0, 2, 1, 3], [0, 2.1, 1, 3.1]], np.float32)
SCORES = np.array([0.6, 0.9, 0.3, 0.8], np.float32)
THRESHOLDS = [s(3), K(np.float32(0.5)), K(np.float32(0.4))]
IMAGES = [
    *(Case("ResizeBilinear", [SMALL, k(7, 3)], lambda x, _, m=m: bilinear(x, 7, 3, m), a, m) for m, a in MODES.items()),
    *(Case("ResizeNearestNeighbor", [SMALL, k(7, 3)], lambda x, _, m=m: nearest(x, 7, 3, m), a, m) for m, a in MODES.items()),
    *(Case("ResizeBicubic", [SMALL, k(7, 3)], lambda x, _, m=m: bicubic(x, 7, 3, m), a, m, tolerance=2e-3) for m, a in MODES.items()),
    Case(
        "CropAndResize",
        [SMALL, K(np.array([[0, 0, 1, 1], [0.25, 0.5, 1.5, 0]], np.float32)), K(np.array([0, 0], np.int32)), k(3, 4)],
        lambda x, *_: np.concatenate([bilinear_crop(x, b, 3, 4) for b in ((0, 0, 1, 1), (0.25, 0.5, 1.5, 0))]),
        {"method": "bilinear", "extrapolation_value": 9.0},
    ),
    Case("NonMaxSuppressionV3", [BOXES, SCORES, *THRESHOLDS], np.array([1, 3], np.int32)),
    Case(
        "NonMaxSuppressionV4", [BOXES, SCORES, *THRESHOLDS], (np.array([1, 3, 0], np.int32), np.int32(2)), {"pad_to_max_output_size": True}
    ),
    Case(
        "NonMaxSuppressionV5",
        [BOXES, SCORES, *THRESHOLDS, K(np.float32(0))],
        (np.array([1, 3, 0], np.int32), np.array([0.9, 0.8, 0], np.float32), np.int32(2)),
        {"pad_to_max_output_size": True},
    ),
    Case(
        "CombinedNonMaxSuppression",
        [BOXES[None, :, None], np.stack([SCORES, 1 - SCORES], 1)[None], s(2), s(4), K(np.float32(0.5)), K(np.float32(0.15))],
        (
            np.stack([BOXES[1], BOXES[3], BOXES[2], BOXES[0]])[None],
            np.array([[0.9, 0.8, 0.7, 0.4]], np.float32),
            np.array([[0, 0, 1, 1]], np.float32),
            np.array([4], np.int32),
        ),
        {"clip_boxes": False},
    ),
    Case(
        "ExtractImagePatches",
        [SMALL],
        lambda x: windows(x, (2, 2), (2, 2), (1, 1), ((0, 0), (0, 0)), 0).reshape(1, 2, 2, 8),
        {"ksizes": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "rates": [1, 1, 1, 1], "padding": "VALID"},
    ),
]


def bilinear_crop(x: Array, box: Sequence[float], height: int, width: int) -> Array:
    out = np.zeros((1, height, width, x.shape[3]), np.float32)
    for i, j in product(range(height), range(width)):
        y = box[0] * (x.shape[1] - 1) + i * (box[2] - box[0]) * (x.shape[1] - 1) / (height - 1)
        at = box[1] * (x.shape[2] - 1) + j * (box[3] - box[1]) * (x.shape[2] - 1) / (width - 1)
        if not (0 <= y <= x.shape[1] - 1 and 0 <= at <= x.shape[2] - 1):
            out[0, i, j] = 9
            continue
        top, left = int(y), int(at)
        bottom, right = min(top + 1, x.shape[1] - 1), min(left + 1, x.shape[2] - 1)
        a, b = y - top, at - left
        out[0, i, j] = (1 - a) * ((1 - b) * x[0, top, left] + b * x[0, top, right]) + a * (
            (1 - b) * x[0, bottom, left] + b * x[0, bottom, right]
        )
    return out


def fake_quant(x: Array, low: Array, high: Array, first: int = 0, last: int = 255) -> Array:
    scale = (high - low) / np.float32(last - first)
    zero = np.clip(np.floor(first - low / scale + 0.5), first, last)
    return ((np.clip(np.round(x / scale) + zero, first, last) - zero) * scale).astype(np.float32)


def sigmoid(x: Array) -> Array:
    y: Array = 1 / (1 + np.exp(-x))
    return y


def lstm_step(
    x: Array, cs: Array, h: Array, w: Array, b: Array, forget: float = 1.0, order: str = "icfo", clip: float = np.inf
) -> tuple[Array, ...]:
    gates = dict(zip(order, np.split(np.concatenate([x, h], 1) @ w + b, 4, 1), strict=True))
    i, c, fg, o = sigmoid(gates["i"]), np.tanh(gates["c"]), sigmoid(gates["f"] + forget), sigmoid(gates["o"])
    new = np.clip(c * i + cs * fg, -clip, clip)
    return i, new, fg, o, c, np.tanh(new), np.tanh(new) * o


def lstm(x: Array, cs: Array, h: Array, w: Array, b: Array, **how: Any) -> tuple[Array, ...]:
    rows = []
    for step in x:
        made = lstm_step(step, cs, h, w, b, **how)
        cs, h = made[1], made[6]
        rows.append(made)
    return tuple(np.stack(c) for c in zip(*rows, strict=True))


LW, LB, ZEROS = f(5, 12, low=-0.5, high=0.5), f(12), np.zeros(3, np.float32)
CELLS = [
    Case(
        "LSTMBlockCell",
        [f(1, 2), f(1, 3), f(1, 3), K(LW), K(ZEROS), K(ZEROS), K(ZEROS), K(LB)],
        lambda x, cs, h, w, i, ff, o, b: lstm_step(x, cs, h, w, b),
        {"forget_bias": 1.0, "cell_clip": -1.0, "use_peephole": False},
    ),
    Case(
        "BlockLSTM",
        [s(4, np.int64), f(4, 1, 2), f(1, 3), f(1, 3), K(LW), K(ZEROS), K(ZEROS), K(ZEROS), K(LB)],
        lambda n, x, cs, h, w, i, ff, o, b: lstm(x, cs, h, w, b, clip=1.0),
        {"forget_bias": 1.0, "cell_clip": 1.0, "use_peephole": False, "T": Type("float32")},
    ),
    Case(
        "GRUBlockCell",
        [f(1, 2), f(1, 3), K(f(5, 6)), K(f(5, 3)), K(f(6)), K(f(3))],
        lambda x, h, wru, wc, bru, bc: gru_step(x, h, wru, wc, bru, bc),
    ),
]


def gru_step(x: Array, h: Array, wru: Array, wc: Array, bru: Array, bc: Array) -> tuple[Array, ...]:
    r, u = np.split(sigmoid(np.concatenate([x, h], 1) @ wru + bru), 2, 1)
    c = np.tanh(np.concatenate([x, h * r], 1) @ wc + bc)
    return r, u, c, u * h + (1 - u) * c


LOW, HIGH = K(np.float32(-1.3)), K(np.float32(2.1))
QUANTIZING = [
    Case("FakeQuantWithMinMaxVars", [f(50), LOW, HIGH], fake_quant, {"num_bits": 8}),
    Case(
        "FakeQuantWithMinMaxVars",
        [f(50), LOW, HIGH],
        lambda x, a, b: fake_quant(x, a, b, 1),
        {"num_bits": 8, "narrow_range": True},
        "narrow",
    ),
    Case("FakeQuantWithMinMaxVars", [f(50), LOW, HIGH], lambda x, a, b: fake_quant(x, a, b, 0, 15), {"num_bits": 4}, "4-bits"),
    Case(
        "FakeQuantWithMinMaxVarsPerChannel",
        [f(9, 3), K(np.array([-1, -2, 0], np.float32)), K(np.array([1, 0.5, 2], np.float32))],
        fake_quant,
        {"num_bits": 8},
    ),
    Case(
        "QuantizeAndDequantizeV2",
        [f(50), LOW, HIGH],
        lambda x, a, b: np.clip(np.rint(x * 127 / 2.1), -128, 127) * 2.1 / 127,
        {"signed_input": True, "num_bits": 8, "range_given": True},
    ),
]

NETWORKS = [*CONVOLUTIONS, *CHANNELS_FIRST, *MATRICES, *IMAGES, *CELLS, *QUANTIZING]
#: what TensorFlow itself does not run on a CPU, or not alone
NOT_IN_TENSORFLOW = {c.id for c in CHANNELS_FIRST}
