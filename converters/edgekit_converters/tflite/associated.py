"""Files that travel behind a model: TensorFlow Lite's metadata tools append a zip archive to the .tflite file.

Source: tensorflow.org/lite/models/convert/metadata, "Pack metadata and associated files".
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import PurePosixPath

END_OF_ARCHIVE = b"PK\x05\x06"
LONGEST_TAIL = (1 << 16) + 64
MOST_FILES = 64
MOST_BYTES = 1 << 20
#: what a damaged archive makes the standard library raise
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, KeyError, NotImplementedError, RuntimeError, OSError)


def associated_files(data: bytes) -> dict[str, bytes]:
    """Name and content of every file behind the model, in order; empty where there is no archive, or one that is damaged.

    Args:
        data: the whole .tflite file.
    """
    if END_OF_ARCHIVE not in data[-LONGEST_TAIL:]:
        return {}
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist()[:MOST_FILES]:
                if not entry.filename or entry.is_dir() or entry.file_size > MOST_BYTES:
                    continue
                with archive.open(entry) as f:
                    content = f.read(MOST_BYTES + 1)
                if len(content) <= MOST_BYTES:
                    found[PurePosixPath(entry.filename).name] = content
    except _BROKEN:
        return {}
    return found


def labels(files: dict[str, bytes]) -> str:
    """The class names, one a line: the first text file whose name speaks of labels; "" where there is none."""
    for name, content in files.items():
        if "label" in name.lower() and name.lower().endswith((".txt", ".labels")):
            try:
                lines = content.decode().splitlines()
            except UnicodeDecodeError:
                continue
            return "\n".join(line.strip() for line in lines).strip("\n")
    return ""
