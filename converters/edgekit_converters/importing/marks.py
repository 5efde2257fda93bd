"""How archives begin."""

from __future__ import annotations

ZIP_MAGIC = b"PK\x03\x04"
GZIP_MAGIC = b"\x1f\x8b"
TAR_MAGIC_AT = 257


def is_zip(head: bytes) -> bool:
    """Whether a file's first bytes are those of a zip archive."""
    return head[:4] == ZIP_MAGIC


def is_tar(head: bytes) -> bool:
    """Whether a file's first bytes are those of a tar file, or of a gzip file (``.tar.gz``)."""
    return head[:2] == GZIP_MAGIC or head[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == b"ustar"
