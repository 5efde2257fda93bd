"""Sums of products: convolutions and matrix products.

Weights have their own element type, so that a model may hold them smaller than it computes: float16 weights, or int8 weights with
quantization parameters, against float32 activations stand for ``w = scale * (q - zero_point)``, and the operator runs in float32. float16
weights are converted when a session is made; int8 weights stay int8 in memory where their zero points are 0 and each output channel has
one scale (then ``y = scale * sum(x * q) + b``). With int8 activations the operator is the exact integer form of ``docs/numerics.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Bool, Enum, Float, Int, Ints, Optional, Port, T, TypeVariable, op
from edgekit.ops.quant_math import REQUANTIZE_MODES, clamp_bounds, dequantize, fixed_requantize, requantize, requantize_multiplier
from edgekit.ops.shapes import broadcast
from edgekit.ops.spatial import (
    LAYOUT,
    Window,
    convolve,
    convolve_transposed,
    from_channels_last,
    join_layout,
    matrix_product,
    split_layout,
    to_channels_last,
)
from edgekit.ops.traits import Accumulate
from edgekit.types import F16, F32, I8, I32, Array, Dim, QuantParams, TensorType

INF = float("inf")
WEIGHT = TypeVariable("Weight")
BIAS = TypeVariable("Bias")
CLAMP = (Float("clamp_min", -INF), Float("clamp_max", INF))
REQUANTIZE = Enum("requantize", "float", choices=REQUANTIZE_MODES)
LINEAR_TYPES = {T: (F32, F16, I8), WEIGHT: (F32, F16, I8), BIAS: (F32, F16, I32)}

QIn = tuple[QuantParams | None, ...]


def _finish(acc: Array, b: Array | None, clamp_min: float, clamp_max: float, like: Array) -> Array:
    """Bias and clamp of a float64 sum [..., O], rounded to the activations' type."""
    y = acc if b is None else acc + b.astype(np.float64)
    return np.clip(y, clamp_min, clamp_max).astype(like.dtype)


def _finish_quantized(
    acc: Array,
    b: Array | None,
    bounds: tuple[float, float],
    qx: QuantParams,
    qw: QuantParams,
    qy: QuantParams,
    mode: str = "float",
) -> Array:
    """Bias and requantize of an exact integer sum [..., O] held in float64."""
    wrapped = acc.astype(np.int64) if b is None else acc.astype(np.int64) + b.astype(np.int64)
    lo, hi = clamp_bounds(*bounds, qy)
    if mode != "float":
        m = np.float64(qx.scale[0]) * qw.scale_array().astype(np.float64) / np.float64(qy.scale[0])
        fixed: Array = np.clip(fixed_requantize(wrapped.astype(np.int32), m, mode) + qy.zero_point[0], lo, hi).astype(np.int8)
        return fixed
    return requantize(wrapped.astype(np.int32), requantize_multiplier(qx.scale[0], qw.scale_array(), qy.scale[0]), qy.zero_point[0], lo, hi)


def _float_weights(w: Array, q: QuantParams | None) -> Array:
    return w if q is None else dequantize(w, q)


def _real_weight_bias(a: Array | None, q: QuantParams | None) -> Array | None:
    return a if a is None or q is None else dequantize(a, q)


def _check_weights(channels: Dim, w: Arg, b: Arg | None, groups: int, spatial_rank: int) -> None:
    if w.rank != spatial_rank + 2:
        raise ValueError(f"weights [O, kernel..., I / groups] of rank {spatial_rank + 2} are needed, got rank {w.rank}")
    if not w.type.is_static:
        raise ValueError("the shape of the weights must be static")
    o, per_group = w.shape[0], w.shape[-1]
    if groups < 1 or o % groups:
        raise ValueError(f"{o} output channels do not split into {groups} groups")
    if isinstance(channels, int) and channels != per_group * groups:
        raise ValueError(f"the input has {channels} channels, but the weights take {per_group} in each of {groups} groups")
    if b is not None and b.shape != (o,):
        raise ValueError(f"a bias of shape [{o}] is needed, got {list(b.shape)}")


@op(id=110, category="linear")
class Conv:
    """Convolution over 1 to 3 spatial dimensions, with groups, then an optional clamp (a fused activation).

    ``w`` is [O, kernel..., I / groups] in both layouts; depthwise is ``groups`` equal to the input's channels. ``pads`` holds the
    begins of all spatial dimensions, then the ends.

    On int8: ``acc = bias + sum (qx - zx) * qw`` exactly in int32 (padding contributes nothing), then
    ``clamp(rne((float)acc * m[c]) + zy)`` with ``m[c] = (float)((double)sx * sw[c] / sy)``. The bias is int32 in units of ``sx * sw[c]``.
    ``requantize`` other than ``float``: ``acc * m[c]`` in fixed point, as the runtime computes for which a model was made.
    """

    inputs = (Port("x", T), Port("w", WEIGHT), Optional("b", BIAS))
    outputs = (Port("y", T),)
    attrs = (Ints("strides"), Ints("pads"), Ints("dilations"), Int("groups", 1), LAYOUT, *CLAMP, REQUANTIZE)
    types = LINEAR_TYPES
    quant = Accumulate()

    @staticmethod
    def infer(
        x: Arg,
        w: Arg,
        b: Arg | None,
        *,
        strides: tuple[int, ...],
        pads: tuple[int, ...],
        dilations: tuple[int, ...],
        groups: int,
        layout: str,
        **_: Any,
    ) -> TensorType:
        batch, spatial, channels = split_layout(x.shape, layout)
        _check_weights(channels, w, b, groups, len(spatial))
        window = Window(w.shape[1:-1], strides, pads, dilations)
        return TensorType(x.dtype, join_layout(batch, window.output_sizes(spatial), w.shape[0], layout))

    @staticmethod
    def reference(
        x: Array,
        w: Array,
        b: Array | None,
        *,
        strides: tuple[int, ...],
        pads: tuple[int, ...],
        dilations: tuple[int, ...],
        groups: int,
        layout: str,
        clamp_min: float,
        clamp_max: float,
        requantize: str = "float",
    ) -> Array:
        acc = convolve(to_channels_last(x, layout), w, Window(w.shape[1:-1], strides, pads, dilations), groups)
        return from_channels_last(_finish(acc, b, clamp_min, clamp_max, x), layout)

    @staticmethod
    def quant_reference(x: Array, w: Array, b: Array | None, *, qin: QIn, qout: tuple[QuantParams], **attrs: Any) -> Array:
        qx, qw, qb = (*qin, None, None)[:3]
        if qx is None:
            return Conv.reference(x, _float_weights(w, qw), _real_weight_bias(b, qb), **attrs)
        assert qw is not None
        layout, groups = attrs["layout"], attrs["groups"]
        window = Window(w.shape[1:-1], attrs["strides"], attrs["pads"], attrs["dilations"])
        acc = convolve(to_channels_last(x.astype(np.int32) - qx.zero_point[0], layout), w, window, groups)
        bounds = (attrs["clamp_min"], attrs["clamp_max"])
        return from_channels_last(_finish_quantized(acc, b, bounds, qx, qw, qout[0], attrs["requantize"]), layout)


@op(id=111, category="linear")
class ConvTranspose:
    """Transposed convolution: every input position scatters a weighted window into the output; then an optional clamp.

    Output size along a dimension: ``(in - 1) * stride + dilation * (kernel - 1) + 1 + output_padding - pad_begin - pad_end``.
    ``w`` is [O, kernel..., I / groups] in both layouts, O being all output channels. int8 as ``Conv``.
    """

    inputs = (Port("x", T), Port("w", WEIGHT), Optional("b", BIAS))
    outputs = (Port("y", T),)
    attrs = (Ints("strides"), Ints("pads"), Ints("dilations"), Ints("output_padding"), Int("groups", 1), LAYOUT, *CLAMP)
    types = LINEAR_TYPES
    quant = Accumulate()

    @staticmethod
    def infer(
        x: Arg,
        w: Arg,
        b: Arg | None,
        *,
        strides: tuple[int, ...],
        pads: tuple[int, ...],
        dilations: tuple[int, ...],
        output_padding: tuple[int, ...],
        groups: int,
        layout: str,
        **_: float,
    ) -> TensorType:
        batch, spatial, channels = split_layout(x.shape, layout)
        _check_weights(channels, w, b, groups, len(spatial))
        window = Window(w.shape[1:-1], strides, pads, dilations)
        if len(output_padding) != window.rank or min(output_padding) < 0:
            raise ValueError(f"output_padding needs {window.rank} entries that are not negative, got {output_padding}")
        out = [(n - 1) * strides[i] + window.extent(i) + output_padding[i] - pads[i] - pads[i + window.rank] for i, n in enumerate(spatial)]
        return TensorType(x.dtype, join_layout(batch, out, w.shape[0], layout))

    @staticmethod
    def reference(
        x: Array,
        w: Array,
        b: Array | None,
        *,
        strides: tuple[int, ...],
        pads: tuple[int, ...],
        dilations: tuple[int, ...],
        output_padding: tuple[int, ...],
        groups: int,
        layout: str,
        clamp_min: float,
        clamp_max: float,
    ) -> Array:
        window = Window(w.shape[1:-1], strides, pads, dilations)
        acc = convolve_transposed(to_channels_last(x, layout), w, window, groups, output_padding)
        return from_channels_last(_finish(acc, b, clamp_min, clamp_max, x), layout)

    @staticmethod
    def quant_reference(x: Array, w: Array, b: Array | None, *, qin: QIn, qout: tuple[QuantParams], **attrs: Any) -> Array:
        qx, qw, qb = (*qin, None, None)[:3]
        if qx is None:
            return ConvTranspose.reference(x, _float_weights(w, qw), _real_weight_bias(b, qb), **attrs)
        assert qw is not None
        layout = attrs["layout"]
        window = Window(w.shape[1:-1], attrs["strides"], attrs["pads"], attrs["dilations"])
        centred = to_channels_last(x.astype(np.int32) - qx.zero_point[0], layout)
        acc = convolve_transposed(centred, w, window, attrs["groups"], attrs["output_padding"])
        return from_channels_last(_finish_quantized(acc, b, (attrs["clamp_min"], attrs["clamp_max"]), qx, qw, qout[0]), layout)


def _transposed(a: Array, flag: bool) -> Array:
    return np.swapaxes(a, -1, -2) if flag else a


@op(id=112, category="linear")
class MatMul:
    """Matrix product with numpy's rules: leading dimensions broadcast, a rank-1 operand is a row (``a``) or a column (``b``).

    ``transpose_a`` and ``transpose_b`` swap the last two dimensions first (rank 2 or more).

    On int8: ``acc = sum (qa - za) * (qb - zb)`` exactly in int32, then ``clamp(rne((float)acc * m) + zy)`` with
    ``m = (float)((double)sa * sb / sy)``; both operands are quantized per tensor. An int8 ``b`` with quantization against a
    float ``a`` holds weights: it is dequantized when a session is made.
    """

    inputs = (Port("a", T), Port("b", WEIGHT))
    outputs = (Port("y", T),)
    attrs = (Bool("transpose_a", False), Bool("transpose_b", False))
    types = {T: (F32, F16, I8), WEIGHT: (F32, F16, I8)}
    quant = Accumulate(weight=1, bias=None, channel_axis=None)

    @staticmethod
    def infer(a: Arg, b: Arg, *, transpose_a: bool, transpose_b: bool) -> TensorType:
        if a.rank < 1 or b.rank < 1:
            raise ValueError("operands need at least one dimension")
        if (transpose_a and a.rank < 2) or (transpose_b and b.rank < 2):
            raise ValueError("only operands of rank 2 or more can be transposed")
        sa, sb = _matrix_shape(a.shape, transpose_a), _matrix_shape(b.shape, transpose_b)
        (ma, ka), (kb, nb) = (sa[-2:] if a.rank > 1 else (None, sa[-1])), (sb[-2:] if b.rank > 1 else (sb[-1], None))
        if isinstance(ka, int) and isinstance(kb, int) and ka != kb:
            raise ValueError(f"the inner dimensions {ka} and {kb} differ")
        out = (*broadcast(sa[:-2], sb[:-2]), *(() if ma is None else (ma,)), *(() if nb is None else (nb,)))
        return TensorType(a.dtype, out)

    @staticmethod
    def reference(a: Array, b: Array, *, transpose_a: bool, transpose_b: bool) -> Array:
        return np.asarray(
            np.matmul(_transposed(a, transpose_a).astype(np.float64), _transposed(b, transpose_b).astype(np.float64)).astype(a.dtype)
        )

    @staticmethod
    def quant_reference(a: Array, b: Array, *, transpose_a: bool, transpose_b: bool, qin: QIn, qout: tuple[QuantParams]) -> Array:
        qa, qb = qin
        if qa is None:
            return MatMul.reference(a, _float_weights(b, qb), transpose_a=transpose_a, transpose_b=transpose_b)
        assert qb is not None
        ca = _transposed(a.astype(np.float64) - qa.zero_point[0], transpose_a)
        cb = _transposed(b.astype(np.float64) - qb.zero_point[0], transpose_b)
        multiplier = requantize_multiplier(qa.scale[0], qb.scale[0], qout[0].scale[0])
        return requantize(np.matmul(ca, cb).astype(np.int64), multiplier, qout[0].zero_point[0], -128, 127)


def _matrix_shape(shape: Sequence[Dim], transpose: bool) -> tuple[Dim, ...]:
    return (*shape[:-2], shape[-1], shape[-2]) if transpose else tuple(shape)


@op(id=113, category="linear")
class FullyConnected:
    """``y = x @ w.T + b`` over the last dimension of ``x`` [..., K], with ``w`` [N, K] and ``b`` [N]; then an optional clamp.

    int8 as ``Conv``: weights per output channel (axis 0), bias int32.
    """

    inputs = (Port("x", T), Port("w", WEIGHT), Optional("b", BIAS))
    outputs = (Port("y", T),)
    attrs = (*CLAMP, REQUANTIZE)
    types = LINEAR_TYPES
    quant = Accumulate()

    @staticmethod
    def infer(x: Arg, w: Arg, b: Arg | None, **_: Any) -> TensorType:
        if w.rank != 2 or not w.type.is_static:
            raise ValueError(f"weights of a static shape [N, K] are needed, got rank {w.rank}")
        if x.rank < 1:
            raise ValueError("the input needs at least one dimension")
        if isinstance(x.shape[-1], int) and x.shape[-1] != w.shape[1]:
            raise ValueError(f"the input's last dimension is {x.shape[-1]}, but the weights take {w.shape[1]}")
        if b is not None and b.shape != (w.shape[0],):
            raise ValueError(f"a bias of shape [{w.shape[0]}] is needed, got {list(b.shape)}")
        return TensorType(x.dtype, (*x.shape[:-1], w.shape[0]))

    @staticmethod
    def reference(x: Array, w: Array, b: Array | None, *, clamp_min: float, clamp_max: float, requantize: str = "float") -> Array:
        return _finish(matrix_product(x.astype(np.float64), w), b, clamp_min, clamp_max, x)

    @staticmethod
    def quant_reference(
        x: Array, w: Array, b: Array | None, *, clamp_min: float, clamp_max: float, requantize: str, qin: QIn, qout: tuple[QuantParams]
    ) -> Array:
        qx, qw, qb = (*qin, None, None)[:3]
        if qx is None:
            return FullyConnected.reference(x, _float_weights(w, qw), _real_weight_bias(b, qb), clamp_min=clamp_min, clamp_max=clamp_max)
        assert qw is not None
        acc = matrix_product(x.astype(np.float64) - qx.zero_point[0], w)
        return _finish_quantized(acc, b, (clamp_min, clamp_max), qx, qw, qout[0], requantize)
