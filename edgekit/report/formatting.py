"""Numbers as people read them in a report."""

from __future__ import annotations


def size(n: float) -> str:
    """Bytes: ``"12.3 KiB"``."""
    for unit in ("B", "KiB", "MiB"):
        if abs(n) < 1024:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.2f} GiB"


def duration(seconds: float) -> str:
    """A time with three figures or so: ``"38.2 us"``, ``"1.23 ms"``, ``"2.41 s"``."""
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        value = seconds * scale
        if value < 999.5:
            return f"{value:.1f} {unit}" if value >= 99.95 else f"{value:.2f} {unit}"
    return f"{seconds:.2f} s"


def decibel(value: float | None) -> str:
    """An SQNR; None means that nothing differs."""
    return "equal" if value is None else f"{value:.1f} dB"


def percent(share: float | None) -> str:
    """A share; None is not known."""
    return "-" if share is None else f"{share:.1%}"
