"""Arrays in files, and in another order."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO, TypeVar

import numpy as np

S = TypeVar("S", bound=np.generic)

#: what broken files make numpy raise besides ValueError
BROKEN = (
    EOFError, TokenError, SyntaxError, RecursionError, MemoryError, OverflowError, TypeError, IndexError, KeyError, zipfile.BadZipFile,
    zlib.error, NotImplementedError, RuntimeError,
)  # fmt: skip
#: rows that are turned at a time: their columns stay in the processor's first cache
BLOCK = 64
#: smaller matrices stay there as a whole
MIN_ELEMENTS = 1 << 16


def permuted(array: np.ndarray[Any, np.dtype[S]], perm: Sequence[int]) -> np.ndarray[Any, np.dtype[S]]:
    """``np.transpose(array, perm)`` in C order: a copy where the order changes.

    Weights whose last axes go to the front are turned as a matrix, in blocks: three to four times quicker than numpy turns large ones.
    """
    new = np.transpose(array, perm)
    lead = int(perm[0]) if len(perm) else 0
    rotated = list(perm) == [*range(lead, array.ndim), *range(lead)]
    if lead == 0 or not rotated or array.size < MIN_ELEMENTS or not array.flags.c_contiguous:
        return np.ascontiguousarray(new)
    rows = array.reshape(-1, int(np.prod(array.shape[lead:])))
    out = np.empty((rows.shape[1], rows.shape[0]), array.dtype)
    for first in range(0, len(rows), BLOCK):
        out[:, first : first + BLOCK] = rows[first : first + BLOCK].T
    return out.reshape(new.shape)


def read_arrays(path: Path) -> Any:
    """The array of a ``.npy`` file, or those of an ``.npz`` by name. Pickles in it are not unpickled.

    Raises:
        ValueError: the file holds no such thing, or Python objects, or is broken; the message says which, and what to do.
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    with path.open("rb") as f:
        head = f.read(6)
        f.seek(0)
        if not head:
            raise ValueError("the file is empty")
        if not head.startswith((b"\x93NUMPY", b"PK\3\4")):  # numpy takes every other content for a pickle, and proposes to load it
            raise ValueError("it is no file of numpy's; numpy.save(path, array) writes one")
        try:
            _check_size(f, path.stat().st_size)
            loaded = np.load(f, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                with loaded:
                    return {k: loaded[k] for k in loaded.files}
            return loaded
        except ValueError as e:
            if "allow_pickle" in str(e):
                raise ValueError("it holds Python objects, which are not read; save an array of numbers") from e
            raise
        except BROKEN as e:
            raise ValueError(f"it is broken: {type(e).__name__}: {e}") from e


def _check_size(f: BinaryIO, size: int) -> None:
    """numpy makes an array of whatever size a header says, and then reads as many bytes as there are."""
    if f.read(6) == np.lib.format.MAGIC_PREFIX:
        f.seek(0)
        version: Any = np.lib.format.read_magic(f)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is not None:
            shape, _, dtype = read(f)
            want, have = math.prod(shape) * dtype.itemsize, size - f.tell()
            if want > have and not dtype.hasobject:
                raise ValueError(f"its header says {want} bytes of {dtype.name}{list(shape)}, it holds {have}")
    f.seek(0)


__all__ = ["permuted", "read_arrays"]
