"""Quantization: the QDQ operators of PT2E and torchao become quantized tensors; others become arithmetic.

``real = (q - zero_point) * scale``; torch rounds ``x / scale`` to the nearest even and adds the zero point
(torch/ao/quantization/fx/_decomposed.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.errors import GraphError, MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, F64, I8, I16, I32, U8, U16, Array, DType, QuantParams, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.registry import converts

STORED = (I8, U8, I16, U16)


def _numbers(ctx: AtenContext, name: str) -> Array | None:
    """Scales or zero points where they are known: one, or one a channel."""
    v = ctx.args.get(name)
    if isinstance(v, Sym):
        v = v.value
    if isinstance(v, Value):
        return ctx.numbers(v)
    if isinstance(v, bool | int | float):
        return np.asarray(v)
    if v is None and name.startswith("zero"):
        return np.asarray(0)
    raise MalformedModelError(f"the argument {name!r} is no number or tensor")


def _parameters(scales: Array | None, zeros: Array | None, axis: int | None) -> QuantParams | None:
    """Parameters of a tensor type; None where they are computed at run time or of a form that types do not hold."""
    if scales is None or zeros is None:
        return None
    s, z = scales.reshape(-1), zeros.reshape(-1)
    if z.size == 1 and s.size > 1:
        z = np.broadcast_to(z, s.shape)
    if z.size != s.size:
        raise MalformedModelError(f"{s.size} scales, but {z.size} zero points")
    try:
        if axis is None:
            return QuantParams.per_tensor(float(s[0]), int(z[0])) if s.size == 1 else None
        return QuantParams.per_channel(s, axis, [int(v) for v in z])
    except GraphError:  # a scale of 0 or less: the arithmetic form knows what to do
        return None


def _range(ctx: AtenContext, dtype: DType) -> tuple[int, int]:
    info = np.iinfo(dtype.numpy)
    return ctx.integer("quant_min", int(info.min)), ctx.integer("quant_max", int(info.max))


def _spread(ctx: AtenContext, name: str, x: Value, axis: int | None) -> Value:
    """Scales or zero points as float32 in a shape that broadcasts over ``x``."""
    v = ctx.cast(ctx.tensor(name), F32)
    if axis is None:
        return ctx.scalar(v)
    return ctx.regroup(v, [[0] if i == axis else 1 for i in range(len(x.shape))])


def quantized(ctx: AtenContext, axis: int | None) -> Value:
    """``clamp(round(x / scale) + zero_point, quant_min, quant_max)``."""
    x = ctx.cast(ctx.tensor("input"), F32)
    dtype = ctx.dtype()
    if dtype not in (*STORED, I32) or dtype is None:
        raise Unsupported(f"quantization to {'nothing' if dtype is None else dtype.label} is not supported.", reason="unsupported-type")
    low, high = _range(ctx, dtype)
    scales, zeros = _numbers(ctx, _name(ctx, "scale")), _numbers(ctx, _name(ctx, "zero"))
    params = _parameters(scales, zeros, axis)
    info = np.iinfo(dtype.numpy)
    if params is not None and x.const is not None:
        shape = [-1 if i == axis else 1 for i in range(x.const.ndim)]
        s, z = params.scale_array(), params.zero_point_array()
        if axis is not None:
            s, z = s.reshape(shape), z.reshape(shape)
        q = np.clip(np.rint(x.const / s) + z, low, high).astype(dtype.numpy)
        return ctx.builder.constant(q, x.name, quant=params if dtype in (*STORED, I32) else None)
    if params is not None and dtype in STORED:
        if (low, high) != (info.min, info.max):
            if axis is not None:
                raise Unsupported("a narrowed range with a scale for every channel is not supported on computed values.")
            x = ctx.call("Clip", x, min=(low - params.zero_point[0]) * params.scale[0], max=(high - params.zero_point[0]) * params.scale[0])
        return ctx.add("Quantize", x, out_type=TensorType(dtype, x.shape, params), dtype=dtype)
    steps = ctx.call("Round", ctx.call("Div", x, _spread(ctx, _name(ctx, "scale"), x, axis)))
    steps = ctx.call("Add", steps, _spread(ctx, _name(ctx, "zero"), x, axis)) if ctx.has(_name(ctx, "zero")) else steps
    return ctx.cast(ctx.call("Clip", steps, min=float(low), max=float(high)), dtype)


def dequantized(ctx: AtenContext, axis: int | None) -> Value:
    """``(q - zero_point) * scale``."""
    x = ctx.tensor("input")
    scales, zeros = _numbers(ctx, _name(ctx, "scale")), _numbers(ctx, _name(ctx, "zero"))
    params = _parameters(scales, zeros, axis)
    out = ctx.dtype("out_dtype", F32) or F32
    if params is not None and x.dtype in (*STORED, I32):
        carried = _carrying(ctx, x, params)
        if carried is not None:
            return ctx.cast(ctx.call("Dequantize", carried), out)
    real = ctx.cast(x, F32)
    if ctx.has(_name(ctx, "zero")):
        real = ctx.call("Sub", real, _spread(ctx, _name(ctx, "zero"), x, axis))
    return ctx.cast(ctx.call("Mul", real, _spread(ctx, _name(ctx, "scale"), x, axis)), out)


def _carrying(ctx: AtenContext, x: Value, params: QuantParams) -> Value | None:
    """``x`` with the parameters in its type: as it is, a constant again, or an input that nothing else reads."""
    if x.quant == params:
        return x
    if x.const is not None:
        return ctx.builder.constant(x.const, x.name, quant=params)
    if x.quant is None and x.producer is None and not x.uses and ctx.importer.parent is None:
        x.type = TensorType(x.dtype, x.shape, params)
        return x
    return None


def _name(ctx: AtenContext, kind: str) -> str:
    names = ("scale", "scales") if kind == "scale" else ("zero_point", "zero_points")
    return next((n for n in names if n in ctx.args), names[0])


@converts("quantized_decomposed.quantize_per_tensor")
def quantize_per_tensor(ctx: AtenContext) -> Value:
    return quantized(ctx, None)


@converts("quantized_decomposed.dequantize_per_tensor")
def dequantize_per_tensor(ctx: AtenContext) -> Value:
    return dequantized(ctx, None)


@converts("quantized_decomposed.quantize_per_channel")
def quantize_per_channel(ctx: AtenContext) -> Value:
    return quantized(ctx, ctx.dim("axis", len(ctx.tensor("input").shape)))


@converts("quantized_decomposed.dequantize_per_channel")
def dequantize_per_channel(ctx: AtenContext) -> Value:
    return dequantized(ctx, ctx.dim("axis", len(ctx.tensor("input").shape)))


def _blocks(ctx: AtenContext) -> int | None:
    """The one axis along which torchao's blocks differ: None for a single block.

    Raises:
        Unsupported: blocks inside of a channel (groups).
    """
    x = ctx.tensor("input")
    sizes = ctx.integers("block_size")
    if len(sizes) != len(x.shape):
        raise MalformedModelError(f"block_size {sizes} for a tensor of rank {len(x.shape)}")
    cut = [i for i, (b, n) in enumerate(zip(sizes, x.shape, strict=True)) if b != n]
    if not cut:
        return None
    if len(cut) == 1 and sizes[cut[0]] == 1:
        return cut[0]
    raise Unsupported(f"quantization in blocks of {sizes} is not supported.", "Quantize per tensor or per channel.")


def _torchao(ctx: AtenContext, dtype_name: str) -> None:
    """torchao's argument names in those of ``quantized_decomposed``."""
    if ctx.args.get("zero_point_domain") not in (None, "INT"):
        raise Unsupported(f"zero_point_domain {ctx.args['zero_point_domain']!r} is not supported.")
    if dtype_name in ctx.args:
        ctx.args["out_dtype" if dtype_name == "output_dtype" and "dequantize" in ctx.op else "dtype"] = ctx.args[dtype_name]


@converts("torchao.quantize_affine", "pt2e_quant.quantize_affine")
def quantize_affine(ctx: AtenContext) -> Value:
    _torchao(ctx, "output_dtype")
    return quantized(ctx, _blocks(ctx))


@converts("torchao.dequantize_affine", "pt2e_quant.dequantize_affine")
def dequantize_affine(ctx: AtenContext) -> Value:
    _torchao(ctx, "output_dtype")
    return dequantized(ctx, _blocks(ctx))


def _found_parameters(ctx: AtenContext, symmetric: bool) -> tuple[Any, Any]:
    """Scale and zero point from the range of the data, zero included (``choose_qparams``)."""
    x = ctx.cast(ctx.tensor("input"), F32)
    low_q, high_q = ctx.integer("quant_min"), ctx.integer("quant_max")
    zero = ctx.like(0, x)
    low = ctx.call("Min", ctx.call("ReduceMin", x, keepdims=False), zero)
    high = ctx.call("Max", ctx.call("ReduceMax", x, keepdims=False), zero)
    least = ctx.like(ctx.real("eps", float(np.finfo(np.float32).eps)), x)
    if symmetric:
        most = ctx.call("Max", ctx.call("Neg", low), high)
        scale = ctx.call("Max", ctx.call("Div", most, ctx.like((high_q - low_q) / 2, x)), least)
        return ctx.cast(ctx.reshape(scale, (1,)), F64), ctx.const(np.zeros(1, np.int64))
    scale = ctx.call("Max", ctx.call("Div", ctx.call("Sub", high, low), ctx.like(high_q - low_q, x)), least)
    point = ctx.call("Sub", ctx.like(low_q, x), ctx.call("Round", ctx.call("Div", low, scale)))
    point = ctx.call("Clip", point, min=float(low_q), max=float(high_q))
    return ctx.cast(ctx.reshape(scale, (1,)), F64), ctx.reshape(ctx.as_i64(point), (1,))


@converts("quantized_decomposed.choose_qparams.tensor")
def choose_qparams(ctx: AtenContext) -> tuple[Any, Any]:
    return _found_parameters(ctx, False)


@converts("quantized_decomposed.choose_qparams_symmetric.tensor")
def choose_qparams_symmetric(ctx: AtenContext) -> tuple[Any, Any]:
    return _found_parameters(ctx, True)


@converts("aten.fake_quantize_per_tensor_affine", "aten.fake_quantize_per_channel_affine")
def fake_quantize(ctx: AtenContext) -> Value:
    """Rounds to the steps of a quantization and stays in float."""
    x = ctx.tensor("self")
    axis = ctx.dim("axis", len(x.shape)) if "axis" in ctx.args else None
    scale, zero = _spread(ctx, "scale", x, axis), _spread(ctx, "zero_point", x, axis)
    steps = ctx.call("Add", ctx.call("Round", ctx.call("Div", x, scale)), zero)
    steps = ctx.call("Clip", steps, min=float(ctx.integer("quant_min")), max=float(ctx.integer("quant_max")))
    return ctx.call("Mul", ctx.call("Sub", steps, zero), scale)
