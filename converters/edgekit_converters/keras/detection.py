"""Tells Keras' files from others by their first bytes, and archives by the names in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgekit_converters.importing.marks import is_zip

#: how HDF5 files begin
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_json_model(head: bytes) -> bool:
    """Whether a file's first bytes are those of a layers model, or of a Keras configuration in JSON."""
    text = head.lstrip()
    if not text.startswith(b"{"):
        return False
    if b'"modelTopology"' in text or b'"weightsManifest"' in text:
        return b'"layers-model"' in text or (b'"class_name"' in text and b'"node"' not in text)
    return b'"class_name"' in text and b'"config"' in text


def is_keras_archive(path: Path, head: bytes) -> bool:
    """Whether a file is a zip archive that holds a Keras configuration, or is called as one."""
    if not is_zip(head):
        return False
    if path.suffix == ".keras":
        return True
    try:
        with zipfile.ZipFile(path) as z:
            names = set(z.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return {"config.json", "model.weights.h5"} <= names
