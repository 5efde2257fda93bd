"""Matrices that stay diagonals compute what the same matrices as arrays compute."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.passes.fuse import matrices
from edgekit.passes.fuse.matrices import Diagonal, Matrix, dense
from edgekit.types import Array

R = np.random.default_rng(3)


def block(shape: tuple[int, int], row: int, column: int, count: int) -> Diagonal:
    return Diagonal(shape, row, column, R.integers(1, 5, count).astype(np.float64))


FULL = R.integers(1, 9, (4, 6)).astype(np.float32)
BLOCKS = [block((4, 6), 0, 0, 4), block((4, 6), 0, 2, 4), block((4, 6), 1, 0, 2), block((4, 6), 3, 5, 1)]
SOME: list[Matrix] = [*BLOCKS, FULL, FULL.astype(np.float64)]


def same(got: Matrix | None, want: Array) -> None:
    if got is None:
        assert not want.any()
    else:
        assert got.shape == want.shape
        np.testing.assert_array_equal(dense(got), want)


@pytest.mark.parametrize("m", SOME, ids=range(len(SOME)))
def test_one_matrix(m: Matrix) -> None:
    w = R.standard_normal((6, 3)).astype(np.float32)
    np.testing.assert_allclose(dense(matrices.times(m, w)), dense(m) @ w.astype(np.float64), rtol=1e-6)
    by = np.array([1.0, 0, 2, -1, 0, 3])
    same(matrices.simplified(matrices.scaled(m, by)), dense(m) * by)
    same(matrices.joined([(2, m)], 4, 9), np.pad(dense(m), ((0, 0), (2, 1))))
    for start in range(6):
        for stop in range(start + 1, 7):
            same(matrices.simplified(matrices.columns(m, start, stop)), dense(m)[:, start:stop])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sums(sign: float) -> None:
    for a in SOME:
        for b in SOME:
            same(matrices.simplified(matrices.plus(a, b, sign)), dense(a) + sign * dense(b))


def test_equal_matrices_have_one_form() -> None:
    for m in SOME:
        again = matrices.simplified(dense(m).astype(np.float64))
        first = matrices.simplified(m)
        assert first is not None and again is not None and type(first) is type(again)
        assert matrices.digest(first) == matrices.digest(again)
    assert len({matrices.digest(m) for m in SOME[:5]}) == 5
    assert matrices.digest(SOME[4]) == matrices.digest(SOME[5])
    assert matrices.digest(np.array([[0.0, 1], [2, -0.0]])) == matrices.digest(np.array([[-0.0, 1], [2, 0.0]]))


def test_the_identity() -> None:
    eye = matrices.simplified(np.eye(5))
    assert eye is not None and matrices.is_identity(eye) and not matrices.is_identity(eye, -1.0)
    minus = matrices.simplified(-np.eye(5))
    assert minus is not None and matrices.is_identity(minus, -1.0)
    for other in (np.eye(5, 6), np.diag([1.0, 1, 0, 1, 1]), np.diag([0.0, 1, 1]), np.fliplr(np.eye(5)), np.ones((5, 5))):
        m = matrices.simplified(other)
        assert m is not None and not matrices.is_identity(m)
        np.testing.assert_array_equal(dense(m), other)
    joined = matrices.joined([(0, matrices.columns(matrices.identity(4), 0, 1)), (1, matrices.columns(matrices.identity(4), 1, 4))], 4, 4)
    whole = matrices.simplified(joined)
    assert whole is not None and matrices.is_identity(whole)
