"""Cases of Reshape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases.case import OpCase, op_case, rng


def cases() -> Iterator[OpCase]:
    x = rng("Reshape").standard_normal((2, 3, 4), dtype=np.float32)
    targets = [("flat", [24], (24,)), ("hole", [4, -1], (4, 6)), ("copy", [0, -1], (2, 12)), ("scalarish", [1, 24, 1], (1, 24, 1))]
    for name, shape, out in targets:
        yield op_case("Reshape", name, [x, np.array(shape, np.int64)], constants=[1], expected=[x.reshape(out)])
    yield op_case("Reshape", "computed_shape", [x, np.array([6, 4], np.int64)])
    yield op_case("Reshape", "int8", [x.astype(np.int8), np.array([3, 8], np.int64)], constants=[1])
