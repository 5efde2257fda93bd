"""Cases of the reductions, ArgMax, ArgMin and CumSum."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgekit.ops import get_op
from edgekit.types import Array, DType, QuantParams
from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.layout_moves import Q, ints, sample

HALF = Tolerance(2e-3, 2e-3)

# what each one means for a list of Python numbers
MEANING: dict[str, Callable[[list[float]], float]] = {
    "ReduceSum": math.fsum,
    "ReduceMean": lambda v: math.fsum(v) / len(v),
    "ReduceMax": max,
    "ReduceMin": min,
    "ReduceProd": math.prod,
    "ReduceL1": lambda v: math.fsum(abs(a) for a in v),
    "ReduceL2": lambda v: math.sqrt(math.fsum(a * a for a in v)),
    "ReduceLogSumExp": lambda v: math.log(math.fsum(math.exp(a) for a in v)),
    "ReduceSumSquare": lambda v: math.fsum(a * a for a in v),
}


def fold(x: Array, axes: tuple[int, ...], keepdims: bool, meaning: Callable[[list[float]], float]) -> Array:
    """The definition, one output at a time."""
    over = sorted(a % x.ndim for a in axes) if axes else list(range(x.ndim))
    rest = [i for i in range(x.ndim) if i not in over]
    rows = x.transpose(rest + over).reshape([x.shape[i] for i in rest] + [-1])
    y = np.empty(rows.shape[:-1])
    for at in np.ndindex(*y.shape):
        y[at] = meaning([float(v) for v in rows[at]])
    shape = [1 if i in over else x.shape[i] for i in range(x.ndim)]
    return (y.reshape(shape) if keepdims else y).astype(x.dtype)


def cases() -> Iterator[OpCase]:
    for op, meaning in MEANING.items():
        yield from float_cases(op, meaning)
        yield from integer_cases(op)
    yield from special_cases()
    yield from quantized_cases()
    yield from arg_cases()
    yield from cum_sum_cases()


def float_cases(op: str, meaning: Callable[[list[float]], float]) -> Iterator[OpCase]:
    x = sample((3, 5, 4, 7), np.float32, op)
    for axes in [(), (3,), (0,), (1, 2), (-1, 0), (0, 2), (1, 3), (0, 1, 2, 3), (2,)]:
        name = "axes_" + "_".join(map(str, axes)) if axes else "all"
        keep = len(axes) % 2 == 0
        yield op_case(op, name, [x], {"axes": axes, "keepdims": keep}, expected=[fold(x, axes, keep, meaning)])
    for name, shape, axes in [
        ("long_row", (3, 1001), (1,)),
        ("wide_columns", (33, 130), (0,)),
        ("one", (1, 1, 1), (1,)),
        ("scalar", (), ()),
    ]:
        a = sample(shape, np.float32, op) * (0.03 if op == "ReduceProd" else 1) + (1 if op == "ReduceProd" else 0)
        a = np.asarray(a, np.float32)
        yield op_case(op, name, [a], {"axes": axes, "keepdims": False}, expected=[fold(a, axes, False, meaning)])
    yield op_case(op, "float16", [sample((4, 9), np.float16, op)], {"axes": (1,)}, tolerance=HALF)
    yield op_case(op, "float64", [sample((4, 9), np.float64, op)], {"axes": (0,)}, tolerance=Tolerance(1e-12, 1e-12))
    yield op_case(op, "rank6", [sample((2, 3, 1, 2, 3, 2), np.float32, op)], {"axes": (1, 2, 4)})
    yield op_case(op, "nothing_left", [np.zeros((0, 3), np.float32)], {"axes": (1,)}, expected=[np.zeros((0, 1), np.float32)])
    yield op_case(op, "of_nothing", [np.zeros((2, 0), np.float32)], {"axes": (1,), "keepdims": False})


def integer_cases(op: str) -> Iterator[OpCase]:
    for dtype in get_op(op).types[get_op(op).inputs[0].type]:  # type: ignore[index]
        if dtype.is_float:
            continue
        x = sample((3, 40, 5), dtype.numpy, op)
        if dtype.is_integer and dtype.itemsize > 2 and op != "ReduceMax":
            x = (x % 1000).astype(dtype.numpy)
        for axes in [(1,), (2,), (0, 2)]:
            yield op_case(op, f"{dtype.label}_" + "_".join(map(str, axes)), [x], {"axes": axes})
    if DType.I64 in get_op(op).types[get_op(op).inputs[0].type]:  # type: ignore[index]
        yield op_case(op, "wraps", [np.array([[2**62, 2**62, 2**62 - 1, -3]], np.int64)], {"axes": (1,)})


def special_cases() -> Iterator[OpCase]:
    x = np.array([[1, np.nan, 3], [np.inf, 0, -np.inf], [-1, -2, -3]], np.float32)
    nan, inf = np.nan, np.inf
    yield op_case("ReduceMax", "nan", [x], {"axes": (1,), "keepdims": False}, expected=[np.array([nan, inf, -1], np.float32)])
    yield op_case("ReduceMin", "nan", [x], {"axes": (0,), "keepdims": False}, expected=[np.array([-1, nan, -inf], np.float32)])
    far = np.array([[1000, 1000], [-1000, -1001], [-inf, -inf], [inf, 0]], np.float32)
    want = np.array([1000 + math.log(2), -1000 + math.log1p(math.exp(-1)), -inf, inf], np.float32)
    yield op_case("ReduceLogSumExp", "far_out", [far], {"axes": (1,), "keepdims": False}, expected=[want])
    yield op_case(
        "ReduceMean", "int_truncates", [np.array([[-3, -4], [3, 4]], np.int32)], {"axes": (1,)}, expected=[np.array([[-3], [3]], np.int32)]
    )
    cancel = np.array([1e8, 1, -1e8] * 700, np.float32)
    yield op_case("ReduceSum", "cancellation", [cancel], {"keepdims": False}, expected=[np.array(700, np.float32)])
    yield op_case("ReduceMax", "uint64_top", [np.array([2**64 - 1, 5], np.uint64)], expected=[np.array([2**64 - 1], np.uint64)])
    yield op_case("ReduceMin", "int64_bottom", [np.array([-(2**63), 5], np.int64)], expected=[np.array([-(2**63)], np.int64)])


def quantized_cases() -> Iterator[OpCase]:
    r = rng("reduce int8")
    qx, qy = QuantParams.per_tensor(0.043, -11), QuantParams.per_tensor(0.029, 5)
    for op in ("ReduceMean", "ReduceSum"):
        out = qy if op == "ReduceMean" else QuantParams.per_tensor(0.7, 3)
        for name, shape, axes in [
            ("space_nhwc", (2, 7, 7, 19), (1, 2)),
            ("space_nchw", (2, 19, 7, 7), (2, 3)),
            ("rows", (5, 129), (1,)),
            ("all", (3, 4), ()),
        ]:
            x = r.integers(-128, 128, shape).astype(np.int8)
            yield op_case(op, f"int8_{name}", [x], {"axes": axes, "keepdims": False}, qin=[qx], qout=[out])
        x = r.integers(0, 256, (4, 33)).astype(np.uint8)
        yield op_case(op, "uint8", [x], {"axes": (1,)}, qin=[QuantParams.per_tensor(0.1, 128)], qout=[QuantParams.per_tensor(0.4, 100)])
        x = r.integers(-32768, 32768, (4, 33)).astype(np.int16)
        yield op_case(op, "int16", [x], {"axes": (1,)}, qin=[QuantParams.per_tensor(0.001)], qout=[QuantParams.per_tensor(0.002)])
    # sums of 2 and 6 at a factor of 1/4 lie halfway between integers: 0.5 rounds to 0, 1.5 to 2
    q1, q4 = QuantParams.per_tensor(0.25), QuantParams.per_tensor(1.0)
    ties = np.array([[1, 1], [3, 3], [-1, -1], [5, 5], [127, 127]], np.int8)
    yield op_case(
        "ReduceSum",
        "int8_ties",
        [ties],
        {"axes": (1,), "keepdims": False},
        qin=[q1],
        qout=[q4],
        expected=[np.array([0, 2, 0, 2, 64], np.int8)],
    )
    yield op_case(
        "ReduceSum",
        "int8_saturates",
        [np.full((1, 60), 127, np.int8)],
        {"axes": (1,)},
        qin=[q1],
        qout=[q4],
        expected=[np.array([[127]], np.int8)],
    )
    for op in ("ReduceMax", "ReduceMin"):
        x = r.integers(-128, 128, (3, 70, 5)).astype(np.int8)
        yield op_case(
            op,
            "int8_scaled",
            [x],
            {"axes": (1,)},
            qin=[Q],
            qout=[Q],
            expected=[(x.max if op == "ReduceMax" else x.min)(axis=1, keepdims=True)],
        )


def arg_cases() -> Iterator[OpCase]:
    for op in ("ArgMax", "ArgMin"):
        for name, shape, axis in [("rows", (5, 101), -1), ("columns", (33, 130), 0), ("middle", (2, 9, 3), 1), ("one", (4, 1), 1)]:
            for last in (False, True):
                for dtype in (np.float32, np.int8, np.uint8):
                    x: Array = rng(op, name).integers(0, 6, shape).astype(dtype)  # many equal ones
                    rows = np.moveaxis(x, axis, -1)
                    want = np.empty(rows.shape[:-1], np.int64)
                    for at in np.ndindex(*want.shape):
                        row: list[Any] = rows[at].tolist()
                        best = (max if op == "ArgMax" else min)(row)
                        want[at] = len(row) - 1 - row[::-1].index(best) if last else row.index(best)
                    attrs = {"axis": axis, "keepdims": False, "select_last": last}
                    yield op_case(op, f"{name}_{'last' if last else 'first'}_{x.dtype}", [x], attrs, expected=[want])
        for kind in (np.float16, np.float64, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64):
            yield op_case(op, f"{np.dtype(kind)}", [sample((7, 13), kind, op)], {"axis": 1})
        nan = np.array([[1, np.nan, 3, np.nan], [np.inf, 2, -np.inf, -0.0]], np.float32)
        yield op_case(op, "nan", [nan], {"axis": 1, "keepdims": False}, expected=[ints(1, 0 if op == "ArgMax" else 2)])
        extreme = np.array([[-(2**63), 2**63 - 1, 0]], np.int64)
        yield op_case(op, "int64_ends", [extreme], {"axis": 1, "keepdims": False}, expected=[ints(1 if op == "ArgMax" else 0)])
        yield op_case(op, "int8_quantized", [sample((2, 8, 8, 21), np.int8, op)], {"axis": 3, "keepdims": False}, qin=[Q])


def cum_sum_cases() -> Iterator[OpCase]:
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    for name, axis, attrs, want in [
        ("axis0", 0, {}, [[1, 2, 3], [5, 7, 9]]),
        ("axis1", 1, {}, [[1, 3, 6], [4, 9, 15]]),
        ("exclusive", -1, {"exclusive": True}, [[0, 1, 3], [0, 4, 9]]),
        ("reverse", 1, {"reverse": True}, [[6, 5, 3], [15, 11, 6]]),
        ("reverse_exclusive", 1, {"reverse": True, "exclusive": True}, [[5, 3, 0], [11, 6, 0]]),
    ]:
        yield op_case("CumSum", name, [x, np.array(axis, np.int64)], attrs, constants=[1], expected=[np.array(want, np.float32)])
    for dtype in (np.float16, np.float64, np.int32, np.uint32, np.int64, np.uint64):
        a = (sample((3, 11, 2), dtype, "CumSum") % dtype(50)).astype(dtype)
        yield op_case(
            "CumSum", f"{a.dtype}", [a, np.array([1], np.int32)], tolerance=Tolerance(1e-2, 1e-3) if dtype is np.float16 else None
        )
    yield op_case(
        "CumSum", "wraps", [np.array([2**31 - 1, 1], np.int32), np.array(0, np.int32)], expected=[np.array([2**31 - 1, -(2**31)], np.int32)]
    )
