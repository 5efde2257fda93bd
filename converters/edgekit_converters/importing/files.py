"""Reading and mapping the files of a model: regular files only, no more bytes than are wanted, and errors that name the path."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array

#: the files of the import that is under way; None where nobody asks
_READ: ContextVar[set[Path] | None] = ContextVar("_READ", default=None)


@contextmanager
def files_read() -> Iterator[set[Path]]:
    """The files whose contents the functions of this module give out in the meantime, links resolved."""
    found: set[Path] = set()
    token = _READ.set(found)
    try:
        yield found
    finally:
        _READ.reset(token)


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
    if (read := _READ.get()) is not None:
        read.add(path.resolve())
    return found.st_size


def member(folder: Path, name: str) -> Path:
    """The file that a model names, which must lie inside its folder, links resolved.

    Hugging Face's cache keeps links in ``snapshots/REVISION`` and the files in ``blobs`` beside it; such links are followed.

    Raises:
        MalformedModelError: it lies elsewhere, or the name cannot be one. Whether the file is there is not looked at.
    """
    try:
        root, path = folder.resolve(), (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as e:  # a zero in the name, a name too long, links that lead round in a circle
        raise MalformedModelError(f"{name[:200]!r} cannot be a file: {e}") from e
    caches = [p.parent / "blobs" for p in root.parents if p.name == "snapshots"]
    inside = any(path.is_relative_to(p) for p in (root, *caches))
    if PurePosixPath(name).is_absolute() or not inside:
        raise MalformedModelError(f"{name[:200]!r} lies outside the model's folder and is not read")
    return path


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
