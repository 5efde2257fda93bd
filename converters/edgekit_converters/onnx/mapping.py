"""Keeps the weights of a large ONNX file out of protobuf: they are read where they lie in the file, not copied twice.

Large ``raw_data`` fields are cut out of the bytes that protobuf parses and marked as external data of a location that no file can name;
``TensorReader`` finds them in the mapped file again. Field numbers are those of onnx.proto (ONNX 1.20).
"""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit_converters.importing.wire import LENGTH, VARINT, Field, WireError, fields, write_field, write_varint

MIN_FILE_BYTES = 1 << 20
MIN_WEIGHT_BYTES = 1 << 12
MAX_TENSOR_FIELDS = 64
MAX_FIELDS = 1 << 20
MODEL_GRAPH, GRAPH_INITIALIZER = 7, 5
TENSOR_RAW_DATA, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION = 9, 13, 14
EXTERNAL = 1


@dataclass(frozen=True)
class MappedWeights:
    """A mapped file, and the location by which tensors name it."""

    location: str
    data: mmap.mmap

    def forget(self) -> None:
        """Give back the memory of what was read so far; it is read from the file again where it is still needed.

        Weights that were rearranged have been copied by then.
        """
        if hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)


def split_weights(path: Path) -> tuple[bytes, MappedWeights] | None:
    """The file without its large weights, and where those are; None where that does not work or does not pay."""
    if path.stat().st_size < MIN_FILE_BYTES:
        return None
    with path.open("rb") as f:
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    weights = MappedWeights(f"mapped:{secrets.token_hex(16)}", data)
    try:
        out = bytearray()
        for field in _fields(data, 0, len(data)):
            if field.number == MODEL_GRAPH and field.wire == LENGTH:
                out += write_field(MODEL_GRAPH, _graph(data, field, weights.location))
            else:
                out += data[field.start : field.end]
    except WireError:  # protobuf itself shall judge it
        return None
    return bytes(out), weights


def _graph(data: mmap.mmap, graph: Field, location: str) -> bytes:
    out = bytearray()
    kept = graph.at  # everything up to here is in ``out``
    for field in _fields(data, graph.at, graph.end):
        if field.number == GRAPH_INITIALIZER and field.wire == LENGTH and field.end - field.at >= MIN_WEIGHT_BYTES:
            cut = _tensor(data, field, location)
            if cut is not None:
                out += data[kept : field.start]
                out += write_field(GRAPH_INITIALIZER, cut)
                kept = field.end
    out += data[kept : graph.end]
    return bytes(out)


def _tensor(data: mmap.mmap, tensor: Field, location: str) -> bytes | None:
    """A TensorProto with its raw data named instead of held; None where it stays as it is."""
    out = bytearray()
    raw = None
    for count, field in enumerate(_fields(data, tensor.at, tensor.end)):
        if count == MAX_TENSOR_FIELDS or field.number in (TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION):
            return None
        if field.number == TENSOR_RAW_DATA:
            if raw is not None or field.wire != LENGTH:
                return None
            raw = field
        else:
            out += data[field.start : field.end]
    if raw is None or raw.end - raw.at < MIN_WEIGHT_BYTES:
        return None
    for key, value in (("location", location), ("offset", str(raw.at)), ("length", str(raw.end - raw.at))):
        out += write_field(TENSOR_EXTERNAL_DATA, write_field(1, key.encode()) + write_field(2, value.encode()))
    return bytes(out) + write_varint(TENSOR_DATA_LOCATION << 3 | VARINT) + write_varint(EXTERNAL)


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[Field]:
    """The fields of a message; not more than a model has that pays."""
    for count, field in enumerate(fields(data, at, end)):
        if count == MAX_FIELDS:
            raise WireError(field.start, f"more than {MAX_FIELDS} fields")
        yield field
