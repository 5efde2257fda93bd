"""Notes of an import that repeat themselves."""

from __future__ import annotations

from edgekit.notes import merged


def test_many_operators_become_one_line() -> None:
    lines = ["first", *(f"Conv 'c{i}': float64 is computed in float32" for i in range(40)), "Cast 'x': bfloat16 is computed in float32"]
    assert merged(lines) == [
        "first",
        "float64 is computed in float32: 40 operators, Conv 'c0', Conv 'c1', Conv 'c2' and others",
        "Cast 'x': bfloat16 is computed in float32",
    ]


def test_few_stay_as_they_are() -> None:
    lines = ["A 'a': said", "B 'b': said", "no colon", ""]
    assert merged(lines) == lines
