"""TF1 conditionals: a Merge of values that Switches keep apart becomes an ``If`` node."""

from __future__ import annotations

from edgekit_converters.tensorflow.lifting import MERGE, PASSES, SWITCH, Cut, NotReady, OtherForm, Workshop, function_attr, plain_op
from edgekit_converters.tensorflow.nodes import Body, SourceNode, TensorRef


def lift_conditional(shop: Workshop, merge: str) -> None:
    """Put an If node in the place of a Merge.

    Raises:
        NotReady: a loop or conditional inside has to be lifted before.
        OtherForm: its inputs are not the two branches of one condition.
    """
    nodes, library = shop.body.nodes, shop.library
    node = nodes[merge]
    if len(node.inputs) != 2:
        raise OtherForm
    sides = [_Side(shop, r) for r in node.inputs]
    conditions = {s.condition for s in sides if s.condition is not None}
    if len(conditions) != 1:
        raise OtherForm
    (condition,) = conditions
    # a branch of constants alone may have lost what says which side it is
    taken = [s.port for s in sides]
    if taken[0] is None and taken[1] is not None:
        taken[0] = 1 - taken[1]
    elif taken[1] is None and taken[0] is not None:
        taken[1] = 1 - taken[0]
    if sorted(t for t in taken if t is not None) != [0, 1] or merge in shop.numbered:
        raise OtherForm
    then, otherwise = (taken.index(k) for k in (1, 0))
    data: list[TensorRef] = []
    edges: list[dict[str, tuple[int, str]]] = [{}, {}]
    for side in (then, otherwise):
        for name in sides[side].switches:
            outside = nodes[name].inputs[0]
            if outside not in data:
                data.append(outside)
            edges[side][name] = (taken[side] or 0, f"{merge}/argument_{data.index(outside)}")
    arguments = [f"{merge}/argument_{k}" for k in range(len(data))]
    branches = [Cut(shop, edges[k]).function(f"{merge}/{n}", arguments, [node.inputs[k]]) for k, n in ((then, "then"), (otherwise, "else"))]
    if any(a in nodes for a in arguments) or any(b.name in library for b in branches):
        raise OtherForm
    for b in branches:
        library.add(b)
    node.op, node.inputs, node.controls = "If", [condition, *data], []
    node.attrs = {"then_branch": function_attr(branches[0].name), "else_branch": function_attr(branches[1].name)}


class _Side:
    """What one input of a Merge comes from.

    Attributes:
        condition: what its Switches ask, None where there is none.
        port: the output of the Switches that it comes from.
        switches: the Switches whose data it reads.
    """

    def __init__(self, shop: Workshop, ref: TensorRef) -> None:
        body = shop.body
        self.condition: TensorRef | None = None
        self.port: int | None = None
        self.switches: list[str] = []
        seen: set[str] = set()
        marks: list[TensorRef] = []
        work = [ref]
        while work:
            at = work.pop()
            shop.visit()
            node = body.nodes.get(at.node)
            if node is None:
                raise OtherForm
            if plain_op(node) == SWITCH:
                self._meet(node, at.index, body)
                if node.name not in self.switches:
                    self.switches.append(node.name)
                continue
            if plain_op(node) == MERGE:
                raise NotReady
            if node.name in seen:
                continue
            seen.add(node.name)
            work += node.inputs
            marks += [TensorRef(c) for c in node.controls]
        if self.port is None:
            self._by_marks(body, marks)

    def _meet(self, switch: SourceNode, port: int, body: Body) -> None:
        if len(switch.inputs) != 2:
            raise OtherForm
        condition = switch.inputs[1]
        if condition.node in body.nodes and body.nodes[condition.node].op == "LoopCond":
            raise NotReady
        while condition.node in body.nodes and body.nodes[condition.node].op in PASSES and len(body.nodes[condition.node].inputs) == 1:
            condition = body.nodes[condition.node].inputs[0]
        if (self.condition, self.port) not in ((None, None), (condition, port)):
            raise OtherForm
        self.condition, self.port = condition, port

    def _by_marks(self, body: Body, marks: list[TensorRef]) -> None:
        """Constants wait for the pivot of their branch: an Identity of one side of ``Switch(condition, condition)``."""
        for mark in marks:
            node = body.nodes.get(mark.node)
            index = mark.index
            for _ in range(8):
                if node is None or node.op not in PASSES or len(node.inputs) != 1:
                    break
                index = node.inputs[0].index
                node = body.nodes.get(node.inputs[0].node)
            if node is not None and plain_op(node) == SWITCH:
                self._meet(node, index, body)
                return
