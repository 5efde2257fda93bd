"""Zip archives (PKWARE's APPNOTE 6.3), from files and from memory."""

from __future__ import annotations

import io
import stat
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from edgekit.types import Array
from edgekit_converters.importing.archives.base import BROKEN, Archive, ArchiveLimits, Entry
from edgekit_converters.importing.marks import ZIP_MAGIC

LOCAL_HEADER_BYTES = 30
LINK_OR_DEVICE = (stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)


class ZipArchive(Archive):
    """A zip file, or one that lies in memory."""

    def __init__(self, path: Path, limits: ArchiveLimits, data: bytes | None = None) -> None:
        super().__init__(path, limits)
        self._bytes = data
        try:
            self._zip = zipfile.ZipFile(path if data is None else io.BytesIO(data))
        except OSError as e:
            raise self.error(f"cannot be read: {e.strerror or e}") from e
        except BROKEN as e:
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
                raise self.error(f"{info.filename!r} is encrypted; unpack the archive with its password, and pack it without")
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
