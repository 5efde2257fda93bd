"""Files: their hash, and writing results whole or not at all."""

from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from edgekit.errors import EdgekitError, FormatError


def source_files(path: Path, stop: Callable[[], bool] = bool) -> list[Path]:
    """A file, or the files of a folder in a fixed order; none any more when ``stop`` says so."""
    if not path.is_dir():
        return [path]
    return sorted(p for p in itertools.takewhile(lambda _: not stop(), path.rglob("*")) if p.is_file())


def sha256(path: Path | Sequence[Path], stop: Callable[[], bool] = bool) -> str:
    """sha256 (hex) of a file's bytes, or of those of several files, or a folder's, one after the other.

    Args:
        path: a file, a folder, or files.
        stop: ends the reading early when it gives True; the hash is good for nothing then.

    Raises:
        EdgekitError: a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for p in source_files(path, stop) if isinstance(path, Path) else path:
            with p.open("rb") as f:
                while (chunk := f.read(1 << 20)) and not stop():
                    digest.update(chunk)
    except OSError as e:
        raise EdgekitError(f"{e.filename or path}: cannot be read: {e.strerror or e}") from e
    return digest.hexdigest()


@contextmanager
def hashing(path: Path) -> Iterator[Callable[[], str]]:
    """``sha256`` in a thread beside other work (both leave the interpreter free); the function given waits for it."""
    # a pipe or a device might never end; Path raises what it cannot tell
    if not os.path.isfile(path) and not os.path.isdir(path):  # noqa: PTH112, PTH113
        yield lambda: sha256(path)
        return
    stop = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        digest = beside.submit(sha256, path, stop.is_set)
        try:
            yield digest.result
        finally:
            stop.set()  # nobody waits for a hash that nobody wants


def file_to_write(path: Path) -> Path:
    """Where a result goes: ``path``, or what it links to. Results are renamed into place, which would replace a device by a file.

    Raises:
        FormatError: a folder, a device or the like is there, or no folder for the file.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise FormatError(f"cannot write {path}: it is a folder; name a file in it")
    if place.exists() and not place.is_file():
        raise FormatError(f"cannot write {path}: it is a pipe, socket or device, not a file")
    if not place.parent.is_dir():
        state = f"{path.parent} is a file, not a folder" if place.parent.exists() else f"the folder {path.parent} does not exist"
        raise FormatError(f"cannot write {path}: {state}")
    return place


def not_the_source(path: Path, source: Path) -> None:
    """Refuse to write a result over the model that it comes from.

    Raises:
        FormatError: ``path`` is the source, or a file in its folder.
    """
    try:
        same = path.is_file() and (path.samefile(source) or Path(os.path.realpath(source)) in Path(os.path.realpath(path)).parents)
    except OSError:
        return  # what cannot be read says so where it is read
    if same:
        what = f"part of the source {source}" if source.is_dir() else "the source itself"
        raise FormatError(f"cannot write {path}: it is {what}; choose another name")


def write_text(path: Path, text: str) -> None:
    """Write a text file through a temporary one beside it.

    Raises:
        EdgekitError: it cannot be written; what was there stays.
    """
    place = file_to_write(path)
    try:
        fd, tmp = tempfile.mkstemp(dir=place.parent, prefix=".edgekit.", suffix=".tmp")
        try:
            with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as f:
                f.write(text)
            umask = os.umask(0)
            os.umask(umask)
            Path(tmp).chmod(0o666 & ~umask)
            Path(tmp).replace(place)
        except BaseException:
            Path(tmp).unlink(missing_ok=True)
            raise
    except OSError as e:
        raise EdgekitError(f"cannot write {path}: {e.strerror or e}; nothing was changed there") from e
