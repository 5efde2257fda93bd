"""Tells MXNet's files from others by their first bytes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from edgekit_converters.importing.marks import is_zip

LIST_MAGIC = 0x112
SYMBOL_END = "-symbol.json"
LOOKS_LIKE = re.compile(rb'\A\s*\{\s*"(nodes"\s*:\s*\[\s*\{\s*"(op|name|attrs?|param|inputs)"|arg_nodes"|heads"\s*:)')


def is_params(head: bytes) -> bool:
    """Whether a file begins as a list of NDArrays."""
    return len(head) >= 16 and struct.unpack_from("<QQ", head) == (LIST_MAGIC, 0)


def is_npz(path: Path, head: bytes) -> bool:
    """Whether a file is such an archive: a zip archive that is called as MXNet calls it."""
    return is_zip(head) and path.suffix == ".params"


def is_symbol(head: bytes) -> bool:
    """Whether a file begins as a symbol does."""
    return bool(LOOKS_LIKE.match(head))
