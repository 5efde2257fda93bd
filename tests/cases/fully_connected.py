"""Cases of FullyConnected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.types import QuantParams
from tests.cases.case import OpCase, op_case, rng
from tests.cases.linear_data import channel_scales, floats, int8s, int32s, sum_tolerance, weights8


def cases() -> Iterator[OpCase]:
    for name, shape, n in [
        ("vector", (7,), 5),
        ("row", (1, 130), 67),
        ("rows", (9, 33), 48),
        ("batch", (2, 3, 5, 16), 31),
        ("one", (1, 1), 1),
    ]:
        r = rng("FullyConnected", name)
        k = shape[-1]
        x, w, b, t = floats(r, *shape), floats(r, n, k), floats(r, n), sum_tolerance(k)
        want = np.einsum("...k,nk->...n", x.astype(np.float64), w.astype(np.float64)) + b
        yield op_case("FullyConnected", f"f32_{name}", [x, w, b], constants=[1, 2], tolerance=t, expected=[want.astype(np.float32)])
        qx, qy, qw = QuantParams.per_tensor(0.05, 9), QuantParams.per_tensor(0.3, -20), channel_scales(r, n)
        ix, iw, ib = int8s(r, *shape), weights8(r, n, k), int32s(r, n)
        yield op_case("FullyConnected", f"int8_{name}", [ix, iw, ib], constants=[1, 2], qin=[qx, qw, None], qout=[qy])
        for mode in ("fixed_up", "fixed_away"):
            options = {"requantize": mode}
            yield op_case("FullyConnected", f"int8_{mode}_{name}", [ix, iw, ib], options, constants=[1, 2], qin=[qx, qw, None], qout=[qy])
        yield op_case("FullyConnected", f"int8_weights_{name}", [x, iw, b], constants=[1, 2], qin=[None, qw, None], tolerance=t)
        yield op_case("FullyConnected", f"f16_weights_{name}", [x, w.astype(np.float16), b], constants=[1, 2], tolerance=t)
        yield op_case("FullyConnected", f"computed_weights_{name}", [x, w, b], tolerance=t)
        yield op_case("FullyConnected", f"int8_computed_{name}", [ix, iw, ib], {"clamp_min": 0.0}, qin=[qx, qw, None], qout=[qy])
        yield op_case("FullyConnected", f"no_bias_clamp_{name}", [x, w], {"clamp_min": 0.0, "clamp_max": 1.0}, constants=[1], tolerance=t)
