"""Shape rules that several operators share. All accept symbolic dimensions; impossible shapes raise ``ValueError``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgekit.errors import GraphError
from edgekit.ops.definition import Arg
from edgekit.symbolic import Room, Symbol, SymDim, open_capacity
from edgekit.types import Dim, Shape, TensorType, format_shape


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


def upper(dim: Dim) -> int | None:
    """The largest value a dimension can take, None where nothing limits it."""
    if isinstance(dim, int):
        return dim
    try:
        return dim.upper_bound()
    except GraphError:
        return None


def lower(dim: Dim) -> int:
    """The smallest value a dimension can take."""
    return dim if isinstance(dim, int) else dim.lower_bound()


def unknown_dim(name: str, bound: Dim | None = None, lowest: int = 0) -> SymDim:
    """A dimension that only the data decide, at least ``lowest`` and at most ``bound`` (None: nothing known limits it).

    The name begins with ``?``: ``infer_outputs`` puts the node's name in its place, so that two nodes never share one.
    """
    if bound is None:
        return SymDim.of(Symbol(f"?{name}", lowest, max(lowest, open_capacity()), is_open=True))
    return SymDim.of(Symbol(f"?{name}", lowest, upper(bound), is_open=not isinstance(bound, int) and bound.is_open))


def unknown_shape(rank: int, like: TensorType) -> list[Dim]:
    """``rank`` dimensions that only the data decide, of a tensor with as many elements as ``like``."""
    if not all(isinstance(d, int) or d.limits()[1] is not None for d in like.shape):
        return [SymDim.symbol(f"?dim{i}") for i in range(rank)]
    most = like.max_elements()
    room = Room("?", rank, most)
    is_open = any(not isinstance(d, int) and d.is_open for d in like.shape)
    # beside an empty dimension the others may be anything; as large as they were is what can be expected
    each = max(most, math.prod(max(1, upper(d) or 1) for d in like.shape) if most == 0 else 0)
    return [SymDim.of(Symbol(f"?dim{i}", 0, each, room, is_open)) for i in range(rank)]


def either_dim(name: str, a: Dim, b: Dim) -> Dim:
    """A dimension that is one of two."""
    if a == b:
        return a
    tops = [upper(a), upper(b)]
    is_open = any(not isinstance(d, int) and d.is_open for d in (a, b))
    top = None if None in tops else max(t for t in tops if t is not None)
    return SymDim.of(Symbol(f"?{name}", min(lower(a), lower(b)), top, is_open=is_open))


def same_scale(x: Arg, shape: Sequence[Dim]) -> TensorType:
    """The type of ``x`` with another shape; a per-tensor quantization is kept, a per-channel one is not."""
    q = x.type.quant
    return TensorType(x.dtype, tuple(shape), q if q is not None and q.is_per_tensor else None)


def int_list(value: Arg | None) -> list[Dim] | None:
    """The known integers (or symbolic dimensions) of a rank 0 or 1 input, None where they are computed at run time."""
    if value is None or value.value is None:
        return None
    return [d if isinstance(d, SymDim) else int(d) for d in value.value.reshape(-1).tolist()]


def known_length(value: Arg) -> int:
    """The number of elements of a rank 1 input, which must be known even where its values are not."""
    if value.rank != 1 or not isinstance(value.shape[0], int):
        raise ValueError(f"a list whose length is known is needed, got shape {format_shape(value.shape)}")
    return value.shape[0]
