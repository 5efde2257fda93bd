"""Every operator case on the C runtime, at each ISA level of this CPU and with one and two threads."""

from __future__ import annotations

import pytest

from edgekit.runtime import Session, cpu_features
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.suites.common import check, model_bytes, on_target

ISA_LEVELS = ("scalar", *cpu_features())
THREADS = (1, 2)


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_case(case: OpCase) -> None:
    for isa in ISA_LEVELS:
        with on_target(isa):
            results = []
            for threads in THREADS:
                with Session(model_bytes(case), isa=isa, threads=threads) as session:
                    results.append(session.run(case.feeds))
                    again = session.run(case.feeds)
                assert all(a.tobytes() == b.tobytes() for a, b in zip(results[-1].values(), again.values(), strict=True)), (
                    "a second run differs"
                )
            one, two = results
            check(case, one)
            for name in one:
                assert one[name].tobytes() == two[name].tobytes(), f"{name} depends on the number of threads"
