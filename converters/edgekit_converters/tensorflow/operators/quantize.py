"""Simulated quantization: a pair of Quantize and Dequantize, as quantization-aware training left it."""

from __future__ import annotations

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import I8, I16, U8, U16, Array, DType, QuantParams, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tensorflow.context import NodeContext
from edgekit_converters.tensorflow.registry import converts

HINT = "Freeze the model, so that its ranges are constants."


@converts("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(ctx: NodeContext) -> Value:
    """Rounding to the steps of a range, moved so that 0 is a step (tensorflow/core/kernels/fake_quant_ops_functor.h)."""
    x = ctx.as_float32(ctx.input(0))
    bits, narrow = ctx.attr_int("num_bits", 8), ctx.attr_bool("narrow_range", False)
    if ctx.op == "FakeQuantWithMinMaxArgs":
        low, high = (np.asarray([ctx.attr_float(k, d)], np.float32) for k, d in (("min", -6.0), ("max", 6.0)))
    else:
        low, high = (ctx.constant_input(i, "the range").astype(np.float32).reshape(-1) for i in (1, 2))
    if not 2 <= bits <= 16 or low.shape != high.shape or not np.all(low <= high) or not np.all(np.isfinite(low) & np.isfinite(high)):
        raise MalformedModelError(f"a range from {low} to {high} in {bits} bits")
    first, last = int(narrow), 2**bits - 1
    flat = low == high
    scale = np.where(flat, np.float32(1), (high - low) / np.float32(last - first)).astype(np.float32)
    zero = np.clip(np.floor(first - low / scale + np.float32(0.5)), first, last).astype(np.int64)
    if flat.any() and not flat.all():
        raise Unsupported("channels whose range is empty are not supported.")
    if flat.all():
        return ctx.call("Expand", ctx.like(0, x), ctx.shape_of(x))
    axis = len(x.shape) - 1 if ctx.op.endswith("PerChannel") else None
    return steps(ctx, x, scale, zero, (first, last), axis)


def steps(ctx: NodeContext, x: Value, scale: Array, zero: Array, codes: tuple[int, int], axis: int | None) -> Value:
    """Round to ``scale * (q - zero)`` with ``first <= q <= last``: codes of 8 or 16 bits where they fill the type, else arithmetic."""
    first, last = codes
    dtype = _holding(first, last)
    if dtype is not None:
        quant = QuantParams(tuple(float(s) for s in scale), tuple(int(z) for z in zero), axis)
        low, high = (np.float32(1) * (code - zero) * scale for code in codes)
        bounded = x
        if codes != _range(dtype):  # codes that are left out
            bounded = ctx.call("Max", ctx.call("Min", x, ctx.const(high.astype(np.float32))), ctx.const(low.astype(np.float32)))
        q = ctx.add("Quantize", bounded, out_type=TensorType(dtype, x.shape, quant), dtype=dtype)
        return ctx.call("Dequantize", q)
    s, z = ctx.const(scale if axis is not None else scale[0]), ctx.const((zero if axis is not None else zero[0]).astype(np.float32))
    q = ctx.call("Add", ctx.call("Round", ctx.call("Div", x, s)), z)
    q = ctx.call("Max", ctx.call("Min", q, ctx.const(np.float32(last))), ctx.const(np.float32(first)))
    return ctx.call("Mul", ctx.call("Sub", q, z), s)


def _range(dtype: DType) -> tuple[int, int]:
    info = np.iinfo(dtype.numpy)
    return int(info.min), int(info.max)


def _holding(first: int, last: int) -> DType | None:
    """The type whose codes these are, but for a narrow end."""
    for dtype in (U8, I8, U16, I16):
        low, high = _range(dtype)
        if last == high and low <= first <= low + 1:
            return dtype
    return None


@converts("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4")
def quantize_and_dequantize(ctx: NodeContext) -> Value:
    """Rounding to steps around 0 (tensorflow/core/kernels/quantize_and_dequantize_op.h); the range is given, or that of the tensor."""
    x = ctx.as_float32(ctx.input(0))
    signed, narrow = ctx.attr_bool("signed_input", True), ctx.attr_bool("narrow_range", False)
    bits = ctx.constant_ints(3, "the bits")[0] if ctx.op.endswith("V3") else ctx.attr_int("num_bits", 8)
    axis = ctx.attr_int("axis", -1)
    if ctx.attr_string("round_mode", "HALF_TO_EVEN") != "HALF_TO_EVEN" or not 2 <= bits <= 16:
        raise Unsupported("only rounding of halves to even, in 2 to 16 bits, is supported.")
    if ctx.attr_bool("range_given", ctx.op.endswith("V3")):
        low, high = (ctx.constant_input(i, "the range").astype(np.float64).reshape(-1) for i in (1, 2))
    else:
        known = ctx.numbers(x)
        if known is None or axis != -1 or known.size == 0:
            raise Unsupported("a range that the tensor decides at run time is not supported.", HINT)
        low, high = np.asarray([known.min()], np.float64), np.asarray([known.max()], np.float64)
    first = -(2 ** (bits - 1)) + int(narrow) if signed else 0
    last = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    # the coarser of the two ends decides: codes per unit, then the reverse
    per_low = np.where(low * first > 0, first / np.where(low == 0, 1, low), np.inf)
    per_high = np.where(high * last > 0, last / np.where(high == 0, 1, high), np.inf)
    per = np.minimum(per_low, per_high)
    if not np.all(np.isfinite(per) & (per > 0)):
        raise MalformedModelError(f"a range from {low} to {high}")
    rank = len(x.shape)
    scale = (1.0 / per).astype(np.float32)
    at = None if axis == -1 else ctx.axis(axis, rank)
    if at is not None and at != rank - 1:
        raise Unsupported("a range for each entry of another axis than the last is not supported.")
    return steps(ctx, x, scale, np.zeros(len(scale), np.int64), (first, last), at)
