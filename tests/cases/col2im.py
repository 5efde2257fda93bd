"""Cases of Col2Im, with sums worked out window by window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.cases.case import OpCase, op_case, rng


def _by_hand(x: np.ndarray, image: list[int], block: list[int], strides: list[int], pads: list[int], dilations: list[int]) -> np.ndarray:
    rank = len(image)
    counts = [(image[i] + pads[i] + pads[rank + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(rank)]
    n, channels = x.shape[0], x.shape[1] // int(np.prod(block))
    y = np.zeros((n, channels, *image), np.float32)
    for c in range(channels):
        for t, tap in enumerate(np.ndindex(*block)):
            for p, at in enumerate(np.ndindex(*counts)):
                place = tuple(at[i] * strides[i] + tap[i] * dilations[i] - pads[i] for i in range(rank))
                if all(0 <= k < d for k, d in zip(place, image, strict=True)):
                    y[(slice(None), c, *place)] += x[:, c * int(np.prod(block)) + t, p]
    return y


def cases() -> Iterator[OpCase]:
    plans = {
        "plain": ([5, 5], [1, 5], [1, 1], [0, 0, 0, 0], [1, 1]),
        "pads": ([5, 5], [3, 2], [1, 1], [1, 0, 1, 1], [1, 1]),
        "strides": ([5, 6], [2, 3], [2, 3], [0, 0, 0, 0], [1, 1]),
        "dilations": ([6, 6], [2, 2], [1, 1], [0, 0, 0, 0], [2, 3]),
        "one_dimension": ([7], [3], [2], [1, 1], [1]),
        "three_dimensions": ([3, 4, 5], [1, 2, 2], [1, 1, 2], [0, 1, 0, 0, 0, 1], [1, 1, 1]),
    }
    for name, (image, block, strides, pads, dilations) in plans.items():
        rank = len(image)
        counts = [(image[i] + pads[i] + pads[rank + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(rank)]
        x = rng("Col2Im", name).standard_normal((2, 3 * int(np.prod(block)), int(np.prod(counts))), dtype=np.float32)
        yield op_case(
            "Col2Im", name, [x, np.array(image), np.array(block)], {"strides": strides, "pads": pads, "dilations": dilations},
            constants=[1, 2], expected=[_by_hand(x, image, block, strides, pads, dilations)],
        )  # fmt: skip
