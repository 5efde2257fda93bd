"""Which weights matter least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.types import Array


def global_magnitude_masks(weights: Sequence[Array], sparsity: float) -> list[Array]:
    """Masks (True keeps) that drop the ``sparsity`` share of all weights with the smallest magnitude, over all tensors together.

    Exactly ``floor(sparsity * total)`` weights go; ties are broken by position, so the result is deterministic
    (Han et al., "Learning both Weights and Connections for Efficient Neural Networks", 2015; global variant of Blalock et al., 2020).

    Args:
        weights: float arrays of any shape.
        sparsity: in [0, 1).
    """
    total = sum(w.size for w in weights)
    drop = int(np.floor(sparsity * total))
    flat = np.concatenate([np.abs(w.reshape(-1).astype(np.float64)) for w in weights]) if weights else np.zeros(0)
    keep = np.ones(total, bool)
    keep[np.argsort(flat, kind="stable")[:drop]] = False
    out, at = [], 0
    for w in weights:
        out.append(keep[at : at + w.size].reshape(w.shape))
        at += w.size
    return out
