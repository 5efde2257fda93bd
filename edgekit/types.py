"""Pure data that every layer shares: element types, dimensions, tensor types, quantization parameters."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from edgekit.errors import GraphError
from edgekit.symbolic import SymDim

Array = npt.NDArray[Any]
Dim = int | SymDim
Shape = tuple[Dim, ...]


class DType(enum.Enum):
    """Element type of a tensor. The value is the code used in ``.ekm`` files and in the C API (append-only)."""

    F32 = 1
    F16 = 2
    I8 = 3
    U8 = 4
    I16 = 5
    U16 = 6
    I32 = 7
    U32 = 8
    I64 = 9
    U64 = 10
    BOOL = 11
    F64 = 12

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype of one element."""
        return _NUMPY[self]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(_NUMPY[self].itemsize)

    @property
    def is_float(self) -> bool:
        return self in (DType.F32, DType.F16, DType.F64)

    @property
    def is_integer(self) -> bool:
        return not self.is_float and self is not DType.BOOL

    @property
    def is_signed(self) -> bool:
        return self.is_float or self in (DType.I8, DType.I16, DType.I32, DType.I64)

    @property
    def label(self) -> str:
        """The numpy name, e.g. ``"float32"``: what users read and write."""
        return str(_NUMPY[self].name)

    @staticmethod
    def from_numpy(dtype: npt.DTypeLike) -> DType:
        """The DType of a numpy dtype.

        Raises:
            GraphError: EdgeKit has no such element type.
        """
        found = _FROM_NUMPY.get(np.dtype(dtype))
        if found is None:
            raise GraphError(f"element type {np.dtype(dtype)} has no EdgeKit equivalent; use one of {[d.label for d in DType]}")
        return found


_NUMPY: dict[DType, np.dtype[Any]] = {
    DType.F32: np.dtype(np.float32),
    DType.F16: np.dtype(np.float16),
    DType.I8: np.dtype(np.int8),
    DType.U8: np.dtype(np.uint8),
    DType.I16: np.dtype(np.int16),
    DType.U16: np.dtype(np.uint16),
    DType.I32: np.dtype(np.int32),
    DType.U32: np.dtype(np.uint32),
    DType.I64: np.dtype(np.int64),
    DType.U64: np.dtype(np.uint64),
    DType.BOOL: np.dtype(np.bool_),
    DType.F64: np.dtype(np.float64),
}
_FROM_NUMPY = {v: k for k, v in _NUMPY.items()}

F32, F16, F64 = DType.F32, DType.F16, DType.F64
I8, U8, I16, U16 = DType.I8, DType.U8, DType.I16, DType.U16
I32, U32, I64, U64 = DType.I32, DType.U32, DType.I64, DType.U64
BOOL = DType.BOOL


@dataclass(frozen=True)
class QuantParams:
    """Affine quantization: ``real = scale * (q - zero_point)``.

    Attributes:
        scale: float32-representable positive scales; one, or one per channel of ``axis``.
        zero_point: as many integers as scales.
        axis: the channel axis for per-channel parameters, None for per-tensor.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    def __post_init__(self) -> None:
        if not self.scale or len(self.scale) != len(self.zero_point):
            raise GraphError(f"quantization needs as many zero points as scales, got {len(self.scale)} and {len(self.zero_point)}")
        if self.axis is None and len(self.scale) != 1:
            raise GraphError(f"per-tensor quantization takes one scale, got {len(self.scale)}; name the channel axis")
        if not all(np.isfinite(s) and s > 0 for s in self.scale):
            raise GraphError("quantization scales must be finite and positive")
        if not all(-(1 << 31) <= z < 1 << 31 for z in self.zero_point):
            raise GraphError(f"quantization zero points must be 32-bit integers, got {max(self.zero_point, key=abs)}")

    @staticmethod
    def per_tensor(scale: float, zero_point: int = 0) -> QuantParams:
        """One scale for the whole tensor; the scale is rounded to float32, as the file stores it."""
        return QuantParams((float(np.float32(scale)),), (int(zero_point),))

    @staticmethod
    def per_channel(scales: Sequence[float] | Array, axis: int, zero_points: Sequence[int] | None = None) -> QuantParams:
        """One scale per index of ``axis``."""
        s = tuple(float(np.float32(v)) for v in scales)
        return QuantParams(s, tuple(int(z) for z in zero_points) if zero_points is not None else (0,) * len(s), axis)

    @property
    def is_per_tensor(self) -> bool:
        return self.axis is None

    def scale_array(self) -> npt.NDArray[np.float32]:
        return np.asarray(self.scale, np.float32)

    def zero_point_array(self) -> npt.NDArray[np.int32]:
        return np.asarray(self.zero_point, np.int32)


#: what the bounds of a tensor's dimensions multiply to at most: the runtime computes with them before the real ones are known
_MAX_BOUND = 1 << 52


def _is_free(dim: SymDim) -> bool:
    return any(s.is_open or s.room is not None for s in dim.symbols())


def _limited(dims: Sequence[int], free: Sequence[bool]) -> tuple[int, ...]:
    """``dims`` with the free ones lowered so far that their product is a number to compute with."""
    out, top = list(dims), max(dims, default=1)
    while math.prod(max(1, d) for d in out) > _MAX_BOUND and any(free) and top > 1:
        top = max(1, top // 2)
        out = [min(d, top) if f else d for d, f in zip(out, free, strict=True)]
    return tuple(out)


@dataclass(frozen=True)
class TensorType:
    """What is known of a tensor before it is computed: element type, shape (ints or symbols), quantization."""

    dtype: DType
    shape: Shape
    quant: QuantParams | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """True when no dimension is symbolic."""
        return all(isinstance(d, int) for d in self.shape)

    def static_shape(self) -> tuple[int, ...]:
        """The shape as integers.

        Raises:
            GraphError: a dimension is symbolic.
        """
        if not self.is_static:
            raise GraphError(f"shape {format_shape(self.shape)} has symbolic dimensions; bind them with shapes= or --shape")
        return cast(tuple[int, ...], self.shape)

    def max_shape(self) -> tuple[int, ...]:
        """The shape with each symbolic dimension at the upper end of its range.

        Where the data decide several dimensions the tensor may have fewer elements than this shape: see ``max_elements``.

        Raises:
            GraphError: a symbolic dimension has no upper bound.
        """
        if self.is_static:
            return self.static_shape()
        dims = [d if isinstance(d, int) else d.upper_bound() for d in self.shape]
        if any(isinstance(d, SymDim) and d.is_open for d in self.shape):
            most = max(1, self.max_elements())
            dims = [min(n, most) if isinstance(d, SymDim) and d.is_open else n for n, d in zip(dims, self.shape, strict=True)]
        return _limited(dims, [isinstance(d, SymDim) and _is_free(d) for d in self.shape])

    def max_elements(self) -> int:
        """The most elements the tensor can have.

        Dimensions that stem from one tensor of known size (a Reshape to a shape that is computed) count together. Where nothing known
        limits a dimension (a Range whose limits are computed), the tensor gets room for as many elements as the capacity says.

        Raises:
            GraphError: a symbolic dimension has no upper bound.
        """
        if self.is_static:
            return math.prod(self.static_shape())
        total: Dim = 1
        for d in self.shape:
            total = total * d
        most = total if isinstance(total, int) else total.upper_bound()
        free = [s.upper for d in self.shape if isinstance(d, SymDim) for s in d.symbols() if s.is_open and s.upper is not None]
        if not free:
            return most
        closed = math.prod(d if isinstance(d, int) else d.upper_bound() for d in self.shape if isinstance(d, int) or not d.is_open)
        return min(most, max(*free, closed))

    def nbytes_max(self) -> int:
        """Bytes of the tensor at its largest."""
        return self.dtype.itemsize * self.max_elements()

    def with_shape(self, shape: Sequence[Dim]) -> TensorType:
        return replace(self, shape=tuple(shape))

    def with_dtype(self, dtype: DType, quant: QuantParams | None = None) -> TensorType:
        return replace(self, dtype=dtype, quant=quant)

    def bind(self, values: Mapping[str, Dim]) -> TensorType:
        """Replace symbols by the integers (or other dimensions) given for their names."""
        return self.with_shape([d if isinstance(d, int) else d.bind(values) for d in self.shape])

    def __str__(self) -> str:
        return f"{self.dtype.label}{format_shape(self.shape)}"


def format_shape(shape: Sequence[Dim]) -> str:
    """``[1, 3, H, W]``: a shape as users read it."""
    return "[" + ", ".join(str(d) for d in shape) + "]"
