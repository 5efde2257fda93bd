"""Layers by their definition in numpy, channels first: what importers are tested against."""

from __future__ import annotations

import math

import numpy as np

from edgekit.types import Array


def rng(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Array:
    return np.random.default_rng((seed, *shape)).uniform(low, high, shape).astype(np.float32)


def conv2d(x: Array, w: Array, b: Array | float = 0.0, stride: int = 1, pad: int = 0, dilate: int = 1, groups: int = 1) -> Array:
    """A convolution by its definition: x [N, C, H, W], w [O, C / groups, kh, kw]."""
    x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    kh, kw = w.shape[2:]
    oh, ow = ((s - (k - 1) * dilate - 1) // stride + 1 for s, k in zip(x.shape[2:], (kh, kw), strict=True))
    per_in, per_out = x.shape[1] // groups, w.shape[0] // groups
    y = np.zeros((x.shape[0], w.shape[0], oh, ow), np.float64)
    for o in range(w.shape[0]):
        first = o // per_out * per_in
        for i in range(oh):
            for j in range(ow):
                part = x[:, first : first + per_in, i * stride :: dilate, j * stride :: dilate][:, :, :kh, :kw]
                y[:, o, i, j] = (part * w[o]).sum(axis=(1, 2, 3))
    return y + np.reshape(b, (1, -1, 1, 1))


def deconv2d(x: Array, w: Array, stride: int, pad: int, adj: int = 0, groups: int = 1) -> Array:
    """A transposed convolution: x [N, C, H, W], w [C, O / groups, kh, kw]."""
    n, c, h, wd = x.shape
    per_in, per_out, (kh, kw) = c // groups, w.shape[1], w.shape[2:]
    full = np.zeros((n, per_out * groups, (h - 1) * stride + kh + adj, (wd - 1) * stride + kw + adj))
    for ch in range(c):
        g = ch // per_in
        for i in range(h):
            for j in range(wd):
                full[:, g * per_out : (g + 1) * per_out, i * stride : i * stride + kh, j * stride : j * stride + kw] += (
                    x[:, ch, i, j, None, None, None] * w[ch]
                )
    return full[:, :, pad : full.shape[2] - pad, pad : full.shape[3] - pad]


def pool2d(x: Array, k: int, s: int, p: int, kind: str, full: bool = False, count_pads: bool = True) -> Array:
    """MXNet's pooling (src/operator/nn/pool.h): ``full`` windows are cut at the padded input."""
    rounded = math.ceil if full else math.floor
    h, w = x.shape[2:]
    oh, ow = (rounded((n + 2 * p - k) / s) + 1 for n in (h, w))
    y = np.zeros((*x.shape[:2], oh, ow))
    for i in range(oh):
        for j in range(ow):
            top, left = i * s - p, j * s - p
            bottom, right = min(top + k, h + p), min(left + k, w + p)
            area = (bottom - top) * (right - left)
            part = x[:, :, max(top, 0) : min(bottom, h), max(left, 0) : min(right, w)]
            if kind == "max":
                y[:, :, i, j] = part.max(axis=(2, 3), initial=-np.inf)
            elif kind == "lp":
                y[:, :, i, j] = np.sqrt((part**2).sum(axis=(2, 3)))
            else:
                total = part.sum(axis=(2, 3))
                y[:, :, i, j] = total if kind == "sum" else total / (area if count_pads else part.shape[2] * part.shape[3])
    return y


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def normal(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + eps)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
