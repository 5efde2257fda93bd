"""Operators that rearrange elements without computing."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Bool, Port, T, op
from edgekit.ops.shapes import element_count
from edgekit.ops.traits import SameScale
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Array, Dim, TensorType

ALL_TYPES = (F32, F16, I8, U8, I16, U16, I32, U32, I64, U64, BOOL, F64)


@op(id=1, category="layout", symbolic_values=True)
class Reshape:
    """Give a tensor another shape with the same elements in the same order.

    ``shape`` holds the new dimensions (int64, rank 1). One of them may be -1 and takes what is left; 0 copies the input's
    dimension at that place unless ``allow_zero`` is set.
    """

    inputs = (Port("x", T), Port("shape", I64))
    outputs = (Port("y", T),)
    attrs = (Bool("allow_zero", False),)
    types = {T: ALL_TYPES}
    quant = SameScale()

    @staticmethod
    def infer(x: Arg, shape: Arg, *, allow_zero: bool) -> Arg | TensorType:
        if shape.value is None:
            n = shape.shape[0]
            if not isinstance(n, int):
                raise ValueError("the number of dimensions of the new shape must be known")
            # data dependent: unknown dims, bounded by the element count
            total = TensorType(x.dtype, (element_count(x.shape),)).max_shape()[0]
            return TensorType(x.dtype, tuple(SymDim.symbol(f"reshape_{i}", 0, total) for i in range(n)))
        want: list[Dim] = [d if isinstance(d, SymDim) else int(d) for d in shape.value.tolist()]
        dims = [x.shape[i] if d == 0 and not allow_zero else d for i, d in enumerate(want)]
        holes = [i for i, d in enumerate(dims) if d == -1]
        total = element_count(x.shape)
        if len(holes) > 1:
            raise ValueError(f"shape {want} has more than one -1")
        if holes:
            known = element_count([d for d in dims if d != -1])
            dims[holes[0]] = 0 if known == 0 else total // known
        if isinstance(total, int) and all(isinstance(d, int) for d in dims) and element_count(dims) != total:
            raise ValueError(f"cannot reshape {total} elements to {dims}")
        value = None if x.value is None or not all(isinstance(d, int) for d in dims) else x.value.reshape(dims)
        return Arg(TensorType(x.dtype, tuple(dims), x.type.quant), value)

    @staticmethod
    def reference(x: Array, shape: Array, *, allow_zero: bool) -> Array:
        dims = [x.shape[i] if d == 0 and not allow_zero else int(d) for i, d in enumerate(shape.tolist())]
        return np.reshape(x, dims)

