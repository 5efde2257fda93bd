"""Between real numbers and quantized integers, lookup tables, and conversion of element types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.ops.definition import T1, T2, Arg, DTypeAttr, Enum, Port, T, get_op, op
from edgekit.ops.elementwise_common import ALL_TYPES, is_symbolic, saturating_cast, through_table
from edgekit.ops.quant_math import REQUANTIZE_MODES, dequantize, dtype_range, fixed_requantize, per_axis, quantize
from edgekit.ops.traits import FloatOnly, NotNumeric
from edgekit.types import BOOL, F16, F32, I8, I16, I32, I64, U8, U16, Array, DType, QuantParams, TensorType

STORED = (I8, U8, I16, U16)
#: elements that are computed at a time: what lies between input and output stays in the cache
PART = 1 << 15


@op(id=100, category="quantization")
class Quantize:
    """Real numbers to integers: ``clamp(rne(x / scale) + zero_point)`` with a true float32 division; NaN becomes the zero point.

    Scale and zero point are those of the output's type, per tensor or per channel of an axis.
    """

    inputs = (Port("x", F32),)
    outputs = (Port("y", T),)
    attrs = (DTypeAttr("dtype", I8),)
    types = {T: STORED}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, dtype: DType) -> TensorType:
        return TensorType(_stored(dtype), x.shape)

    @staticmethod
    def reference(x: Array, *, dtype: DType) -> Array:
        raise ValueError("Quantize needs an output with a scale and a zero point")

    @staticmethod
    def quant_reference(x: Array, *, dtype: DType, qin: tuple[None], qout: tuple[QuantParams]) -> Array:
        return quantize(x, qout[0], dtype)


@op(id=101, category="quantization")
class Dequantize:
    """Integers to real numbers: ``(float)(x - zero_point) * scale``, with the scale and zero point of the input's type."""

    inputs = (Port("x", T),)
    outputs = (Port("y", F32),)
    types = {T: (*STORED, I32)}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg) -> TensorType:
        return TensorType(F32, x.shape)

    @staticmethod
    def reference(x: Array) -> Array:
        raise ValueError("Dequantize needs an input with a scale and a zero point")

    @staticmethod
    def quant_reference(x: Array, *, qin: tuple[QuantParams], qout: tuple[None]) -> Array:
        return dequantize(x, qin[0])


@op(id=102, category="quantization")
class Requantize:
    """Integers to integers of another scale, zero point or width: ``clamp(rne((float)(x - zx) * m) + zy)`` with
    ``m = (float)((double)sx / sy)``; with another ``requantize`` than ``float`` in fixed point, as ``Conv`` has it."""

    inputs = (Port("x", T1),)
    outputs = (Port("y", T2),)
    attrs = (DTypeAttr("dtype", I8), Enum("requantize", "float", choices=REQUANTIZE_MODES))
    types = {T1: (*STORED, I32), T2: STORED}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, dtype: DType, requantize: str) -> TensorType:
        return TensorType(_stored(dtype), x.shape)

    @staticmethod
    def reference(x: Array, *, dtype: DType, requantize: str) -> Array:
        raise ValueError("Requantize needs an input and an output with a scale and a zero point")

    @staticmethod
    def quant_reference(x: Array, *, dtype: DType, requantize: str, qin: tuple[QuantParams], qout: tuple[QuantParams]) -> Array:
        (qx,), (qy,) = qin, qout
        sx, zx = per_axis(qx.scale_array(), qx, x.ndim), per_axis(qx.zero_point_array(), qx, x.ndim)
        sy, zy = per_axis(qy.scale_array(), qy, x.ndim), per_axis(qy.zero_point_array(), qy, x.ndim)
        ratio = sx.astype(np.float64) / sy.astype(np.float64)
        lo, hi = dtype_range(dtype)
        in_rows = all(a.size == 1 or a.shape[-1:] == (a.size,) for a in (sx, zx, sy, zy))
        if in_rows:
            zx, zy, ratio = (a.reshape(-1) for a in (zx, zy, ratio))
        factor, low, high = (a.astype(np.float32) for a in (ratio, lo - zy, hi - zy))

        def scaled(part: Array) -> Array:
            if requantize != "float":
                fixed: Array = np.clip(fixed_requantize(part.astype(np.int32) - zx, ratio, requantize) + zy, lo, hi).astype(dtype.numpy)
                return fixed
            held = np.minimum(np.maximum((part.astype(np.int32) - zx).astype(np.float32) * factor, low), high)
            y: Array = (np.rint(held).astype(np.int32) + zy).astype(dtype.numpy)
            return y

        if not in_rows or not x.size:
            return scaled(x)
        rows = x.reshape(-1, max(a.size for a in (ratio, zx, zy)))
        out, step = np.empty(rows.shape, dtype.numpy), max(1, PART // rows.shape[1])
        for first in range(0, len(rows), step):
            out[first : first + step] = scaled(rows[first : first + step])
        return out.reshape(x.shape)


@op(id=103, category="quantization")
class Lookup:
    """``table[x]``: any function of an 8-bit element. Entry 0 belongs to the type's smallest value (-128 for int8)."""

    inputs = (Port("x", T1), Port("table", T2))
    outputs = (Port("y", T2),)
    types = {T1: (I8, U8), T2: (I8, U8, I16, U16, I32, F32, F16)}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, table: Arg) -> TensorType:
        if table.shape != (256,):
            raise ValueError("the table needs 256 entries")
        return TensorType(table.dtype, x.shape, table.type.quant)

    @staticmethod
    def reference(x: Array, table: Array) -> Array:
        return np.asarray(table[x.astype(np.int32) - np.iinfo(x.dtype).min])


@op(id=104, category="quantization", symbolic_values=True)
class Cast:
    """Convert the element type.

    Float to integer goes toward zero and is held to the range of the type, NaN becomes 0. Integer to integer keeps the low bits. To float
    rounds to nearest even (integers become float16 by way of float32). To bool is ``x != 0``. Quantization parameters play no part.
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T2),)
    attrs = (DTypeAttr("to"),)
    types = {T: ALL_TYPES, T2: ALL_TYPES}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, *, to: DType) -> TensorType:
        return TensorType(to, x.shape)

    @staticmethod
    def reference(x: Array, *, to: DType) -> Array:
        if is_symbolic(x):
            if to not in (I64, I32):
                raise TypeError(f"symbolic dimensions cannot become {to.label}")
            return x
        if to is BOOL:
            return np.asarray(x != 0)
        if x.dtype.kind == "f" and to.is_integer:
            return saturating_cast(x, to.numpy)
        if to is F16 and x.dtype.kind != "f":
            return np.asarray(x.astype(np.float32).astype(np.float16))
        return np.asarray(x.astype(to.numpy))


def _stored(dtype: DType) -> DType:
    if dtype not in STORED:
        raise ValueError(f"quantized tensors are {', '.join(d.label for d in STORED)}, not {dtype.label}")
    return dtype


def lookup_table(
    op_name: str, attrs: Mapping[str, Any], qx: QuantParams, qy: QuantParams, dtype: DType = I8, out_dtype: DType | None = None
) -> Array:
    """The table that makes ``Lookup`` compute a unary operator on quantized tensors.

    Args:
        op_name: an operator of one input, whose trait is ``LookupTable``.
        attrs: its attributes.
        qx: quantization of the input, per tensor.
        qy: quantization of the output, per tensor.
        dtype: element type of the input, I8 or U8.
        out_dtype: element type of the output; that of the input by default.

    Returns:
        256 entries of ``out_dtype``: dequantize, compute in float32, quantize.
    """
    d = get_op(op_name)
    lo, hi = dtype_range(dtype)
    codes = np.arange(lo, hi + 1).astype(dtype.numpy)
    with np.errstate(all="ignore"):
        return through_table(d.reference, codes, qx, qy, out_dtype or dtype, **d.canonical_attrs(attrs))
