"""Bounded reading of zip and tar files, for source formats that are archives.

Nothing is ever written to disk under an entry's name. Names are normalised; absolute paths, ``..``, links, devices and duplicates are
refused; the number of entries, their declared and real sizes and the compression ratio are bounded. The file formats: PKWARE's APPNOTE
6.3 (zip), POSIX.1-1988 ustar with GNU and pax extensions (tar).
"""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives.base import Archive, ArchiveLimits
from edgekit_converters.importing.archives.tar_archive import TarArchive
from edgekit_converters.importing.archives.zip_archive import ZipArchive
from edgekit_converters.importing.files import read_head
from edgekit_converters.importing.marks import is_tar, is_zip

__all__ = ["Archive", "ArchiveLimits", "open_archive", "open_archive_bytes"]


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
        return ZipArchive(path, limits or ArchiveLimits())
    if is_tar(head):
        return TarArchive(path, limits or ArchiveLimits())
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
    return ZipArchive(Path(what), limits or ArchiveLimits(), data)
