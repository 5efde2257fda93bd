"""Operators of torch: exported as they are, and broken into core ATen operators, they give what torch gives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from edgekit.converters import Example, LoadOptions
from edgekit.ir import Graph
from edgekit.reference import run_graph
from edgekit.types import Array
from edgekit_converters.pytorch import PyTorchConverter
from tests.require import require_module

try:
    import torch

    from tests.converters.pytorch.derived_cases import CASES
except ImportError:
    CASES = []

#: torch warns of windows that were left out
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

NAMES = [c.name for c in CASES] or ["torch is not installed"]


def _case(name: str) -> Any:
    require_module("torch", "torch", "pip install torch")
    return next(c for c in CASES if c.name == name)


def _module(run: Any) -> Any:
    class Module(torch.nn.Module):  # type: ignore[misc]
        def forward(self, *inputs: Any) -> Any:
            return run(*inputs)

    return Module()


def _flat(value: Any) -> list[Array]:
    if isinstance(value, tuple | list):
        return [a for v in value for a in _flat(v)]
    return [_real(value)]


def _real(value: Any) -> Array:
    """The array; of complex numbers the pairs that a graph takes and gives."""
    array: Array = (torch.view_as_real(value.resolve_conj()) if value.is_complex() else value).detach().numpy()
    return array


def _compare(graph: Graph, case: Any) -> None:
    want = _flat(case.run(*case.inputs))
    feeds = {v.name: _real(x) for v, x in zip(graph.inputs, case.inputs, strict=True)}
    got = list(run_graph(graph, feeds).values())
    assert len(got) == len(want)
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        assert a.shape == b.shape and a.dtype == b.dtype, f"output {k}: {a.dtype}{a.shape} for {b.dtype}{b.shape}"
        if b.dtype.kind != "f":
            np.testing.assert_array_equal(a, b, err_msg=f"output {k}")
            continue
        finite = b[np.isfinite(b)].astype(np.float64)
        spread = max(float(np.ptp(finite)), float(np.abs(finite).max())) if finite.size else 1.0
        np.testing.assert_allclose(a, b, rtol=0, atol=case.tolerance * max(spread, 1e-6), err_msg=f"output {k}")


@pytest.mark.parametrize("name", NAMES)
def test_exported(name: str) -> None:
    case = _case(name)
    _compare(PyTorchConverter().load(_module(case.run), LoadOptions(example=Example(case.inputs))), case)


@pytest.mark.parametrize("name", [c.name for c in CASES if c.name.startswith("complex ")] or NAMES)
def test_traced(name: str) -> None:
    """TorchScript has its own names, codes and defaults for what makes complex numbers."""
    case = _case(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(_module(case.run), case.inputs, check_trace=False)
    _compare(PyTorchConverter().load(traced, LoadOptions(example=Example(case.inputs))), case)


@pytest.mark.parametrize("name", NAMES)
def test_decomposed(name: str) -> None:
    case = _case(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own ways inside
        program = torch.export.export(_module(case.run), case.inputs).run_decompositions()
    _compare(PyTorchConverter().load(program, LoadOptions()), case)
