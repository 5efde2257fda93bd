"""Graphs and functions of TensorFlow as lists of nodes, whatever file they come from.

A :class:`Body` is what is left to import: the main graph, or one function. Later stages (``frames``, ``functions``, ``importer``) work on
bodies only and never look at messages other than attribute values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.errors import MalformedModelError

MAX_NODES = 1_000_000
MAX_NAME = 1 << 12
REF = re.compile(r"(?P<node>[^:]+)(:(?P<port>[^:]*[^:0-9][^:]*))?(:(?P<index>[0-9]{1,6}))?")


@dataclass(frozen=True)
class TensorRef:
    """One output of a node.

    Attributes:
        node: its name.
        index: which output; counted inside ``port`` where that is given.
        port: the output's name, as functions refer to it; empty where ``index`` counts all outputs.
    """

    node: str
    index: int = 0
    port: str = ""

    def __str__(self) -> str:
        return f"{self.node}:{self.port}:{self.index}" if self.port else f"{self.node}:{self.index}" if self.index else self.node


def parse_ref(text: str) -> TensorRef:
    """A tensor as files name it: ``node``, ``node:1``, or inside functions ``node:output:0``.

    Raises:
        MalformedModelError: it is of another form.
    """
    m = REF.fullmatch(text) if len(text) <= MAX_NAME else None
    if m is None:
        raise MalformedModelError(f"{text[:80]!r} names no output of a node")
    return TensorRef(m["node"], int(m["index"] or 0), m["port"] or "")


@dataclass
class SourceNode:
    """One node.

    Attributes:
        name: unique in its body.
        op: the operator.
        inputs: what it reads, in order.
        controls: names of the nodes that must run before it.
        attrs: AttrValue messages by name.
    """

    name: str
    op: str
    inputs: list[TensorRef]
    controls: list[str] = field(default_factory=list)
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Body:
    """A graph, or a function.

    Attributes:
        name: for messages.
        nodes: by name.
        arguments: names of a function's inputs, which nodes read like nodes of one output.
        results: names of a function's outputs and what they are.
        controls: nodes that must run whatever is read.
        lifted: whether TF1's control flow has been taken apart (``frames``).
    """

    name: str
    nodes: dict[str, SourceNode]
    arguments: list[str] = field(default_factory=list)
    results: list[tuple[str, TensorRef]] = field(default_factory=list)
    controls: list[str] = field(default_factory=list)
    lifted: bool = False


def read_nodes(protos: Iterable[Any], where: str) -> dict[str, SourceNode]:
    """NodeDef messages as nodes.

    Raises:
        MalformedModelError: a node has no name, or that of another.
    """
    nodes: dict[str, SourceNode] = {}
    for proto in protos:
        name = proto.name
        if not name or not proto.op:
            raise MalformedModelError(f"{where}: a node has no {'operator' if name else 'name'}")
        if name in nodes:
            raise MalformedModelError(f"{where}: two nodes are called {name!r}")
        node = SourceNode(name, proto.op, [], [], proto.attr)
        for text in proto.input:
            if text.startswith("^"):
                node.controls.append(text[1:])
            else:
                node.inputs.append(parse_ref(text))
        nodes[name] = node
        if len(nodes) > MAX_NODES:
            raise MalformedModelError(f"{where}: more than {MAX_NODES} nodes")
    return nodes


def read_function(proto: Any) -> Body:
    """A FunctionDef."""
    signature = proto.signature
    where = f"function {signature.name!r}"
    results = []
    for arg in signature.output_arg:
        if arg.name not in proto.ret:
            raise MalformedModelError(f"{where}: nothing gives its output {arg.name!r}")
        results.append((arg.name, parse_ref(proto.ret[arg.name])))
    controls = [proto.control_ret[k] for k in sorted(proto.control_ret)]
    return Body(signature.name, read_nodes(proto.node_def, where), [a.name for a in signature.input_arg], results, controls)


class Library:
    """The functions of a model, read when they are first called.

    Args:
        protos: FunctionDef messages.
    """

    def __init__(self, protos: Iterable[Any] = ()) -> None:
        self._protos = {p.signature.name: p for p in protos}
        self._bodies: dict[str, Body] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._bodies or name in self._protos

    def node_count(self) -> int:
        """Nodes of the file's functions."""
        return sum(len(p.node_def) for p in self._protos.values())

    def add(self, body: Body) -> None:
        """Enter a function made while importing (a lifted loop)."""
        self._bodies[body.name] = body

    def proto(self, name: str) -> Any:
        """The FunctionDef of a function of the file.

        Raises:
            MalformedModelError: there is none of that name.
        """
        if name not in self._protos:
            raise MalformedModelError(f"there is no function {name!r} in the model")
        return self._protos[name]

    def find(self, name: str) -> Body:
        """A function.

        Raises:
            MalformedModelError: there is none of that name.
        """
        if name not in self._bodies:
            if name not in self._protos:
                raise MalformedModelError(f"there is no function {name!r} in the model")
            self._bodies[name] = read_function(self._protos[name])
        return self._bodies[name]
