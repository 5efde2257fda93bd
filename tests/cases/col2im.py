"""Cases of Col2Im: each block of each column lands at its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from edgekit.types import Array
from tests.cases.case import OpCase, op_case
from tests.cases.layout_moves import ints, sample


def added_up(x: Array, image: Sequence[int], block: Sequence[int], step: Sequence[int], gap: Sequence[int], pad: Sequence[int]) -> Array:
    """The definition, one element at a time."""
    n = len(image)
    taps = list(product(*(range(b) for b in block)))
    counts = [(image[i] + pad[i] + pad[n + i] - gap[i] * (block[i] - 1) - 1) // step[i] + 1 for i in range(n)]
    y = np.zeros((x.shape[0], x.shape[1] // len(taps), *image))
    for column, place in enumerate(product(*(range(c) for c in counts))):
        for k, tap in enumerate(taps):
            at = [place[i] * step[i] + tap[i] * gap[i] - pad[i] for i in range(n)]
            if all(0 <= a < s for a, s in zip(at, image, strict=True)):
                y[(slice(None), slice(None), *at)] += x[:, k :: len(taps), column]
    return y.astype(np.float32)


def cases() -> Iterator[OpCase]:
    for name, image, block, step, gap, pad in [
        ("whole", (4, 6), (2, 3), (2, 3), (1, 1), (0, 0, 0, 0)),
        ("overlapping", (5, 5), (3, 2), (1, 1), (1, 1), (0, 0, 0, 0)),
        ("padded", (5, 6), (3, 3), (2, 1), (1, 1), (1, 2, 1, 0)),
        ("dilated", (7, 6), (2, 3), (1, 2), (3, 2), (0, 1, 2, 1)),
        ("one_dimension", (9,), (4,), (2,), (1,), (1, 2)),
        ("three_dimensions", (3, 4, 5), (1, 2, 3), (1, 1, 2), (1, 2, 1), (0, 1, 0, 0, 0, 0)),
    ]:
        n = len(image)
        counts = [(image[i] + pad[i] + pad[n + i] - gap[i] * (block[i] - 1) - 1) // step[i] + 1 for i in range(n)]
        x = sample((2, 3 * int(np.prod(block)), int(np.prod(counts))), np.float32, name)
        want = added_up(x, image, block, step, gap, pad)
        attrs = {"strides": step, "dilations": gap, "pads": pad}
        for how, constants in (("", (1, 2)), ("_computed", ())):
            yield op_case("Col2Im", name + how, [x, ints(*image), ints(*block)], attrs, constants=constants, expected=[want])
    x = sample((1, 4, 4), np.float32, "defaults")
    yield op_case("Col2Im", "defaults", [x, ints(3, 3), ints(2, 2)], constants=(1, 2))
