"""Operators on two tensors, element by element, with numpy broadcasting."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Float, Port, T, op
from edgekit.ops.quant_math import clamp_bounds, round_to_quantized
from edgekit.ops.shapes import broadcast
from edgekit.ops.traits import Elementwise
from edgekit.types import F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, QuantParams, TensorType

NUMBERS = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, F64)
INF = float("inf")


@op(id=20, category="elementwise", symbolic_values=True, commutative=True)
class Add:
    """``a + b``, then an optional clamp (a fused activation).

    On int8: ``clamp(rne((float)(qa - za) * ma + (float)(qb - zb) * mb) + zy)`` with ``ma = (float)((double)sa / sy)`` and ``mb`` alike,
    every multiply and add rounded once to float32.
    """

    inputs = (Port("a", T), Port("b", T))
    outputs = (Port("y", T),)
    attrs = (Float("clamp_min", -INF), Float("clamp_max", INF))
    types = {T: NUMBERS}
    quant = Elementwise()

    @staticmethod
    def infer(a: Arg, b: Arg, *, clamp_min: float, clamp_max: float) -> TensorType:
        return TensorType(a.dtype, broadcast(a.shape, b.shape))

    @staticmethod
    def reference(a: Array, b: Array, *, clamp_min: float, clamp_max: float) -> Array:
        y = a + b
        return y if clamp_min == -INF and clamp_max == INF else np.clip(y, a.dtype.type(clamp_min), a.dtype.type(clamp_max))

    @staticmethod
    def quant_reference(
        a: Array, b: Array, *, clamp_min: float, clamp_max: float, qin: tuple[QuantParams, QuantParams], qout: tuple[QuantParams]
    ) -> Array:
        (qa, qb), qy = qin, qout[0]
        ma = np.float32(np.float64(qa.scale[0]) / qy.scale[0])
        mb = np.float32(np.float64(qb.scale[0]) / qy.scale[0])
        fa = (a.astype(np.int32) - qa.zero_point[0]).astype(np.float32) * ma
        fb = (b.astype(np.int32) - qb.zero_point[0]).astype(np.float32) * mb
        lo, hi = clamp_bounds(clamp_min, clamp_max, qy)
        return round_to_quantized(fa + fb, qy.zero_point[0], lo, hi)
