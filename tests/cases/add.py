"""Cases of Add."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.types import QuantParams
from tests.cases.case import OpCase, op_case, rng


def cases() -> Iterator[OpCase]:
    r = rng("Add")
    a = r.standard_normal((2, 3, 4), dtype=np.float32)
    b = r.standard_normal((3, 1), dtype=np.float32)
    yield op_case("Add", "broadcast", [a, b], expected=[a + b])
    yield op_case("Add", "clamp", [a, a], {"clamp_min": 0.0, "clamp_max": 1.0}, expected=[np.clip(a + a, 0, 1)])
    yield op_case("Add", "int64", [np.arange(5), np.array(3)], expected=[np.arange(5) + 3])
    qa, qb, qy = QuantParams.per_tensor(0.05, -3), QuantParams.per_tensor(0.11, 20), QuantParams.per_tensor(0.13, 7)
    ia = r.integers(-128, 128, (4, 37)).astype(np.int8)
    ib = r.integers(-128, 128, (4, 37)).astype(np.int8)
    yield op_case("Add", "int8", [ia, ib], qin=[qa, qb], qout=[qy])
    yield op_case("Add", "int8_relu", [ia, ib], {"clamp_min": 0.0}, qin=[qa, qb], qout=[qy])
