"""Reads ``.params`` files: MXNet's list of NDArrays, without trusting any of its numbers.

The layout follows ``NDArray::Save`` and ``NDArray::Load`` of MXNet (src/ndarray/ndarray.cc): a list magic, the arrays, then their names.
Each array begins with the magic of its version, or in the oldest form with its rank.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.dimensions import possible
from edgekit_converters.importing.files import map_bytes
from edgekit_converters.mxnet.detection import LIST_MAGIC, is_npz, is_params
from edgekit_converters.mxnet.npz import read_npz

V1_MAGIC, V2_MAGIC, V3_MAGIC = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
MAX_RANK = 32
MAX_NAME_BYTES = 1 << 16
STORAGE_TYPES = {1: "row_sparse", 2: "csr"}

#: mshadow's type flags (3rdparty/mshadow/mshadow/base.h)
DTYPES = {
    0: np.float32, 1: np.float64, 2: np.float16, 3: np.uint8, 4: np.int32, 5: np.int8, 6: np.int64, 7: np.bool_, 8: np.int16,
    9: np.uint16, 10: np.uint32, 11: np.uint64,
}  # fmt: skip
BFLOAT16 = 12


class SparseArrayError(Exception):
    """An array stored in a sparse form."""


def read_params(path: Path) -> dict[str, Array]:
    """The arrays of a file by name, ``arg:`` and ``aux:`` taken off; they share the mapped file's bytes.

    Raises:
        MalformedModelError: the file is broken; the message gives the offset.
        SparseArrayError: it holds sparse arrays; the message names them.
    """
    data = map_bytes(path)
    if is_npz(path, data[:16].tobytes()):
        return read_npz(path)
    return _Reader(data, str(path)).read_list()


class _Reader:
    """A cursor over the file's bytes."""

    def __init__(self, data: Array, where: str) -> None:
        self.data = data
        self.where = where
        self.at = 0
        self.sparse: dict[int, str] = {}

    def read_list(self) -> dict[str, Array]:
        if not is_params(self.data[:16].tobytes()):
            raise MalformedModelError(f"{self.where}: it is no list of MXNet arrays: the file does not begin with {LIST_MAGIC:#x}")
        self.at = 16
        arrays = [self._array(i) for i in range(self._count(12, "arrays"))]
        names = [self._name() for _ in range(self._count(8, "names"))]
        if len(names) != len(arrays):
            raise self._broken(f"{len(arrays)} arrays have {len(names)} names")
        if self.sparse:
            listed = ", ".join(f"{names[i]!r} ({kind})" for i, kind in list(self.sparse.items())[:3])
            raise SparseArrayError(listed + (", ..." if len(self.sparse) > 3 else ""))
        found: dict[str, Array] = {}
        for name, array in zip(names, arrays, strict=True):
            plain = name.split(":", 1)[1] if name.startswith(("arg:", "aux:")) else name
            if plain in found:
                raise self._broken(f"two arrays are called {plain!r}")
            if array is not None:
                found[plain] = array
        return found

    def _broken(self, what: str) -> MalformedModelError:
        return MalformedModelError(f"{self.where}: at byte {self.at}: {what}")

    def _bytes(self, count: int, what: str) -> Array:
        if count > self.data.size - self.at:
            raise self._broken(f"{what} needs {count} bytes, {self.data.size - self.at} are left: the file is cut off or damaged")
        self.at += count
        return self.data[self.at - count : self.at]

    def _number(self, code: str, what: str) -> int:
        return int(struct.unpack("<" + code, self._bytes(struct.calcsize(code), what).tobytes())[0])

    def _count(self, least: int, what: str) -> int:
        """How many entries of at least ``least`` bytes follow."""
        count = self._number("Q", f"the number of {what}")
        if count * least > self.data.size - self.at:
            raise self._broken(f"{count} {what} do not fit into the {self.data.size - self.at} bytes that are left")
        return count

    def _name(self) -> str:
        size = self._number("Q", "a name's length")
        if size > MAX_NAME_BYTES:
            raise self._broken(f"a name of {size} bytes")
        try:
            return self._bytes(size, "a name").tobytes().decode("utf-8")
        except UnicodeDecodeError as e:
            raise self._broken("a name is not UTF-8") from e

    def _shape(self, code: str, rank: int) -> tuple[int, ...]:
        if not 0 <= rank <= MAX_RANK:
            raise self._broken(f"an array of rank {rank}")
        shape = tuple(self._number(code, "a dimension") for _ in range(rank))
        if not possible(shape):
            raise self._broken(f"an array of shape {list(shape)}")
        return shape

    def _array(self, index: int) -> Array | None:
        """One array; None for one that was never filled."""
        magic = self._number("I", "an array's magic")
        if magic in (V2_MAGIC, V3_MAGIC):
            kind = self._number("i", "a storage type")
            if kind in STORAGE_TYPES:
                self._skip_sparse(index, kind)
                return None
            if kind != 0:
                raise self._broken(f"a storage type of {kind}")
            rank = self._number("i", "a rank")
            if rank == -1 or (rank == 0 and magic == V2_MAGIC):  # "none": V3 has scalars of rank 0
                return None
            shape = self._shape("q", rank)
        else:
            if magic == V1_MAGIC:
                shape = self._shape("q", self._number("I", "a rank"))
            elif magic <= MAX_RANK:
                shape = self._shape("I", magic)
            else:
                raise self._broken(f"an array begins with {magic:#x}, which is no version of MXNet's")
            if not shape:
                return None
        self._bytes(8, "a device")
        return self._values(shape, self._number("i", "a type"))

    def _values(self, shape: tuple[int, ...], flag: int) -> Array:
        if flag == BFLOAT16:
            bits = self._bytes(math.prod(shape) * 2, "an array").view("<u2")
            return (bits.astype(np.uint32) << 16).view(np.float32).reshape(shape)
        if flag not in DTYPES:
            raise self._broken(f"an array of type {flag}")
        dtype = np.dtype(DTYPES[flag])
        return self._bytes(math.prod(shape) * dtype.itemsize, f"an array of shape {list(shape)}").view(dtype).reshape(shape)

    def _skip_sparse(self, index: int, kind: int) -> None:
        """Step over a sparse array, so that the names behind it are read."""
        self.sparse[index] = STORAGE_TYPES[kind]
        stored = self._shape("q", self._number("i", "a rank"))
        self._shape("q", self._number("i", "a rank"))
        self._bytes(8, "a device")
        sizes = [(stored, self._number("i", "a type"))]
        for _ in range(kind):
            flag = self._number("i", "a type")
            sizes.append((self._shape("q", self._number("i", "a rank")), flag))
        for shape, flag in sizes:
            if flag not in DTYPES:
                raise self._broken(f"an array of type {flag}")
            self._bytes(math.prod(shape) * np.dtype(DTYPES[flag]).itemsize, "a sparse array")
