"""Cases of MatMul."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.types import QuantParams
from tests.cases.case import OpCase, op_case, rng
from tests.cases.linear_data import floats, int8s, sum_tolerance, weights8

SHAPES = {
    "matrices": ((5, 7), (7, 9)),
    "wide": ((13, 65), (65, 130)),
    "vectors": ((6,), (6,)),
    "row_vector": ((6,), (6, 4)),
    "column_vector": ((4, 6), (6,)),
    "batch": ((3, 4, 5), (3, 5, 6)),
    "broadcast_b": ((2, 3, 4, 5), (5, 6)),
    "broadcast_both": ((2, 1, 4, 5), (3, 5, 6)),
    "batch_vector": ((3, 4, 5), (5,)),
    "one_row": ((2, 2, 1, 33), (2, 2, 33, 17)),
}


def cases() -> Iterator[OpCase]:
    qa, qb, qy = QuantParams.per_tensor(0.04, 12), QuantParams.per_tensor(0.03, 0), QuantParams.per_tensor(0.5, -3)
    uneven = QuantParams.per_tensor(0.03, -77)
    for name, (sa, sb) in SHAPES.items():
        r = rng("MatMul", name)
        a, b, t = floats(r, *sa), floats(r, *sb), sum_tolerance(sa[-1])
        want = [np.asarray(np.matmul(a.astype(np.float64), b.astype(np.float64)), np.float32)]
        yield op_case("MatMul", f"f32_{name}", [a, b], tolerance=t, expected=want)
        yield op_case("MatMul", f"f32_constant_{name}", [a, b], constants=[1], tolerance=t, expected=want)
        yield op_case("MatMul", f"f16_weights_{name}", [a, b.astype(np.float16)], constants=[1], tolerance=t)
        ia, ib = int8s(r, *sa), int8s(r, *sb)
        yield op_case("MatMul", f"int8_{name}", [ia, ib], qin=[qa, uneven], qout=[qy])
        yield op_case("MatMul", f"int8_constant_{name}", [ia, weights8(r, *sb)], constants=[1], qin=[qa, qb], qout=[qy])
        yield op_case("MatMul", f"int8_minus_128_{name}", [ia, ib], constants=[1], qin=[qa, qb], qout=[qy])
        yield op_case("MatMul", f"int8_constant_zero_point_{name}", [ia, ib], constants=[1], qin=[qa, uneven], qout=[qy])
        if len(sb) > 1:
            per_channel = QuantParams.per_channel(r.uniform(0.01, 0.05, sb[-1]), axis=len(sb) - 1)
            yield op_case("MatMul", f"int8_weights_{name}", [a, weights8(r, *sb)], constants=[1], qin=[None, per_channel], tolerance=t)
        if len(sa) > 1 and len(sb) > 1:
            ta, tb = np.ascontiguousarray(np.swapaxes(a, -1, -2)), np.ascontiguousarray(np.swapaxes(b, -1, -2))
            both = {"transpose_a": True, "transpose_b": True}
            yield op_case("MatMul", f"f32_transposed_{name}", [ta, tb], both, tolerance=t, expected=want)
            yield op_case("MatMul", f"f32_transposed_b_{name}", [a, tb], {"transpose_b": True}, constants=[1], tolerance=t, expected=want)
            ja, jb = np.ascontiguousarray(np.swapaxes(ia, -1, -2)), np.ascontiguousarray(np.swapaxes(ib, -1, -2))
            yield op_case("MatMul", f"int8_transposed_{name}", [ja, jb], both, qin=[qa, uneven], qout=[qy])
            yield op_case(
                "MatMul", f"int8_transposed_constant_{name}", [ja, weights8(r, *jb.shape)], both, constants=[1], qin=[qa, qb], qout=[qy]
            )
    yield op_case(
        "MatMul", "empty_inner", [np.zeros((3, 0), np.float32), np.zeros((0, 4), np.float32)], expected=[np.zeros((3, 4), np.float32)]
    )
