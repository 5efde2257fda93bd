"""Reads the variables of a checkpoint: TensorFlow's TensorBundle (tensorflow/core/util/tensor_bundle).

``PREFIX.index`` maps keys to BundleEntryProto messages, ``PREFIX.data-00000-of-00001`` and so on hold the bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.protobuf import parse
from edgekit_converters.tensorflow.folder import Folder
from edgekit_converters.tensorflow.protos import messages
from edgekit_converters.tensorflow.sstable import read_table
from edgekit_converters.tensorflow.tensors import BFLOAT16, STRING, element_type, plain_code, static_shape, widen_bfloat16

MAX_INDEX_BYTES = 1 << 30
LITTLE_ENDIAN = 0
MAX_SHARDS = 100_000
MAX_STRINGS_BYTES = 1 << 28


class Bundle:
    """One checkpoint. Nothing but the index is read before a tensor is asked for.

    Args:
        folder: where it lies.
        prefix: path of its files there without their ends, e.g. ``variables/variables``.
    """

    def __init__(self, folder: Folder, prefix: str) -> None:
        self.folder = folder
        self.prefix = prefix
        index = self._where = f"{folder.where}/{prefix}.index"
        self._entries = read_table(folder.read(f"{prefix}.index", MAX_INDEX_BYTES), self._where)
        if b"" not in self._entries:
            raise MalformedModelError(f"{index}: the table has no header")
        header = parse(messages()["BundleHeaderProto"], self._entries.pop(b""), self._where)
        if header.endianness != LITTLE_ENDIAN:
            raise MalformedModelError(f"{index}: a checkpoint of a big-endian machine")
        if not 1 <= header.num_shards <= MAX_SHARDS:
            raise MalformedModelError(f"{index}: {header.num_shards} data files")
        self._shards = int(header.num_shards)

    def __contains__(self, key: str) -> bool:
        return key.encode() in self._entries

    def keys(self) -> list[str]:
        """Names of the tensors, parts of split ones left out."""
        return [k.decode(errors="replace") for k in self._entries if not k.startswith(b"\0")]

    def entry(self, key: str) -> Any:
        """What the index says of a tensor: a BundleEntryProto.

        Raises:
            MalformedModelError: there is none.
        """
        return self._entry(key.encode(), key)

    def _entry(self, key: bytes, name: str) -> Any:
        data = self._entries.get(key)
        if data is None:
            raise MalformedModelError(f"{self._where}: the checkpoint holds no tensor {name!r}")
        return parse(messages()["BundleEntryProto"], data, self._where)

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return static_shape(self.entry(key).shape, f"{self._where}: {key!r}")

    def read(self, key: str) -> Array:
        """A tensor, split ones put together.

        Raises:
            MalformedModelError: it is missing, or lies outside its file.
            UnsupportedTypeError: EdgeKit has no such element type.
        """
        entry = self.entry(key)
        if not entry.slices:
            return self._data(entry, key)
        shape = static_shape(entry.shape, f"{self._where}: {key!r}")
        parts = []
        for part in entry.slices:
            if len(part.extent) != len(shape):
                raise MalformedModelError(f"{self._where}: a part of {key!r} has {len(part.extent)} dimensions, the tensor {len(shape)}")
            window = [(int(e.start), int(e.length) if e.WhichOneof("has_length") else -1) for e in part.extent]
            data = self._data(self._entry(slice_key(key, window), f"{key} {window}"), key)
            parts.append((tuple(slice(s, None if n < 0 else s + n) for s, n in window), data))
        if sum(p.size for _, p in parts) != math.prod(shape):
            raise MalformedModelError(f"{self._where}: the parts of {key!r} do not make up its shape {list(shape)}")
        out = np.empty(shape, parts[0][1].dtype)
        for at, data in parts:
            if out[at].shape != data.shape:
                raise MalformedModelError(f"{self._where}: a part of {key!r} does not fit its shape {list(shape)}")
            out[at] = data
        return out

    def strings(self, key: str) -> bytes:
        """A scalar string (the object graph is stored as one)."""
        entry = self.entry(key)
        if plain_code(entry.dtype) != STRING or entry.shape.dim or not 5 <= entry.size <= MAX_STRINGS_BYTES:
            raise MalformedModelError(f"{self._where}: {key!r} is no string of a readable size")
        raw = self._file(entry, key, np.dtype(np.uint8), int(entry.size)).tobytes()
        at = next((i for i in range(min(10, len(raw))) if raw[i] < 128), 10)  # the length as a varint, then its checksum
        length = sum((raw[i] & 127) << 7 * i for i in range(min(at + 1, len(raw))))
        if at + 5 + length != len(raw):
            raise MalformedModelError(f"{self._where}: the string {key!r} of {length} bytes is stored in {len(raw)}")
        return raw[at + 5 :]

    def _data(self, entry: Any, key: str) -> Array:
        shape = static_shape(entry.shape, f"{self._where}: {key!r}")
        dtype = element_type(entry.dtype)
        wide = plain_code(entry.dtype) == BFLOAT16
        stored = np.dtype(np.uint16) if wide else dtype.numpy
        count = math.prod(shape)
        if entry.size != count * stored.itemsize:
            raise MalformedModelError(f"{self._where}: {key!r} of shape {list(shape)} is stored in {entry.size} bytes")
        flat = self._file(entry, key, stored, count)
        return (widen_bfloat16(flat) if wide else flat).reshape(shape)

    def _file(self, entry: Any, key: str, dtype: np.dtype[Any], count: int) -> Array:
        """Elements in a data file."""
        if not 0 <= entry.shard_id < self._shards:
            raise MalformedModelError(f"{self._where}: {key!r} lies in data file {entry.shard_id} of {self._shards}")
        name = f"{self.prefix}.data-{entry.shard_id:05d}-of-{self._shards:05d}"
        raw = self.folder.part(name, int(entry.offset), count * dtype.itemsize).view(dtype.newbyteorder("<"))
        return raw if raw.flags.aligned else raw.copy()


def slice_key(name: str, window: list[tuple[int, int]]) -> bytes:
    """The key of one part of a tensor: start and length (-1: all) of each dimension, in ordered code (tensorflow/core/lib/strings)."""
    text = b"".join({0: b"\x00\xff", 255: b"\xff\x00"}.get(c, bytes([c])) for c in name.encode())
    out = b"\x00" + text + b"\x00\x01" + _number(len(window))
    for start, length in window:
        out += _signed(start) + _signed(length)
    return out


def _number(n: int) -> bytes:
    digits = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _signed(n: int) -> bytes:
    """7 bits a byte; the number of leading ones (zeros below 0) tells the length, as UTF-8 does."""
    x = ~n if n < 0 else n
    length = x.bit_length() // 7 + 1
    if length == 1:
        return bytes([0x80 ^ (n & 0xFF)])
    raw = bytearray((n & ((1 << 80) - 1)).to_bytes(10, "big")[10 - length :])
    header = ((1 << length) - 1) << (16 - length)
    raw[0] ^= header >> 8
    raw[1] ^= header & 0xFF
    return bytes(raw)
