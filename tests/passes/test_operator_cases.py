"""Every operator case computes the same after the whole pipeline: integers to the bit, floats within the case's tolerance."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.passes import optimize
from edgekit.reference import run_graph
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.suites.common import reference


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_case(case: OpCase) -> None:
    done, _ = optimize(case.graph)
    assert [v.type for v in done.inputs] == [v.type for v in case.graph.inputs] and done.output_names == case.graph.output_names
    for new, old in zip(done.outputs, case.graph.outputs, strict=True):
        assert (new.dtype, new.quant) == (old.dtype, old.quant)
        assert all(a == b or not isinstance(b, int) for a, b in zip(new.shape, old.shape, strict=True))
        assert new.type.nbytes_max() <= old.type.nbytes_max()
    want, got = reference(case), run_graph(done, case.feeds)
    for name, w in want.items():
        assert got[name].dtype == w.dtype and got[name].shape == w.shape
        if w.dtype.kind == "f":
            np.testing.assert_allclose(got[name], w, rtol=case.tolerance.relative, atol=case.tolerance.absolute)
        else:
            np.testing.assert_array_equal(got[name], w)
