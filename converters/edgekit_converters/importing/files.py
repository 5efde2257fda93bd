"""Reading and mapping the files of a model: regular files only, no more bytes than are wanted, and errors that name the path."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array


def file_size(path: Path) -> int:
    """Bytes of a regular file, links followed.

    Raises:
        MalformedModelError: there is none; pipes and devices are no models, and reading them might never end.
    """
    try:
        found = path.stat()
    except (OSError, ValueError, RuntimeError) as e:  # a zero in the name; links that lead round in a circle
        raise _unreadable(path, e) from e
    if not stat.S_ISREG(found.st_mode):
        kind = "folder" if stat.S_ISDIR(found.st_mode) else "pipe, socket or device"
        raise MalformedModelError(f"{path}: cannot be read: it is a {kind}, not a file")
    return found.st_size


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file.

    Raises:
        MalformedModelError: it cannot be read or is larger than ``limit``.
    """
    size = file_size(path)
    if size > limit:
        raise MalformedModelError(f"{path}: {size} bytes are more than the {limit} that are read")
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as e:
        raise _unreadable(path, e) from e


def read_head(path: Path, count: int) -> bytes:
    """The first bytes of a file.

    Raises:
        MalformedModelError: it cannot be read.
    """
    file_size(path)
    try:
        with path.open("rb") as f:
            return f.read(count)
    except OSError as e:
        raise _unreadable(path, e) from e


def map_bytes(path: Path) -> Array:
    """The bytes of a file as a read-only uint8 array that is mapped, not copied.

    Raises:
        MalformedModelError: it cannot be mapped.
    """
    if not file_size(path):
        return np.zeros(0, np.uint8)
    try:
        return np.asarray(np.memmap(path, np.uint8, "r"))
    except (OSError, ValueError) as e:
        raise _unreadable(path, e) from e


def _unreadable(path: Path, e: Exception) -> MalformedModelError:
    return MalformedModelError(f"{path}: cannot be read: {getattr(e, 'strerror', None) or e or type(e).__name__}")
