"""Operator cases: ``all_cases()`` collects ``cases()`` from every module of this package; nothing lists them by hand."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from functools import cache

from tests.cases.case import OpCase


@cache
def all_cases() -> tuple[OpCase, ...]:
    """Every case of every operator, each name once."""
    found: list[OpCase] = []
    for m in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if m != "case":
            found.extend(importlib.import_module(f"{__name__}.{m}").cases())
    twice = {name for name, count in Counter(c.name for c in found).items() if count > 1}
    assert not twice, f"case names stand twice: {twice}"
    return tuple(found)
