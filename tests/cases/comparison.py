"""Cases of comparisons, logic, bits and Where."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgekit.ops import T, get_op
from edgekit.types import BOOL, I8, I32, DType
from tests.cases.case import OpCase, op_case, rng
from tests.cases.elementwise_common import BROADCASTS, edges, pairs, quant, random, random_quantized

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Equal": operator.eq,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
}
BITS: dict[str, Callable[[int, int], int]] = {"BitwiseAnd": operator.and_, "BitwiseOr": operator.or_, "BitwiseXor": operator.xor}
LOGIC: dict[str, Callable[[bool, bool], bool]] = {"And": operator.and_, "Or": operator.or_, "Xor": operator.ne}


def cases() -> Iterator[OpCase]:
    for op, meaning in COMPARISONS.items():
        for dtype in get_op(op).types[T]:
            a, b = pairs(dtype)
            want = np.array([meaning(u, v) for u, v in zip(a.tolist(), b.tolist(), strict=True)])
            yield op_case(op, f"edges_{dtype.label}", [a, b], expected=[want])
        for name, (sa, sb) in BROADCASTS.items():
            a, b = rng(op, name).integers(-2, 3, sa), rng(op, name, "b").integers(-2, 3, sb)
            yield op_case(op, f"f32_{name}", [a.astype(np.float32), b.astype(np.float32)])
    for op, bits in BITS.items():
        for dtype in get_op(op).types[T]:
            a, b = pairs(dtype)
            want = np.array([bits(int(u), int(v)) for u, v in zip(a, b, strict=True)], dtype.numpy)
            yield op_case(op, f"edges_{dtype.label}", [a, b], expected=[want])
        yield op_case(op, "broadcast", [random_quantized((4, 1, 3), I32, op), random_quantized((5, 1), I32, op, "b")])
    for op, logic in LOGIC.items():
        for name in ("same", "row", "column_left", "empty", "large_row"):
            sa, sb = BROADCASTS[name]
            a, b = rng(op, name).random(sa) < 0.5, rng(op, name, "b").random(sb) < 0.5
            yield op_case(op, name, [a, b])
        a, b = pairs(BOOL)
        yield op_case(op, "truth_table", [a, b], expected=[np.array([logic(bool(u), bool(v)) for u, v in zip(a, b, strict=True)])])
    yield op_case("Not", "truth_table", [np.array([False, True])], expected=[np.array([True, False])])
    for dtype in get_op("BitwiseNot").types[T]:
        e = edges(dtype)
        yield op_case("BitwiseNot", dtype.label, [e], expected=[np.bitwise_not(e)])
    yield from _shifts()
    yield from _where()


def _shifted(value: int, amount: int, direction: str, dtype: DType) -> int:
    bits = 8 * dtype.itemsize
    amount = amount if 0 <= amount < bits else bits
    moved = value << amount if direction == "left" else value >> amount
    moved &= (1 << bits) - 1
    return moved - (1 << bits) if dtype.is_signed and moved >> (bits - 1) else moved


def _shifts() -> Iterator[OpCase]:
    for direction in ("left", "right"):
        for dtype in get_op("BitShift").types[T]:
            bits = 8 * dtype.itemsize
            a = edges(dtype)
            amounts = [0, 1, 3, bits - 1, bits, bits + 1, 100] + ([-1] if dtype.is_signed else [])
            want = [[_shifted(int(u), s, direction, dtype) for s in amounts] for u in a]
            inputs, expected = [a[:, None], np.array(amounts, dtype.numpy)], [np.array(want, dtype.numpy)]
            yield op_case("BitShift", f"{direction}_{dtype.label}", inputs, {"direction": direction}, expected=expected)


def _where() -> Iterator[OpCase]:
    for dtype in get_op("Where").types[T]:
        a, b = pairs(dtype)
        yield op_case("Where", dtype.label, [rng("Where", dtype.label).random(a.shape) < 0.5, a, b])
    for name, (sa, sb) in BROADCASTS.items():
        a, b = random(sa, "Where", name, "a"), random(sb, "Where", name, "b")
        shape = np.broadcast_shapes(sa, sb)
        condition = rng("Where", name).random(shape) < 0.5
        yield op_case("Where", f"full_{name}", [condition, a, b], expected=[np.where(condition, a, b)])
        narrow = condition[..., :1] if condition.ndim else condition
        yield op_case("Where", f"narrow_{name}", [narrow, a, b], expected=[np.where(narrow, a, b)])
    yield op_case(
        "Where", "condition_widens", [np.array([[True], [False], [True]]), np.array([1.0], np.float32), np.array([2.0], np.float32)]
    )
    q = quant(I8, 0.1, -7)
    a, b = random_quantized((5, 6), I8, "Where"), random_quantized((6,), I8, "Where", "b")
    yield op_case("Where", "q_int8", [rng("Where").random((5, 1)) < 0.5, a, b], qin=[None, q, q], qout=[q])
