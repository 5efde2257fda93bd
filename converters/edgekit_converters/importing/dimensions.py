"""Which dimensions an array in memory can have."""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_RANK = 64
"""numpy's own limit is 64 dimensions (32 before numpy 2)."""
MAX_SPAN = 1 << 48


def possible(shape: Sequence[int]) -> bool:
    """Whether numpy can make an array of a shape: also of one without elements the other dimensions must have a product it can count to."""
    return len(shape) <= MAX_RANK and all(d >= 0 for d in shape) and math.prod(d for d in shape if d) <= MAX_SPAN
