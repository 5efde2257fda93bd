"""Gives symbolic dimensions their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.errors import PassError
from edgekit.ir import Graph
from edgekit.passes.canonicalize.infer_shapes import refine_types
from edgekit.symbolic import Symbol, SymDim
from edgekit.types import format_shape


@dataclass(frozen=True)
class BoundShapes:
    """What ``bind_shapes`` did.

    Attributes:
        values: the value of each symbol that was bound.
        notes: one sentence for each decision the user did not make (a batch dimension set to 1).
    """

    values: Mapping[str, int]
    notes: tuple[str, ...] = ()


def bind_shapes(graph: Graph, shapes: Mapping[str, Sequence[int] | int], default_batch: bool = True) -> BoundShapes:
    """Set the shapes of inputs and infer all types again, in place.

    Args:
        graph: the graph.
        shapes: by input name the whole shape (-1 leaves a dimension as it is), or by symbol name one integer.
        default_batch: set a leading dimension that is still an unbounded symbol to 1.

    Raises:
        PassError: a name that is neither an input nor a symbol, a wrong rank, or dimensions that contradict each other.
    """
    inputs = {v.name: v for v in graph.inputs}
    symbols = {s.name for v in graph.inputs for s in _symbols(v.shape)}
    values: dict[str, int] = {}
    forced = False
    for name, want in shapes.items():
        if isinstance(want, int):
            if name not in symbols:
                raise PassError(f"no input has a dimension called {name!r}; symbolic dimensions are {sorted(symbols)}")
            _bind(values, name, want)
            continue
        if name not in inputs:
            raise PassError(f"no input is called {name!r}; inputs are {list(inputs)}")
        v = inputs[name]
        if len(want) != len(v.shape):
            raise PassError(f"input {name!r} has rank {len(v.shape)} {format_shape(v.shape)}, the shape given has {len(want)} dimensions")
        for i, (dim, n) in enumerate(zip(v.shape, want, strict=True)):
            if n == -1 or dim == n:
                continue
            if n < 0:
                raise PassError(f"input {name!r}: dimension {i} cannot be {n}")
            single = _single(dim)
            if single is not None:
                _bind(values, single.name, n)
            else:
                v.type = v.type.with_shape([n if k == i else d for k, d in enumerate(v.shape)])
                forced = True
    notes = []
    if default_batch:
        for v in graph.inputs:
            first = _single(v.shape[0]) if v.shape else None
            if first is not None and first.upper is None and first.name not in values:
                _bind(values, first.name, 1)
                notes.append(f"dimension {first.name!r} (batch of input {v.name!r}) was not given: set to 1; pass a shape to change it")
    if values:
        for g in graph.walk():
            for v in g.values():
                if not v.type.is_static:
                    v.type = v.type.bind(values)
    if values or forced:
        refine_types(graph, trust=not forced)
    return BoundShapes(values, tuple(notes))


def _symbols(shape: Sequence[int | SymDim]) -> set[Symbol]:
    return {s for d in shape if isinstance(d, SymDim) for s in d.symbols()}


def _single(dim: int | SymDim) -> Symbol | None:
    """The symbol a dimension consists of, None for integers and expressions."""
    if isinstance(dim, SymDim) and len(dim.terms) == 1:
        mono, c = dim.terms[0]
        if c == 1 and len(mono) == 1 and isinstance(mono[0], Symbol):
            return mono[0]
    return None


def _bind(values: dict[str, int], name: str, value: int) -> None:
    if values.setdefault(name, value) != value:
        raise PassError(f"dimension {name!r} cannot be {values[name]} and {value} at once")
