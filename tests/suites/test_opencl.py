"""Every operator case on the OpenCL back end: integers are the reference's bits, floats lie within the case's tolerance, and a case
that the back end declines says why and runs on the CPU."""

from __future__ import annotations

from collections import Counter

import pytest

from edgekit.runtime import Session
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.suites.common import check, model_bytes
from tests.suites.opencl_target import cache_dir, require_opencl

#: operators that the back end must have a kernel for
ASKED = {
    *("Conv", "FullyConnected", "MatMul", "MaxPool", "AveragePool", "GlobalAveragePool", "Softmax", "Resize"),
    *(
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Min",
        "Max",
        "Relu",
        "Clip",
        "Sigmoid",
        "Tanh",
        "HardSwish",
        "HardSigmoid",
        "Silu",
        "Gelu",
        "Exp",
        "Sqrt",
    ),
    *("Concat", "Transpose", "Reshape", "Pad", "Slice", "Split", "Quantize", "Dequantize", "Requantize", "Lookup"),
}
Placement = list[tuple[str, str]]
_placements: dict[str, Placement] = {}


def _placement(session: Session) -> Placement:
    for n in session.nodes:
        assert n.backend in ("opencl", "cpu")
        assert (n.fallback == "") == (n.backend == "opencl"), f"{n.op} on {n.backend} with the reason {n.fallback!r}"
    return [(n.op, n.backend) for n in session.nodes]


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_case(case: OpCase) -> None:
    require_opencl()
    with Session(model_bytes(case), backend="opencl", cache_dir=cache_dir()) as session:
        got = session.run(case.feeds)
        again = session.run(case.feeds)
        _placements[case.name] = _placement(session)
    check(case, got)
    for name in got:
        assert got[name].tobytes() == again[name].tobytes(), f"{name} differs in a second run"


def test_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints how many nodes of the cases the back end takes, by operator; what it must have is among them."""
    require_opencl()
    taken: Counter[str] = Counter()
    declined: Counter[str] = Counter()
    for case in all_cases():
        if case.name not in _placements:
            with Session(model_bytes(case), backend="opencl", cache_dir=cache_dir()) as session:
                _placements[case.name] = _placement(session)
        for op, backend in _placements[case.name]:
            (taken if backend == "opencl" else declined)[op] += 1
    with capsys.disabled():
        print(f"\nOpenCL takes {taken.total()} of {taken.total() + declined.total()} nodes of the operator cases, {len(taken)} operators:")
        print("  " + ", ".join(f"{op} {n}" + (f" (not {declined[op]})" if declined[op] else "") for op, n in sorted(taken.items())))
    assert set(taken) >= ASKED
