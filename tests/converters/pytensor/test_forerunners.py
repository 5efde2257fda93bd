"""Operators that only earlier PyTensor, Aesara and Theano have, on graphs of stand-in objects; nothing needs to be installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import UnsupportedOpError
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.numpy_layers import conv2d, pool2d, rng


class TensorType:
    """Theano's: which dimensions broadcast instead of sizes."""

    def __init__(self, dtype: str, broadcastable: tuple[bool, ...]) -> None:
        self.dtype, self.broadcastable = dtype, broadcastable


class Variable:
    """A variable or, with data, a constant."""

    def __init__(self, name: str | None, rank: int, data: Array | None = None, dtype: str = "float32") -> None:
        self.name, self.type = name, TensorType(dtype, (False,) * rank)
        if data is not None:
            self.data = data


class Apply:
    """A node."""

    def __init__(self, op: Any, inputs: list[Variable], rank: int) -> None:
        self.op, self.inputs, self.outputs = op, inputs, [Variable("y", rank)]


class FunctionGraph:
    """A graph of one node."""

    def __init__(self, apply: Apply) -> None:
        self.apply = apply
        self.inputs = [v for v in apply.inputs if not hasattr(v, "data")]
        self.outputs = apply.outputs

    def toposort(self) -> list[Apply]:
        return [self.apply]


FunctionGraph.__module__ = "theano.gof.fg"


def operator(name: str, **properties: Any) -> Any:
    """An operator of a class of that name."""
    op = type(name, (), {})()
    for k, v in properties.items():
        setattr(op, k, v)
    return op


def constant(*numbers: int) -> Variable:
    return Variable(None, 1, np.asarray(numbers, np.int64), "int64")


def run(op: Any, x: Array, *constants: Variable) -> Array:
    graph = converters.load(FunctionGraph(Apply(op, [Variable("x", x.ndim), *constants], 4)), shapes={"x": x.shape})
    assert graph.metadata["source.format"] == "theano"
    (got,) = run_graph(graph, {"x": x}).values()
    return np.asarray(got)


X, W = rng(2, 4, 7, 8), rng(6, 2, 3, 3)


@pytest.mark.parametrize(("mode", "pad"), [("valid", 0), ("half", 1), ("full", 2), (1, 1), ((1, 1), 1)])
@pytest.mark.parametrize("flip", [True, False])
def test_conv2d(mode: Any, pad: int, flip: bool) -> None:
    op = operator("AbstractConv2d", border_mode=mode, subsample=(2, 2), filter_flip=flip, filter_dilation=(1, 1), num_groups=2)
    got = run(op, X, Variable("w", 4, W))
    assert np.allclose(got, conv2d(X, W[:, :, ::-1, ::-1] if flip else W, stride=2, pad=pad, groups=2), atol=1e-4)


@pytest.mark.parametrize(
    ("mode", "kind", "count"),
    [("max", "max", True), ("average_inc_pad", "avg", True), ("average_exc_pad", "avg", False), ("sum", "sum", True)],
)
def test_pool2d(mode: str, kind: str, count: bool) -> None:
    op = operator("Pool", ignore_border=True, mode=mode, ndim=2)
    got = run(op, X, constant(3, 3), constant(2, 2), constant(1, 1))
    assert np.allclose(got, pool2d(X, 3, 2, 1, kind, count_pads=count), atol=1e-5)


def test_pooling_that_drops_a_border() -> None:
    got = run(operator("Pool", ignore_border=True, mode="max", ndim=2), X, constant(3, 3))
    assert np.array_equal(got, pool2d(X[:, :, :6, :6], 3, 3, 0, "max"))
    with pytest.raises(UnsupportedOpError, match="ignore_border"):
        run(operator("Pool", ignore_border=False, mode="max", ndim=2), X, constant(3, 3))


def test_older_indices_are_types_in_order() -> None:
    scalar = TensorType("int64", ())
    op = operator("Subtensor", idx_list=(slice(scalar, None, scalar), scalar))
    got = run(op, X, *(Variable(None, 0, np.asarray(n), "int64") for n in (1, 1, 2)))
    assert np.array_equal(got, X[1::1, 2])


def test_the_largest_and_its_position() -> None:
    op = operator("MaxAndArgmax", axis=(1,))
    assert np.array_equal(run(op, X), X.max(axis=1))


def test_unknown_operators_are_named() -> None:
    with pytest.raises(UnsupportedOpError, match="Scan"):
        run(operator("Scan"), X)
