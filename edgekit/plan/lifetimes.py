"""Which values share memory, and from when to when each block of memory is needed.

A *block* holds one value, or several that share it: a Reshape and what it reshapes; an elementwise result written over an input that
nobody reads any more; a Concat and the inputs computed right into their place in it; a Split and its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.ir import Graph, Node, Value

ALIGNMENT = 64
_VIEWS = ("Reshape", "Identity")


def align(n: int) -> int:
    """``n`` rounded up to the arena's alignment."""
    return -(-n // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Sharing:
    """What may share memory.

    Attributes:
        in_place: results of operators that may run in place take the memory of an input.
        concat: inputs of Concat are computed into its output.
        split: outputs of Split stay where they are in its input.
    """

    in_place: bool = True
    concat: bool = True
    split: bool = True


@dataclass(frozen=True)
class Lifetime:
    """A block of memory and the nodes during which it must be kept.

    Attributes:
        name: of the first value in the block.
        nbytes: size at the largest shape.
        first: index of the node that writes it first; -1 for graph inputs.
        last: index of the last node that reads it; the number of nodes for graph outputs and the inputs of states.
    """

    name: str
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Lifetimes:
    """The blocks of a graph.

    Attributes:
        blocks: in order of first use.
        places: value name -> (name of its block, byte offset in it).
    """

    blocks: tuple[Lifetime, ...]
    places: Mapping[str, tuple[str, int]]


@dataclass
class _Member:
    value: Value
    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(eq=False)
class _Block:
    nbytes: int
    members: list[_Member] = field(default_factory=list)
    is_input: bool = False


class _Sharer:
    """Goes through the nodes in execution order and decides where each output lives."""

    def __init__(self, graph: Graph, sharing: Sharing) -> None:
        self.graph = graph
        self.sharing = sharing
        self.position = {id(n): i for i, n in enumerate(graph.nodes)}
        self.end = len(graph.nodes)
        # the memory of a state's input holds it until the run has succeeded, and on to the next run
        self.outputs = {id(v) for v in graph.outputs} | {id(s.input) for s in graph.states}
        self.block_of: dict[int, _Block] = {}
        self.member_of: dict[int, _Member] = {}
        self.blocks: list[_Block] = []

    def run(self) -> Lifetimes:
        for v in self.graph.inputs:
            self._own(v).is_input = True
        for n in self.graph.nodes:
            if not self._concat(n) and not self._split(n):
                for v in n.outputs:
                    if not self._view(n, v) and not self._in_place(n, v):
                        self._own(v)
        return self._result()

    # -- facts ----------------------------------------------------------------------------------------------------------

    def _last(self, v: Value) -> int:
        if id(v) in self.outputs:
            return self.end
        first = -1 if v.producer is None else self.position[id(v.producer)]
        return max([first, *(self.position[id(n)] for n in v.users)])

    def _member(self, v: Value, offset: int) -> _Member:
        first = -1 if v.producer is None else self.position[id(v.producer)]
        return _Member(v, offset, v.type.nbytes_max(), first, self._last(v))

    def _own(self, v: Value) -> _Block:
        block = _Block(v.type.nbytes_max())
        self.blocks.append(block)
        self._place(v, block, 0)
        return block

    def _place(self, v: Value, block: _Block, offset: int) -> None:
        member = self._member(v, offset)
        block.members.append(member)
        self.block_of[id(v)] = block
        self.member_of[id(v)] = member

    # -- ways to share --------------------------------------------------------------------------------------------------

    def _view(self, n: Node, v: Value) -> bool:
        if n.op not in _VIEWS:
            return False
        x = n.input(0)
        if x.is_constant or x.type.nbytes_max() != v.type.nbytes_max():
            return False
        block = self.block_of[id(x)]
        if block.is_input and self._last(v) == self.end:
            return False  # the output would change when the next input is set
        self._place(v, block, self.member_of[id(x)].offset)
        return True

    def _in_place(self, n: Node, v: Value) -> bool:
        if not self.sharing.in_place or not n.definition.may_run_in_place or len(n.outputs) != 1:
            return False
        at = self.position[id(n)]
        for x in n.inputs:
            if x is None or x.is_constant or x.dtype.itemsize != v.dtype.itemsize or tuple(x.shape) != tuple(v.shape):
                continue
            block, place = self.block_of[id(x)], self.member_of[id(x)]
            if place.last > at or v.type.nbytes_max() == 0:
                continue
            if block.is_input and self._last(v) == self.end:
                continue
            others = [m for m in block.members if m is not place and _overlap(m, place)]
            if any(m.last > at or (m.last == at and any(u is m.value for u in n.inputs)) for m in others):
                continue
            self._place(v, block, place.offset)
            return True
        return False

    def _concat(self, n: Node) -> bool:
        """The output gets a block of its own; inputs move into it where they can."""
        if n.op != "Concat" or not self.sharing.concat:
            return False
        y = n.outputs[0]
        if not _contiguous(n, y, n.attrs["axis"]) or not all(x is not None and x.type.is_static for x in n.inputs):
            return False
        if self._joined(n, y):
            return True
        block = self._own(y)
        offset = 0
        for i, x in enumerate(n.inputs):
            assert x is not None
            size = x.type.nbytes_max()
            old = self.block_of.get(id(x))
            movable = (
                old is not None
                and old is not block
                and not old.is_input
                and old.nbytes == size > 0
                and offset % ALIGNMENT == 0
                and not any(x is other for other in n.inputs[:i] + n.inputs[i + 1 :])
            )
            if movable and old is not None:
                for m in old.members:
                    m.offset += offset
                    block.members.append(m)
                    self.block_of[id(m.value)] = block
                self.blocks.remove(old)
            offset += size
        return True

    def _joined(self, n: Node, y: Value) -> bool:
        """All inputs follow each other in one block already: the output is the whole of them."""
        first = n.input(0)
        if first.is_constant or y.type.nbytes_max() == 0:
            return False
        block, at = self.block_of[id(first)], self.member_of[id(first)].offset
        start = at
        for x in n.inputs:
            if x is None or x.is_constant or self.block_of[id(x)] is not block or self.member_of[id(x)].offset != at:
                return False
            at += x.type.nbytes_max()
        if block.is_input and self._last(y) == self.end:
            return False
        self._place(y, block, start)
        return True

    def _split(self, n: Node) -> bool:
        if n.op != "Split" or not self.sharing.split:
            return False
        x = n.input(0)
        if x.is_constant or not _contiguous(n, x, n.attrs["axis"]):
            return False
        block, start = self.block_of[id(x)], self.member_of[id(x)].offset
        offset = start
        for v in n.outputs:
            if offset % ALIGNMENT == 0 and not (block.is_input and self._last(v) == self.end):
                self._place(v, block, offset)
            else:
                self._own(v)
            offset += v.type.nbytes_max()
        return True

    def _result(self) -> Lifetimes:
        lives = []
        places = {}
        for b in self.blocks:
            name = b.members[0].value.name
            lives.append(Lifetime(name, b.nbytes, min(m.first for m in b.members), max(m.last for m in b.members)))
            places.update({m.value.name: (name, m.offset) for m in b.members})
        lives.sort(key=lambda t: (t.first, t.name))
        return Lifetimes(tuple(lives), places)


def _overlap(a: _Member, b: _Member) -> bool:
    return a.offset < b.offset + b.nbytes and b.offset < a.offset + a.nbytes


def _contiguous(n: Node, whole: Value, axis: int) -> bool:
    """True when the parts along ``axis`` follow each other in memory."""
    if not whole.type.is_static or not all(v.type.is_static for v in n.outputs):
        return False
    outer = whole.shape[: axis % len(whole.shape)]
    return all(d == 1 for d in outer)


def lifetimes(graph: Graph, sharing: Sharing | None = None) -> Lifetimes:
    """The blocks of memory that the values of one graph need, in the present execution order."""
    return _Sharer(graph, sharing or Sharing()).run()
