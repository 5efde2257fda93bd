"""TF1 control flow in a graph of nodes: what is taken apart before the nodes are put in order.

``lift_frames`` is called once, on the main graph. A loop of Enter, Merge, LoopCond, Switch, NextIteration and Exit nodes becomes one
``While`` node that calls functions entered in the library, and a Merge of what Switches keep apart becomes an ``If`` node; a body without
such nodes passes unchanged. The meaning of the nodes: tensorflow/core/ops/control_flow_ops.cc, and "Implementation of Control Flow in
TensorFlow" (2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.tensorflow.conditionals import lift_conditional
from edgekit_converters.tensorflow.lifting import BACK, ENTER, MERGE, Cut, NotReady, OtherForm, Workshop, function_attr, plain_op
from edgekit_converters.tensorflow.nodes import Body, Library, SourceNode, TensorRef

MAX_FRAMES = 10_000


def lift_frames(body: Body, library: Library) -> Body:
    """The body with its loops as ``While`` nodes and its conditionals as ``If`` nodes.

    Args:
        body: the main graph; it is not changed.
        library: gets the conditions, bodies and branches.
    """
    if body.lifted or not any(plain_op(n) in (ENTER, MERGE) for n in body.nodes.values()):
        return body
    nodes = {name: replace(n, inputs=list(n.inputs), controls=list(n.controls)) for name, n in body.nodes.items()}
    lifted = replace(body, nodes=nodes, lifted=True)
    shop = Workshop(lifted, library)
    loops = {name: Loop(name, shop, members) for name, members in _frames(nodes).items()}
    merges = [n.name for n in nodes.values() if plain_op(n) == MERGE and not _is_loop_merge(n, nodes)]
    # what is inside others comes first: try all until none is ready any more
    progress = True
    while progress:
        progress = False
        for name in list(loops):
            done = _attempt(lambda loop=loops[name]: loop.lift())
            if done:
                del loops[name]
            progress |= done
        for name in list(merges):
            done = _attempt(lambda merge=name: lift_conditional(shop, merge))
            if done:
                merges.remove(name)
            progress |= done
    return lifted


def _attempt(lift: Any) -> bool:
    try:
        lift()
    except (NotReady, OtherForm):
        return False
    return True


def _frames(nodes: dict[str, SourceNode]) -> dict[str, list[SourceNode]]:
    """The Enter nodes of each frame, by the frame's name."""
    found: dict[str, list[SourceNode]] = {}
    for n in nodes.values():
        if plain_op(n) == ENTER:
            name = bytes(n.attrs["frame_name"].s).decode(errors="replace") if "frame_name" in n.attrs else ""
            found.setdefault(name, []).append(n)
            if len(found) > MAX_FRAMES:
                raise MalformedModelError(f"more than {MAX_FRAMES} loops")
    return found


def _is_loop_merge(merge: SourceNode, nodes: dict[str, SourceNode]) -> bool:
    return any(r.node in nodes and plain_op(nodes[r.node]) == BACK for r in merge.inputs)


class Loop:
    """One frame: a loop.

    Args:
        name: the frame's.
        shop: where its nodes are, and where its functions go.
        enters: its Enter nodes.
    """

    def __init__(self, name: str, shop: Workshop, enters: Sequence[SourceNode]) -> None:
        self.name = name
        self.shop = shop
        self.body = shop.body
        self.library = shop.library
        self.enters = list(enters)

    def lift(self) -> None:
        """Put a While node in the loop's place; its Exits become Identities.

        Raises:
            NotReady: another loop or conditional inside has to be lifted before.
            OtherForm: it is no loop as ``tf.while_loop`` makes them.
        """
        nodes = self.body.nodes
        merges = [self.shop.merges[e.name] for e in self.enters if e.name in self.shop.merges]
        readers = {m.name: self.shop.switches.get(m.name, []) for m in merges}
        conditions = {s.inputs[1].node for found in readers.values() for s in found if len(s.inputs) > 1}
        if len(conditions) != 1 or not merges or any(len(e.inputs) != 1 for e in self.enters):
            raise OtherForm
        (condition,) = conditions
        loop_cond = nodes.get(condition)
        if loop_cond is None or loop_cond.op != "LoopCond" or len(loop_cond.inputs) != 1:
            raise OtherForm
        carried = {m.inputs[0].node: k for k, m in enumerate(merges)}
        invariants = [e for e in self.enters if e.name not in carried]
        arguments = [f"{self.name}/argument_{k}" for k in range(len(merges) + len(invariants))]
        if any(a in nodes for a in arguments):
            raise OtherForm
        # the condition sees the merged values, the body those that the Switches let in
        into = {m.name: (0, arguments[k]) for k, m in enumerate(merges)}
        for k, e in enumerate(invariants):
            into[e.name] = (0, arguments[len(merges) + k])
        inside = {n: a for n, a in into.items() if n not in readers}
        inside |= {s.name: (1, into[m][1]) for m, found in readers.items() for s in found}
        results = [self._next(m) for m in merges]
        passed = [TensorRef(a) for a in arguments[len(merges) :]]
        test = Cut(self.shop, into).function(f"{self.name}/condition", arguments, [loop_cond.inputs[0]])
        trip = Cut(self.shop, inside).function(f"{self.name}/body", arguments, results)
        trip.results += [(f"passed_{k}", r) for k, r in enumerate(passed)]
        for function in (test, trip):
            if function.name in self.library:
                raise OtherForm
            self.library.add(function)
        loop = f"{self.name}/While"
        if loop in nodes:
            raise OtherForm
        attrs = {"cond": function_attr(test.name), "body": function_attr(trip.name)}
        first = [self._outside(m.inputs[0].node) for m in merges]
        nodes[loop] = SourceNode(loop, "While", [*first, *(e.inputs[0] for e in invariants)], [], attrs)
        for k, m in enumerate(merges):
            for n in self._exits(readers[m.name]):
                n.op, n.inputs, n.controls = "Identity", [TensorRef(loop, k)], []

    def _outside(self, enter: str) -> TensorRef:
        return self.body.nodes[enter].inputs[0]

    def _next(self, merge: SourceNode) -> TensorRef:
        back = self.body.nodes.get(merge.inputs[1].node)
        if back is None or plain_op(back) != BACK or len(back.inputs) != 1:
            raise OtherForm
        return back.inputs[0]

    def _exits(self, switches: Sequence[SourceNode]) -> Iterator[SourceNode]:
        for s in switches:
            yield from self.shop.exits.get(s.name, [])
