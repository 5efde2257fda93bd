"""The rest of MXNet's operators: arithmetic under all its names, numpy's, attention, warping, constants."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edgekit.types import Array
from edgekit_converters.mxnet.context import REGISTRY
from tests.converters.mxnet import test_detection, test_load, test_operators
from tests.converters.mxnet.models import apply
from tests.converters.mxnet.test_operators import TOLERANCE, Case
from tests.converters.numpy_layers import rng, sigmoid, softmax

X, M = rng(2, 4, 5, 6), rng(3, 4)
P, Q = np.abs(M) + 0.1, np.abs(rng(3, 4, seed=1)) + 0.1
I = np.array([[5, -3, 7, 2]], np.int32)  # noqa: E741
U = M / 2.1  # inside [-1, 1]
Z = np.float32([0, 1, 0, 2]).reshape(2, 2)


def attention_scores(x: Array, heads: int) -> Array:
    time, batch, width = x.shape
    parts = x.reshape(time, batch, heads, 3, width // (3 * heads))
    q, k = parts[..., 0, :], parts[..., 1, :]
    return np.einsum("tbhd,sbhd->bhts", q, k).reshape(batch * heads, time, time) / math.sqrt(q.shape[-1])


def attention_values(x: Array, a: Array, heads: int) -> Array:
    time, batch, width = x.shape
    v = x.reshape(time, batch, heads, 3, width // (3 * heads))[..., 2, :]
    return np.einsum("bhts,sbhd->tbhd", a.reshape(batch, heads, time, time), v).reshape(time, batch, -1)


def sampled(x: Array, grid: Array) -> Array:
    """BilinearSampler: grid [N, 2, H, W] of x and y from -1 to 1, corners aligned, zeros outside."""
    n, c, h, w = x.shape
    y = np.zeros((n, c, *grid.shape[2:]))
    for b in range(n):
        px, py = (grid[b, 0] + 1) * (w - 1) / 2, (grid[b, 1] + 1) * (h - 1) / 2
        for dy in (0, 1):
            for dx in (0, 1):
                ix, iy = np.floor(px).astype(int) + dx, np.floor(py).astype(int) + dy
                weight = (1 - np.abs(px - ix)) * (1 - np.abs(py - iy)) * ((ix >= 0) & (ix < w) & (iy >= 0) & (iy < h))
                y[b] += x[b][:, iy.clip(0, h - 1), ix.clip(0, w - 1)] * weight
    return y


def affine_grid(theta: Array, h: int, w: int) -> Array:
    ys, xs = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
    points = np.stack([xs.ravel(), ys.ravel(), np.ones(h * w)])
    return np.einsum("nij,jk->nik", theta.reshape(-1, 2, 3), points).reshape(-1, 2, h, w)


def f(a: Array) -> Array:
    return a.astype(np.float32)


THETA = np.float32([[0.8, 0.1, 0.05, -0.1, 0.9, 0.0], [1, 0, 0, 0, 1, 0]])
QKV = rng(5, 2, 12)
CASES = {
    "maximum": Case("_maximum", [M, -M], np.maximum),
    "minimum": Case("broadcast_minimum", [M, -M[:1]], np.minimum),
    "sub": Case("_minus", [M, P], lambda a, b: a - b),
    "mul": Case("elemwise_mul", [M, P], lambda a, b: a * b),
    "power": Case("broadcast_power", [P, Q], lambda a, b: a**b),
    "mod": Case("_mod", [M, Q], np.mod),
    "mod_scalar": Case("_mod_scalar", [M], lambda x: np.mod(x, 0.7), (), {"scalar": 0.7}),
    "rpower": Case("_RPowerScalar", [M], lambda x: 2.0**x, (), {"scalar": 2}),
    "hypot": Case("broadcast_hypot", [M, P], np.hypot),
    "arctan2": Case("_npi_arctan2", [M, -P], np.arctan2),
    "floor_divide": Case("_npi_floor_divide", [M, P], lambda a, b: np.floor(a / b)),
    "true_divide": Case("_npi_true_divide", [I, I[:, ::-1].copy()], lambda a, b: f(a / b)),
    "integer_scalar": Case("_npi_add_scalar", [I], lambda x: x + 2, (), {"scalar": 2, "is_int": True}),
    "integer_and_real": Case("_npi_multiply_scalar", [I], lambda x: f(x * 0.5), (), {"scalar": 0.5, "is_int": False}),
    "mixed": Case("_npi_add", [I, P[:1]], lambda a, b: f(a + b)),
    "and": Case("broadcast_logical_and", [Z, Z.T.copy()], lambda a, b: f((a != 0) & (b != 0))),
    "xor": Case("_logical_xor", [Z, Z.T.copy()], lambda a, b: f((a != 0) ^ (b != 0))),
    "or_scalar": Case("_logical_or_scalar", [Z], lambda a: f((a != 0) | False), (), {"scalar": 0}),
    "not": Case("logical_not", [Z], lambda a: f(a == 0)),
    "numpy_not": Case("_npi_logical_not", [Z], lambda a: a == 0),
    "numpy_less": Case("_npi_less", [M, P], np.less),
    "neg": Case("_neg", [M], np.negative),
    "absolute": Case("absolute", [M], np.abs),
    "arccos": Case("arccos", [U], np.arccos),
    "arcsin": Case("arcsin", [U], np.arcsin),
    "arccosh": Case("arccosh", [P + 1], np.arccosh),
    "arcsinh": Case("arcsinh", [M], np.arcsinh),
    "arctanh": Case("arctanh", [U * 0.9], np.arctanh),
    "cos": Case("cos", [M], np.cos),
    "cosh": Case("cosh", [M], np.cosh),
    "sinh": Case("sinh", [M], np.sinh),
    "tan": Case("tan", [U], np.tan),
    "degrees": Case("degrees", [M], np.degrees),
    "radians": Case("radians", [M * 90], np.radians),
    "erf": Case("erf", [M], lambda x: f(np.vectorize(math.erf)(x))),
    "reciprocal": Case("reciprocal", [P], np.reciprocal),
    "numpy_rint": Case("_npi_rint", [np.float32([-1.5, 0.5, 1.5, 2.2])], lambda x: np.float32([-2, 0, 1, 2])),
    "sigmoid": Case("sigmoid", [M], sigmoid),
    "softsign": Case("softsign", [M], lambda x: x / (1 + np.abs(x))),
    "hard_sigmoid": Case("hard_sigmoid", [M], lambda x: (0.3 * x + 0.4).clip(0, 1), (), {"alpha": 0.3, "beta": 0.4}),
    "mish": Case("mish", [M], lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "quadratic": Case("_contrib_quadratic", [M], lambda x: 2 * x * x - x + 3, (), {"a": 2, "b": -1, "c": 3}),
    "isnan": Case("_contrib_isnan", [np.float32([1, np.nan, np.inf])], lambda x: f(np.isnan(x))),
    "numpy_isinf": Case("_npi_isinf", [np.float32([1, np.nan, np.inf])], np.isinf),
    "multicast": Case("amp_multicast", [M, M.astype(np.float64)], lambda a, b: [a.astype(np.float64), b], (), {"num_outputs": 2}, 2),
    "multicast_narrow": Case(
        "amp_multicast", [M, M.astype(np.float64)], lambda a, b: [a, a], (), {"num_outputs": 2, "cast_narrow": True}, 2
    ),
    "div_sqrt_dim": Case("_contrib_div_sqrt_dim", [M], lambda x: x / 2),
    "attention_scores": Case("_contrib_interleaved_matmul_selfatt_qk", [QKV], lambda x: attention_scores(x, 2), (), {"heads": 2}),
    "attention_values": Case(
        "_contrib_interleaved_matmul_selfatt_valatt", [QKV, softmax(rng(4, 5, 5))], lambda x, a: attention_values(x, a, 2), (), {"heads": 2}
    ),
    "cumsum": Case("cumsum", [M], lambda x: x.cumsum(1), (), {"axis": 1}),
    "cumsum_all": Case("_np_cumsum", [M], lambda x: x.cumsum()),
    "matmul": Case("_npi_matmul", [rng(2, 3, 4), rng(4, 5)], np.matmul),
    "numpy_sum": Case("_np_sum", [M], lambda x: x.sum()),
    "numpy_dot": Case("_np_dot", [M[0], M[1]], np.dot),
    "batch_take": Case("batch_take", [M, np.float32([0, 3, 9])], lambda x, i: x[[0, 1, 2], [0, 3, 3]]),
    "scatter_nd": Case(
        "scatter_nd",
        [np.float32([5, 6]), np.float32([[0, 2], [1, 3]])],
        lambda v, i: f(np.array([[0, 5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 6]])),
        (),
        {"shape": (3, 4)},
    ),
    "broadcast_axis": Case("broadcast_axis", [M[:1]], lambda x: x.repeat(3, 0), (), {"axis": 0, "size": 3}),
    "broadcast_like": Case("broadcast_like", [M[:1], M], lambda x, y: x.repeat(3, 0)),
    "reshape_like": Case("reshape_like", [M, rng(2, 6)], lambda x, y: x.reshape(2, 6)),
    "numpy_reshape": Case("_np_reshape", [M], lambda x: x.reshape(2, -1), (), {"newshape": (2, -1)}),
    "npx_reshape": Case("_npx_reshape", [X], lambda x: x.reshape(2, 20, 6), (), {"newshape": (-2, -5, -4)}),
    "shape_array": Case("shape_array", [X], lambda x: np.array(x.shape)),
    "size_array": Case("size_array", [X], lambda x: np.array([x.size])),
    "ones_like": Case("ones_like", [M], np.ones_like),
    "bilinear_sampler": Case("BilinearSampler", [X, np.tanh(rng(2, 2, 3, 4)) * 1.2], sampled),
    "grid_generator": Case(
        "GridGenerator", [THETA], lambda t: affine_grid(t, 3, 4), (), {"transform_type": "affine", "target_shape": (3, 4)}
    ),
    "spatial_transformer": Case(
        "SpatialTransformer",
        [X, THETA],
        lambda x, t: sampled(x, affine_grid(t, 4, 3)),
        (),
        {"target_shape": (4, 3), "transform_type": "affine", "sampler_type": "bilinear"},
    ),
    "arange": Case("_arange", [], lambda: f(np.arange(1, 6, 2).repeat(2)), (), {"start": 1, "stop": 6, "step": 2, "repeat": 2}),
    "full": Case("_full", [], lambda: np.full((2, 3), 7, np.int32), (), {"shape": (2, 3), "value": 7, "dtype": "int32"}),
}


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    c = CASES[name]
    want = c.expected(*c.inputs)
    wanted = list(want) if isinstance(want, list) else [np.asarray(want)]
    got, _ = apply(tmp_path, c.op, c.inputs, c.weights, c.outputs, **c.attrs)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == b.shape
        assert a.dtype.kind == b.dtype.kind
        assert np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE), float(np.abs(a - b).max())


def test_every_converter_has_a_case() -> None:
    used = {c.op for c in (*CASES.values(), *test_operators.CASES.values())}
    text = "".join(Path(str(m.__file__)).read_text() for m in (test_operators, test_detection, test_load))
    groups: dict[object, list[str]] = {}
    for op in REGISTRY.supported():
        groups.setdefault(REGISTRY.find(op), []).append(op)
    missing = [ops for ops in groups.values() if not any(op in used or f'"{op}"' in text for op in ops)]
    assert missing == []
