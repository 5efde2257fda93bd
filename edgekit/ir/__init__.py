"""The intermediate representation: graphs of values and nodes, how to build, edit, check and print them."""

from __future__ import annotations

from edgekit.ir.builder import GraphBuilder
from edgekit.ir.graph import Graph, Node, State, Value
from edgekit.ir.hash import graph_hash
from edgekit.ir.inference import infer_outputs
from edgekit.ir.part import Part, take_part
from edgekit.ir.printer import print_graph
from edgekit.ir.verifier import MAX_RANK, verify

__all__ = [
    "MAX_RANK",
    "Graph",
    "GraphBuilder",
    "Node",
    "Part",
    "State",
    "Value",
    "graph_hash",
    "infer_outputs",
    "print_graph",
    "take_part",
    "verify",
]
