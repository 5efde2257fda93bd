"""Sentences of an import that say the same of many operators, as one."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 3


def merged(lines: Sequence[str]) -> list[str]:
    """``A: said``, ``B: said``, ... as one ``said: N operators, A, B, C and others``; other lines as they are, in their order."""
    groups: dict[str, list[str]] = {}
    for line in lines:
        who, found, said = line.rpartition(": ")
        groups.setdefault(said if found else line, []).append(who)
    out: list[str] = []
    for said, names in groups.items():
        if len(names) <= SHOWN:
            out += [f"{name}: {said}" if name else said for name in names]
        else:
            out.append(f"{said}: {len(names)} operators, {', '.join(names[:SHOWN])} and others")
    return out
