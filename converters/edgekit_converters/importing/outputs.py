"""The end of an import: outputs under the source's names, nothing left that nobody reads, a graph that verifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.errors import GraphError, MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value, verify


def hand_out(builder: GraphBuilder, outputs: Sequence[tuple[str, Value]]) -> None:
    """Make values the graph's outputs; one that is also an input, a constant or an earlier output passes an Identity.

    Raises:
        MalformedModelError: there are none, or two share a name.
    """
    names = [n for n, _ in outputs]
    if not names:
        raise MalformedModelError("the model has no outputs")
    if len(set(names)) != len(names):
        raise MalformedModelError(f"two outputs share a name: {names}")
    for name, value in outputs:
        builder.graph.add_output(own_value(builder, value, name), name)


def own_value(builder: GraphBuilder, value: Value, name: str) -> Value:
    """``value`` where a node computes it and it is no output yet, else an Identity of it."""
    if value.producer is not None and not builder.graph.is_output(value):
        return value
    folding, builder.fold = builder.fold, False
    try:
        return builder.call("Identity", value, name=f"{name}/output")
    finally:
        builder.fold = folding


def drop_unused(graph: Graph) -> None:
    """Take out nodes nothing reads: shape arithmetic that was folded leaves them behind."""
    for node in reversed(list(graph.nodes)):
        if not node.definition.stateful and not any(v.uses or graph.is_output(v) for v in node.outputs):
            graph.remove([node])


def finish(graph: Graph, metadata: Mapping[str, str]) -> Graph:
    """Drop what nobody reads, write the metadata that says something, verify.

    Raises:
        MalformedModelError: the graph breaks an invariant.
    """
    drop_unused(graph)
    graph.metadata.update({k: v for k, v in metadata.items() if v})
    try:
        verify(graph)
    except GraphError as e:
        raise MalformedModelError(f"the imported graph is not valid: {e}") from e
    return graph
