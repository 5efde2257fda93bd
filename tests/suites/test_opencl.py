"""Every operator case on the OpenCL back end: integers are the reference's bits, floats lie within the case's tolerance, and a case
that the back end declines says why and runs on the CPU."""

from __future__ import annotations

import pytest

from edgekit.runtime import Session
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.suites.common import check, model_bytes
from tests.suites.opencl_target import cache_dir, require_opencl


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_case(case: OpCase) -> None:
    require_opencl()
    with Session(model_bytes(case), backend="opencl", cache_dir=cache_dir()) as session:
        got = session.run(case.feeds)
        again = session.run(case.feeds)
        nodes = session.nodes
    check(case, got)
    for name in got:
        assert got[name].tobytes() == again[name].tobytes(), f"{name} differs in a second run"
    for n in nodes:
        assert n.backend in ("opencl", "cpu")
        assert (n.fallback == "") == (n.backend == "opencl"), f"{n.op} on {n.backend} with the reason {n.fallback!r}"
