"""Distinct elements, or distinct slices along an axis."""

from __future__ import annotations

import numpy as np

from edgekit.ops.definition import Arg, Bool, Int, Port, T, op
from edgekit.ops.shapes import element_count, normalize_axis, unknown_dim
from edgekit.ops.traits import NotNumeric
from edgekit.types import F32, I8, I32, I64, U8, Array, Dim, TensorType


@op(id=160, category="selection")
class Unique:
    """The distinct slices of x along ``axis`` (with ``flat``: its distinct elements), and where they come from: ONNX ``Unique``.

    ``indices`` says where each first occurs, ``inverse`` which of them every slice of x is, ``counts`` how often each occurs. They come in
    ascending lexicographic order, or with ``sorted`` off in the order of first occurrence. NaNs are equal to each other and largest.
    """

    inputs = (Port("x", T),)
    outputs = (Port("y", T), Port("indices", I64), Port("inverse", I64), Port("counts", I64))
    attrs = (Int("axis", 0), Bool("flat", False), Bool("sorted", True))
    types = {T: (F32, I8, U8, I32, I64)}
    quant = NotNumeric()

    @staticmethod
    def infer(x: Arg, *, axis: int, flat: bool, sorted: bool) -> tuple[TensorType, ...]:
        a = 0 if flat else normalize_axis(axis, x.rank)
        shape: tuple[Dim, ...] = (element_count(x.shape),) if flat else x.shape
        found = unknown_dim("unique", shape[a])
        y = TensorType(x.dtype, (*shape[:a], found, *shape[a + 1 :]), x.type.quant)
        return y, TensorType(I64, (found,)), TensorType(I64, (shape[a],)), TensorType(I64, (found,))

    @staticmethod
    def reference(x: Array, *, axis: int, flat: bool, sorted: bool) -> tuple[Array, ...]:
        a = None if flat else axis  # numpy merges NaNs only without an axis
        y, indices, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=a)
        inverse = inverse.reshape(-1)
        if not sorted:
            order = np.argsort(indices)
            rank = np.argsort(order)
            y, indices, inverse, counts = np.take(y, order, axis=a), indices[order], rank[inverse], counts[order]
        return y, indices.astype(np.int64), inverse.astype(np.int64), counts.astype(np.int64)
