"""What the elementwise cases share: shapes that broadcast in every way, values at the edges of each type. No cases of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.types import Array, DType, QuantParams
from tests.cases.case import OpCase, Tolerance, rng

#: name -> shapes of the two operands
BROADCASTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "same": ((2, 3, 4), (2, 3, 4)),
    "rank0": ((), ()),
    "scalar_left": ((1,), (5, 7)),
    "scalar_right": ((5, 7), ()),
    "row": ((4, 37), (37,)),
    "column": ((4, 37), (4, 1)),
    "column_left": ((4, 1), (4, 37)),
    "outer": ((5, 1), (1, 6)),
    "middle": ((2, 3, 5, 4), (3, 1, 4)),
    "channels": ((2, 3, 5, 7), (3, 1, 1)),
    "alternating": ((2, 1, 3, 1, 5), (1, 4, 1, 2, 5)),
    "rank_mismatch": ((6,), (2, 1, 3, 1)),
    "rank8": ((2, 1, 2, 1, 2, 1, 2, 3), (1, 2, 2, 2, 1, 1, 2, 1)),
    "empty": ((0, 3), (1, 3)),
    "empty_inner": ((4, 0), (4, 1)),
    "large": ((3, 20011), (3, 20011)),
    "large_row": ((70, 301), (301,)),
    "large_column": ((2, 9001), (2, 1)),
}

EXACT = Tolerance(0.0, 0.0)
ALL_DTYPES = tuple(DType)
#: one unit in the last place of float16
HALF = Tolerance(1e-3, 2e-3)

FLOAT_EDGES = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 1e-45, 3.4e38, -3.4e38, 65504.0, 2.0**-14, 7.0], np.float32
)


def cases() -> Iterator[OpCase]:
    """None: this module only helps the others."""
    yield from ()


def edges(dtype: DType) -> Array:
    """Values at the edges of a type."""
    if dtype.is_float:
        with np.errstate(all="ignore"):
            return FLOAT_EDGES.astype(dtype.numpy)
    if dtype is DType.BOOL:
        return np.array([False, True])
    info = np.iinfo(dtype.numpy)
    near = [info.min, info.min + 1, info.max - 1, info.max, 0, 1, 2, 3, 7, 13, info.max // 2]
    return np.array([v for v in near + ([-1, -2, -5] if info.min < 0 else []) if info.min <= v <= info.max], dtype.numpy)


def pairs(dtype: DType) -> tuple[Array, Array]:
    """Every pair of edge values."""
    e = edges(dtype)
    return np.repeat(e, len(e)), np.tile(e, len(e))


def random(shape: tuple[int, ...], *key: object, scale: float = 3.0) -> Array:
    """float32 of either sign."""
    x: Array = (rng(*key).standard_normal(shape) * scale).astype(np.float32)
    return x


def random_quantized(shape: tuple[int, ...], dtype: DType, *key: object) -> Array:
    """Any values of an integer type."""
    info = np.iinfo(dtype.numpy)
    return rng(*key).integers(info.min, info.max + 1, shape).astype(dtype.numpy)


def quant(dtype: DType, scale: float, zero_point: int) -> QuantParams:
    """Per-tensor parameters; ``zero_point`` is that of int8 and moves with the type's range."""
    if dtype is DType.I16:
        return QuantParams.per_tensor(scale / 256, zero_point * 100)
    return QuantParams.per_tensor(scale, zero_point + (128 if dtype is DType.U8 else 0))
