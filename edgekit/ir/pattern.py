"""Patterns over a graph: trees of operators, constants and free values, matched from a node backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from typing import Any

from edgekit.ir.graph import Graph, Node, Value
from edgekit.types import Array


@dataclass(frozen=True)
class Match:
    """What a pattern found.

    Attributes:
        root: the node matched by the outermost pattern.
        values: the values matched by named patterns.
        nodes: every matched node by the name of its pattern; unnamed ones under ``"#k"``.
    """

    root: Node
    values: Mapping[str, Value]
    nodes: Mapping[str, Node]

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def node(self, name: str) -> Node:
        return self.nodes[name]

    def constant(self, name: str) -> Array:
        """The array of a matched constant."""
        array = self.values[name].const
        assert array is not None
        return array


@dataclass(frozen=True)
class _State:
    values: dict[str, Value]
    nodes: dict[str, Node]

    def with_value(self, name: str, v: Value) -> _State | None:
        if not name:
            return self
        bound = self.values.get(name)
        if bound is not None:
            return self if bound is v else None
        return _State({**self.values, name: v}, self.nodes)

    def with_node(self, name: str, n: Node) -> _State:
        return _State(self.values, {**self.nodes, name or f"#{len(self.nodes)}": n})


class Pattern:
    """Base of the patterns.

    Attributes:
        roots: only nodes of these operators can match; None: whatever the node, or none at all.
    """

    @property
    def roots(self) -> frozenset[str] | None:
        return None

    def find(self, graph: Graph, value: Value, state: _State, root: bool) -> Iterator[_State]:
        """Every way in which ``value`` matches."""
        raise NotImplementedError


@dataclass(frozen=True)
class Any_(Pattern):
    """Any value; the same name twice stands for the same value."""

    name: str = ""

    def find(self, graph: Graph, value: Value, state: _State, root: bool) -> Iterator[_State]:
        new = state.with_value(self.name, value)
        if new is not None:
            yield new


@dataclass(frozen=True)
class Const(Pattern):
    """A constant without quantization; ``check`` judges its array. ``scalar`` asks for one element with about that value."""

    name: str = ""
    scalar: float | None = None
    check: Callable[[Array], bool] | None = None

    def find(self, graph: Graph, value: Value, state: _State, root: bool) -> Iterator[_State]:
        a = value.const
        if a is None or value.quant is not None or (self.check is not None and not self.check(a)):
            return
        if self.scalar is not None and (a.size != 1 or abs(float(a.reshape(-1)[0]) - self.scalar) > 1e-3 * abs(self.scalar)):
            return
        new = state.with_value(self.name, value)
        if new is not None:
            yield new


@dataclass(frozen=True)
class Op(Pattern):
    """A node of one of ``ops`` whose inputs match; commutative operators are tried both ways.

    Attributes:
        ops: operator names, separated by ``|``.
        inputs: patterns of the first inputs; further inputs are free. None: all inputs are free.
        name: of the node in the match; also names its output value.
        attrs: attributes that must have the given value, or satisfy the given function.
        shared: the output may have other readers (always so for the root).
    """

    ops: str
    inputs: Sequence[Pattern] | None = None
    name: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    shared: bool = False

    @cached_property
    def roots(self) -> frozenset[str]:
        return frozenset(self.ops.split("|"))

    def find(self, graph: Graph, value: Value, state: _State, root: bool) -> Iterator[_State]:
        node = value.producer
        if node is None or node.op not in self.roots or node.outputs[0] is not value:
            return
        if not root and not self.shared and (len(value.uses) != 1 or graph.is_output(value)):
            return
        for key, want in self.attrs.items():
            have = node.attrs.get(key)
            if not (want(have) if callable(want) else have == want):
                return
        named = state.with_value(self.name, value)
        if named is None:
            return
        named = named.with_node(self.name, node)
        if self.inputs is None:
            yield named
            return
        ins = node.inputs
        if len(ins) < len(self.inputs):
            return
        orders = permutations(range(len(self.inputs))) if node.definition.commutative else [tuple(range(len(self.inputs)))]
        for order in orders:
            yield from self._inputs(graph, [ins[i] for i in order], 0, named)

    def _inputs(self, graph: Graph, ins: Sequence[Value | None], k: int, state: _State) -> Iterator[_State]:
        assert self.inputs is not None
        if k == len(self.inputs):
            yield state
            return
        v = ins[k]
        if v is None:
            return
        for s in self.inputs[k].find(graph, v, state, False):
            yield from self._inputs(graph, ins, k + 1, s)


@dataclass(frozen=True)
class Either(Pattern):
    """The first of several patterns that leads to a match."""

    options: Sequence[Pattern]

    @cached_property
    def roots(self) -> frozenset[str] | None:
        found = [p.roots for p in self.options]
        return frozenset().union(*(f for f in found if f is not None)) if None not in found else None

    def find(self, graph: Graph, value: Value, state: _State, root: bool) -> Iterator[_State]:
        for p in self.options:
            yield from p.find(graph, value, state, root)


def match_node(graph: Graph, pattern: Pattern, node: Node) -> Match | None:
    """The first match of ``pattern`` with ``node`` at its root."""
    if pattern.roots is not None and node.op not in pattern.roots:
        return None
    for s in pattern.find(graph, node.outputs[0], _State({}, {}), True):
        return Match(node, s.values, s.nodes)
    return None


def only_reader(graph: Graph, value: Value) -> bool:
    """True when one node reads the value once and it is no graph output."""
    return len(value.uses) == 1 and not graph.is_output(value)
