"""Turns ``TensorProto`` messages into numpy arrays, external data included, without trusting any of their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array, DType
from edgekit_converters.importing.files import file_size, map_bytes, member
from edgekit_converters.importing.problems import UnsupportedTypeError
from edgekit_converters.importing.small_floats import numbers
from edgekit_converters.onnx.mapping import MappedWeights

#: TensorProto.DataType codes (onnx.proto) of the element types EdgeKit has
DTYPES = {
    1: DType.F32,
    2: DType.U8,
    3: DType.I8,
    4: DType.U16,
    5: DType.I16,
    6: DType.I32,
    7: DType.I64,
    9: DType.BOOL,
    10: DType.F16,
    11: DType.F64,
    12: DType.U32,
    13: DType.U64,
    16: DType.F32,  # bfloat16: every value of it is a float32
}
BFLOAT16 = 16
#: integers of few bits, which only constants may have: bits, and the type that holds them
NARROW = {21: (4, DType.U8), 22: (4, DType.I8), 25: (2, DType.U8), 26: (2, DType.I8)}
#: floating-point numbers of few bits, which only constants may have, and which float32 holds
SMALL_FLOATS = {17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 23: "float4e2m1", 24: "float8e8m0"}
TYPE_NAMES = {
    0: "undefined", 8: "string", 14: "complex64", 15: "complex128", 17: "float8e4m3fn", 18: "float8e4m3fnuz",
    19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
EXTERNAL = 1
MAX_SPAN = 1 << 48  # what numpy can address, sizes of 0 left out
MAX_DENSE_ELEMENTS = 1 << 28


def element_type(code: int) -> DType:
    """The DType of a TensorProto data type.

    Raises:
        UnsupportedTypeError: EdgeKit has none.
    """
    if code not in DTYPES:
        raise UnsupportedTypeError(f"element type {TYPE_NAMES.get(code, code)} is not supported")
    return DTYPES[code]


class TensorReader:
    """Reads the tensors of one model.

    Args:
        folder: where the model lies; external data must stay inside it. None for a model in memory.
        mapped: weights that were left in the file.
    """

    def __init__(self, folder: Path | None, mapped: MappedWeights | None = None) -> None:
        self.folder = None if folder is None else folder.resolve()
        self.mapped = mapped

    def read(self, tensor: Any) -> Array:
        """The array of a TensorProto; read-only where it can share the file's bytes.

        Raises:
            MalformedModelError: sizes do not fit, or the data is missing.
            UnsupportedTypeError: EdgeKit has no such element type.
        """
        shape = tuple(int(d) for d in tensor.dims)
        if any(d < 0 for d in shape):
            raise MalformedModelError(f"tensor {tensor.name!r} has a negative dimension: {list(shape)}")
        if math.prod(d for d in shape if d) > MAX_SPAN:
            raise MalformedModelError(f"tensor {tensor.name!r} has impossible dimensions {list(shape)}")
        count = math.prod(shape)
        if tensor.data_type in NARROW:
            return self._narrow(tensor, shape, count)
        if tensor.data_type in SMALL_FLOATS:
            return self._small_float(tensor, shape, count)
        if tensor.data_type == BFLOAT16:
            return self._bfloat16(tensor, shape, count)
        dtype = element_type(tensor.data_type).numpy
        if tensor.data_location == EXTERNAL:
            return self._external(tensor, dtype, shape, count)
        if tensor.HasField("raw_data"):
            raw = tensor.raw_data
            self._check(tensor, len(raw), count * dtype.itemsize, "bytes")
            return np.frombuffer(raw, dtype).reshape(shape)
        return self._typed(tensor, dtype, shape, count)

    def dense(self, sparse: Any) -> Array:
        """The dense array of a SparseTensorProto."""
        shape = tuple(int(d) for d in sparse.dims)
        if any(d < 0 for d in shape) or math.prod(shape) > MAX_DENSE_ELEMENTS:
            raise MalformedModelError(f"sparse tensor {sparse.values.name!r} has impossible dimensions {list(shape)}")
        values, indices = self.read(sparse.values), self.read(sparse.indices)
        flat = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), shape)
        if len(flat) != values.size or (flat.size and not (flat.min() >= 0 and flat.max() < math.prod(shape))):
            raise MalformedModelError(f"sparse tensor {sparse.values.name!r}: its indices do not fit its dimensions {list(shape)}")
        out = np.zeros(math.prod(shape), values.dtype)
        out[flat] = values.reshape(-1)
        return out.reshape(shape)

    def _packed(self, tensor: Any, dtype: np.dtype[Any], count: int) -> Array:
        """``count`` elements of a type that is stored in another: from the file, the raw bytes or the 32-bit integers."""
        if tensor.data_location == EXTERNAL:
            return self._external(tensor, dtype, (count,), count)
        if tensor.HasField("raw_data"):
            self._check(tensor, len(tensor.raw_data), count * dtype.itemsize, "bytes")
            return np.frombuffer(tensor.raw_data, dtype)
        self._check(tensor, len(tensor.int32_data), count, "elements")
        return np.asarray(tensor.int32_data, np.int64).astype(dtype)

    def _narrow(self, tensor: Any, shape: Sequence[int], count: int) -> Array:
        """Integers of 2 or 4 bits, the first in the lowest bits of a byte."""
        bits, dtype = NARROW[tensor.data_type]
        q = self._unpacked(tensor, bits, count).astype(dtype.numpy)
        if dtype is DType.I8:
            q = np.where(q >= 1 << (bits - 1), q - (1 << bits), q).astype(np.int8)
        return q.reshape(shape)

    def _unpacked(self, tensor: Any, bits: int, count: int) -> Array:
        per = 8 // bits
        packed = self._packed(tensor, np.dtype(np.uint8), -(-count // per))
        shifts = np.arange(per, dtype=np.uint8) * bits
        return ((packed[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count]

    def _small_float(self, tensor: Any, shape: Sequence[int], count: int) -> Array:
        """Floating-point numbers of 8 bits, or of 4, the first in the lower half of a byte."""
        table = numbers(SMALL_FLOATS[tensor.data_type])
        bits = self._packed(tensor, np.dtype(np.uint8), count) if table.size == 256 else self._unpacked(tensor, 4, count)
        return table[bits].reshape(shape)

    def _bfloat16(self, tensor: Any, shape: Sequence[int], count: int) -> Array:
        """The upper halves of float32 numbers."""
        return (self._packed(tensor, np.dtype(np.uint16), count).astype(np.uint32) << 16).view(np.float32).reshape(shape)

    @staticmethod
    def _check(tensor: Any, got: int, want: int, unit: str) -> None:
        if got != want:
            raise MalformedModelError(
                f"tensor {tensor.name!r} of shape {list(tensor.dims)} needs {want} {unit} of data, the file holds {got}"
            )

    def _typed(self, tensor: Any, dtype: np.dtype[Any], shape: Sequence[int], count: int) -> Array:
        """Data in the repeated fields. Half floats are stored as their bits in 16-bit integers."""
        if dtype == np.float32:
            field = tensor.float_data
        elif dtype == np.float64:
            field = tensor.double_data
        elif dtype == np.int64:
            field = tensor.int64_data
        elif dtype in (np.uint64, np.uint32):
            field = tensor.uint64_data
        else:
            field = tensor.int32_data
        self._check(tensor, len(field), count, "elements")
        if dtype == np.float16:
            return np.asarray(field, np.uint16).view(np.float16).reshape(shape)
        wide = np.asarray(field) if count else np.zeros(0, dtype)
        if dtype.kind in "iu" and count and (wide.min() < np.iinfo(dtype).min or wide.max() > np.iinfo(dtype).max):
            raise MalformedModelError(f"tensor {tensor.name!r} holds values outside {dtype.name}")
        return wide.astype(dtype).reshape(shape)

    def _external(self, tensor: Any, dtype: np.dtype[Any], shape: Sequence[int], count: int) -> Array:
        entries = {e.key: e.value for e in tensor.external_data}
        if self.mapped is not None and entries.get("location") == self.mapped.location:
            self._check(tensor, int(entries["length"]), count * dtype.itemsize, "bytes")
            return np.frombuffer(self.mapped.data, dtype, count, int(entries["offset"])).reshape(shape)
        path = self._external_path(tensor.name, entries.get("location", ""))
        try:
            offset = int(entries.get("offset", "0") or 0)
            length = int(entries["length"]) if entries.get("length") else count * dtype.itemsize
        except ValueError as e:
            raise MalformedModelError(f"tensor {tensor.name!r}: offset or length of its external data is not a number") from e
        self._check(tensor, length, count * dtype.itemsize, "bytes")
        size = file_size(path)
        if offset < 0 or offset + length > size:
            raise MalformedModelError(
                f"tensor {tensor.name!r} lies at bytes {offset} to {offset + length} of {path.name}, which has {size}"
            )
        if count == 0:
            return np.zeros(shape, dtype)
        return map_bytes(path)[offset : offset + length].view(dtype).reshape(shape)

    def _external_path(self, name: str, location: str) -> Path:
        """The data file, which must lie inside the model's folder, links resolved."""
        if self.folder is None:
            raise MalformedModelError(f"tensor {name!r} has external data, but the model comes without a folder; pass its path instead")
        if not location:
            raise MalformedModelError(f"tensor {name!r} has external data but names no file")
        try:
            path = member(self.folder, location)
            there = path.is_file()
        except (MalformedModelError, OSError) as e:  # a name that is too long
            raise MalformedModelError(f"tensor {name!r}: external data {e}") from e
        if not there:
            raise MalformedModelError(f"tensor {name!r}: the external data file {location!r} is missing next to the model")
        return path
