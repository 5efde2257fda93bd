"""Guarded reading of HDF5: names, attributes and arrays of a file nobody vouches for, through h5py.

HDF5 can point at other files (external links, external storage, virtual datasets), declare sizes without holding data, and pack zeros
at 1000:1. None of that is needed for model weights, so it is refused, and the bytes read are counted
(https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError, MissingDependencyError
from edgekit.types import Array
from edgekit_converters.keras.arrays import LARGE_BYTES, Stored, read
from edgekit_converters.keras.bytesource import ByteSource
from edgekit_converters.keras.detection import SIGNATURE
from edgekit_converters.keras.hdf5_arrays import lying_plain, read_array
from edgekit_converters.keras.hdf5_heaps import check_heaps

#: arrays may unpack to this many bytes in all, whatever the file's size ...
ALWAYS_ALLOWED = 1 << 28
#: ... and to this many times the file's size
EXPANSION = 32
MAX_ATTRIBUTE = 1 << 28
MAX_NAMES = 1 << 20
#: how h5py writes bfloat16: as two opaque bytes
BFLOAT16 = np.dtype("V2")
MAX_RANK = 16
#: what h5py raises on broken files
H5_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError, UnicodeError, AttributeError)


def load_h5py() -> Any:
    """The h5py package.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import h5py
    except ImportError as e:
        raise MissingDependencyError("Keras models are read with h5py, which is not installed: pip install edgekit[keras]") from e
    return h5py


class H5File:
    """One HDF5 file, open for reading.

    Args:
        source: its bytes.
        where: what messages call it.

    Raises:
        MalformedModelError: it is no HDF5 file.
        MissingDependencyError: h5py is not installed.
    """

    def __init__(self, source: ByteSource, where: str) -> None:
        self.h5py = load_h5py()
        self.where = where
        self.source = source
        self.budget = max(ALWAYS_ALLOWED, EXPANSION * source.size)
        if source.read(0, len(SIGNATURE)) != SIGNATURE:
            raise MalformedModelError(f"{where}: not a readable HDF5 file: it does not begin as one")
        check_heaps(source, self.budget, where)
        try:
            self._file = self.h5py.File(source.file(), "r")
        except H5_ERRORS as e:
            raise MalformedModelError(f"{where}: not a readable HDF5 file: {e}") from e

    def __enter__(self) -> H5File:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self.source.close()

    @property
    def root(self) -> H5Group:
        """The file's root group."""
        return H5Group(self, self._file, "")


def _widened(a: Array) -> Array:
    """bfloat16 as float32, whose upper half it is; other arrays as they are."""
    if a.dtype != BFLOAT16:
        return a
    wide: Array = (a.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return wide


class H5Group:
    """A group of a file.

    Attributes:
        path: from the root, with slashes.
    """

    def __init__(self, file: H5File, group: Any, path: str) -> None:
        self._h5 = file
        self._group = group
        self.path = path

    def _fail(self, what: str, error: BaseException | str) -> MalformedModelError:
        return MalformedModelError(f"{self._h5.where}: {what} cannot be read: {error}")

    def names(self) -> list[str]:
        """Members, in HDF5's order."""
        try:
            if len(self._group) > MAX_NAMES:
                raise ValueError(f"it has {len(self._group)} members")
            return [str(n) for n in self._group]
        except H5_ERRORS as e:
            raise self._fail(f"the group {self.path or '/'!r}", e) from e

    def _member(self, name: str) -> Any | None:
        """A member reached through hard links only; None where there is none."""
        node, path = self._group, self.path
        try:
            for part in name.split("/"):
                if part in ("", ".", ".."):
                    raise ValueError(f"{name!r} is no plain name")
                if not isinstance(node, self._h5.h5py.Group) or part not in node:
                    return None
                if not isinstance(node.get(part, getlink=True), self._h5.h5py.HardLink):
                    raise ValueError("it is a link; links are not followed")
                node, path = node[part], f"{path}/{part}"
        except H5_ERRORS as e:
            raise self._fail(f"{f'{self.path}/{name}'.lstrip('/')!r}", e) from e
        return node

    def group(self, name: str) -> H5Group | None:
        """A subgroup; None where there is none."""
        found = self._member(name)
        if not isinstance(found, self._h5.h5py.Group):
            return None
        return H5Group(self._h5, found, f"{self.path}/{name}".lstrip("/"))

    def array(self, name: str) -> Array | None:
        """A dataset as numbers; None where there is none.

        Raises:
            MalformedModelError: it holds no numbers, its data lie elsewhere, or it declares more than the file can hold.
        """
        found = self.stored(name)
        return None if found is None else read(found)

    def stored(self, name: str) -> Array | Stored | None:
        """A dataset, checked; a large one that lies in the file as it is is not read before it is asked for, as long as the file is open.

        Raises:
            MalformedModelError: as of ``array``.
        """
        found = self._member(name)
        if not isinstance(found, self._h5.h5py.Dataset):
            return None
        path = f"{self.path}/{name}".lstrip("/")
        try:
            declared = self._declared(found)
            later = lying_plain(self._h5.h5py, self._h5.source, found, declared) if declared > LARGE_BYTES else None
            if later is None:
                return _widened(read_array(self._h5.h5py, self._h5.source, found, declared))
        except H5_ERRORS as e:
            raise self._fail(f"the dataset {path!r}", e) from e
        plain = later

        def whole() -> Array:
            try:
                return plain()
            except H5_ERRORS as e:
                raise self._fail(f"the dataset {path!r}", e) from e

        return Stored(whole)

    def _declared(self, dataset: Any) -> int:
        """Bytes of a dataset, taken off the file's budget."""
        if dataset.is_virtual or dataset.external:
            raise ValueError("its data lie in other files")
        if dataset.shape is None or len(dataset.shape) > MAX_RANK:
            raise ValueError("it has no usable shape")
        if dataset.dtype.kind not in "fiub" and dataset.dtype != BFLOAT16:
            raise ValueError(f"it holds {dataset.dtype}, not numbers")
        declared = math.prod(map(int, dataset.shape)) * int(dataset.dtype.itemsize)
        if declared > self._h5.budget:
            raise ValueError(f"it declares {declared} bytes, more than a file of this size can hold")
        self._h5.budget -= declared
        return declared

    def _raw_attribute(self, name: str) -> Any | None:
        try:
            if name not in self._group.attrs:
                return None
            found = self._group.attrs.get_id(name)
            declared = int(found.dtype.itemsize)
            for d in found.shape or ():
                declared *= int(d)
            if declared > MAX_ATTRIBUTE:
                raise ValueError(f"it declares {declared} bytes")
            return self._group.attrs[name]
        except H5_ERRORS as e:
            raise self._fail(f"the attribute {name!r} of {self.path or '/'!r}", e) from e

    def text(self, name: str) -> str | None:
        """A text attribute; None where there is none."""
        value = self._raw_attribute(name)
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bytes | np.bytes_):
            return bytes(value).decode("utf-8", "replace")
        return str(value)

    def texts(self, name: str) -> list[str]:
        """A list of texts, which Keras cuts into ``name0``, ``name1`` ... where it is long; empty where there is none."""
        whole = self._raw_attribute(name)
        if whole is not None:
            return list(_texts(whole))
        found: list[str] = []
        for count in range(MAX_NAMES):
            part = self._raw_attribute(f"{name}{count}")
            if part is None:
                break
            found.extend(_texts(part))
            if len(found) > MAX_NAMES:
                raise self._fail(f"the attribute {name!r}", "it has too many entries")
        return found


def _texts(value: Any) -> Iterator[str]:
    for v in np.asarray(value).reshape(-1).tolist():
        yield v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)
