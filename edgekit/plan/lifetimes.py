"""When each value of a graph is alive, and which values share memory."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.ir import Graph, Value


@dataclass(frozen=True)
class Lifetime:
    """A block of memory and the nodes during which it must be kept.

    Attributes:
        name: of the value that owns the block.
        nbytes: size at the largest shape.
        first: index of the node that writes it; -1 for graph inputs.
        last: index of the last node that reads it; the number of nodes for graph outputs.
    """

    name: str
    nbytes: int
    first: int
    last: int


def lifetimes(graph: Graph) -> tuple[list[Lifetime], dict[str, str]]:
    """Blocks of memory a graph needs, and the values that live in another value's block (alias -> owner)."""
    end = len(graph.nodes)
    position = {id(n): i for i, n in enumerate(graph.nodes)}
    output_ids = {id(v) for v in graph.outputs}
    values = [v for v in graph.values() if not v.is_constant]

    def last_use(v: Value) -> int:
        if id(v) in output_ids:
            return end
        first = -1 if v.producer is None else position[id(v.producer)]
        return max([first, *(position[id(n)] for n in v.users)])

    aliases: dict[str, str] = {}
    owner_last: dict[str, int] = {}
    lives: dict[str, tuple[int, int]] = {}
    for v in values:
        first = -1 if v.producer is None else position[id(v.producer)]
        source = v.producer.input(0) if v.producer is not None and v.producer.op == "Reshape" else None
        if source is not None and not source.is_constant and source.type.nbytes_max() == v.type.nbytes_max():
            owner = aliases.get(source.name, source.name)
            aliases[v.name] = owner
            owner_last[owner] = max(owner_last[owner], last_use(v))
        else:
            lives[v.name] = (first, v.type.nbytes_max())
            owner_last[v.name] = last_use(v)
    return [Lifetime(n, size, first, owner_last[n]) for n, (first, size) in lives.items()], aliases
