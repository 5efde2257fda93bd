"""Arrays in another order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgekit.arrays import permuted


@pytest.mark.parametrize("perm", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("shape", [(3, 3, 100, 130), (1, 70, 1, 1001), (2, 3, 4, 5), (0, 3, 4, 5)])
def test_every_order_is_that_of_numpy(shape: tuple[int, ...], perm: tuple[int, ...]) -> None:
    a = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    got = permuted(a, perm)
    np.testing.assert_array_equal(got, a.transpose(perm))
    assert got.flags.c_contiguous and got.dtype == a.dtype
    np.testing.assert_array_equal(permuted(a[..., ::-1], perm), a[..., ::-1].transpose(perm))  # not in C order to begin with


def test_no_axis() -> None:
    assert permuted(np.float32(3.0).reshape(()), ()).item() == 3.0
