"""Expressions of symbolic dimensions: equal ones compare equal, and their bounds hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from edgekit.errors import GraphError
from edgekit.symbolic import SymDim

Form = Callable[[Any, Any], Any]

#: how convolutions and pools count their windows, and what is made of that
FORMS: list[Form] = [
    lambda n, _: (n - 1) // 2 + 1,
    lambda n, _: (n + 5) // 3 * 3 - n,
    lambda n, _: ((n + 1) // 2 - 1) * 2 + 3 - n,
    lambda n, _: n - n // 4 * 4,
    lambda n, m: (n + m - 7) // 2 * 2 - n,
    lambda n, m: ((n + 1) // 2 + 2) // 3 * m,
    lambda n, m: 3 * n - (n + m) // 5 * 10 + m,
    lambda n, m: (n - m) // 2 * -4 + 2 * n,
]


@pytest.mark.parametrize("form", FORMS)
def test_values_and_bounds(form: Form) -> None:
    found = form(SymDim.symbol("n", 2, 19), SymDim.symbol("m", 1, 8))
    low, high = found.limits()
    for n, m in itertools.product(range(2, 20), range(1, 9)):
        value = found.bind({"n": n, "m": m})
        assert value == form(n, m) and low <= value <= high


def test_equal_counts_of_windows_are_equal() -> None:
    n = SymDim.symbol("n", 1)
    assert (n - 1) // 2 + 1 == (n + 1) // 2 == (n + 3) // 2 - 1
    assert (n - 3) // 4 != (n + 3) // 4


def test_remainders_are_bounded_although_nothing_bounds_the_size() -> None:
    n = SymDim.symbol("n", 1)
    assert (n - n // 4 * 4).limits() == (0, 3)
    assert (((n + 1) // 2 - 1) * 2 + 3 - n).limits() == (1, 2)
    with pytest.raises(GraphError, match="has no bound"):
        (n + n // 2 * 2).upper_bound()
