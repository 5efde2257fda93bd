"""Multiply-accumulates of nodes and graphs."""

from __future__ import annotations

from math import prod

from edgekit.ir.graph import Graph, Node, Value
from edgekit.ops.traits import Accumulate


def node_macs(n: Node) -> int:
    """Multiply-accumulates of one node at its largest shapes; 0 for everything but sums of products."""
    trait = n.definition.quant
    if n.op == "ConvTranspose":
        w = n.input(1)
        groups: int = n.attrs["groups"]
        return _elements(n.input(0)) * prod(w.type.max_shape()) // max(1, w.type.max_shape()[-1] * groups)
    if isinstance(trait, Accumulate):
        w = n.input(trait.weight)
        if trait.channel_axis is not None:
            depth = _elements(w) // max(1, w.type.max_shape()[trait.channel_axis])
        else:
            depth = n.input(0).type.max_shape()[-2 if n.attrs.get("transpose_a") else -1]
        return _elements(n.output) * depth
    if n.op in ("LSTM", "GRU", "RNN"):
        steps = n.input(0).type.max_shape()[0] * n.input(0).type.max_shape()[1]
        return steps * (_elements(n.input(1)) + _elements(n.input(2)))
    if n.op == "Attention":
        q, k = n.input(0).type.max_shape(), n.input(1).type.max_shape()
        return 2 * prod(q[:-1]) * k[-2] * q[-1]
    return 0


def graph_macs(graph: Graph) -> int:
    """Multiply-accumulates of a model; bodies of control flow are counted once."""
    return sum(node_macs(n) for g in graph.walk() for n in g.nodes)


def _elements(v: Value) -> int:
    return prod(v.type.max_shape())


__all__ = ["graph_macs", "node_macs"]
