"""Element types of TensorFlow, and its TensorProto messages as arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import Array, DType
from edgekit_converters.importing.dimensions import possible
from edgekit_converters.importing.problems import UnsupportedTypeError

#: DataType codes (types.proto) of the element types EdgeKit has
DTYPES = {
    1: DType.F32,
    2: DType.F64,
    3: DType.I32,
    4: DType.U8,
    5: DType.I16,
    6: DType.I8,
    9: DType.I64,
    10: DType.BOOL,
    17: DType.U16,
    19: DType.F16,
    22: DType.U32,
    23: DType.U64,
}
COMPLEX: dict[int, np.dtype[Any]] = {8: np.dtype(np.complex64), 18: np.dtype(np.complex128)}
STRING, BFLOAT16, RESOURCE, VARIANT = 7, 14, 20, 21
NAMES = {
    0: "undefined", 7: "string", 8: "complex64", 11: "qint8", 12: "quint8", 13: "qint32", 14: "bfloat16", 15: "qint16", 16: "quint16",
    18: "complex128", 20: "resource", 21: "variant", 24: "float8_e5m2", 25: "float8_e4m3fn", 29: "int4", 30: "uint4",
}  # fmt: skip
REFERENCE = 100
"""Added to the code of a TF1 variable's own type."""
MAX_FILLED_ELEMENTS = 1 << 24
MAX_RANK = 254

#: the repeated field that holds elements where tensor_content does not
FIELDS = {
    DType.F32: "float_val", DType.F64: "double_val", DType.I32: "int_val", DType.U8: "int_val", DType.I16: "int_val", DType.I8: "int_val",
    DType.I64: "int64_val", DType.BOOL: "bool_val", DType.U16: "int_val", DType.F16: "half_val", DType.U32: "uint32_val",
    DType.U64: "uint64_val",
}  # fmt: skip


def plain_code(code: int) -> int:
    """A DataType without the mark of a TF1 reference."""
    return code - REFERENCE if code > REFERENCE else code


def element_type(code: int) -> DType:
    """The DType of a DataType; bfloat16 is held as float32.

    Raises:
        UnsupportedTypeError: EdgeKit has none.
    """
    code = plain_code(code)
    if code == BFLOAT16:
        return DType.F32
    if code not in DTYPES:
        raise UnsupportedTypeError(f"element type {NAMES.get(code, code)} is not supported")
    return DTYPES[code]


def shape_of(proto: Any) -> tuple[int | None, ...] | None:
    """The dimensions of a TensorShapeProto: None where one is open, None for all of it where even the rank is."""
    if proto.unknown_rank:
        return None
    if len(proto.dim) > MAX_RANK:
        raise MalformedModelError(f"a shape of rank {len(proto.dim)}")
    return tuple(None if d.size < 0 else int(d.size) for d in proto.dim)


def static_shape(proto: Any, what: str) -> tuple[int, ...]:
    """The dimensions of a tensor that is there.

    Raises:
        MalformedModelError: one is open.
    """
    dims = shape_of(proto)
    if dims is None or any(d is None for d in dims):
        raise MalformedModelError(f"{what} has an open shape")
    shape = tuple(d for d in dims if d is not None)
    if not possible(shape):
        raise MalformedModelError(f"{what} has impossible dimensions {list(shape)}")
    return shape


def widen_bfloat16(bits: Array) -> Array:
    """float32 of the upper halves that bfloat16 stores."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def read_tensor(proto: Any) -> Array:
    """The array of a TensorProto; strings give an object array of bytes.

    Elements behind the last one given repeat it (tensor.proto).

    Raises:
        MalformedModelError: sizes do not fit.
        UnsupportedTypeError: EdgeKit has no such element type.
    """
    shape = static_shape(proto.tensor_shape, "a constant")
    count = math.prod(shape)
    if plain_code(proto.dtype) == STRING:
        return _filled(np.array([*proto.string_val, None], object)[:-1], count, b"").reshape(shape)
    if plain_code(proto.dtype) in COMPLEX:
        return _read_complex(proto, shape, COMPLEX[plain_code(proto.dtype)])
    dtype = element_type(proto.dtype)
    wide = plain_code(proto.dtype) == BFLOAT16
    stored = np.dtype(np.uint16) if wide else dtype.numpy
    content = proto.tensor_content
    if content:
        if len(content) != count * stored.itemsize:
            raise MalformedModelError(
                f"a tensor of shape {list(shape)} needs {count * stored.itemsize} bytes, the file holds {len(content)}"
            )
        flat = np.frombuffer(content, stored.newbyteorder("<"))
    elif wide or dtype is DType.F16:
        flat = _filled(_narrow(proto.half_val, np.dtype(np.uint16)).view(stored), count, 0)
    else:
        flat = _filled(_narrow(getattr(proto, FIELDS[dtype]), stored), count, 0)
    return (widen_bfloat16(flat) if wide else flat).reshape(shape)


def _read_complex(proto: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Complex numbers: their bytes, or real and imaginary parts in turn."""
    count = math.prod(shape)
    if proto.tensor_content:
        if len(proto.tensor_content) != count * dtype.itemsize:
            raise MalformedModelError(f"a tensor of shape {list(shape)} is stored in {len(proto.tensor_content)} bytes")
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    parts = np.asarray(proto.scomplex_val if dtype.itemsize == 8 else proto.dcomplex_val, np.float64)
    if len(parts) % 2:
        raise MalformedModelError("a complex number has no imaginary part")
    return _filled((parts[::2] + 1j * parts[1::2]).astype(dtype), count, 0).reshape(shape)


def _narrow(values: Any, dtype: np.dtype[Any]) -> Array:
    """A repeated field as an array, in the type it stands for."""
    wide = np.asarray(values, None if len(values) else dtype)
    if dtype.kind in "iu" and wide.size and (wide.min() < np.iinfo(dtype).min or wide.max() > np.iinfo(dtype).max):
        raise MalformedModelError(f"a tensor holds values outside {dtype.name}")
    with np.errstate(all="ignore"):
        return wide.astype(dtype)


def _filled(given: Array, count: int, default: Any) -> Array:
    if len(given) == count:
        return given
    if len(given) > count:
        raise MalformedModelError(f"a tensor of {count} elements holds {len(given)}")
    if count > MAX_FILLED_ELEMENTS:
        raise MalformedModelError(f"a tensor of {count} elements holds only {len(given)}")
    out = np.empty(count, given.dtype)
    out[: len(given)] = given
    out[len(given) :] = given[-1] if len(given) else default
    return out
