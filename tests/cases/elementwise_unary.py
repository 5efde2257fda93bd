"""Cases of the operators on one tensor: arithmetic, rounding, functions, activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from edgekit.ops import T, get_op
from edgekit.types import F16, F32, F64
from tests.cases.case import OpCase, Tolerance, op_case, rng
from tests.cases.elementwise_common import EXACT, HALF, edges, random

EXACT_FUNCTIONS = ("Abs", "Neg", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Relu", "Clip", "ThresholdedRelu")
#: name -> a formula from the standard library, the range it is tried on
FUNCTIONS: dict[str, tuple[Callable[[float], float], float, float]] = {
    "Exp": (math.exp, -100, 88),
    "Log": (math.log, 1e-6, 1e6),
    "Rsqrt": (lambda x: 1 / math.sqrt(x), 1e-6, 1e6),
    "Sin": (math.sin, -50, 50),
    "Cos": (math.cos, -50, 50),
    "Tan": (math.tan, -1.5, 1.5),
    "Asin": (math.asin, -1, 1),
    "Acos": (math.acos, -1, 1),
    "Atan": (math.atan, -20, 20),
    "Sinh": (math.sinh, -20, 20),
    "Cosh": (math.cosh, -20, 20),
    "Asinh": (math.asinh, -1e4, 1e4),
    "Acosh": (math.acosh, 1, 1e4),
    "Atanh": (math.atanh, -0.99, 0.99),
    "Tanh": (math.tanh, -12, 12),
    "Sigmoid": (lambda x: 1 / (1 + math.exp(-x)), -80, 80),
    "Erf": (math.erf, -5, 5),
    "Softplus": (lambda x: math.log1p(math.exp(x)), -60, 60),
    "Softsign": (lambda x: x / (1 + abs(x)), -50, 50),
    "HardSwish": (lambda x: x * min(max(x + 3, 0), 6) / 6, -8, 8),
    "Silu": (lambda x: x / (1 + math.exp(-x)), -60, 60),
    "Mish": (lambda x: x * math.tanh(math.log1p(math.exp(x))), -40, 40),
    "Gelu": (lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))), -8, 8),
    "LeakyRelu": (lambda x: x if x >= 0 else 0.01 * x, -9, 9),
    "Elu": (lambda x: x if x >= 0 else math.expm1(x), -30, 9),
    "Selu": (lambda x: 1.0507009873554805 * (x if x >= 0 else 1.6732632423543772 * math.expm1(x)), -30, 9),
    "Celu": (lambda x: x if x >= 0 else math.expm1(x), -30, 9),
    "HardSigmoid": (lambda x: min(max(0.2 * x + 0.5, 0), 1), -4, 4),
}
ATTRIBUTES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "LeakyRelu": [("steep", {"alpha": 1.5}), ("negative", {"alpha": -0.3}), ("zero", {"alpha": 0.0})],
    "Elu": [("alpha", {"alpha": 0.4})],
    "Selu": [("parameters", {"alpha": 2.0, "gamma": 0.5})],
    "Celu": [("alpha", {"alpha": 2.5}), ("small_alpha", {"alpha": 0.3})],
    "HardSigmoid": [("onnx_swish", {"alpha": 1 / 6, "beta": 0.5}), ("falling", {"alpha": -0.5, "beta": 0.2})],
    "Gelu": [("tanh", {"approximate": "tanh"})],
    "ThresholdedRelu": [("zero", {"alpha": 0.0}), ("negative", {"alpha": -1.5})],
    "Clip": [
        ("low", {"min": -1.0}),
        ("high", {"max": 2.0}),
        ("both", {"min": -1.5, "max": 2.5}),
        ("inverted", {"min": 2.0, "max": -2.0}),
        ("nothing", {"min": 1e30}),
    ],
    "IsInf": [("positive", {"detect_negative": False}), ("negative", {"detect_positive": False})],
}
UNARY = (*EXACT_FUNCTIONS, *FUNCTIONS)


def cases() -> Iterator[OpCase]:
    for op in UNARY:
        exact = op in EXACT_FUNCTIONS
        for dtype in get_op(op).types[T]:
            tolerance = EXACT if exact or dtype.is_integer else HALF if dtype is F16 else Tolerance()
            variants = [("", {}), *((f"_{n}", a) for n, a in ATTRIBUTES.get(op, []))]
            for name, attrs in variants:
                yield op_case(op, f"edges_{dtype.label}{name}", [edges(dtype)], attrs, tolerance=tolerance)
        for shape in ((), (0, 4), (1,), (7, 31), (3, 20011)):
            x = np.abs(random(shape, op)) + np.float32(0.01) if op in ("Log", "Sqrt", "Rsqrt") else random(shape, op)
            shown = "x".join(map(str, shape)) or "rank0"
            yield op_case(op, f"f32_{shown}", [x], tolerance=EXACT if exact else None)
        yield op_case(op, "f16_long", [random((700,), op, "half").astype(np.float16)], tolerance=EXACT if exact else HALF)
    for op, (formula, low, high) in FUNCTIONS.items():
        x = rng(op, "range").uniform(low, high, 300).astype(np.float32)
        yield op_case(op, "formula", [x], expected=[np.array([formula(float(v)) for v in x], np.float32)])
        yield op_case(op, "formula_f64", [x.astype(np.float64)], expected=[np.array([formula(float(v)) for v in x])])
    yield from _by_hand()
    yield from _predicates()


def _by_hand() -> Iterator[OpCase]:
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 8388607.5, -8388609.0], np.float32)
    yield op_case("Round", "ties", [halves], expected=[np.array([-2, -2, 0, 0, 2, 2, 4, 8388608, -8388609], np.float32)], tolerance=EXACT)
    yield op_case("Floor", "halves", [halves], expected=[np.array([math.floor(v) for v in halves], np.float32)], tolerance=EXACT)
    yield op_case("Ceil", "halves", [halves], expected=[np.array([math.ceil(v) for v in halves], np.float32)], tolerance=EXACT)
    yield op_case("Abs", "smallest", [np.array([-128, -1, 5], np.int8)], expected=[np.array([-128, 1, 5], np.int8)])
    yield op_case("Neg", "unsigned", [np.array([0, 1, 255], np.uint8)], expected=[np.array([0, 255, 1], np.uint8)])
    yield op_case("Sign", "signs", [np.array([-3, 0, 2], np.float32)], expected=[np.array([-1, 0, 1], np.float32)])
    x = np.array([-3, -1, -0.5, 0, 0.5, 1, 3], np.float32)
    yield op_case("Relu", "hand", [x], expected=[np.array([0, 0, 0, 0, 0.5, 1, 3], np.float32)])
    yield op_case("Clip", "hand", [x], {"min": -0.5, "max": 1.0}, expected=[np.array([-0.5, -0.5, -0.5, 0, 0.5, 1, 1], np.float32)])
    yield op_case(
        "Clip",
        "integers",
        [np.array([-9, -1, 0, 3, 9], np.int64)],
        {"min": -1.5, "max": 2.5},
        expected=[np.array([-1, -1, 0, 2, 2], np.int64)],
    )
    yield op_case("ThresholdedRelu", "hand", [x], {"alpha": 0.5}, expected=[np.array([0, 0, 0, 0, 0, 1, 3], np.float32)])
    approximate = [0.5 * float(v) * (1 + math.tanh(math.sqrt(2 / math.pi) * (float(v) + 0.044715 * float(v) ** 3))) for v in x]
    yield op_case("Gelu", "tanh_formula", [x], {"approximate": "tanh"}, expected=[np.array(approximate, np.float32)])


def _predicates() -> Iterator[OpCase]:
    for dtype in (F32, F16, F64):
        e = edges(dtype)
        yield op_case("IsNaN", dtype.label, [e], expected=[np.array([math.isnan(v) for v in e.tolist()])])
        yield op_case("IsInf", dtype.label, [e], expected=[np.array([math.isinf(v) for v in e.tolist()])])
        for name, attrs in ATTRIBUTES["IsInf"]:
            want = np.array([v == (math.inf if name == "positive" else -math.inf) for v in e.tolist()])
            yield op_case("IsInf", f"{dtype.label}_{name}", [e], attrs, expected=[want])
