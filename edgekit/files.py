"""Writing result files: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edgekit.errors import EdgekitError


def write_text(path: Path, text: str) -> None:
    """Write a text file through a temporary one beside it.

    Raises:
        EdgekitError: it cannot be written; what was there stays.
    """
    try:
        fd, tmp = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as f:
                f.write(text)
            umask = os.umask(0)
            os.umask(umask)
            Path(tmp).chmod(0o666 & ~umask)
            Path(tmp).replace(path)
        except BaseException:
            Path(tmp).unlink(missing_ok=True)
            raise
    except OSError as e:
        raise EdgekitError(f"cannot write {path}: {e.strerror or e}; nothing was changed there") from e
