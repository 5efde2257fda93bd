"""Reads the numbers of HDF5 datasets itself, where their bytes lie, so that nothing larger than the dataset is ever set aside.

HDF5 trusts what a file says of its chunks: it sets aside a chunk's declared size whatever the dataset's is, and unpacks a chunk until its
stream ends. Chunks and filters: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Data Layout", "Filter Pipeline".
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.types import Array
from edgekit_converters.keras.bytesource import ByteSource

DEFLATE, SHUFFLE, FLETCHER32, LZF = 1, 2, 3, 32000
#: a chunk may have this many bytes, or twice the dataset's
MAX_CHUNK = 1 << 24


def read_array(h5py: Any, source: ByteSource, dataset: Any, declared: int) -> Array:
    """The numbers of a dataset.

    Args:
        h5py: the package.
        source: the file's bytes.
        dataset: of h5py; its shape and type are checked.
        declared: bytes it has.

    Raises:
        ValueError: it is packed in another way than deflate, shuffle, fletcher32 or lzf, or its bytes are not all there.
    """
    if not declared:
        return np.zeros(dataset.shape, dataset.dtype)
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    plain = dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype))
    if properties.get_layout() == h5py.h5d.CONTIGUOUS:
        later = lying_plain(h5py, source, dataset, declared)
        return np.asarray(dataset[()]) if later is None else later()
    if properties.get_layout() != h5py.h5d.CHUNKED:  # compact: inside the dataset's header, which holds 64 KiB at most
        return np.asarray(dataset[()])
    if not dataset.id.get_storage_size():
        raise ValueError(f"it declares {declared} bytes and holds none")
    size = math.prod(map(int, dataset.chunks)) * int(dataset.dtype.itemsize)
    if size > max(MAX_CHUNK, 2 * declared):
        raise ValueError(f"it declares chunks of {size} bytes for {declared}")
    chunks = _chunks(dataset, source, size)
    if (LZF in filters and set(filters) <= {LZF, SHUFFLE, FLETCHER32}) or (not plain and not filters):
        return np.asarray(dataset[()])  # neither can grow by much
    if not set(filters) <= {DEFLATE, SHUFFLE, FLETCHER32} or not plain:
        raise ValueError(f"it is packed with the filters {filters}")
    out = np.full(dataset.shape, dataset.fillvalue, dataset.dtype)
    for offset, mask, at, length in chunks:
        values = _unpacked(source.read(at, length), filters, mask, size, dataset.dtype.itemsize)
        whole = np.frombuffer(values, dataset.dtype).reshape(dataset.chunks)
        window = tuple(slice(o, o + c) for o, c in zip(offset, dataset.chunks, strict=True))
        inside = out[window]
        inside[...] = whole[tuple(slice(0, n) for n in inside.shape)]
    return out


def lying_plain(h5py: Any, source: ByteSource, dataset: Any, declared: int) -> Callable[[], Array] | None:
    """What reads a dataset whose numbers lie in the file in one piece and as they are; None for any other.

    Raises:
        ValueError: they are not all there.
    """
    properties = dataset.id.get_create_plist()
    if properties.get_layout() != h5py.h5d.CONTIGUOUS:
        return None
    at = dataset.id.get_offset()
    if properties.get_nfilters() or at is None or int(dataset.id.get_storage_size()) != declared or at + declared > source.size:
        raise ValueError(f"it declares {declared} bytes, and they are not in the file")
    if not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype)):
        return None
    place, dtype, shape = int(at), dataset.dtype, dataset.shape

    def whole() -> Array:
        found = source.array(place, dtype, shape)
        if found is None:
            raise ValueError(f"it declares {declared} bytes, and the file ends before")
        return found

    return whole


def _chunks(dataset: Any, source: ByteSource, size: int) -> list[tuple[tuple[int, ...], int, int, int]]:
    """Of every stored chunk: where it belongs, which filters were left out, where it lies in the file, and its bytes there."""
    most = math.prod(-(-int(d) // int(c)) for d, c in zip(dataset.shape, dataset.chunks, strict=True))
    found: list[tuple[tuple[int, ...], int, int, int]] = []

    def enter(info: Any) -> None:
        offset = tuple(map(int, info.chunk_offset))
        if len(found) >= most or any(o % c or o >= d for o, c, d in zip(offset, dataset.chunks, dataset.shape, strict=True)):
            raise ValueError("its chunks do not fit its shape")
        if info.size > 2 * size + 1024 or info.byte_offset is None or info.byte_offset + info.size > source.size:
            raise ValueError(f"its chunk at {offset} claims {info.size} bytes at byte {info.byte_offset}")
        found.append((offset, int(info.filter_mask), int(info.byte_offset), int(info.size)))

    if hasattr(dataset.id, "chunk_iter"):
        dataset.id.chunk_iter(enter)
    else:
        for i in range(dataset.id.get_num_chunks()):
            enter(dataset.id.get_chunk_info(i))
    return found


def _unpacked(data: bytes, filters: list[int], mask: int, size: int, item: int) -> bytes:
    """A chunk with its filters taken off, the last first; ``mask`` has a bit for each that was left out when it was written."""
    for i in reversed(range(len(filters))):
        if mask >> i & 1:
            continue
        if filters[i] == FLETCHER32:
            data = data[:-4]
        elif filters[i] == DEFLATE:
            try:
                data = zlib.decompressobj().decompress(data, size + 5)  # a checksum may follow
            except zlib.error as e:
                raise ValueError(f"a chunk cannot be unpacked: {e}") from e
        elif item > 1:
            count = len(data) // item
            turned = np.frombuffer(data, np.uint8, count * item).reshape(item, count).T.tobytes()
            data = turned + data[count * item :]
    if len(data) != size:
        raise ValueError(f"a chunk of {size} bytes unpacks to {len(data)}")
    return data
