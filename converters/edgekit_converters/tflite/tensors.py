"""Tensors of a .tflite file: element types, quantization, and the data of constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, DType, QuantParams
from edgekit_converters.importing.problems import UnsupportedTypeError
from edgekit_converters.tflite.flat import Record

FLOAT32, FLOAT16, INT32, UINT8, INT64, STRING, BOOLEAN, INT16, INT8, FLOAT64, UINT64, RESOURCE = 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13
COMPLEX64 = 8
UINT32, UINT16, INT4, BFLOAT16 = 15, 16, 17, 18
DTYPES = {
    FLOAT32: F32, FLOAT16: F16, INT32: I32, UINT8: U8, INT64: I64, BOOLEAN: BOOL, INT16: I16, INT8: I8, FLOAT64: F64, UINT64: U64,
    UINT32: U32, UINT16: U16, INT4: I8, BFLOAT16: F32,
}  # fmt: skip
TYPE_NAMES = {STRING: "string", COMPLEX64: "complex64", 11: "complex128", RESOURCE: "resource", 14: "variant", 19: "int2", 20: "uint4"}
#: uint8 tensors with a scale are held as int8: the same numbers, moved by this much
SHIFT = 128
MAX_ELEMENTS = 1 << 31


@dataclass(frozen=True)
class TensorInfo:
    """One tensor as the importer sees it.

    Attributes:
        index: in its subgraph. name: the source's.
        dtype: element type in the graph under construction (int8 for quantized uint8).
        source_dtype: the source's own.
        shape: as the file gives it; signature: the same with -1 for open dimensions.
        quant: scale and zero point in terms of ``dtype``, for 8- and 16-bit integers.
        source_quant: in the source's terms, for any integer type.
        is_variable: keeps its value from one run to the next.
    """

    index: int
    name: str
    dtype: DType
    source_dtype: DType
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    quant: QuantParams | None
    source_quant: QuantParams | None
    is_variable: bool

    @property
    def is_shifted(self) -> bool:
        """Whether the source has it as uint8 and the graph as int8."""
        return self.dtype is not self.source_dtype


def tensor_info(index: int, t: Record) -> TensorInfo:
    """What the file says of a tensor.

    Raises:
        UnsupportedTypeError: EdgeKit has no such element type.
        MalformedModelError: shape or quantization make no sense.
    """
    dtype = DTYPES.get(t.type)
    if dtype is None:
        raise UnsupportedTypeError(f"tensor {t.name!r} is of the type {TYPE_NAMES.get(t.type, f'number {t.type}')}, which is not supported")
    shape = tuple(int(d) for d in t.shape)
    if any(d < 0 for d in shape) or float(np.prod([float(d) for d in shape])) > MAX_ELEMENTS:
        raise MalformedModelError(f"tensor {t.name!r} has the shape {list(shape)}")
    signature = tuple(int(d) for d in t.shape_signature)
    if len(signature) != len(shape):
        signature = shape
    source = _quantization(t, shape) if dtype.is_integer else None
    quant, held = source, dtype
    if source is not None and dtype is U8:
        held = I8
        quant = QuantParams(source.scale, tuple(z - SHIFT for z in source.zero_point), source.axis)
    elif dtype not in (I8, I16, U16):
        quant = None
    return TensorInfo(index, t.name, held, dtype, shape, signature, quant, source, bool(t.is_variable))


def _quantization(t: Record, shape: tuple[int, ...]) -> QuantParams | None:
    q = t.quantization
    if q is None or not len(q.scale):
        return None
    scales = np.asarray(q.scale, np.float32)
    if not np.all(np.isfinite(scales)) or np.any(scales < 0):
        raise MalformedModelError(f"tensor {t.name!r} has a scale that is not a positive number")
    if np.all(scales == 0):
        return None
    scales = np.where(scales == 0, np.float32(1), scales)
    zeros = [int(z) for z in q.zero_point] or [0]
    if len(zeros) not in (1, len(scales)) or any(not -(2**31) <= z < 2**31 for z in zeros):
        raise MalformedModelError(f"tensor {t.name!r} has {len(scales)} scales and {len(zeros)} zero points")
    zeros = zeros * (len(scales) // len(zeros))
    if len(scales) == 1:
        return QuantParams.per_tensor(float(scales[0]), zeros[0])
    axis = int(q.quantized_dimension)
    if not 0 <= axis < len(shape) or shape[axis] != len(scales):
        # some converters name a dimension the tensor does not have (a bias along dimension 3): only one can be meant
        fitting = [i for i, n in enumerate(shape) if n == len(scales)]
        if len(fitting) != 1:
            raise MalformedModelError(f"tensor {t.name!r} of shape {list(shape)} has {len(scales)} scales along dimension {axis}")
        axis = fitting[0]
    return QuantParams.per_channel([float(s) for s in scales], axis, zeros)


def constant_data(t: Record, info: TensorInfo, raw: Array) -> Array:
    """The array of a constant tensor, in the element type the graph holds it in.

    Raises:
        MalformedModelError: the buffer does not fit the shape.
    """
    count = int(np.prod(info.shape, dtype=np.int64))
    if t.sparsity is not None:
        a = _dense(t, info, raw)
    else:
        a = _elements(t, raw, count)
        if a.size != count:
            raise MalformedModelError(f"the data of tensor {t.name!r} holds {a.size} elements, its shape {list(info.shape)} needs {count}")
        a = a.reshape(info.shape)
    if info.is_shifted:
        a = (a.astype(np.int16) - SHIFT).astype(np.int8)
    return a


def _elements(t: Record, raw: Array, count: int) -> Array:
    if t.type == INT4:
        low, high = (raw & 15).astype(np.int8), (raw >> 4).astype(np.int8)
        a = np.stack([low, high], axis=1).reshape(-1)[:count]
        signed: Array = np.where(a > 7, a - 16, a).astype(np.int8)
        return signed
    if t.type == BFLOAT16:
        if raw.size % 2:
            raise MalformedModelError(f"the data of tensor {t.name!r} is cut off")
        wide: Array = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
        return wide
    dtype = np.dtype(DTYPES[t.type].numpy)
    if raw.size % dtype.itemsize:
        raise MalformedModelError(f"the data of tensor {t.name!r} is cut off")
    if dtype == np.bool_:
        flags: Array = raw != 0
        return flags
    return np.frombuffer(raw.tobytes(), dtype.newbyteorder("<")).astype(dtype, copy=False)


def _dense(t: Record, info: TensorInfo, raw: Array) -> Array:
    """A sparse tensor spelt out: dimensions in traversal order, dense ones counted, others with segments and indices."""
    s = t.sparsity
    order = [int(i) for i in s.traversal_order]
    blocks = [int(i) for i in s.block_map]
    rank = len(info.shape)
    if sorted(order) != list(range(rank + len(blocks))) or len(s.dim_metadata) != len(order) or any(not 0 <= b < rank for b in blocks):
        raise MalformedModelError(f"the sparse layout of tensor {t.name!r} does not fit its shape")
    places = np.zeros((1, 0), np.int64)
    node = np.zeros(1, np.int64)
    for d in s.dim_metadata:
        if d.format == 0:
            n = int(d.dense_size)
            if n < 1 or len(node) * n > MAX_ELEMENTS >> 4:
                raise MalformedModelError(f"the sparse layout of tensor {t.name!r} does not fit its shape")
            places = np.column_stack([np.repeat(places, n, 0), np.tile(np.arange(n), len(places))])
            node = np.repeat(node, n) * n + np.tile(np.arange(n), len(node))
            continue
        segments, indices = d.segments, d.indices
        if np.any(node + 1 >= len(segments)) or np.any(np.diff(segments) < 0) or segments[0] < 0 or segments[-1] > len(indices):
            raise MalformedModelError(f"the sparse layout of tensor {t.name!r} is damaged")
        counts = segments[node + 1] - segments[node]
        node_of = np.repeat(segments[node], counts) + (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))
        places = np.column_stack([np.repeat(places, counts, 0), indices[node_of]])
        node = node_of
    values = _elements(t, raw, len(node))
    if values.size < len(node):
        raise MalformedModelError(f"the data of tensor {t.name!r} is cut off")
    at: list[Any] = [np.zeros(len(node), np.int64)] * rank
    sizes = {blocks[k - rank]: int(s.dim_metadata[j].dense_size) for j, k in enumerate(order) if k >= rank}
    for j, k in enumerate(order):
        if k < rank:
            at[k] = at[k] + places[:, j] * sizes.get(k, 1)
        else:
            at[blocks[k - rank]] = at[blocks[k - rank]] + places[:, j]
    if any(np.any((a < 0) | (a >= n)) for a, n in zip(at, info.shape, strict=True)):
        raise MalformedModelError(f"the sparse indices of tensor {t.name!r} are outside its shape")
    out = np.zeros(info.shape, values.dtype)
    out[tuple(at)] = values[: len(node)]
    return out
