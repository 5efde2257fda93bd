"""What zip and tar archives have in common: their entries by name, and the limits they are held to."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array

#: what a damaged archive makes the standard library raise
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may ask for.

    Attributes:
        entries: number of entries, folders included.
        total_bytes: unpacked bytes of all entries together.
        ratio: unpacked over packed bytes of a compressed entry (or of a whole ``.gz``) that is larger than ``ratio_from``.
        ratio_from: bytes below which the ratio does not matter.
    """

    entries: int = 100_000
    total_bytes: int = 1 << 36
    ratio: int = 200
    ratio_from: int = 1 << 26


@dataclass(frozen=True)
class Entry:
    """One file in an archive.

    Attributes:
        name: normalised, with ``/`` between its parts.
        size: unpacked bytes, as declared.
        offset: where the bytes lie in ``Archive.data``; None for a compressed entry.
    """

    name: str
    size: int
    offset: int | None


class Archive:
    """The files of a zip or tar archive, by name. Use as a context manager; mapped arrays outlive it.

    Attributes:
        path: of the archive, for messages.
        entries: every file, by normalised name, in the archive's order; folders are left out.
    """

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self.path = path
        self.limits = limits
        self.entries: dict[str, Entry] = {}
        self._total = 0
        self._data: Array | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._data = None

    def entry(self, name: str) -> Entry:
        """One entry.

        Raises:
            MalformedModelError: there is none of that name.
        """
        found = self.entries.get(name)
        if found is None:
            raise self.error(f"the archive holds no {name!r}")
        return found

    def read(self, name: str, limit: int = 1 << 31) -> bytes:
        """The bytes of an entry.

        Args:
            name: normalised.
            limit: the most bytes wanted.

        Raises:
            MalformedModelError: there is no such entry, it is larger than ``limit``, or it is damaged.
        """
        entry = self.entry(name)
        if entry.size > limit:
            raise self.error(f"{name!r} is {entry.size} bytes; at most {limit} are read")
        try:
            data = self._read(entry)
        except BROKEN as e:
            raise self.error(f"{name!r} is damaged: {e}") from e
        except OSError as e:
            raise self.error(f"{name!r} cannot be read: {e.strerror or e}") from e
        if len(data) != entry.size:
            raise self.error(f"{name!r} declares {entry.size} bytes and holds {len(data)}")
        return data

    def array(self, name: str) -> Array:
        """The bytes of an entry as a read-only uint8 array; mapped, not copied, where the entry is not compressed."""
        entry = self.entry(name)
        if entry.offset is None or entry.size == 0:
            return np.frombuffer(self.read(name), np.uint8)
        return self._mapped()[entry.offset : entry.offset + entry.size]

    def error(self, text: str) -> MalformedModelError:
        """An error of this archive."""
        return MalformedModelError(f"{self.path}: {text}")

    # -- for the formats ------------------------------------------------------------------------------------------------

    def _read(self, entry: Entry) -> bytes:
        raise self.error(f"{entry.name!r} cannot be read")

    def _map(self) -> Array:
        return np.memmap(self.path, np.uint8, "r")

    def _mapped(self) -> Array:
        if self._data is None:
            try:
                self._data = self._map()
            except (OSError, ValueError) as e:
                raise self.error(f"the file cannot be mapped: {e}") from e
        return self._data

    def _count(self, number: int) -> None:
        if number > self.limits.entries:
            raise self.error(f"the archive has more than {self.limits.entries} entries")

    def _enter(self, raw_name: str, size: int, packed: int, offset: int | None) -> None:
        name = self._normalised(raw_name)
        if name in self.entries:
            raise self.error(f"two entries are called {name!r}")
        if size < 0 or packed < 0:
            raise self.error(f"{name!r} has a negative size")
        self._check_ratio(repr(name), size, packed)
        self._total += size
        if self._total > self.limits.total_bytes:
            raise self.error(f"the entries unpack to more than {self.limits.total_bytes} bytes")
        self.entries[name] = Entry(name, size, offset)

    def _check_ratio(self, what: str, size: int, packed: int) -> None:
        if size > self.limits.ratio_from and size > self.limits.ratio * max(packed, 1):
            raise self.error(f"{what} unpacks from {packed} to {size} bytes, more than {self.limits.ratio} times as many")

    def _normalised(self, raw: str) -> str:
        name = raw.replace("\\", "/")
        parts = [p for p in name.split("/") if p not in ("", ".")]
        if name.startswith("/") or (len(name) > 1 and name[1] == ":") or ".." in parts or "\0" in name or not parts:
            raise self.error(f"the entry name {raw!r} leads out of the archive")
        return "/".join(parts)
