"""Convolutions and matrix products, on integers where the file asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.arrays import permuted
from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.ops.quant_math import clamp_bounds
from edgekit.types import F16, F32, I8, I32, Array, QuantParams
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.importing.windows import same_pads
from edgekit_converters.tflite.context import NodeContext, is_int8
from edgekit_converters.tflite.registry import converts

SAME = 0


def window_pads(
    ctx: NodeContext, sizes: tuple[Any, ...], kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[int, ...]:
    """Begins and ends of the padding; SAME puts the odd element behind."""
    if min(strides) < 1 or min(dilations) < 1 or min(kernel) < 1:
        raise MalformedModelError(f"a window of {kernel} with strides {strides} and dilations {dilations}")
    if int(ctx.options.padding) != SAME:
        return (0,) * (2 * len(kernel))
    return same_pads(ctx, "padding=SAME", sizes, kernel, strides, dilations)


def real_bias(ctx: NodeContext, i: int) -> Value | None:
    """A bias in float32."""
    b = ctx.optional(i)
    if b is None or b.dtype is F32:
        return b
    info = ctx.info(i)
    if b.const is None or info.source_quant is None:
        if b.dtype is F16:
            return ctx.cast(b, F32)
        raise Unsupported("the bias is an integer without a scale.")
    zero = info.source_quant.zero_point_array().astype(np.float64)
    real = (b.const.astype(np.float64) - zero) * info.source_quant.scale_array().astype(np.float64)
    return ctx.const(real.astype(np.float32).reshape(-1), name=b.name)


def symmetric(w: Array, q: QuantParams, axis: int) -> tuple[Array, Array] | None:
    """int8 weights around zero and one scale for each channel, exactly the same numbers; None where int8 cannot hold them.

    Args:
        w: int8. q: their parameters. axis: of the output channels.
    """
    if q.axis not in (None, axis):
        return None
    shape = [1] * w.ndim
    shape[axis] = -1
    zero = q.zero_point_array().reshape(shape if q.axis is not None else ())
    moved = w.astype(np.int16) - zero.astype(np.int16)
    if moved.size and (moved.min() < -127 or moved.max() > 127):
        return None
    return moved.astype(np.int8), np.broadcast_to(q.scale_array(), (w.shape[axis],))


def accumulate(
    ctx: NodeContext, op: str, x: Value, w: Value, weights: Array, w_quant: QuantParams | None, bias_index: int, **attrs: Any
) -> Value:
    """A sum of products with int8 weights where the numbers allow it, exactly; else in float32 between quantized ends.

    Args:
        weights: the constant in EdgeKit's order, output channels first. w_quant: its parameters in that order.
    """
    clamp: dict[str, Any] = ctx.clamp()
    if is_int8(x) and w_quant is not None and ctx.out.dtype is I8 and ctx.out.quant is not None and weights.dtype == np.int8:
        found = symmetric(weights, w_quant, 0)
        if found is not None:
            values, scales = found
            assert x.quant is not None
            unit = np.float64(x.quant.scale[0]) * scales.astype(np.float64)
            b = integer_bias(ctx, bias_index, unit)
            kernel = ctx.const(values, quant=QuantParams.per_channel(scales, 0), name=w.name)
            mode = {} if op == "ConvTranspose" else {"requantize": fixed_mode(ctx, attrs.get("groups", 1))}
            y = ctx.integer(op, x, kernel, b, quant=ctx.out.quant, **attrs, **clamp, **mode)
            return ctx.activate(y)
        if ctx.out.quant.is_per_tensor and w_quant.is_per_tensor and x.quant is not None and op != "ConvTranspose":
            return _asymmetric(ctx, op, x, w, weights, w_quant, bias_index, attrs)
    kernel = ctx.const(weights, quant=w_quant, name=w.name)
    y = ctx.call(op, ctx.as_real(x), kernel, real_bias(ctx, bias_index), **attrs, **clamp)
    return ctx.activate(y)


def fixed_mode(ctx: NodeContext, groups: int) -> str:
    """How TensorFlow Lite's own kernels on CPUs round the sums of this operator.

    Those that multiply matrices in ruy round the second time upwards: CONV_2D, FULLY_CONNECTED; so do depthwise convolutions with a scale
    a channel. The others use gemmlowp's functions, whose ties go away from zero: legacy depthwise convolutions, grouped convolutions.
    """
    depthwise = ctx.op == "DEPTHWISE_CONV_2D"
    return "fixed_away" if (ctx.out.is_shifted if depthwise else groups > 1) else "fixed_up"


def _asymmetric(
    ctx: NodeContext, op: str, x: Value, w: Value, weights: Array, w_quant: QuantParams, bias_index: int, attrs: dict[str, Any]
) -> Value:
    """A sum with uint8 weights that int8 cannot hold around zero.

    It runs in float32 on the integers ``(q_x - z_x) (q_w - z_w)``, which is exact below 2^24, and is requantized like any other. The
    product of the scales is rounded to float32, as TensorFlow Lite does for legacy models.
    """
    ctx.session.note(
        "weights that int8 cannot hold around zero (asymmetric uint8) are computed in float32 between integer tensors: "
        "the same numbers, slower"
    )
    out = ctx.out.quant
    assert x.quant is not None and out is not None
    unit = np.float32(x.quant.scale[0]) * np.float32(w_quant.scale[0])
    bias = ctx.optional(bias_index)
    if bias is not None and (bias.const is None or bias.dtype is not I32):
        raise Unsupported("the bias is no int32 constant.", reason="dynamic-input")
    first = ctx.const(bias.const.reshape(-1).astype(np.float32), name=bias.name) if bias is not None and bias.const is not None else None
    kernel = ctx.const(weights, quant=QuantParams.per_tensor(1.0, w_quant.zero_point[0]), name=w.name)
    y = ctx.cast(ctx.call(op, ctx.centred(x), kernel, first, **attrs), I32)
    y.type = y.type.with_dtype(I32, QuantParams.per_tensor(float(unit), 0))
    y = ctx.integer("Requantize", y, quant=out, dtype=I8, requantize=fixed_mode(ctx, attrs.get("groups", 1)))
    bounds = ctx.clamp()
    if bounds and clamp_bounds(bounds["clamp_min"], bounds["clamp_max"], out) != (-128, 127):
        return ctx.unary("Clip", y, min=bounds["clamp_min"], max=bounds["clamp_max"])
    return y if bounds else ctx.activate(y)


def integer_bias(ctx: NodeContext, i: int, unit: Array) -> Value | None:
    """An int32 bias in units of input scale times weight scale."""
    b = ctx.optional(i)
    if b is None:
        return None
    if b.const is None:
        raise Unsupported("the bias is computed at run time.", reason="dynamic-input")
    if b.dtype is I32:
        return ctx.const(b.const.reshape(-1), quant=QuantParams.per_channel(unit, 0), name=b.name)
    real = real_bias(ctx, i)
    assert real is not None and real.const is not None
    units = np.clip(np.nan_to_num(np.rint(real.const.astype(np.float64) / unit)), -(2**31), 2**31 - 1)
    return ctx.const(units.astype(np.int32), quant=QuantParams.per_channel(unit, 0), name=b.name)


def weights_of(ctx: NodeContext, i: int) -> tuple[Value, Array]:
    """The weight input, which must be constant."""
    w = ctx.input(i)
    if w.const is None:
        raise Unsupported("the weights are computed at run time.", "Make them constants of the model.", "dynamic-input")
    return w, w.const


def _window(ctx: NodeContext) -> tuple[tuple[int, int], tuple[int, int]]:
    o = ctx.options
    return (int(o.stride_h), int(o.stride_w)), (int(getattr(o, "dilation_h", 1)), int(getattr(o, "dilation_w", 1)))


@converts("CONV_2D")
def conv_2d(ctx: NodeContext) -> Value:
    """Convolution: weights [O, h, w, I / groups]."""
    x = ctx.input(0)
    w, weights = weights_of(ctx, 1)
    if len(x.shape) != 4 or weights.ndim != 4:
        raise MalformedModelError(f"a convolution of a tensor of rank {len(x.shape)} with weights of rank {weights.ndim}")
    channels = ctx.static(x.shape[3], "the channels")
    if weights.shape[3] < 1 or channels % weights.shape[3]:
        raise MalformedModelError(f"{channels} channels for weights of shape {list(weights.shape)}")
    strides, dilations = _window(ctx)
    pads = window_pads(ctx, x.shape[1:3], weights.shape[1:3], strides, dilations)
    groups = channels // weights.shape[3]
    return accumulate(ctx, "Conv", x, w, weights, w.quant, 2, strides=strides, pads=pads, dilations=dilations, groups=groups, layout="NHWC")


@converts("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(ctx: NodeContext) -> Value:
    """Depthwise convolution: weights [1, h, w, O], output channel o reads input channel o // multiplier."""
    x = ctx.input(0)
    w, weights = weights_of(ctx, 1)
    if len(x.shape) != 4 or weights.ndim != 4 or weights.shape[0] != 1:
        raise MalformedModelError(f"a depthwise convolution of a tensor of rank {len(x.shape)} with weights of shape {list(weights.shape)}")
    channels = ctx.static(x.shape[3], "the channels")
    if channels < 1 or weights.shape[3] % channels:
        raise MalformedModelError(f"{channels} channels for weights of shape {list(weights.shape)}")
    strides, dilations = _window(ctx)
    pads = window_pads(ctx, x.shape[1:3], weights.shape[1:3], strides, dilations)
    moved = permuted(weights, (3, 1, 2, 0))
    attrs = {"strides": strides, "pads": pads, "dilations": dilations, "groups": channels, "layout": "NHWC"}
    return accumulate(ctx, "Conv", x, w, moved, _moved(w.quant, 3, 0), 2, **attrs)


def _moved(q: QuantParams | None, axis: int, to: int) -> QuantParams | None:
    if q is None or q.axis is None:
        return q
    if q.axis != axis:
        raise MalformedModelError(f"weights are quantized along dimension {q.axis}, not {axis}")
    return QuantParams(q.scale, q.zero_point, to)


@converts("TRANSPOSE_CONV")
def transpose_conv(ctx: NodeContext) -> Value:
    """Transposed convolution to a given output shape: weights [O, h, w, I]."""
    shape = ctx.constant_ints(0, "the output shape")
    w, weights = weights_of(ctx, 1)
    x = ctx.input(2)
    if len(shape) != 4 or weights.ndim != 4 or len(x.shape) != 4:
        raise MalformedModelError("a transposed convolution works on tensors of rank 4")
    strides = (int(ctx.options.stride_h), int(ctx.options.stride_w))
    pads, extra = _to_shape(ctx, x, shape, weights.shape[1:3], strides, (1, 1))
    return accumulate(
        ctx, "ConvTranspose", x, w, weights, w.quant, 3, strides=strides, pads=pads, dilations=(1, 1), output_padding=extra, groups=1,
        layout="NHWC",
    )  # fmt: skip


def _to_shape(
    ctx: NodeContext, x: Value, shape: Sequence[int], kernel: Sequence[int], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Pads and output padding of a transposed convolution whose output has a given shape."""
    rank = len(strides)
    pads = window_pads(ctx, tuple(shape[1:-1]), tuple(kernel), strides, dilations)
    extra = []
    for i in range(rank):
        n = ctx.static(x.shape[1 + i], "a spatial dimension")
        extra.append(shape[1 + i] - ((n - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - pads[i] - pads[rank + i]))
    ends = [pads[rank + i] - min(extra[i], 0) for i in range(rank)]
    return (*pads[:rank], *ends), tuple(max(e, 0) for e in extra)


@converts("CONV_3D")
def conv_3d(ctx: NodeContext) -> Value:
    """Convolution over three dimensions: weights [d, h, w, I, O]."""
    x, o = ctx.real(0), ctx.options
    _, weights = weights_of(ctx, 1)
    if len(x.shape) != 5 or weights.ndim != 5 or weights.dtype != np.float32:
        raise Unsupported("only float CONV_3D is supported.")
    strides = (int(o.stride_d), int(o.stride_h), int(o.stride_w))
    dilations = (int(o.dilation_d), int(o.dilation_h), int(o.dilation_w))
    pads = window_pads(ctx, x.shape[1:4], weights.shape[:3], strides, dilations)
    kernel = ctx.const(permuted(weights, (4, 0, 1, 2, 3)))
    groups = ctx.static(x.shape[4], "the channels") // weights.shape[3]
    attrs = {"strides": strides, "pads": pads, "dilations": dilations, "groups": groups, "layout": "NHWC", **ctx.clamp()}
    return ctx.activate(ctx.call("Conv", x, kernel, ctx.optional(2), **attrs))


@converts("CONV_3D_TRANSPOSE")
def conv_3d_transpose(ctx: NodeContext) -> Value:
    """Transposed convolution over three dimensions to a given output shape: weights [d, h, w, O, I]."""
    shape = ctx.constant_ints(0, "the output shape")
    _, weights = weights_of(ctx, 1)
    x, o = ctx.real(2), ctx.options
    if len(shape) != 5 or len(x.shape) != 5 or weights.ndim != 5 or weights.dtype != np.float32:
        raise Unsupported("only float CONV_3D_TRANSPOSE is supported.")
    strides = (int(o.stride_d), int(o.stride_h), int(o.stride_w))
    dilations = (int(o.dilation_d), int(o.dilation_h), int(o.dilation_w))
    pads, extra = _to_shape(ctx, x, shape, weights.shape[:3], strides, dilations)
    kernel = ctx.const(permuted(weights, (3, 0, 1, 2, 4)))
    attrs = {"strides": strides, "pads": pads, "dilations": dilations, "groups": 1, "layout": "NHWC", **ctx.clamp()}
    return ctx.activate(ctx.call("ConvTranspose", x, kernel, ctx.optional(3), output_padding=extra, **attrs))


@converts("FULLY_CONNECTED")
def fully_connected(ctx: NodeContext) -> Value:
    """``x @ w.T + b``; the leading dimensions are one unless the model keeps them."""
    x = ctx.input(0)
    if int(ctx.options.weights_format) != 0:
        raise Unsupported("shuffled weights are not supported.", "Convert the model again without them.")
    if len(x.shape) == 0:
        raise MalformedModelError("the input has no dimension")
    w = ctx.input(1)
    inner = ctx.static(w.shape[-1], "the weights")
    if x.shape[-1] != inner or not (ctx.options.keep_num_dims or len(x.shape) == 2):
        x = ctx.reshape(x, (-1, inner)) if not ctx.options.keep_num_dims else x
    if w.const is None:
        y = ctx.call("MatMul", ctx.as_real(x), ctx.as_real(w), transpose_b=True)
        b = real_bias(ctx, 2)
        y = y if b is None else ctx.call("Add", y, b)
        code = int(ctx.options.activation)
        return y if code == 0 else ctx.activate(y, done=False)
    return accumulate(ctx, "FullyConnected", x, w, w.const, w.quant, 2)


@converts("BATCH_MATMUL")
def batch_matmul(ctx: NodeContext) -> Value:
    """Matrix product, leading dimensions broadcast."""
    a, b = ctx.input(0), ctx.input(1)
    attrs: dict[str, Any] = {"transpose_a": bool(ctx.options.adj_x), "transpose_b": bool(ctx.options.adj_y)}
    if ctx.same_scale(a, b):
        return ctx.integer("MatMul", a, b, quant=ctx.out.quant, **attrs)
    return ctx.call("MatMul", ctx.as_real(a), ctx.as_real(b), **attrs)
