"""Types of the values that a loop carries from trip to trip."""

from __future__ import annotations

from edgekit.errors import GraphError
from edgekit.symbolic import Symbol, SymDim, open_capacity
from edgekit.types import Dim, TensorType
from edgekit_converters.importing.problems import Unsupported

MAX_ROUNDS = 4
"""How often a body is imported until the types hold; in the second half of them dimensions are taken to grow."""


def joined_type(name: str, a: TensorType, b: TensorType, k: int, grows: bool) -> TensorType:
    """A type that holds before and after a trip: dimensions that differ become symbols.

    Args:
        name: symbols are called after it.
        a, b: the types before and after.
        k: which carried value it is, for messages.
        grows: the dimensions went on changing: they get the room that the capacity of the conversion says.

    Raises:
        Unsupported: element type or rank change.
    """
    if a.dtype is not b.dtype or a.rank != b.rank:
        raise Unsupported(f"carried value {k} is {a} before and {b} after a trip")
    dims: list[Dim] = []
    for i, (p, q) in enumerate(zip(a.shape, b.shape, strict=True)):
        fits = isinstance(p, SymDim) and (_is_open(p) or (not _is_open(q) and _limit(p, q) == _upper(p)))
        if p == q or fits:
            dims.append(p)
        elif grows or _is_open(q):
            dims.append(SymDim.of(Symbol(f"{name}.{i}", 0, open_capacity(), is_open=True)))
        else:
            dims.append(SymDim.symbol(f"{name}.{i}", 0, _limit(p, q)))
    return TensorType(a.dtype, tuple(dims))


def _is_open(d: Dim) -> bool:
    return isinstance(d, SymDim) and d.is_open


def _upper(d: Dim) -> int | None:
    try:
        return d if isinstance(d, int) else d.upper_bound()
    except GraphError:
        return None


def _limit(p: Dim, q: Dim) -> int | None:
    limits = [_upper(p), _upper(q)]
    return None if None in limits else max(v for v in limits if v is not None)
