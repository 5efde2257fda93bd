"""What the suites share: the model file and the reference result of a case, and the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import numpy as np

from edgekit.errors import EdgekitError
from edgekit.format import write_bytes
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.cases import all_cases
from tests.cases.case import OpCase


@cache
def _by_name() -> dict[str, OpCase]:
    return {c.name: c for c in all_cases()}


@cache
def _model_bytes(name: str) -> bytes:
    return write_bytes(_by_name()[name].graph)


@cache
def _reference(name: str) -> dict[str, Array]:
    case = _by_name()[name]
    return run_graph(case.graph, case.feeds)


@contextmanager
def on_target(name: str) -> Iterator[None]:
    """Name the target in the message of a failure: one test covers several, because starting a test costs more than most cases."""
    try:
        yield
    except AssertionError as e:
        raise AssertionError(f"on {name}: {e}") from e
    except EdgekitError as e:
        raise AssertionError(f"on {name}: {type(e).__name__}: {e}") from e


def model_bytes(case: OpCase) -> bytes:
    """The case's graph as an ``.ekm`` file."""
    return _model_bytes(case.name)


def reference(case: OpCase) -> dict[str, Array]:
    """What the numpy reference computes."""
    return _reference(case.name)


def check(case: OpCase, got: Mapping[str, Array]) -> None:
    """Integers exactly, floats within the case's tolerance."""
    want = reference(case)
    assert list(got) == list(want)
    for name, w in want.items():
        assert got[name].dtype == w.dtype
        assert got[name].shape == w.shape
        if w.dtype.kind == "f":
            np.testing.assert_allclose(got[name], w, rtol=case.tolerance.relative, atol=case.tolerance.absolute)
        else:
            np.testing.assert_array_equal(got[name], w)
