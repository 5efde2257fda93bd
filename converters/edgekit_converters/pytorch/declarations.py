"""Types and shapes that a program declares of its inputs."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.errors import GraphError
from edgekit.symbolic import Symbol, SymDim, parse_dim
from edgekit.types import Dim, TensorType
from edgekit_converters.pytorch.program import TensorMeta


def declared_shape(meta: TensorMeta, ranges: Mapping[str, tuple[int, int | None]], name: str) -> tuple[Dim, ...]:
    """The shape of an input; an expression that is not a sum of products of symbols becomes a symbol of its own."""
    dims: list[Dim] = []
    for i, s in enumerate(meta.sizes):
        if isinstance(s, int):
            dims.append(s)
            continue
        try:
            dims.append(parse_dim(s, {k: Symbol(k, max(low, 1), high) for k, (low, high) in ranges.items()}))
        except GraphError:
            dims.append(SymDim.symbol(f"{name}_{i}", 1))
    return tuple(dims)


def input_type(meta: TensorMeta, ranges: Mapping[str, tuple[int, int | None]], name: str) -> TensorType:
    """The type of an input; a complex one has its parts in a last dimension of 2."""
    shape = declared_shape(meta, ranges, name)
    return TensorType(meta.type.part.dtype, (*shape, 2) if meta.type.is_complex else shape)
