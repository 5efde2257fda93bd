"""A layer's arrays; large ones are read from the file when a converter asks, so that they are not all in memory twice."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from edgekit.types import Array

LARGE_BYTES = 1 << 16


class Stored:
    """An array in a file, checked, and read when it is asked for; again when nobody holds it any more.

    Args:
        read: reads it.
    """

    def __init__(self, read: Callable[[], Array]) -> None:
        self._read = read
        self._known: weakref.ref[Array] | None = None

    def array(self) -> Array:
        """The array."""
        known = None if self._known is None else self._known()
        if known is None:
            known = self._read()
            self._known = weakref.ref(known)
        return known


def read(a: Array | Stored) -> Array:
    """An array, read where it is not yet."""
    return a.array() if isinstance(a, Stored) else a


class Arrays(MutableMapping[str, Array]):
    """Arrays by role."""

    def __init__(self) -> None:
        self._held: dict[str, Array | Stored] = {}

    def __getitem__(self, role: str) -> Array:
        return read(self._held[role])

    def __setitem__(self, role: str, array: Array | Stored) -> None:
        self._held[role] = array

    def __delitem__(self, role: str) -> None:
        del self._held[role]

    def __contains__(self, role: Any) -> bool:  # that of Mapping would read it
        return role in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)
