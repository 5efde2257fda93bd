"""Edits a graph around one node: what passes use to replace what they matched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from edgekit.errors import GraphError
from edgekit.ir.builder import GraphBuilder
from edgekit.ir.graph import Graph, Node, Value
from edgekit.types import Array, Dim, QuantParams, TensorType


class Editor:
    """Makes nodes right before ``anchor`` and puts values in place of others.

    Args:
        graph: the graph to edit.
        anchor: new nodes go before it and inherit its place in the source model.
    """

    def __init__(self, graph: Graph, anchor: Node) -> None:
        self.graph = graph
        self.anchor = anchor
        self._builder = GraphBuilder(graph, anchor)
        self._builder.source = anchor.source
        self._made: set[int] = set()
        self._removed: list[Node] = []

    @property
    def removed(self) -> list[Node]:
        """The nodes this editor took out."""
        return self._removed

    def constant(self, array: Array, hint: str = "const", quant: QuantParams | None = None) -> Value:
        """A new constant."""
        return self.graph.add_constant(array, hint, quant)

    def call(self, op: str, *inputs: Value | None, name: str = "", **attrs: Any) -> Value:
        """A new node with one output, before the anchor; named after the anchor by default."""
        return self.call_multi(op, *inputs, name=name, **attrs)[0]

    def call_multi(
        self, op: str, *inputs: Value | None, name: str = "", out_types: Sequence[TensorType] | None = None, **attrs: Any
    ) -> tuple[Value, ...]:
        """A new node, before the anchor. ``out_types`` overrides what inference says."""
        outs = self._builder.call_multi(op, *inputs, name=name or self.anchor.name, out_types=out_types, **attrs)
        self._made.update(id(v) for v in outs)
        return outs

    def reshape(self, x: Value, shape: Sequence[Dim], hint: str = "shape") -> Value | None:
        """``x`` with another shape, None where two or more of the new dimensions are symbolic."""
        import numpy as np

        unknown = [i for i, d in enumerate(shape) if not isinstance(d, int)]
        if len(unknown) > 1:
            return None
        dims = [d if isinstance(d, int) else -1 for d in shape]
        if unknown and 0 in dims:
            return None
        target = self.constant(np.array(dims, np.int64), hint)
        return self.call_multi("Reshape", x, target, out_types=[x.type.with_shape(shape)], allow_zero=True)[0]

    def replace(self, old: Value, new: Value) -> None:
        """Let every reader of ``old`` read ``new``; a value made by this editor takes over the old name.

        The producer of ``old``, and what only it used, is removed when nothing reads it any more.

        Raises:
            GraphError: the element types differ.
        """
        if old.dtype is not new.dtype or len(old.shape) != len(new.shape):
            raise GraphError(f"{old.name!r} ({old.type}) cannot be replaced by {new.name!r} ({new.type})")
        if id(new) in self._made:
            shape = tuple(b if isinstance(b, int) else a for a, b in zip(old.shape, new.shape, strict=True))
            new.type = TensorType(new.dtype, shape, new.quant or old.quant)
        self.graph.replace_all_uses(old, new)
        name = old.name
        if old.producer is not None:
            self.remove_dead([old.producer])
        if id(new) in self._made and new.name != name:
            self.graph.rename(new, name)

    def remove_dead(self, roots: Iterable[Node]) -> None:
        """Remove the given nodes, and then their producers in turn, as far as nothing reads them."""
        stack = list(roots)
        while stack:
            node = stack.pop()
            if any(n is node for n in self._removed) or node.definition.stateful:
                continue
            if any(v.uses or self.graph.is_output(v) for v in node.outputs):
                continue
            before = [v.producer for v in node.inputs if v is not None and v.producer is not None]
            self.graph.remove([node])
            self._removed.append(node)
            stack.extend(before)
