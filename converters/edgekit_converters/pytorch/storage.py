"""Memory that the tensors of a program share: views, and writes in place."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.ir import Graph
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.complex_dispatch import Numbers

Write = Callable[[Numbers, Numbers], Numbers]


class Storage:
    """Memory that tensors share. A write makes a new value; views compute theirs anew when they are next read."""

    __slots__ = ("doubtful", "graph", "tainted", "value", "version")

    def __init__(self, value: Numbers, graph: Graph | None = None) -> None:
        self.value = value
        self.version = 0
        self.graph = graph  # where it is kept; None for the main graph
        self.doubtful: list[Storage] = []  # memory that may be the same: torch copies or not, by strides
        self.tainted = False  # such memory was written to


class Tensor:
    """A tensor of the source: all of a storage, or a view of it.

    Args:
        storage: the memory.
        steps: from the storage to this tensor: how each view is computed, and how a write to it goes back.
        value: its value now.
    """

    __slots__ = ("_value", "_version", "scrambled", "steps", "storage")

    def __init__(self, storage: Storage, steps: tuple[tuple[Callable[[Numbers], Numbers], Write], ...], value: Numbers) -> None:
        self.storage = storage
        self.steps = steps
        self.scrambled = False  # whether its elements may not lie one behind the other
        self._value = value
        self._version = storage.version

    @staticmethod
    def new(value: Numbers, graph: Graph | None = None) -> Tensor:
        """A tensor with memory of its own."""
        return Tensor(Storage(value, graph), (), value)

    def become(self, other: Tensor) -> None:
        """Turn into another view: operators such as ``transpose_`` change the very tensor they get."""
        self.storage, self.steps = other.storage, other.steps
        self.scrambled = other.scrambled
        self._value, self._version = other._value, other._version

    def read(self) -> Numbers:
        """The value now.

        Raises:
            Unsupported: a write in place may or may not have reached it.
        """
        if self.storage.tainted:
            raise Unsupported(
                "it reads a tensor that may share memory with one that was written to in place.", "Write the operation out of place."
            )
        if self._version != self.storage.version:
            value = self.storage.value
            for apply, _ in self.steps:
                value = apply(value)
            self._value, self._version = value, self.storage.version
        return self._value

    def write(self, new: Numbers) -> None:
        """Replace the value, here and in everything that shares memory."""
        before = [self.storage.value]
        for apply, _ in self.steps[:-1]:
            before.append(apply(before[-1]))
        value = new
        for (_, back), outer in zip(reversed(self.steps), reversed(before), strict=False):
            value = back(outer, value)
        self.storage.value = value
        self.storage.version += 1
        self._value, self._version = new, self.storage.version
        for other in self.storage.doubtful:
            other.tainted = True
