"""Hashes of sources."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from edgekit.errors import EdgekitError
from edgekit.files import hashing, sha256, source_files


def test_a_folder_is_its_files_in_a_fixed_order(tmp_path: Path) -> None:
    for name, text in (("b", "2"), ("a/z", "1"), ("c", "3")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [p.relative_to(tmp_path).as_posix() for p in source_files(tmp_path)] == ["a/z", "b", "c"]
    with hashing(tmp_path) as digest:
        assert digest() == sha256(tmp_path) == hashlib.sha256(b"123").hexdigest()


def test_nobody_waits_for_a_hash_that_nobody_wants(tmp_path: Path) -> None:
    """A pipe without a writer would never end; of a large file only the beginning is read."""
    os.mkfifo(tmp_path / "pipe")
    with hashing(tmp_path / "pipe"):
        pass
    with (tmp_path / "large").open("wb") as f:
        f.truncate(1 << 40)
    with hashing(tmp_path / "large"):
        pass


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with hashing(tmp_path / "none") as digest, pytest.raises(EdgekitError, match="none: cannot be read: No such file"):
        digest()
