"""Numbers as people read them in a report."""

from __future__ import annotations


def size(n: float) -> str:
    """Bytes: ``"12.3 KiB"``."""
    for unit in ("B", "KiB", "MiB"):
        if abs(n) < 1024:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.2f} GiB"


def milliseconds(seconds: float) -> str:
    """A time: ``"1.234 ms"``."""
    return f"{seconds * 1e3:.3f} ms" if seconds < 0.1 else f"{seconds * 1e3:.1f} ms"


def decibel(value: float | None) -> str:
    """An SQNR; None means that nothing differs."""
    return "equal" if value is None else f"{value:.1f} dB"


def percent(share: float | None) -> str:
    """A share; None is not known."""
    return "-" if share is None else f"{share:.1%}"
