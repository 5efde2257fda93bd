"""Cutting functions out of a graph: what lifting loops and conditionals share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.tensorflow.nodes import Body, Library, SourceNode, TensorRef
from edgekit_converters.tensorflow.protos import messages

ENTER, EXIT, MERGE, SWITCH, BACK = "Enter", "Exit", "Merge", "Switch", "NextIteration"
KINDS = (ENTER, EXIT, MERGE, SWITCH, BACK)
PASSES = ("Identity", "RefIdentity")
MAX_VISITS = 3_000_000


class NotReady(Exception):
    """A loop or conditional inside has to be lifted first."""


class OtherForm(Exception):
    """The nodes are put together in a way that no known version of TensorFlow does."""


def plain_op(node: SourceNode) -> str:
    """The operator; forms for references count as the plain ones."""
    op = node.op.removeprefix("Ref")
    return op if op in KINDS else node.op


def function_attr(name: str) -> Any:
    """An attribute that names a function."""
    value = messages()["AttrValue"]()
    value.func.name = name
    return value


class Workshop:
    """A graph while its loops and conditionals are lifted.

    Args:
        body: the graph, which is changed.
        library: gets the functions.

    Attributes:
        switches: the Switch nodes that read a node, by its name.
        merges: the Merge nodes of two inputs, by the node that the first comes from.
        exits: the Exit nodes that read a node, by its name.
        numbered: Merge nodes of which somebody reads the number of the input they took.
    """

    def __init__(self, body: Body, library: Library) -> None:
        self.body = body
        self.library = library
        self.switches: dict[str, list[SourceNode]] = {}
        self.exits: dict[str, list[SourceNode]] = {}
        self.numbered: set[str] = set()
        self.merges: dict[str, SourceNode] = {}
        self._visits = 0
        for n in body.nodes.values():
            op = plain_op(n)
            if op in (SWITCH, EXIT) and n.inputs:
                (self.switches if op == SWITCH else self.exits).setdefault(n.inputs[0].node, []).append(n)
            if op == MERGE and len(n.inputs) == 2:
                self.merges[n.inputs[0].node] = n
            self.numbered |= {r.node for r in n.inputs if r.index == 1}

    def visit(self) -> None:
        """Count a step.

        Raises:
            MalformedModelError: there were too many.
        """
        self._visits += 1
        if self._visits > MAX_VISITS:
            raise MalformedModelError(f"taking its loops apart takes more than {MAX_VISITS} steps")


class Cut:
    """A part of a graph whose edge is known.

    Args:
        shop: has the graph.
        edge: nodes at which the part ends: the output that may be read, and the argument it becomes.
    """

    def __init__(self, shop: Workshop, edge: Mapping[str, tuple[int, str]]) -> None:
        self.shop = shop
        self.body = shop.body
        self.edge = edge

    def function(self, name: str, arguments: Sequence[str], results: Sequence[TensorRef]) -> Body:
        """The part as a function.

        Raises:
            NotReady: it reaches a loop or conditional that is not lifted yet.
            OtherForm: it reaches the edge at another output.
        """
        nodes: dict[str, SourceNode] = {}
        work = [r.node for r in results]
        while work:
            at = work.pop()
            self.shop.visit()
            if at in nodes or at in self.edge:
                continue
            node = self.body.nodes.get(at)
            if node is None:
                raise OtherForm
            if plain_op(node) in KINDS:
                raise NotReady
            controls = [c for c in node.controls if c not in self.edge and self._inside(c)]
            nodes[at] = replace(node, inputs=[self._moved(r) for r in node.inputs], controls=controls)
            work += [r.node for r in node.inputs]
            work += controls
        return Body(name, nodes, list(arguments), [(f"result_{k}", self._moved(r)) for k, r in enumerate(results)])

    def _moved(self, ref: TensorRef) -> TensorRef:
        if ref.node not in self.edge:
            return ref
        port, argument = self.edge[ref.node]
        if ref.index != port:
            raise OtherForm
        return TensorRef(argument)

    def _inside(self, control: str) -> bool:
        """Whether a node to wait for is one of the part; pivots, which only mark what belongs to a loop or branch, are not."""
        at = control
        for _ in range(8):
            if at in self.edge or at not in self.body.nodes:
                return False
            node = self.body.nodes[at]
            if plain_op(node) in KINDS or node.op == "LoopCond":
                return False
            if node.op not in PASSES or len(node.inputs) != 1:
                break
            at = node.inputs[0].node
        return True
