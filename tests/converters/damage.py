"""Files with bytes of them replaced: whatever importers make of such, they say it as an error of EdgeKit's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from edgekit.errors import ConversionError


def damaged(data: bytes, trials: int, seed: int, start: int = 0, values: int = 256, cut: bool = False) -> Iterator[bytes]:
    """Variants of a file in which one to four bytes are others.

    Args:
        data: the whole file.
        trials: how many variants.
        seed: of what is drawn.
        start: bytes before it stay as they are.
        values: replaced bytes are smaller.
        cut: whether every third variant ends early, too.
    """
    rng = np.random.default_rng(seed)
    for trial in range(trials):
        broken = bytearray(data[: int(rng.integers(start + 1, len(data)))] if cut and trial % 3 == 0 else data)
        for at in rng.integers(start, len(broken), int(rng.integers(1, 5))):
            broken[at] = int(rng.integers(values))
        yield bytes(broken)


def refusals(variants: Iterable[bytes], load: Callable[[bytes], object]) -> list[str]:
    """Load every variant; the messages of those that are refused. Any other exception than a ConversionError gets through."""
    messages = []
    for data in variants:
        try:
            load(data)
        except ConversionError as e:
            messages.append(str(e))
    assert all(messages)
    return messages
