"""Reductions whose axes are computed at run time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.ops.definition import Arg, Bool, Enum, Port, T, op
from edgekit.ops.reduction import (
    NUMBERS,
    ReduceL1,
    ReduceL2,
    ReduceLogSumExp,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceProd,
    ReduceSum,
    ReduceSumSquare,
)
from edgekit.ops.shapes import either_dim, int_list, known_length, normalize_axes, same_scale, unknown_shape
from edgekit.ops.traits import FloatOnly
from edgekit.types import BOOL, I64, Array, Dim, TensorType

KINDS = ("sum", "mean", "max", "min", "prod", "l1", "l2", "sum_square", "log_sum_exp")
_REFERENCES: dict[str, Callable[..., Array]] = dict(
    zip(
        KINDS,
        (
            ReduceSum.reference,
            ReduceMean.reference,
            ReduceMax.reference,
            ReduceMin.reference,
            ReduceProd.reference,
            ReduceL1.reference,
            ReduceL2.reference,
            ReduceSumSquare.reference,
            ReduceLogSumExp.reference,
        ),
        strict=True,
    )
)
_FLOAT_ONLY = ("l2", "log_sum_exp")


@op(id=212, category="reduction")
class ReduceOver:
    """A reduction over ``axes`` that are computed (int64, rank 1). ``kind`` says which; see ``ReduceSum`` to ``ReduceLogSumExp``.

    No axes mean all of them. Without ``keepdims`` the number of axes must be known before the run. ``l2`` and ``log_sum_exp`` take
    floats alone.
    """

    inputs = (Port("x", T), Port("axes", I64))
    outputs = (Port("y", T),)
    attrs = (Enum("kind", choices=KINDS), Bool("keepdims", True))
    types = {T: (*NUMBERS, BOOL)}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, axes: Arg, *, kind: str, keepdims: bool) -> TensorType:
        if axes.rank != 1:
            raise ValueError(f"the axes must be a list, not a tensor of rank {axes.rank}")
        if kind in _FLOAT_ONLY and not x.dtype.is_float:
            raise ValueError(f"{kind} takes floats, not {x.dtype.label}")
        known = int_list(axes)
        if known is not None:
            gone = normalize_axes([int(a) for a in known if isinstance(a, int)], x.rank) if known else tuple(range(x.rank))
            return same_scale(x, [1 if i in gone else d for i, d in enumerate(x.shape) if keepdims or i not in gone])
        if keepdims:
            return same_scale(x, [either_dim(f"dim{i}", 1, d) for i, d in enumerate(x.shape)])
        count = known_length(axes)
        if count > x.rank:
            raise ValueError(f"{count} axes of a tensor of rank {x.rank}")
        filled: list[Dim] = [1 if d == 0 else d for d in x.shape]  # an empty dimension may be one that goes
        return same_scale(x, unknown_shape(x.rank - count if count else 0, TensorType(x.dtype, tuple(filled))))

    @staticmethod
    def reference(x: Array, axes: Array, *, kind: str, keepdims: bool) -> Array:
        return np.asarray(_REFERENCES[kind](x, axes=normalize_axes([int(a) for a in axes], x.ndim), keepdims=keepdims))
