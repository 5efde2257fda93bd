"""Builds graphs node by node, with shapes inferred as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import GraphError
from edgekit.ir.folding import fold_node
from edgekit.ir.graph import Graph, Node, Value
from edgekit.ir.inference import infer_outputs
from edgekit.ops import get_op
from edgekit.types import Array, Dim, DType, QuantParams, TensorType


class GraphBuilder:
    """Adds inputs, constants and nodes to a graph.

    Known values of shape arithmetic (``Shape`` of a tensor, its slices and sums) are tracked while building, so that later
    nodes such as ``Reshape`` see them; ``known_value`` gives them.

    Args:
        graph: the graph to extend; a new one by default.
        anchor: new nodes go right before this node instead of at the end.
        fold: give a constant instead of a node where all inputs are known and the result is small (importers fold shape
            arithmetic this way while they build).
    """

    def __init__(self, graph: Graph | str = "", anchor: Node | None = None, fold: bool = False) -> None:
        self.graph = Graph(graph) if isinstance(graph, str) else graph
        self.anchor = anchor
        self.fold = fold
        self.source = ""
        self._known: dict[int, Array] = {}

    def input(self, name: str, dtype: DType, shape: Sequence[Dim], quant: QuantParams | None = None) -> Value:
        """A graph input."""
        return self.graph.add_input(name, TensorType(dtype, tuple(shape), quant))

    def state(self, name: str, dtype: DType, shape: Sequence[Dim], initial: Any = 0, quant: QuantParams | None = None) -> Value:
        """A value kept from run to run: the present one. It stays as it is unless ``set_state`` says what follows.

        Args:
            name: of the state; made unique if need be.
            dtype: element type.
            shape: its shape.
            initial: the value at the first run: one number, or an array of the shape, in the element type (integers where quantized).
            quant: quantization parameters.
        """
        free, n = name, 1
        while self.graph.has_name(free):
            free, n = f"{name}.{n}", n + 1
        entry = self.input(free, dtype, shape, quant)
        self.graph.add_state(entry, entry, initial)
        return entry

    def set_state(self, entry: Value, following: Value) -> None:
        """Say what the next run reads as ``entry``, a value that ``state`` gave.

        Raises:
            GraphError: it is no state, or ``following`` is of another type.
        """
        if following is not entry and following.producer is None:  # another input, or a constant: the session copies results of nodes
            folding, self.fold = self.fold, False
            following = self.call("Identity", following, name=f"{entry.name}/following")
            self.fold = folding
        if following.type != entry.type:
            raise GraphError(f"state {entry.name!r} is {entry.type}, what shall follow is {following.type}")
        self.graph.set_state_output(entry, following)

    def constant(self, array: Any, name: str = "const", dtype: DType | None = None, quant: QuantParams | None = None) -> Value:
        """A constant; Python numbers need ``dtype``."""
        a = np.asarray(array) if dtype is None else np.asarray(array, dtype.numpy)
        return self.graph.add_constant(a, name, quant)

    def known_value(self, value: Value) -> Array | None:
        """The value where it is known before running: a constant, or shape arithmetic (an object array then)."""
        return value.const if value.const is not None else self._known.get(id(value))

    def assume(self, value: Value, known: Array) -> None:
        """Say what a value is before running: for graph inputs whose value the builder's user knows."""
        self._known[id(value)] = known

    def output(self, value: Value, name: str | None = None) -> None:
        """Hand ``value`` out of the graph."""
        self.graph.add_output(value, name)

    def call(self, op: str, *inputs: Value | None, name: str = "", **attrs: Any) -> Value:
        """Add a node with one output and return it.

        Args:
            op: the operator's name in the table.
            *inputs: flat inputs; None for an absent optional one.
            name: node name; outputs are called after it.
            **attrs: attributes.

        Raises:
            GraphError: unknown operator or attribute, or inputs the operator cannot work on.
        """
        outs = self.call_multi(op, *inputs, name=name, **attrs)
        if len(outs) != 1:
            raise GraphError(f"{op} {name!r} has {len(outs)} outputs; use call_multi")
        return outs[0]

    def call_multi(
        self, op: str, *inputs: Value | None, name: str = "", out_types: Sequence[TensorType] | None = None, **attrs: Any
    ) -> tuple[Value, ...]:
        """Add a node and return all its outputs. ``out_types`` overrides what inference says (quantization parameters, bounds)."""
        definition = get_op(op)
        canonical = definition.canonical_attrs(attrs)
        node_name = name or self.graph.unique_name(f"{op.lower()}_{len(self.graph.nodes)}")
        ins = list(inputs)
        while ins and ins[-1] is None:
            ins.pop()
        infos = infer_outputs(
            definition,
            [None if v is None else v.type for v in ins],
            [None if v is None else self.known_value(v) for v in ins],
            canonical,
            self.source or f"{op} {node_name!r}",
            node_name,
        )
        if self.fold and out_types is None:
            folded = fold_node(definition, ins, [None if v is None else self.known_value(v) for v in ins], infos, canonical)
            if folded is not None:
                return tuple(self.constant(a, node_name if len(folded) == 1 else f"{node_name}:{k}") for k, a in enumerate(folded))
        types = [i.type for i in infos] if out_types is None else list(out_types)
        outs = [self.graph.new_value(node_name if len(types) == 1 else f"{node_name}:{k}", t) for k, t in enumerate(types)]
        for v, info in zip(outs, infos, strict=False):
            if info.value is not None:
                self._known[id(v)] = info.value
        node = Node(op, ins, outs, canonical, node_name, self.source)
        if self.anchor is None:
            self.graph.append(node)
        else:
            self.graph.insert_before(self.anchor, [node])
        return tuple(outs)
