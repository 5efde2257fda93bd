"""Compiled PyTensor functions against what they compute themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import MalformedModelError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.require import require_module

TOLERANCE = 2e-5


@pytest.fixture
def pt() -> Any:
    """``pytensor.tensor``."""
    require_module("pytensor", "pytensor", "pip install pytensor")
    import pytensor.tensor

    return pytensor.tensor


def mode(optimizer: str) -> Any:
    from pytensor.compile.mode import Mode

    return Mode(linker="py", optimizer=optimizer)


def rng(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng((seed, *shape)).uniform(-2, 2, shape).astype(np.float32)


X, Y, M = rng(3, 4), rng(4, 5), rng(2, 3, 6, 7)
I = np.array([2, 0, 2], np.int64)  # noqa: E741
Build = Callable[..., Any]

#: what is computed from ``pt`` and the inputs, and the inputs
CASES: dict[str, tuple[Build, tuple[Array, ...]]] = {
    "dense": (lambda pt, x, w, b: pt.special.softmax(pt.tanh(x @ w + b), axis=-1), (X, Y, rng(5))),
    "arithmetic": (lambda pt, x, y: (x + 2 * y - x * y) / (1 + y**2), (X, X[::-1].copy())),
    "activations": (lambda pt, x: [pt.sigmoid(x), pt.softplus(x), pt.maximum(x, 0.1 * x), pt.clip(x, -1, 0.5), pt.erf(x)], (X,)),
    "math": (
        lambda pt, x: [pt.log1p(abs(x)), pt.expm1(x), pt.sqrt(abs(x)), pt.exp2(x), pt.log2(abs(x)), pt.sqr(x), pt.arctan2(x, x + 1)],
        (X,),
    ),
    "rounding": (
        lambda pt, x: [
            pt.ceil(x),
            pt.floor(x),
            pt.trunc(x),
            pt.round(x, mode="half_to_even"),
            pt.sign(x),
            pt.round(x, mode="half_away_from_zero"),
        ],
        (X,),
    ),
    "compare": (
        lambda pt, x, y: [pt.switch(x > y, x, -y), pt.eq(x, x), pt.neq(x, y), (x < 0) & (y > 0), (x < 0) | (y > 0), ~(x <= y)],
        (X, X[::-1].copy()),
    ),
    "integers": (lambda pt, i: [i // 2, i % 2, i * 3 + 1, i & 1, -i, i / 2], (I,)),
    "mixed_types": (lambda pt, x, i: [x * i, x[0, :3] + i.astype("float64"), i > x[0, :3]], (X[:, :3].copy(), I)),
    "double": (lambda pt, x: pt.exp(x).sum(axis=1), (X.astype(np.float64),)),
    "reductions": (
        lambda pt, x: [x.sum(), x.mean(axis=0), x.max(axis=1), x.min(axis=(0, 1)), x.prod(axis=1), x.var(axis=1), x.std()],
        (X,),
    ),
    "truth": (lambda pt, x: [(x > 0).all(axis=1), (x > 1.9).any(axis=0), (x > 0).sum(axis=1)], (X,)),
    "argmax": (lambda pt, x: [x.argmax(axis=1), x.argmax(), x.argmin(axis=0)], (X,)),
    "softmax": (lambda pt, x: [pt.special.softmax(x, axis=0), pt.special.log_softmax(x, axis=1), pt.special.softmax(x, axis=None)], (X,)),
    "logsumexp": (lambda pt, x: pt.logsumexp(x, axis=1), (X,)),
    "dimshuffle": (lambda pt, x: [x.T, x.dimshuffle(1, "x", 0), x[None] * x[:, :, None].sum(), x.dimshuffle("x", 0, 1, "x")], (X,)),
    "reshape": (lambda pt, x: [x.reshape((2, 6)), x.reshape((-1, 2)), x.flatten(), x.reshape((x.shape[1], x.shape[0]))], (X,)),
    "shape": (lambda pt, x: [x.shape[0] * 2, x.shape, pt.ones_like(x), pt.zeros((x.shape[1], 2)), pt.full((2, 3), 7.0), x.size], (X,)),
    "join": (lambda pt, x, y: [pt.concatenate([x, y.T[:, :4]], axis=0), pt.stack([x, x], axis=1)], (X, rng(4, 2))),
    "split": (lambda pt, x: pt.split(x, [1, 3], n_splits=2, axis=1), (X,)),
    "repeat_tile": (lambda pt, x: [pt.repeat(x, 2, axis=1), pt.tile(x, (2, 1))], (X,)),
    "slices": (lambda pt, x: [x[1], x[:, 1:3], x[::-1, ::2], x[-1, -2], x[0:2, 3], x[1:]], (X,)),
    "dynamic_slice": (lambda pt, x, i: [x[i[1]], x[i[1] : i[0], 1:], x[:, i[0]]], (X, I)),
    "take": (lambda pt, x, i: [x[i], x[:, i], pt.take(x, i, axis=1)], (X, I)),
    "take_many": (lambda pt, x, i: [x[i, i], pt.as_tensor(M)[:, i[:, None] * 0, i]], (X, I)),
    "set_part": (lambda pt, x: [x[1:, 0].set(9.0), x[0].inc(x[1]), x[:, ::2].set(0.0)], (X,)),
    "set_rows": (lambda pt, x, i: [x[i].inc(1.0), x[i[:2]].set(x[:2])], (X, I)),
    "arange": (lambda pt, x: pt.arange(x.shape[1]) * x[0], (X,)),
    "sort": (lambda pt, x: [pt.sort(x, axis=1), pt.argsort(x, axis=0)], (X,)),
    "cumsum": (lambda pt, x: [pt.cumsum(x, axis=1), x.cumsum()], (X,)),
    "diagonal": (lambda pt, x: [pt.diag(x), pt.eye(3) @ x], (X,)),
    "products": (lambda pt, x, y: [pt.dot(x, y), pt.dot(x, y[:, 0]), pt.dot(x[0], y), pt.dot(x[0], y[:, 1]), pt.outer(x[0], y[0])], (X, Y)),
    "batched": (lambda pt, a, b: [pt.matmul(a, b), pt.tensordot(a, b[0], 1)], (rng(2, 3, 4), rng(2, 4, 5))),
    "gemm": (lambda pt, x, y, z: 0.5 * z + 2.0 * pt.dot(x, y), (X, Y, rng(3, 5))),
    "layer_norm": (lambda pt, x: (x - x.mean(-1, keepdims=True)) / pt.sqrt(x.var(-1, keepdims=True) + 1e-5), (X,)),
    "switch_broadcast": (lambda pt, x, v: pt.switch(v > 0, x, 0.0) + v, (X, rng(4))),
}


def declared(pt: Any, arrays: tuple[Array, ...], static: bool) -> list[Any]:
    return [pt.tensor(f"in{k}", dtype=str(a.dtype), shape=a.shape if static else (None,) * a.ndim) for k, a in enumerate(arrays)]


def close(got: Array, want: Any) -> bool:
    want = np.asarray(want)
    return got.shape == want.shape and got.dtype == want.dtype and bool(np.allclose(got, want, rtol=TOLERANCE, atol=TOLERANCE))


@pytest.mark.parametrize("optimizer", ["fast_run", "None"])
@pytest.mark.parametrize("name", CASES)
def test_function(name: str, optimizer: str, pt: Any) -> None:
    """With the graph as it was written, and as PyTensor rewrites and fuses it."""
    from pytensor import function

    build, arrays = CASES[name]
    inputs = declared(pt, arrays, optimizer == "fast_run")
    made = build(pt, *inputs)
    outs = list(made) if isinstance(made, list | tuple) else [made]
    fn = function(inputs, outs, mode=mode(optimizer))
    want = fn(*arrays)
    graph = converters.load(fn, shapes={v.name: a.shape for v, a in zip(inputs, arrays, strict=True)})
    assert [v.name for v in graph.inputs] == [v.name for v in inputs]
    got = list(run_graph(graph, {v.name: a for v, a in zip(inputs, arrays, strict=True)}).values())
    assert len(got) == len(want)
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        assert close(a, b), (k, a, b)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("data", "kernel"), [((6, 7), (3, 2)), ((2, 1, 4, 6, 7), (3, 4, 3, 3)), ((2, 3, 6, 7), (1, 1, 2, 2)), ((5, 6, 7), (5, 3, 3))]
)
def test_convolve2d(data: tuple[int, ...], kernel: tuple[int, ...], full: bool, pt: Any) -> None:
    """Batches, channels and both, by broadcasting."""
    from pytensor import function
    from pytensor.tensor.signal.conv import convolve2d

    x, k = rng(*data), rng(*kernel, seed=1)
    xv = pt.tensor("x", dtype="float32", shape=data)
    fn = function([xv], convolve2d(xv, k, mode="full" if full else "valid"), mode=mode("fast_run"))
    (got,) = run_graph(converters.load(fn), {"x": x}).values()
    assert close(got, fn(x))


def test_shared_variables_are_constants_and_the_runtime_agrees(pt: Any, tmp_path: Path) -> None:
    import pytensor

    w, b = pytensor.shared(Y, "w"), pytensor.shared(rng(5), "b")
    x = pt.fmatrix("x")
    fn = pytensor.function([x], pt.maximum(pt.dot(x, w) + b, 0).copy("y"), mode=mode("fast_run"))
    want = fn(X)
    edgekit.convert(fn, tmp_path / "m.ekm", shapes={"x": X.shape})
    got = edgekit.Session(tmp_path / "m.ekm").run({"x": X})
    assert list(got) == ["y"]
    assert np.allclose(got["y"], want, atol=1e-5)
    w.set_value(Y * 0)
    assert np.allclose(edgekit.Session(tmp_path / "m.ekm").run({"x": X})["y"], want, atol=1e-5)


def test_updated_shared_variables_are_states(pt: Any, tmp_path: Path) -> None:
    import pytensor

    h = pytensor.shared(np.zeros((1, 5), np.float32), "h")
    x = pt.tensor("x", dtype="float32", shape=(1, 4))
    following = pt.tanh(pt.dot(x, Y) + 0.5 * h)
    fn = pytensor.function([x], following * 2, updates={h: following}, mode=mode("fast_run"))
    edgekit.convert(fn, tmp_path / "m.ekm")
    with edgekit.Session(tmp_path / "m.ekm") as session:
        for step in range(3):
            data = rng(1, 4, seed=step)
            (got,) = session.run({"x": data}).values()
            assert np.allclose(got, fn(data), atol=1e-5)


def test_function_graph_with_inner_graphs(pt: Any) -> None:
    from pytensor.compile.builders import OpFromGraph
    from pytensor.graph.fg import FunctionGraph

    a = pt.fmatrix("a")
    inner = OpFromGraph([a], [pt.tanh(a) * 2])
    x = pt.tensor("x", dtype="float32", shape=(3, 4))
    y = inner(inner(x) + 1)
    y.name = "y"
    graph = converters.load(FunctionGraph([x], [y], clone=True))
    (got,) = run_graph(graph, {"x": X}).values()
    assert graph.output_names == ["y"]
    assert np.allclose(got, np.tanh(np.tanh(X) * 2 + 1) * 2, atol=1e-5)


def test_symbolic_dimensions_stay_open(pt: Any) -> None:
    import pytensor

    x = pt.fmatrix("x")
    graph = converters.load(pytensor.function([x], pt.dot(x, Y).sum(axis=1), mode=mode("fast_run")), shapes={"x": (None, 4)})
    assert [str(d) for d in graph.outputs[0].shape] == ["x_0"]
    (got,) = run_graph(graph, {"x": X}).values()
    assert np.allclose(got, (X @ Y).sum(1), atol=1e-5)


def test_all_blockers_come_in_one_error(pt: Any) -> None:
    import pytensor

    x = pt.tensor("x", dtype="float32", shape=(3, 3))
    steps = pytensor.scan(lambda v, h: pt.tanh(v + h), sequences=x, outputs_info=pt.zeros(3, dtype="float32"), return_updates=False)
    _, noise = pt.random.normal(size=(3, 3), rng=pytensor.shared(np.random.default_rng(1)), return_next_rng=True)
    fn = pytensor.function([x], [steps, x + noise, pt.linalg.cholesky(x), pt.gamma(x)], mode=mode("None"))
    with pytest.raises(UnsupportedOpError) as e:
        converters.load(fn)
    found = " ".join(b.op for b in e.value.blockers)
    assert "Scan" in found
    assert "Cholesky" in found
    assert "Gamma" in found
    assert any("random" in b.op.lower() or "normal" in b.op.lower() or b.op == "shared variable" for b in e.value.blockers)


def test_what_is_no_function_is_left_to_others(pt: Any) -> None:
    with pytest.raises(MalformedModelError, match="no model of a known format"):
        converters.find_converter(pt.fmatrix("x"))
