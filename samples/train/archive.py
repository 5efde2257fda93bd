"""Zip archives that hold nothing of when they were written, so that a model file is the same every time."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)


def read(path: Path, name: str) -> bytes:
    """The contents of one member of a zip file."""
    with zipfile.ZipFile(path) as source:
        return source.read(name)


def normalize(path: Path, replace: Mapping[str, bytes]) -> None:
    """Rewrite a zip file in place with fixed times and attributes, keeping the order of its members.

    Args:
        path: The archive.
        replace: New contents of members, by name.
    """
    with zipfile.ZipFile(path) as source:
        members = [(info.filename, info.compress_type, source.read(info)) for info in source.infolist()]
    with zipfile.ZipFile(path, "w") as target:
        for name, compression, content in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = compression
            info.external_attr = 0o644 << 16
            target.writestr(info, replace.get(name, content))
