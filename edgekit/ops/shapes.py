"""Shape rules that several operators share. All accept symbolic dimensions; impossible shapes raise ``ValueError``."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.types import Dim, Shape, format_shape


def broadcast(*shapes: Sequence[Dim]) -> Shape:
    """The numpy broadcast of shapes. A symbolic dimension against an integer above 1 takes the integer."""
    rank = max((len(s) for s in shapes), default=0)
    out: list[Dim] = []
    for i in range(rank):
        result: Dim = 1
        for s in shapes:
            j = i - (rank - len(s))
            if j < 0 or s[j] == 1 or s[j] == result:
                continue
            if result == 1 or not isinstance(result, int):
                result = s[j] if result == 1 or isinstance(s[j], int) else result
            elif isinstance(s[j], int):
                raise ValueError("shapes " + ", ".join(format_shape(x) for x in shapes) + " do not broadcast")
        out.append(result)
    return tuple(out)


def normalize_axis(axis: int, rank: int) -> int:
    """``axis`` counted from the front."""
    if not -rank <= axis < max(rank, 1):
        raise ValueError(f"axis {axis} is outside a tensor of rank {rank}")
    return axis + rank if axis < 0 else axis


def normalize_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Several axes counted from the front, sorted, each once."""
    out = sorted(normalize_axis(a, rank) for a in axes)
    if len(set(out)) != len(out):
        raise ValueError(f"axes {tuple(axes)} name a dimension twice")
    return tuple(out)


def element_count(shape: Sequence[Dim]) -> Dim:
    """Product of the dimensions."""
    n: Dim = 1
    for d in shape:
        n = n * d
    return n
