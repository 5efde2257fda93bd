"""Reads parameters that MXNet 2 stores as a zip archive of ``.npy`` files, and never unpickles.

The header of a ``.npy`` file is described in numpy.lib.format (NEP 1); here it is parsed with its size bounded, as numpy itself does.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from edgekit.types import Array
from edgekit_converters.importing.archives import Archive, open_archive
from edgekit_converters.importing.dimensions import possible

MAX_HEADER_BYTES = 10_000
END = ".npy"


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays of an archive by name, ``arg:`` and ``aux:`` taken off.

    Raises:
        MalformedModelError: the archive or an array is broken, or holds Python objects.
    """
    found: dict[str, Array] = {}
    with open_archive(path) as archive:
        for entry in archive:
            if not entry.endswith(END):
                raise archive.error(f"{entry!r} is no array")
            name = entry.removesuffix(END)
            found[name.split(":", 1)[1] if name.startswith(("arg:", "aux:")) else name] = _array(archive, entry)
    return found


def _array(archive: Archive, entry: str) -> Array:
    data = archive.array(entry)
    header = io.BytesIO(data[: MAX_HEADER_BYTES + 16].tobytes())
    try:
        version: Any = np.lib.format.read_magic(header)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version} of the format")
        shape, turned, dtype = read(header, max_header_size=MAX_HEADER_BYTES)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, TokenError) as e:
        raise archive.error(f"{entry!r} is no array: {e}") from e
    body = data[header.tell() :]
    if dtype.hasobject or dtype.kind not in "fiub" or dtype.byteorder == ">":
        raise archive.error(f"{entry!r} holds {dtype}, which is not read")
    if not possible(shape) or math.prod(shape) * dtype.itemsize != body.size:
        raise archive.error(f"{entry!r} of shape {list(shape)} needs {math.prod(shape) * dtype.itemsize} bytes, it has {body.size}")
    if body.ctypes.data % dtype.itemsize:
        body = body.copy()
    return body.view(dtype).reshape(shape, order="F" if turned else "C")
