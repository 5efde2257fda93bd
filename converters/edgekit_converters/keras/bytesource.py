"""Bytes that lie in a file, in part of one (an entry of an archive that is not compressed), or in memory, read piece by piece.

Nothing is mapped: what is read of a mapped file stays in memory beside the arrays it was read into.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.files import file_size


class ByteSource:
    """Bytes by their place.

    Args:
        path: of the file; used in messages where there is ``data``.
        start, size: which part of the file; all of it where ``size`` is None.
        data: the bytes (uint8) where they are in memory.

    Raises:
        MalformedModelError: the file cannot be opened.
    """

    def __init__(self, path: Path, start: int = 0, size: int | None = None, data: Array | None = None) -> None:
        self._path, self._start, self._data = path, start, data
        self._fd = -1
        if data is not None:
            self.size = len(data)
            return
        self.size = file_size(path) - start if size is None else size
        try:
            self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as e:
            raise MalformedModelError(f"{path}: cannot be read: {e.strerror or e}") from e

    def read(self, at: int, count: int) -> bytes:
        """Up to ``count`` bytes."""
        buffer = bytearray(max(0, min(count, self.size - at)))
        return bytes(memoryview(buffer)[: self.read_into(at, buffer)])

    def read_into(self, at: int, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes; how many there were."""
        view = memoryview(buffer).cast("B")
        view = view[: max(0, min(len(view), self.size - at))]
        if self._data is not None:
            view[:] = memoryview(self._data)[at : at + len(view)]  # type: ignore[arg-type]  # arrays are buffers
            return len(view)
        done = 0
        while done < len(view):
            got = os.preadv(self._fd, [view[done : done + (1 << 30)]], self._start + at + done)
            if not got:
                break
            done += got
        return done

    def array(self, at: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array | None:
        """Numbers; None where not all of their bytes are there."""
        out = np.empty(shape, dtype)
        if at < 0 or at + out.nbytes > self.size or self.read_into(at, out.reshape(-1).view(np.uint8)) != out.nbytes:
            return None
        return out

    def file(self) -> io.RawIOBase:
        """The bytes as a file for reading."""
        return _File(self)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _File(io.RawIOBase):
    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = self._source.read_into(self._at, buffer)
        self._at += count
        return count
