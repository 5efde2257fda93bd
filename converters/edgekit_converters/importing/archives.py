"""Bounded reading of zip and tar files, for source formats that are archives.

Nothing is ever written to disk under an entry's name. Names are normalised; absolute paths, ``..``, links, devices and duplicates are
refused; the number of entries, their declared and real sizes and the compression ratio are bounded. The file formats: PKWARE's APPNOTE
6.3 (zip), POSIX.1-1988 ustar with GNU and pax extensions (tar).
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.files import read_head
from edgekit_converters.importing.marks import GZIP_MAGIC, ZIP_MAGIC, is_tar, is_zip

CHUNK = 1 << 20
LOCAL_HEADER_BYTES = 30
LINK_OR_DEVICE = (stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)

#: what a damaged archive makes the standard library raise
_BROKEN = (
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
        except _BROKEN as e:
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


class _ZipArchive(Archive):
    def __init__(self, path: Path, limits: ArchiveLimits, data: bytes | None = None) -> None:
        super().__init__(path, limits)
        self._bytes = data
        try:
            self._zip = zipfile.ZipFile(path if data is None else io.BytesIO(data))
        except OSError as e:
            raise self.error(f"cannot be read: {e.strerror or e}") from e
        except _BROKEN as e:
            raise self.error(f"no valid zip archive: {e}") from e
        try:
            self._scan()
        except BaseException:
            self._zip.close()
            raise

    def _scan(self) -> None:
        infos = self._zip.infolist()
        self._count(len(infos))
        self._by_name: dict[str, zipfile.ZipInfo] = {}
        file_bytes = self.path.stat().st_size if self._bytes is None else len(self._bytes)
        taken: list[tuple[int, int]] = []
        for info in infos:
            if not info.filename:
                raise self.error("an entry has no name")
            if info.is_dir():
                self._normalised(info.filename)
                continue
            if stat.S_IFMT(info.external_attr >> 16) in LINK_OR_DEVICE:
                raise self.error(f"{info.filename!r} is a link or a device")
            if info.flag_bits & 1:
                raise self.error(f"{info.filename!r} is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.error(f"{info.filename!r} is compressed by method {info.compress_type}; stored and deflate are read")
            stored = info.compress_type == zipfile.ZIP_STORED
            if stored and info.compress_size != info.file_size:
                raise self.error(f"{info.filename!r} is stored, but of {info.file_size} and {info.compress_size} bytes")
            start = self._data_offset(info, file_bytes)
            taken.append((info.header_offset, start + info.compress_size))
            self._enter(info.filename, info.file_size, info.compress_size, start if stored else None)
            self._by_name[self._normalised(info.filename)] = info
        taken.sort()
        for (_, end), (begin, _) in pairwise(taken):
            if begin < end:
                raise self.error("entries of the archive overlap")

    def _data_offset(self, info: zipfile.ZipInfo, file_bytes: int) -> int:
        """Where the bytes of an entry begin: behind its local header, whose length differs from that of the directory's copy."""
        f = self._zip.fp
        if f is None or not 0 <= info.header_offset <= file_bytes - LOCAL_HEADER_BYTES:
            raise self.error(f"{info.filename!r} lies outside the file")
        f.seek(info.header_offset)
        header = f.read(LOCAL_HEADER_BYTES)
        if header[:4] != ZIP_MAGIC:
            raise self.error(f"{info.filename!r} has no local header at offset {info.header_offset}")
        start = info.header_offset + LOCAL_HEADER_BYTES + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        if start + info.compress_size > file_bytes:
            raise self.error(f"{info.filename!r} lies outside the file (offset {start}, {info.compress_size} of {file_bytes} bytes)")
        return start

    def _map(self) -> Array:
        return super()._map() if self._bytes is None else np.frombuffer(self._bytes, np.uint8)

    def _read(self, entry: Entry) -> bytes:
        with self._zip.open(self._by_name[entry.name]) as f:
            return f.read(entry.size + 1)

    def close(self) -> None:
        super().close()
        self._zip.close()


class _TarArchive(Archive):
    """A tar file; a compressed one is unpacked once, into an unnamed temporary file."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        super().__init__(path, limits)
        self._file: IO[bytes] | None = None
        try:
            self._file = self._opened()
            self._scan(self._file)
        except OSError as e:
            self.close()
            raise self.error(f"no valid tar archive: {e.strerror or e}") from e
        except _BROKEN as e:
            self.close()
            raise self.error(f"no valid tar archive: {e}") from e
        except BaseException:
            self.close()
            raise

    def _opened(self) -> IO[bytes]:
        f: IO[bytes] = self.path.open("rb")
        if f.read(2) != GZIP_MAGIC:
            f.seek(0)
            return f
        packed = self.path.stat().st_size
        spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the archive
        try:
            f.seek(0)
            size = 0
            with f, gzip.GzipFile(fileobj=f) as unzipped:
                while chunk := unzipped.read(CHUNK):
                    size += len(chunk)
                    if size > self.limits.total_bytes:
                        raise self.error(f"it unpacks to more than {self.limits.total_bytes} bytes")
                    self._check_ratio("the archive", size, packed)
                    spool.write(chunk)
            spool.flush()
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    def _scan(self, f: IO[bytes]) -> None:
        f.seek(0, 2)
        file_bytes = f.tell()
        f.seek(0)
        number = 0
        with tarfile.open(fileobj=f, mode="r:") as tar:
            while (info := tar.next()) is not None:
                number += 1
                self._count(number)
                tar.members.clear()  # type: ignore[attr-defined]  # the list would grow with the archive
                if info.isdir():
                    if info.name not in (".", ""):
                        self._normalised(info.name)
                    continue
                if not info.isreg() or info.issparse():
                    raise self.error(f"{info.name!r} is a link, a device or a sparse file")
                if info.offset_data + info.size > file_bytes:
                    raise self.error(f"{info.name!r} lies outside the file (offset {info.offset_data}, {info.size} bytes)")
                self._enter(info.name, info.size, info.size, info.offset_data)
        if not number:
            raise self.error("the archive is empty")

    def _read(self, entry: Entry) -> bytes:
        assert self._file is not None and entry.offset is not None
        self._file.seek(entry.offset)
        return self._file.read(entry.size)

    def _map(self) -> Array:
        assert self._file is not None
        return np.memmap(self._file, np.uint8, "r")

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()


def open_archive(path: Path, limits: ArchiveLimits | None = None) -> Archive:
    """Open a zip, tar or tar.gz file; which one is told by its content.

    Args:
        path: of the file.
        limits: what the archive may ask for.

    Raises:
        MalformedModelError: it is no archive, it is damaged, or it asks for more than the limits or leads outside.
    """
    head = read_head(path, 512)
    if is_zip(head):
        return _ZipArchive(path, limits or ArchiveLimits())
    if is_tar(head):
        return _TarArchive(path, limits or ArchiveLimits())
    raise MalformedModelError(f"{path}: no zip or tar archive")


def open_archive_bytes(data: bytes, what: str, limits: ArchiveLimits | None = None) -> Archive:
    """Open a zip archive that lies in memory, as one inside of another does.

    Args:
        data: the archive.
        what: how to call it in messages.
        limits: what it may ask for.

    Raises:
        MalformedModelError: as for ``open_archive``.
    """
    if not is_zip(data):
        raise MalformedModelError(f"{what}: no zip archive")
    return _ZipArchive(Path(what), limits or ArchiveLimits(), data)
