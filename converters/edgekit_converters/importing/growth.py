"""How much larger a model may get when what it calls is written out at every call.

A few hundred functions that call the one before twice stand for more nodes than there are atoms; a model that means it stays near the
number it holds.
"""

from __future__ import annotations

from edgekit.errors import MalformedModelError

#: nodes that any model may come to, and times what the file holds
FREE_NODES = 10_000
FACTOR = 16


class Growth:
    """Counts the nodes that calls make.

    Args:
        held: nodes the file holds.
        what: what calls, for the message: ``"its functions"``.
    """

    def __init__(self, held: int, what: str) -> None:
        self.limit = FREE_NODES + FACTOR * held
        self._what = what
        self._made = 0

    def hold(self, nodes: int) -> None:
        """The file holds so many more."""
        self.limit += FACTOR * nodes

    def add(self, nodes: int) -> None:
        """Count nodes.

        Raises:
            MalformedModelError: there are too many.
        """
        self._made += nodes
        if self._made > self.limit:
            raise MalformedModelError(f"{self._what} unfold into more than {self.limit} nodes, of which the file holds few")
