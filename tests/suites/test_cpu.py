"""Every operator case on the C runtime, at each ISA level of this CPU and with one and two threads."""

from __future__ import annotations

import pytest

from edgekit.runtime import Session, cpu_features
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.suites.common import check, model_bytes

ISA_LEVELS = ("scalar", *cpu_features())


@pytest.mark.parametrize("isa", ISA_LEVELS)
@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_case(case: OpCase, isa: str) -> None:
    got = []
    for threads in (1, 2):
        with Session(model_bytes(case), isa=isa, threads=threads) as session:
            got.append(session.run(case.feeds))
            again = session.run(case.feeds)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(got[-1].values(), again.values(), strict=True)), "a second run differs"
    check(case, got[0])
    for name in got[0]:
        assert got[0][name].tobytes() == got[1][name].tobytes(), f"{name} depends on the number of threads"
