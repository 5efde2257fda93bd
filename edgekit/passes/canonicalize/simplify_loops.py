"""Takes out of loops and branches what they only hand through.

Importers carry weights through loops as their sources do (TensorFlow's while loops carry everything they read). A carried value that comes
back as it went in is a capture; a capture that is a constant belongs into the body, where it can be folded, packed once, and fused.
"""

from __future__ import annotations

from edgekit.ir import Graph, Node, Value
from edgekit.passes.base import Pass, PassResult

#: inputs of While in front of the carried values (max_trips, cond) and of its body (trip number, cond)
LEADING = 2


def _run(graph: Graph) -> PassResult:
    changed = []
    for node in list(graph.nodes):
        done = False
        if node.op == "While":
            done = _uncarry(graph, node)
            done |= _sink_constants(node, LEADING, LEADING + int(node.attrs["carried"]))
        elif node.op == "If":
            done = _sink_constants(node, 1, 1)
        if done:
            changed.append(node.name)
    return PassResult.of(changed, "constants and unchanging values of control flow")


def _handed_through(value: Value) -> Value:
    """What a value is a copy of."""
    while value.producer is not None and value.producer.op == "Identity":
        value = value.producer.input(0)
    return value


def _uncarry(graph: Graph, node: Node) -> bool:
    """Make captures of carried values that the body does not change."""
    body, carried = node.attrs["body"], int(node.attrs["carried"])
    still = [
        k
        for k in range(carried)
        if _handed_through(body.outputs[1 + k]) is body.inputs[LEADING + k] and not graph.is_output(node.outputs[k])
    ]
    if not still:
        return False
    moving = [k for k in range(carried) if k not in still]
    later = range(carried, len(body.inputs) - LEADING)
    order = [*moving, *later, *still]
    for k in still:
        graph.replace_all_uses(node.outputs[k], node.input(LEADING + k))
        graph.release_name(node.outputs[k].name)
    node.set_inputs([*node.inputs[:LEADING], *(node.input(LEADING + k) for k in order)])
    node._outputs = [v for k, v in enumerate(node.outputs) if k not in still]
    node.attrs["carried"] = len(moving)
    body.inputs[LEADING:] = [body.inputs[LEADING + k] for k in order]
    kept = [k for k in range(len(body.outputs)) if k - 1 not in still]
    body.outputs[:] = [body.outputs[k] for k in kept]
    body.output_names[:] = [body.output_names[k] for k in kept]
    return True


def _sink_constants(node: Node, inner: int, outer: int) -> bool:
    """Put constants that are captured into the subgraphs.

    Args:
        node: a While or If.
        inner: inputs of the node in front of those that its subgraphs take one for one.
        outer: the first input that is a capture.
    """
    sunk = [i for i in range(outer, len(node.inputs)) if node.input(i).const is not None]
    if not sunk:
        return False
    for graph in node.subgraphs():
        leading = len(graph.inputs) - (len(node.inputs) - inner)
        for i in sunk:
            entry, value = graph.inputs[leading + i - inner], node.input(i)
            assert value.const is not None
            graph.replace_all_uses(entry, graph.add_constant(value.const, value.name, value.quant))
            graph.release_name(entry.name)
        graph.inputs[:] = [v for k, v in enumerate(graph.inputs) if k - leading + inner not in sunk]
    node.set_inputs([v for i, v in enumerate(node.inputs) if i not in sunk])
    return True


SIMPLIFY_LOOPS = Pass("simplify_loops", "Turn unchanging carried values into captures, and constant captures into constants.", _run)
