"""Tar archives (POSIX.1-1988 ustar with GNU and pax extensions), plain or packed by gzip."""

from __future__ import annotations

import gzip
import tarfile
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from edgekit.types import Array
from edgekit_converters.importing.archives.base import BROKEN, Archive, ArchiveLimits, Entry
from edgekit_converters.importing.marks import GZIP_MAGIC

CHUNK = 1 << 20


class TarArchive(Archive):
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
        except BROKEN as e:
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
