"""Cases of the operators on two numeric tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from edgekit.ops import T, get_op
from edgekit.types import F16, F32, F64, I8, I16, I32, I64, U8, Array, DType
from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.elementwise_common import BROADCASTS, EXACT, HALF, edges, pairs, quant, random, random_quantized

ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Min", "Max", "PRelu", "SquaredDifference")
REMAINDERS = ("Mod", "FloorDiv")
CLAMPED = ("Add", "Sub", "Mul", "Div")


def _wrap(value: int, dtype: DType) -> int:
    bits = 8 * dtype.itemsize
    value &= (1 << bits) - 1
    return value - (1 << bits) if dtype.is_signed and value >> (bits - 1) else value


def _truncated(a: int, b: int) -> int:
    return 0 if b == 0 else int(Fraction(a, b))


#: what the operators do to Python integers, before they wrap around
INTEGER_MEANING: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": _truncated,
    "Min": min,
    "Max": max,
    "PRelu": lambda a, b: a * b if a < 0 else a,
    "SquaredDifference": lambda a, b: (a - b) ** 2,
    "Mod": lambda a, b: 0 if b == 0 else a % b,
    "FloorDiv": lambda a, b: 0 if b == 0 else a // b,
}


def _integers(op: str, dtype: DType, a: Array, b: Array) -> Array:
    values = [_wrap(INTEGER_MEANING[op](int(u), int(v)), dtype) for u, v in zip(a, b, strict=True)]
    return np.array(values, dtype.numpy)


def cases() -> Iterator[OpCase]:
    for op in ARITHMETIC:
        yield from _arithmetic(op)
        yield from _quantized(op)
    for op in REMAINDERS:
        yield from _types(op)
        yield op_case(op, "broadcast", [random((4, 1, 5), op, "a"), random((3, 1), op, "b")])
    x, y = pairs(F32)
    yield op_case("Mod", "fmod_edges", [x, y], {"fmod": True}, tolerance=EXACT)
    for dtype in (I8, I64):
        a, b = pairs(dtype)
        want = [_wrap(int(u) - _truncated(int(u), int(v)) * int(v), dtype) if v else 0 for u, v in zip(a, b, strict=True)]
        yield op_case("Mod", f"fmod_{dtype.label}", [a, b], {"fmod": True}, expected=[np.array(want, dtype.numpy)])
    yield from _clamped()
    yield from _pow()
    for dtype in (F32, F16, F64):
        a, b = pairs(dtype)
        yield op_case("Atan2", f"edges_{dtype.label}", [a, b], tolerance=HALF if dtype is F16 else Tolerance())
    up, right = np.array([1, 1, -1, -1], np.float32), np.array([1, -1, -1, 1], np.float32)
    yield op_case("Atan2", "quadrants", [up, right], expected=[np.array([1, 3, -3, -1], np.float32) * np.float32(np.pi / 4)])


def _types(op: str) -> Iterator[OpCase]:
    """Every pair of edge values, for every element type."""
    for dtype in get_op(op).types[T]:
        a, b = pairs(dtype)
        expected = [_integers(op, dtype, a, b)] if dtype.is_integer else None
        yield op_case(op, f"edges_{dtype.label}", [a, b], tolerance=HALF if dtype is F16 and op == "Mod" else EXACT, expected=expected)


def _arithmetic(op: str) -> Iterator[OpCase]:
    for name, (sa, sb) in BROADCASTS.items():
        yield op_case(op, f"f32_{name}", [random(sa, op, name, "a"), random(sb, op, name, "b")], tolerance=EXACT)
    yield from _types(op)
    a = random_quantized((4, 1, 5), I64, op)
    yield op_case(op, "i64_broadcast", [a, random_quantized((3, 1), I64, op, "b")])
    yield op_case(op, "constant", [random((6, 5), op, "x"), random((5,), op, "c")], constants=[1], tolerance=EXACT)


def _quantized(op: str) -> Iterator[OpCase]:
    for dtype in (I8, U8, I16):
        qin = [quant(dtype, 0.05, -3), quant(dtype, 0.11, 20)]
        qout = [quant(dtype, 0.7 if op in ("Mul", "SquaredDifference") else 0.13, 7)]
        for name in ("same", "scalar_left", "scalar_right", "row", "column", "column_left", "alternating", "empty"):
            sa, sb = BROADCASTS[name]
            a, b = random_quantized(sa, dtype, op, name, "a"), random_quantized(sb, dtype, op, name, "b")
            yield op_case(op, f"q_{dtype.label}_{name}", [a, b], qin=qin, qout=qout)
        a, b = pairs(dtype)
        yield op_case(op, f"q_{dtype.label}_edges", [a, b], qin=qin, qout=qout)
        same = quant(dtype, 0.02, 127 if dtype is not I16 else 1)
        yield op_case(op, f"q_{dtype.label}_one_scale", [a, b], qin=[same, same], qout=[same])
    every = np.arange(-128, 128).astype(np.int8)
    left, right = np.repeat(every, 256), np.tile(every, 256)
    qin = [quant(I8, 0.037, 5), quant(I8, 0.0021, -71)]
    yield op_case(op, "q_all_pairs", [left, right], qin=qin, qout=[quant(I8, 0.019, -128)])
    if op in CLAMPED:
        bounds = {"relu": (0.0, np.inf), "relu6": (0.0, 6.0), "unit": (-1.0, 1.0), "inverted": (2.0, -2.0), "tie": (-0.065, 0.195)}
        for name, (lo, hi) in bounds.items():
            attrs = {"clamp_min": lo, "clamp_max": hi}
            for dtype in (I8, U8):
                a, b = random_quantized((3, 50), dtype, op, name), random_quantized((3, 50), dtype, op, name, "b")
                qin = [quant(dtype, 0.05, -3), quant(dtype, 0.11, 20)]
                yield op_case(op, f"q_{dtype.label}_{name}", [a, b], attrs, qin=qin, qout=[quant(dtype, 0.13, 7)])


def _clamped() -> Iterator[OpCase]:
    bounds: dict[str, dict[str, Any]] = {
        "relu": {"clamp_min": 0.0},
        "relu6": {"clamp_min": 0.0, "clamp_max": 6.0},
        "fractions": {"clamp_min": -1.5, "clamp_max": 2.5},
        "inverted": {"clamp_min": 2.0, "clamp_max": -2.0},
        "beyond": {"clamp_min": -1e30, "clamp_max": 1e30},
        "empty": {"clamp_min": 1e30},
    }
    for op in CLAMPED:
        for name, attrs in bounds.items():
            for dtype in (F32, F16, F64, I8, U8, I32, I64, DType.U64):
                a, b = pairs(dtype)
                yield op_case(op, f"clamp_{name}_{dtype.label}", [a, b], attrs, tolerance=EXACT)
    a, b = random((5, 9), "clamp"), random((9,), "clamp", "b")
    yield op_case("Add", "clamp_formula", [a, b], {"clamp_min": 0.0, "clamp_max": 1.0}, expected=[np.clip(a + b, 0, 1)], tolerance=EXACT)


def _pow() -> Iterator[OpCase]:
    for at in (F32, F16, F64):
        for bt in (F32, F16, F64, I32, I64):
            a, b = edges(at), edges(bt) if bt.is_float else np.array([-3, -1, 0, 1, 2, 5], bt.numpy)
            tolerance = HALF if at is F16 else Tolerance()
            yield op_case("Pow", f"edges_{at.label}_{bt.label}", [a[:, None], b], tolerance=tolerance)
    for at in (I32, I64):
        a, b = edges(at), np.array([-3, -2, -1, 0, 1, 2, 3, 30, 63], np.int64)
        want = [[_wrap(_integer_power(int(u), int(v)), at) for v in b] for u in a]
        for bt in (I32, I64):
            yield op_case("Pow", f"exact_{at.label}_{bt.label}", [a[:, None], b.astype(bt.numpy)], expected=[np.array(want, at.numpy)])
        yield op_case("Pow", f"real_exponent_{at.label}", [a[:, None], np.array([-1.5, 0.5, 1.0, 2.0, 40.0], np.float32)])
    x = np.abs(random((3, 40), "Pow"))
    signed = random((3, 40), "Pow")
    yield op_case("Pow", "square", [signed, np.array(2, np.float32)], constants=[1], expected=[signed * signed])
    yield op_case("Pow", "root", [x, np.array([0.5], np.float32)], constants=[1], expected=[np.sqrt(x)])
    yield op_case("Pow", "exponents", [x, rng("Pow", "b").uniform(-4, 4, (3, 40)).astype(np.float32)])


def _integer_power(base: int, exponent: int) -> int:
    if exponent < 0 and abs(base) != 1:
        return 0
    return int(base ** abs(exponent))
