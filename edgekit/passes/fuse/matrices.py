"""Matrices of the algebra of ``lanes``: most are a diagonal in a matrix of zeros (a leaf itself, a part, several joined), and stay so.

A matrix is an array, float32 as long as nothing was computed with it and float64 from then on, or a :class:`Diagonal`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.types import Array

CHUNK = 1 << 17
"""Elements that are hashed at a time."""


@dataclass(frozen=True)
class Diagonal:
    """Zeros but for ``values`` from (row, column) downwards to the right.

    Attributes:
        shape: of the matrix.
        row, column: of the first value.
        values: float64; neither the first nor the last is zero.
    """

    shape: tuple[int, int]
    row: int
    column: int
    values: Array


Matrix = Array | Diagonal


def identity(width: int) -> Diagonal:
    """The matrix that changes nothing."""
    return Diagonal((width, width), 0, 0, np.ones(width))


def is_identity(m: Matrix, factor: float = 1.0) -> bool:
    """Whether a simplified matrix is ``factor`` times the identity."""
    return isinstance(m, Diagonal) and m.shape == (len(m.values), len(m.values)) and bool((m.values == factor).all())


def simplified(m: Matrix) -> Matrix | None:
    """The one form of a matrix: a :class:`Diagonal` wherever it is one; None for zeros."""
    if isinstance(m, Diagonal):
        used = np.flatnonzero(m.values)
        if not len(used):
            return None
        first, last = int(used[0]), int(used[-1]) + 1
        return m if last - first == len(m.values) else Diagonal(m.shape, m.row + first, m.column + first, m.values[first:last])
    count = int(np.count_nonzero(m))
    if count == 0:
        return None
    if count > min(m.shape):
        return m
    rows, columns = np.nonzero(m)
    if (columns - rows != columns[0] - rows[0]).any():
        return m
    along = np.arange(int(rows[0]), int(rows[-1]) + 1)
    values = m[along, along + (int(columns[0]) - int(rows[0]))].astype(np.float64)
    return Diagonal((m.shape[0], m.shape[1]), int(rows[0]), int(columns[0]), values)


def dense(m: Matrix) -> Array:
    """The matrix as an array."""
    if not isinstance(m, Diagonal):
        return m
    whole = np.zeros(m.shape)
    along = np.arange(len(m.values))
    whole[m.row + along, m.column + along] = m.values
    return whole


def times(m: Matrix, w: Array) -> Matrix:
    """``m @ w``."""
    if not isinstance(m, Diagonal):
        return np.asarray(m.astype(np.float64) @ w.astype(np.float64))
    part = w[m.column : m.column + len(m.values)]
    if not (m.values == 1).all():
        part = m.values[:, None] * part
    if len(part) == m.shape[0]:
        return part
    whole = np.zeros((m.shape[0], w.shape[1]))
    whole[m.row : m.row + len(part)] = part
    return whole


def plus(a: Matrix, b: Matrix, sign: float) -> Matrix:
    """``a + sign * b``."""
    if isinstance(a, Diagonal) and isinstance(b, Diagonal) and (a.row, a.column, len(a.values)) == (b.row, b.column, len(b.values)):
        return Diagonal(a.shape, a.row, a.column, a.values + sign * b.values)
    return np.asarray(dense(a).astype(np.float64) + sign * dense(b))


def scaled(m: Matrix, by: Array) -> Matrix:
    """Each column times its number."""
    if isinstance(m, Diagonal):
        return Diagonal(m.shape, m.row, m.column, m.values * by[m.column : m.column + len(m.values)])
    return m if (by == 1).all() else np.asarray(m * by)


def columns(m: Matrix, start: int, stop: int) -> Matrix:
    """Columns from ``start`` to before ``stop``."""
    if not isinstance(m, Diagonal):
        return m[:, start:stop]
    first = min(max(start - m.column, 0), len(m.values))
    last = max(min(stop - m.column, len(m.values)), first)
    return Diagonal((m.shape[0], stop - start), m.row + first, m.column + first - start, m.values[first:last])


def joined(parts: Sequence[tuple[int, Matrix]], rows: int, width: int) -> Matrix:
    """Zeros of ``width`` columns with matrices from some columns on."""
    at, m = parts[0]
    if len(parts) == 1 and isinstance(m, Diagonal):
        return Diagonal((rows, width), m.row, m.column + at, m.values)
    whole = np.zeros((rows, width))
    for at, m in parts:
        whole[:, at : at + m.shape[1]] += dense(m)
    return whole


def digest(m: Matrix) -> str:
    """Equal for equal simplified matrices (or vectors), whatever their element type."""
    if isinstance(m, Diagonal):
        place = repr((m.shape, m.row, m.column)).encode()
        return hashlib.sha256(b"diagonal" + place + (m.values + 0.0).tobytes()).hexdigest()
    state = hashlib.sha256(repr(m.shape).encode())
    step = max(1, CHUNK // max(1, m[:1].size))
    for first in range(0, len(m), step):
        state.update((m[first : first + step].astype(np.float64) + 0.0).tobytes())  # the sum makes -0.0 plain
    return state.hexdigest()
