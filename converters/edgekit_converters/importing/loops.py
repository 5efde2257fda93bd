"""What a loop carries from trip to trip, and what its body takes from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Protocol, TypeVar

from edgekit.errors import GraphError
from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import Symbol, SymDim, open_capacity
from edgekit.types import Dim, TensorType
from edgekit_converters.importing.problems import Unsupported

MAX_TRIPS = 128
"""How often the bodies of a loop, and of the loops inside of it, are imported all in all."""
MAX_ROUNDS = 4
"""How often a body is imported until the types hold; in the second half of them dimensions are taken to grow."""

T = TypeVar("T")

#: how often bodies were imported so far for the outermost loop under way
_TRIPS: ContextVar[list[int] | None] = ContextVar("_TRIPS", default=None)


class Body(Protocol):
    """The importer of a body, a graph of its own.

    Attributes:
        builder: of that graph, whose last inputs are the captured ones.
        captures: values outside that it uses, each with the input that stands for it.
    """

    builder: GraphBuilder
    captures: list[tuple[Value, Value]]


B = TypeVar("B", bound=Body)


def share_captures(bodies: Sequence[B], capture: Callable[[B, Value], Value]) -> list[Value]:
    """Give several bodies the same captured inputs in the same order.

    Args:
        bodies: branches of one node.
        capture: makes a value outside an input of a body.

    Returns:
        the values outside.
    """
    outside: list[Value] = []
    for b in bodies:
        outside += [o for o, _ in b.captures if not any(o is v for v in outside)]
    for b in bodies:
        graph = b.builder.graph
        own = graph.inputs[: len(graph.inputs) - len(b.captures)]
        inner = []
        for o in outside:
            found = next((i for v, i in b.captures if v is o), None)
            inner.append(capture(b, o) if found is None else found)
        graph.inputs[:] = [*own, *inner]
    return outside


def settled_body(name: str, first: Sequence[TensorType], trip: Callable[[Sequence[TensorType]], tuple[T, Sequence[TensorType]]]) -> T:
    """A loop's body whose carried types hold on every trip: dimensions that change become symbols, and the body is imported again.

    Dimensions that grow with every trip are open in the end: they get the room that the capacity of the conversion says.

    Args:
        name: symbols are called after it.
        first: the types before the first trip.
        trip: imports the body for carried values of the given types; returns it with the types that they have behind it.

    Raises:
        Unsupported: element type or rank change, or the dimensions never hold.
    """
    made = _TRIPS.get()
    if made is None:
        token = _TRIPS.set([0])
        try:
            return settled_body(name, first, trip)
        finally:
            _TRIPS.reset(token)
    types = list(first)
    for round_ in range(MAX_ROUNDS):
        made[0] += 1
        if made[0] > MAX_TRIPS:
            raise Unsupported("the shapes of loops in loops change with every trip", "Pad them to a fixed size.", "dynamic-shape")
        body, results = trip(types)
        grows = round_ >= MAX_ROUNDS // 2
        pairs = enumerate(zip(types, results, strict=True))
        joined = [joined_type(f"{name}.carried{k}_{round_}", a, b, k, grows) for k, (a, b) in pairs]
        if joined == types:
            return body
        types = joined
    raise Unsupported("the shapes of its carried values change with every trip", "Pad them to a fixed size.", "dynamic-shape")


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
