"""Normalizations, the softmax family, and attention. Float references work in float64 and round once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.ops.definition import Arg, Bool, Float, Int, Optional, Port, T, TypeVariable, op
from edgekit.ops.shapes import broadcast, normalize_axis
from edgekit.ops.spatial import LAYOUT, channel_axis
from edgekit.ops.traits import FixedOutput, FloatOnly
from edgekit.types import BOOL, F16, F32, I8, Array, QuantParams, TensorType

FLOATS = (F32, F16)
MASK = TypeVariable("Mask")


def _same(x: Arg) -> TensorType:
    return TensorType(x.dtype, x.shape)


def _need_vector(what: str, v: Arg | None, n: object) -> None:
    if v is not None and (v.rank != 1 or (isinstance(n, int) and isinstance(v.shape[0], int) and v.shape[0] != n)):
        raise ValueError(f"{what} of shape [{n}] is needed, got {list(v.shape)}")


def _softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return np.asarray(e / np.sum(e, axis=axis, keepdims=True))


EXP_BITS = 30


def softmax_table(scale: float) -> npt.NDArray[np.int64]:
    """``round(2**30 * exp(-d * scale))`` for d = 0..255, by additions and multiplications of doubles in a fixed order.

    Those are rounded the same way everywhere, unlike ``exp``: the table has the same bits on every machine. With ``z = d * scale / 32``:
    the Taylor polynomial of exp(-z) of degree 13 by Horner's rule, squared five times; 0 from ``d * scale >= 22`` on. C computes the
    same in ``ops/softmax_table.h``.
    """
    table = np.zeros(256, np.int64)
    for d in range(256):
        x = float(d) * float(np.float32(scale))
        if x >= 22.0:
            break
        z = x * 0.03125
        p = 1.0
        for k in range(13, 0, -1):
            p = 1.0 - z * p / float(k)
        for _ in range(5):
            p = p * p
        table[d] = int(p * float(1 << EXP_BITS) + 0.5)
    return table


@op(id=135, category="normalization")
class Softmax:
    """``exp(x) / sum(exp(x))`` along one axis.

    On int8, in integers only: with ``e[d] = round(2**30 * exp(-d * sx))`` from a table of 256 entries (see ``softmax_table``), d the
    distance to the row's largest element and S the row's sum of e, ``y = min((e * 256 + S / 2) / S, 255) - 128`` with integer
    divisions. The output's scale is 1/256 and its zero point -128.
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1),)
    types = {T: (F32, F16, I8)}
    quant = FixedOutput(scale=1.0 / 256.0, zero_point=-128)

    @staticmethod
    def infer(x: Arg, *, axis: int) -> TensorType:
        normalize_axis(axis, x.rank)
        return _same(x)

    @staticmethod
    def reference(x: Array, *, axis: int) -> Array:
        return _softmax(x.astype(np.float64), axis).astype(x.dtype) if x.size else x.copy()

    @staticmethod
    def quant_reference(x: Array, *, axis: int, qin: tuple[QuantParams], qout: tuple[QuantParams]) -> Array:
        if x.size == 0:
            return x.copy()
        q = x.astype(np.int64)
        e = softmax_table(qin[0].scale[0])[np.max(q, axis=axis, keepdims=True) - q]
        total = np.sum(e, axis=axis, keepdims=True)
        return np.asarray((np.minimum((e * 256 + total // 2) // total, 255) - 128).astype(np.int8))


@op(id=136, category="normalization")
class LogSoftmax:
    """``x - max - log(sum(exp(x - max)))`` along one axis."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1),)
    types = {T: FLOATS}
    quant = FloatOnly()
    infer = Softmax.infer

    @staticmethod
    def reference(x: Array, *, axis: int) -> Array:
        if x.size == 0:
            return x.copy()
        shifted = x.astype(np.float64) - np.max(x, axis=axis, keepdims=True)
        return np.asarray((shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))).astype(x.dtype))


@op(id=145, category="normalization")
class Hardmax:
    """1 at the first largest element along one axis, 0 elsewhere."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1),)
    types = {T: FLOATS}
    quant = FloatOnly()
    infer = Softmax.infer

    @staticmethod
    def reference(x: Array, *, axis: int) -> Array:
        y = np.zeros_like(x)
        if x.size:
            np.put_along_axis(y, np.expand_dims(np.argmax(x, axis=axis), axis), x.dtype.type(1), axis)
        return y


@op(id=137, category="normalization")
class BatchNorm:
    """``(x - mean) / sqrt(var + epsilon) * scale + bias`` with one entry of each a channel (inference form)."""

    inputs = (Port("x", T), Port("scale", T), Port("bias", T), Port("mean", T), Port("var", T))
    outputs = (Port("y", T),)
    attrs = (Float("epsilon", 1e-5), LAYOUT)
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, scale: Arg, bias: Arg, mean: Arg, var: Arg, *, epsilon: float, layout: str) -> TensorType:
        if x.rank < 2:
            raise ValueError(f"an input of rank 2 or more is needed, got rank {x.rank}")
        channels = x.shape[channel_axis(x.rank, layout)]
        for name, v in (("a scale", scale), ("a bias", bias), ("a mean", mean), ("a variance", var)):
            _need_vector(name, v, channels)
        return _same(x)

    @staticmethod
    def reference(x: Array, scale: Array, bias: Array, mean: Array, var: Array, *, epsilon: float, layout: str) -> Array:
        shape = [1] * x.ndim
        shape[channel_axis(x.ndim, layout)] = -1
        s, b, m, v = (a.astype(np.float64).reshape(shape) for a in (scale, bias, mean, var))
        return ((x.astype(np.float64) - m) / np.sqrt(v + epsilon) * s + b).astype(x.dtype)


def _standardize(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """``(x - mean) / sqrt(variance + epsilon)`` over axes, in float64."""
    x64 = x.astype(np.float64)
    centred = x64 - np.mean(x64, axis=axes, keepdims=True)
    return np.asarray(centred / np.sqrt(np.mean(centred * centred, axis=axes, keepdims=True) + epsilon))


def _check_affine(x: Arg, axis: int, *vectors: Arg | None) -> None:
    a = normalize_axis(axis, x.rank)
    for v in vectors:
        if v is None:
            continue
        if v.rank != x.rank - a or any(
            isinstance(p, int) and isinstance(q, int) and p != q for p, q in zip(v.shape, x.shape[a:], strict=True)
        ):
            raise ValueError(f"scale and bias need the shape of the normalized dimensions {list(x.shape[a:])}, got {list(v.shape)}")


@op(id=138, category="normalization")
class LayerNorm:
    """Zero mean and unit variance over the dimensions from ``axis`` on, then ``* scale + bias`` of those dimensions' shape."""

    inputs = (Port("x", T), Optional("scale", T), Optional("bias", T))
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1), Float("epsilon", 1e-5))
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, scale: Arg | None, bias: Arg | None, *, axis: int, epsilon: float) -> TensorType:
        _check_affine(x, axis, scale, bias)
        return _same(x)

    @staticmethod
    def reference(x: Array, scale: Array | None, bias: Array | None, *, axis: int, epsilon: float) -> Array:
        y = _standardize(x, tuple(range(normalize_axis(axis, x.ndim), x.ndim)), epsilon)
        if scale is not None:
            y = y * scale.astype(np.float64)
        if bias is not None:
            y = y + bias.astype(np.float64)
        return y.astype(x.dtype)


@op(id=141, category="normalization")
class RmsNorm:
    """``x / sqrt(mean(x^2) + epsilon) * scale`` over the dimensions from ``axis`` on."""

    inputs = (Port("x", T), Optional("scale", T))
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1), Float("epsilon", 1e-5))
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, scale: Arg | None, *, axis: int, epsilon: float) -> TensorType:
        _check_affine(x, axis, scale)
        return _same(x)

    @staticmethod
    def reference(x: Array, scale: Array | None, *, axis: int, epsilon: float) -> Array:
        axes = tuple(range(normalize_axis(axis, x.ndim), x.ndim))
        x64 = x.astype(np.float64)
        y = x64 / np.sqrt(np.mean(x64 * x64, axis=axes, keepdims=True) + epsilon)
        return np.asarray((y if scale is None else y * scale.astype(np.float64)).astype(x.dtype))


def _infer_grouped(x: Arg, scale: Arg, bias: Arg, groups: int, layout: str) -> TensorType:
    if x.rank < 3:
        raise ValueError(f"an input with spatial dimensions is needed, got rank {x.rank}")
    channels = x.shape[channel_axis(x.rank, layout)]
    if groups < 1 or (isinstance(channels, int) and channels % groups):
        raise ValueError(f"{channels} channels do not split into {groups} groups")
    _need_vector("a scale", scale, channels)
    _need_vector("a bias", bias, channels)
    return _same(x)


def _group_norm(x: Array, scale: Array, bias: Array, groups: int, epsilon: float, layout: str) -> Array:
    first = np.moveaxis(x, channel_axis(x.ndim, layout), 1)
    n, c = first.shape[:2]
    y = _standardize(first.reshape(n, groups, -1), (2,), epsilon).reshape(first.shape)
    shape = (1, c) + (1,) * (x.ndim - 2)
    y = y * scale.astype(np.float64).reshape(shape) + bias.astype(np.float64).reshape(shape)
    return np.ascontiguousarray(np.moveaxis(y, 1, channel_axis(x.ndim, layout))).astype(x.dtype)


@op(id=139, category="normalization")
class InstanceNorm:
    """Zero mean and unit variance over the spatial dimensions of each image and channel, then ``* scale[c] + bias[c]``."""

    inputs = (Port("x", T), Port("scale", T), Port("bias", T))
    outputs = (Port("y", T),)
    attrs = (Float("epsilon", 1e-5), LAYOUT)
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, scale: Arg, bias: Arg, *, epsilon: float, layout: str) -> TensorType:
        return _infer_grouped(x, scale, bias, 1, layout)

    @staticmethod
    def reference(x: Array, scale: Array, bias: Array, *, epsilon: float, layout: str) -> Array:
        return _group_norm(x, scale, bias, x.shape[channel_axis(x.ndim, layout)], epsilon, layout)


@op(id=140, category="normalization")
class GroupNorm:
    """Zero mean and unit variance over each image and group of channels, then ``* scale[c] + bias[c]``."""

    inputs = (Port("x", T), Port("scale", T), Port("bias", T))
    outputs = (Port("y", T),)
    attrs = (Int("groups"), Float("epsilon", 1e-5), LAYOUT)
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, scale: Arg, bias: Arg, *, groups: int, epsilon: float, layout: str) -> TensorType:
        return _infer_grouped(x, scale, bias, groups, layout)

    @staticmethod
    def reference(x: Array, scale: Array, bias: Array, *, groups: int, epsilon: float, layout: str) -> Array:
        return _group_norm(x, scale, bias, groups, epsilon, layout)


@op(id=142, category="normalization")
class LRN:
    """Local response normalization across channels: ``x / (bias + alpha / size * sum of squares of the window)^beta``.

    The window of channel c is ``[c - (size - 1) // 2, c + size // 2]`` cut to the channels there are (AlexNet; ONNX LRN).
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("size"), Float("alpha", 1e-4), Float("beta", 0.75), Float("bias", 1.0), LAYOUT)
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, *, size: int, alpha: float, beta: float, bias: float, layout: str) -> TensorType:
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        if x.rank < 2:
            raise ValueError(f"an input of rank 2 or more is needed, got rank {x.rank}")
        return _same(x)

    @staticmethod
    def reference(x: Array, *, size: int, alpha: float, beta: float, bias: float, layout: str) -> Array:
        axis = channel_axis(x.ndim, layout)
        last = np.moveaxis(x.astype(np.float64), axis, -1)
        c = last.shape[-1]
        before, after = (size - 1) // 2, size // 2
        total = np.zeros_like(last)
        squares = last * last
        for offset in range(-min(before, c), min(after, c) + 1):
            lo, hi = max(0, -offset), min(c, c - offset)
            if lo < hi:
                total[..., lo:hi] += squares[..., lo + offset : hi + offset]
        y = last / (bias + alpha / size * total) ** beta
        return np.ascontiguousarray(np.moveaxis(y, -1, axis)).astype(x.dtype)


@op(id=143, category="normalization")
class LpNormalize:
    """``x / norm`` along one axis, with the 1-norm or 2-norm; zeros stay zeros."""

    inputs = (Port("x", T),)
    outputs = (Port("y", T),)
    attrs = (Int("axis", -1), Int("p", 2))
    types = {T: FLOATS}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, *, axis: int, p: int) -> TensorType:
        normalize_axis(axis, x.rank)
        if p not in (1, 2):
            raise ValueError(f"p must be 1 or 2, got {p}")
        return _same(x)

    @staticmethod
    def reference(x: Array, *, axis: int, p: int) -> Array:
        x64 = x.astype(np.float64)
        norm = np.sum(np.abs(x64), axis=axis, keepdims=True) if p == 1 else np.sqrt(np.sum(x64 * x64, axis=axis, keepdims=True))
        return (x64 / np.where(norm == 0, 1.0, norm)).astype(x.dtype)


@op(id=144, category="normalization")
class Attention:
    """Scaled dot-product attention: ``softmax(scale * q @ k.T + mask) @ v``.

    ``q`` [B, H, S, D], ``k`` [B, G, L, D], ``v`` [B, G, L, E] with H a multiple of G (grouped queries): y [B, H, S, E].
    ``mask`` broadcasts to [B, H, S, L]: float is added, boolean keeps where true. ``causal`` lets query i see keys up to
    ``i + causal_offset``. ``scale`` 0 stands for ``1 / sqrt(D)``. A query that sees no key gives zeros.
    """

    inputs = (Port("q", T), Port("k", T), Port("v", T), Optional("mask", MASK))
    outputs = (Port("y", T),)
    attrs = (Float("scale", 0.0), Bool("causal", False), Int("causal_offset", 0))
    types = {T: FLOATS, MASK: (F32, F16, BOOL)}
    quant = FloatOnly()

    @staticmethod
    def infer(q: Arg, k: Arg, v: Arg, mask: Arg | None, *, scale: float, causal: bool, causal_offset: int) -> TensorType:
        if q.rank != 4 or k.rank != 4 or v.rank != 4:
            raise ValueError(f"q, k and v need rank 4 [batch, heads, length, size], got ranks {q.rank}, {k.rank}, {v.rank}")
        pairs = [
            (q.shape[3], k.shape[3]),
            (k.shape[2], v.shape[2]),
            (k.shape[1], v.shape[1]),
            (q.shape[0], k.shape[0]),
            (q.shape[0], v.shape[0]),
        ]
        if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs):
            raise ValueError("q, k and v do not fit together")
        if isinstance(q.shape[1], int) and isinstance(k.shape[1], int) and (k.shape[1] == 0 or q.shape[1] % k.shape[1]):
            raise ValueError(f"{q.shape[1]} query heads do not share {k.shape[1]} key heads evenly")
        if mask is not None:
            full = (*q.shape[:3], k.shape[2])
            if mask.rank > 4 or (broadcast(full, mask.shape) != full and all(isinstance(d, int) for d in (*full, *mask.shape))):
                raise ValueError(f"the mask {list(mask.shape)} does not broadcast to {list(full)}")
        return TensorType(q.dtype, (*q.shape[:3], v.shape[3]))

    @staticmethod
    def reference(q: Array, k: Array, v: Array, mask: Array | None, *, scale: float, causal: bool, causal_offset: int) -> Array:
        factor = scale if scale != 0 else 1.0 / np.sqrt(q.shape[3])
        share = q.shape[1] // k.shape[1]
        k64, v64 = (np.repeat(a.astype(np.float64), share, axis=1) for a in (k, v))
        s = np.matmul(q.astype(np.float64), np.swapaxes(k64, 2, 3)) * factor
        if mask is not None:
            s = np.where(mask, s, -np.inf) if mask.dtype == np.bool_ else s + mask.astype(np.float64)
        if causal:
            s = np.where(np.arange(s.shape[3])[None, :] <= np.arange(s.shape[2])[:, None] + causal_offset, s, -np.inf)
        top = np.max(s, axis=3, keepdims=True, initial=-np.inf)
        e = np.exp(s - np.where(np.isneginf(top), 0.0, top))
        total = np.sum(e, axis=3, keepdims=True)
        return np.asarray(np.matmul(e / np.where(total == 0, 1.0, total), v64).astype(q.dtype))
