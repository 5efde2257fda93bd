"""Reads the arrays of a ``.caffemodel``: a walk over protobuf's wire format that maps the file instead of copying it.

Only names, types and blobs of the layers are looked at; what a layer does is said by the prototxt. Field numbers are those of caffe.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.importing.files import map_bytes
from edgekit_converters.importing.wire import FIXED32, FIXED64, LENGTH, VARINT, Field, WireError, fields, read_varint

MAX_RANK = 32
#: NetParameter
NET_LAYERS_V1, NET_LAYERS = 2, 100
#: per form of a layer: the numbers of name and blobs (LayerParameter, V1LayerParameter)
LAYER_FIELDS = {NET_LAYERS: (1, 7), NET_LAYERS_V1: (4, 6)}
V1_INNER = 1  # the V0LayerParameter of the oldest files
V0_NAME, V0_BLOBS = 1, 50
BLOB_DIMS, BLOB_DATA, BLOB_SHAPE, BLOB_DOUBLES = (1, 2, 3, 4), 5, 7, 8


def read_weights(path: Path) -> dict[str, list[Array]]:
    """The blobs of each layer by the layer's name, as float32 that shares the mapped file's bytes where it lies in one piece.

    Raises:
        MalformedModelError: the file is broken; the message gives the offset.
    """
    data = map_bytes(path)
    size = data.size
    if size == 0:
        raise MalformedModelError(f"{path}: the file is empty")
    reader = _Reader(data, str(path))
    found: dict[str, list[Array]] = {}
    for number, wire, _, start, end, _ in reader.fields(0, size):
        if number in LAYER_FIELDS and wire == LENGTH:
            name, blobs = reader.layer(start, end, *LAYER_FIELDS[number], number == NET_LAYERS_V1)
            if blobs:
                found.setdefault(name, blobs)
    return found


def looks_like_weights(head: bytes) -> bool:
    """Whether a file begins as a NetParameter with layers does."""
    reader = _Reader(np.frombuffer(head, np.uint8), "")
    try:
        for n, (number, wire, _, start, end, _) in enumerate(reader.fields(0, len(head), cut=True)):
            if number in LAYER_FIELDS and wire == LENGTH:
                return _looks_like_layer(reader, number, start, min(end, len(head)))
            if number == 1 and wire == LENGTH and not _printable(head[start:end]):
                return False
            if number not in (1, 3, 4, 5, 6, 7, 8) or n > 64:
                return False
    except MalformedModelError:
        pass
    return False


def _looks_like_layer(reader: _Reader, form: int, start: int, end: int) -> bool:
    """The first fields of a layer are texts: its name and type, or what it reads and writes."""
    seen = 0
    try:
        for number, wire, _, at, stop, _ in reader.fields(start, end, cut=True):
            if number > 4 or wire != LENGTH or seen == 2:
                break
            if not _printable(reader.data[at : min(stop, end)].tobytes()) and not (form == NET_LAYERS_V1 and number == V1_INNER):
                return False
            seen += 1
    except MalformedModelError:
        pass
    return seen > 0


def _printable(text: bytes) -> bool:
    return all(32 <= c < 127 or c >= 160 for c in text) and bool(text)


class _Reader:
    """Walks messages inside one buffer."""

    def __init__(self, data: Array, where: str) -> None:
        self.data = data
        self.where = where

    def broken(self, at: int, what: str) -> MalformedModelError:
        return MalformedModelError(f"{self.where}: at byte {at}: {what}: the file is cut off or damaged")

    def fields(self, at: int, end: int, cut: bool = False) -> Iterator[Field]:
        """The fields of a message; with ``cut`` the last may reach behind the end."""
        try:
            yield from fields(self.data, at, end, cut)
        except WireError as e:
            raise self.broken(e.at, e.what) from e

    def text(self, start: int, end: int) -> str:
        try:
            return self.data[start:end].tobytes().decode("utf-8")
        except UnicodeDecodeError as e:
            raise self.broken(start, "a name is not UTF-8") from e

    def layer(self, start: int, end: int, name_number: int, blob_number: int, v1: bool) -> tuple[str, list[Array]]:
        name, blobs = "", []
        for number, wire, _, at, stop, _ in self.fields(start, end):
            if wire != LENGTH:
                continue
            if number == name_number:
                name = self.text(at, stop)
            elif number == blob_number:
                blobs.append(self.blob(at, stop))
            elif v1 and number == V1_INNER:
                name, blobs = self.layer(at, stop, V0_NAME, V0_BLOBS, False)
        return name, blobs

    def blob(self, start: int, end: int) -> Array:
        dims: dict[int, int] = {}
        shape: list[int] | None = None
        parts: list[Array] = []
        for number, wire, _, at, stop, value in self.fields(start, end):
            if number in BLOB_DIMS and wire == VARINT:
                dims[number] = value
            elif number == BLOB_SHAPE and wire == LENGTH:
                shape = self.shape(at, stop)
            elif number in (BLOB_DATA, BLOB_DOUBLES) and wire in (LENGTH, FIXED32, FIXED64):
                dtype = np.dtype("<f4" if number == BLOB_DATA else "<f8")
                if (stop - at) % dtype.itemsize:
                    raise self.broken(at, f"{stop - at} bytes of numbers")
                parts.append(self.data[at:stop].view(dtype))
        numbers = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, np.float32)
        full = shape if shape is not None else [dims.get(k, 1 if dims else 0) for k in BLOB_DIMS]
        if math.prod(full) != numbers.size:
            raise self.broken(start, f"a blob of shape {full} has {numbers.size} numbers")
        return numbers.astype(np.float32, copy=False).reshape(full)

    def shape(self, start: int, end: int) -> list[int]:
        """The dimensions of a BlobShape, packed or one by one."""
        found: list[int] = []
        for number, _, _, at, stop, _ in self.fields(start, end):
            while number == 1 and at < stop:
                value, at = read_varint(self.data, at, stop)
                if value is None:
                    raise self.broken(at, "a number does not end")
                found.append(value)
        if len(found) > MAX_RANK or any(d >= 1 << 31 for d in found):
            raise self.broken(start, f"a blob of shape {found[:8]}")
        return found
