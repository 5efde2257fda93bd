"""What holds for every test: the numbers it draws, and what it may say."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

STATES: dict[str, dict[str, Any]] = {}


@pytest.fixture(autouse=True)
def same_numbers(request: pytest.FixtureRequest) -> None:
    """A module's random generators start every test alike, whichever tests ran before it in its process."""
    module = getattr(request.node, "module", None)
    generators = {n: g for n, g in vars(module).items() if isinstance(g, np.random.Generator)} if module else {}
    states = STATES.setdefault(getattr(module, "__name__", ""), {n: g.bit_generator.state for n, g in generators.items()})
    for name, generator in generators.items():
        generator.bit_generator.state = states[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Captured texts may hold halves of UTF-16 pairs, from hostile files: no report with them reaches pytest-xdist's main process."""
    report = yield
    report.sections = [(title, _encodable(text)) for title, text in report.sections]
    if report.failed and _encodable(report.longreprtext) != report.longreprtext:
        report.longrepr = _encodable(report.longreprtext)
    return report


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
