"""Where the files of a model lie: a folder, or an archive of one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.archives import Archive
from edgekit_converters.importing.files import file_size, member, read_bytes


class Folder(Protocol):
    """Files by their path inside a model, with slashes.

    Attributes:
        where: the folder or archive, for messages.
    """

    where: str

    def __contains__(self, name: str) -> bool: ...

    def read(self, name: str, limit: int) -> bytes:
        """A whole file of at most ``limit`` bytes."""

    def part(self, name: str, offset: int, size: int) -> Array:
        """``size`` bytes of a file from ``offset`` on, as uint8."""


class DiskFolder:
    """A folder on disk; files outside it are not read, links that stay inside are followed.

    Parts of files are read, not mapped: most weights are rearranged once and then dropped.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path

    def _file(self, name: str) -> Path:
        try:
            return member(self._path, name)
        except MalformedModelError as e:
            raise MalformedModelError(f"{self.where}: {e}") from e

    def __contains__(self, name: str) -> bool:
        return self._file(name).is_file()

    def read(self, name: str, limit: int) -> bytes:
        return read_bytes(self._file(name), limit)

    def part(self, name: str, offset: int, size: int) -> Array:
        path = self._file(name)
        end = file_size(path)
        try:
            if offset < 0 or size < 0 or offset + size > end:
                raise MalformedModelError(f"{path}: bytes {offset} to {offset + size} are named, the file has {end}")
            found = np.fromfile(path, np.uint8, size, offset=offset) if size else np.zeros(0, np.uint8)
        except OSError as e:
            raise MalformedModelError(f"{path}: cannot be read: {e.strerror or e}") from e
        if len(found) != size:
            raise MalformedModelError(f"{path}: it ended at byte {offset + len(found)} while it was read")
        return found


class ArchiveFolder:
    """A folder inside an archive.

    Args:
        archive: open as long as this is used.
        root: the path of the folder in it, empty or ending with a slash.
    """

    def __init__(self, archive: Archive, root: str, where: str) -> None:
        self.where = where
        self._archive, self._root = archive, root

    def __contains__(self, name: str) -> bool:
        return self._root + name in self._archive

    def read(self, name: str, limit: int) -> bytes:
        return self._archive.read(self._root + name, limit)

    def part(self, name: str, offset: int, size: int) -> Array:
        whole = self._archive.array(self._root + name)
        if offset < 0 or size < 0 or offset + size > len(whole):
            raise MalformedModelError(f"{self.where}: bytes {offset} to {offset + size} of {name!r} are named, the file has {len(whole)}")
        return whole[offset : offset + size]
