"""Permutations of dimensions.

A tensor ``x`` *stored* under ``perm`` is ``np.transpose(x, perm)``: its dimension ``i`` is dimension ``perm[i]`` of ``x``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.symbolic import SymDim
from edgekit.types import Dim, Shape, TensorType

Perm = tuple[int, ...]


def identity(rank: int) -> Perm:
    return tuple(range(rank))


def is_identity(perm: Perm) -> bool:
    return perm == identity(len(perm))


def inverse(perm: Perm) -> Perm:
    return tuple(perm.index(i) for i in range(len(perm)))


def compose(outer: Perm, inner: Perm) -> Perm:
    """The permutation of transposing by ``outer`` first and by ``inner`` then."""
    return tuple(outer[i] for i in inner)


def between(stored: Perm, wanted: Perm) -> Perm:
    """What a tensor stored under ``stored`` is transposed by to be stored under ``wanted``."""
    return tuple(stored.index(w) for w in wanted)


def channels_last(rank: int) -> Perm:
    """N, C, spatial... to N, spatial..., C."""
    return (0, *range(2, rank), 1) if rank > 2 else identity(rank)


def same_memory(shape: Sequence[Dim], a: Perm, b: Perm) -> bool:
    """True when storing under ``a`` and under ``b`` differ in dimensions of size 1 only."""
    return [i for i in a if shape[i] != 1] == [i for i in b if shape[i] != 1]


def permute_type(t: TensorType, perm: Perm) -> TensorType:
    """The type of the stored tensor."""
    q = t.quant
    if q is not None and q.axis is not None:
        q = replace(q, axis=perm.index(q.axis))
    return TensorType(t.dtype, tuple(t.shape[i] for i in perm), q)


def _ratio(a: Dim, b: Dim) -> bool:
    """True when ``a`` is a multiple of ``b`` and not equal to it."""
    if isinstance(a, int) and isinstance(b, int):
        return a > b > 0 and a % b == 0
    return isinstance(a, SymDim) and a.exact_div(b) is not None


def reshape_groups(xs: Sequence[Dim], ys: Sequence[Dim]) -> list[tuple[list[int], list[int]]] | None:
    """Which dimensions of a reshaped tensor come from which: lists of positions with equal products, dimensions of size 1 left out.

    None where the shapes do not show it.
    """
    left = [i for i, d in enumerate(xs) if d != 1]
    right = [i for i, d in enumerate(ys) if d != 1]
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        gi, gj = [left[i]], [right[j]]
        px, py = xs[left[i]], ys[right[j]]
        i, j = i + 1, j + 1
        while px != py:
            grow_right = px > py if isinstance(px, int) and isinstance(py, int) else _ratio(px, py)
            if grow_right:
                if j == len(right):
                    return None
                gj.append(right[j])
                py, j = py * ys[right[j]], j + 1
            else:
                if i == len(left) or not ((isinstance(px, int) and isinstance(py, int)) or _ratio(py, px)):
                    return None
                gi.append(left[i])
                px, i = px * xs[left[i]], i + 1
        groups.append((gi, gj))
    return groups if i == len(left) and j == len(right) else None


def through_reshape(xs: Shape, ys: Shape, perm: Perm) -> Perm | None:
    """How the output of a Reshape from ``xs`` to ``ys`` is stored when its input is stored under ``perm`` and memory stays as it is.

    None where the reshape mixes dimensions that ``perm`` takes apart.
    """
    if any(d == 0 for d in (*xs, *ys)):
        return None
    groups = reshape_groups(xs, ys)
    if groups is None:
        return None
    first = {g[0][0]: g for g in groups}
    stored = [i for i in perm if xs[i] != 1]
    order: list[int] = []
    at = 0
    while at < len(stored):
        group = first.get(stored[at])
        if group is None or stored[at : at + len(group[0])] != group[0]:
            return None
        order += group[1]
        at += len(group[0])
    # a dimension of size 1 stays behind the dimension it stands behind now
    chunks: dict[int, list[int]] = {-1: []}
    last = -1
    for i, d in enumerate(ys):
        if d != 1:
            last = i
            chunks[i] = []
        chunks[last].append(i)
    return tuple(i for key in (-1, *order) for i in chunks[key])
