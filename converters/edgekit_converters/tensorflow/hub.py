"""Archives of TensorFlow Hub: a SavedModel in a .tar.gz."""

from __future__ import annotations

from pathlib import Path

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.archives import Archive, open_archive
from edgekit_converters.importing.marks import is_tar
from edgekit_converters.tensorflow.detection import BINARY, TEXT


def hub_root(archive: Archive) -> str:
    """Where in an archive the SavedModel lies: empty, or a path with a slash behind it.

    Raises:
        MalformedModelError: there is none, or more than one.
    """
    roots = sorted({name.rpartition("/")[0] for name in archive if name.rpartition("/")[2] in (BINARY, TEXT)})
    if len(roots) != 1:
        raise archive.error(f"the archive holds {len(roots) or 'no'} SavedModel{'s' if len(roots) > 1 else ''}; one is needed")
    return f"{roots[0]}/" if roots[0] else ""


def is_hub_archive(path: Path, head: bytes) -> bool:
    """True for an archive with a SavedModel in it."""
    if not is_tar(head):
        return False
    try:
        with open_archive(path) as archive:
            hub_root(archive)
    except MalformedModelError:
        return False
    return True
