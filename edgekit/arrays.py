"""Arrays in files, and in another order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

S = TypeVar("S", bound=np.generic)

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
    """An array of a ``.npy`` file, or the ``NpzFile`` of an ``.npz``. Pickles in it are not unpickled.

    Raises:
        ValueError: the file holds no such thing, or Python objects; the message says which, and what to do.
        OSError: it cannot be read.
    """
    try:
        return np.load(path, allow_pickle=False)
    except EOFError as e:
        raise ValueError("the file is empty") from e
    except ValueError as e:  # numpy takes every other content for a pickle, and proposes to load it
        with path.open("rb") as f:
            head = f.read(6)
        if not head.startswith((b"\x93NUMPY", b"PK\3\4")):
            raise ValueError("it is no file of numpy's; numpy.save(path, array) writes one") from e
        if "allow_pickle" in str(e):
            raise ValueError("it holds Python objects, which are not read; save an array of numbers") from e
        raise


__all__ = ["permuted", "read_arrays"]
