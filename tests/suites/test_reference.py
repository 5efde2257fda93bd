"""The numpy reference against results known from elsewhere, and against its own shape inference."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.ir import verify
from edgekit.reference import run_graph
from tests.cases import all_cases
from tests.cases.case import OpCase


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_reference(case: OpCase) -> None:
    verify(case.graph)
    got = run_graph(case.graph, case.feeds)
    for v, name in zip(case.graph.outputs, case.graph.output_names, strict=True):
        assert got[name].dtype == v.dtype.numpy
        assert len(v.shape) == got[name].ndim
        assert all(not isinstance(d, int) or d == n for d, n in zip(v.shape, got[name].shape, strict=True))
    for name, want in (case.expected or {}).items():
        if want.dtype.kind == "f":
            np.testing.assert_allclose(got[name], want, rtol=case.tolerance.relative, atol=case.tolerance.absolute)
        else:
            np.testing.assert_array_equal(got[name], want)
