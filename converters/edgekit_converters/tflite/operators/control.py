"""IF and WHILE: their subgraphs become graphs of their own."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import BOOL, I64, TensorType
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.importer import SubgraphImporter
from edgekit_converters.tflite.registry import converts


def _inline(ctx: NodeContext, index: int, builder: GraphBuilder, values: Sequence[Value]) -> list[Value]:
    """A subgraph imported into a graph under construction, on the given values."""
    child = SubgraphImporter(ctx.session, builder, index, ctx.importer.depth + 1)
    entries = [int(i) for i in child.proto.inputs]
    if len(entries) != len(values):
        raise MalformedModelError(f"subgraph {index} takes {len(entries)} inputs, {len(values)} are passed")
    for i, v in zip(entries, values, strict=True):
        child.bind(i, v)
    source = builder.source
    child.run()
    builder.source = source
    return [child.find(int(i)) for i in child.proto.outputs]


def _hold(builder: GraphBuilder, value: Value) -> Value:
    """A value as the output of a node, for graphs that hand out what they take in."""
    if value.producer is not None:
        return value
    folding, builder.fold = builder.fold, False
    held = builder.call("Identity", value)
    builder.fold = folding
    return held


def _graph(name: str, lead: Sequence[tuple[str, TensorType]], values: Sequence[Value]) -> tuple[GraphBuilder, list[Value], list[Value]]:
    """A new graph with the leading inputs and one input a value."""
    builder = GraphBuilder(Graph(name), fold=True)
    first = [builder.graph.add_input(n, t) for n, t in lead]
    return builder, first, [builder.graph.add_input(f"in_{k}", v.type) for k, v in enumerate(values)]


@converts("IF")
def if_(ctx: NodeContext) -> Sequence[Value]:
    """One of two subgraphs."""
    captures = [ctx.input(i) for i in range(1, len(ctx.inputs))]
    branches = []
    for index in (int(ctx.options.then_subgraph), int(ctx.options.else_subgraph)):
        builder, _, inputs = _graph(f"branch_{index}", (), captures)
        for k, value in enumerate(_inline(ctx, index, builder, inputs)):
            builder.graph.add_output(_hold(builder, value), f"out_{k}")
        branches.append(builder.graph)
    condition = ctx.reshape(ctx.input(0), ())
    return ctx.call_multi("If", condition, *captures, then_graph=branches[0], else_graph=branches[1])


@converts("WHILE")
def while_(ctx: NodeContext) -> Sequence[Value]:
    """Repeat the body while the condition's subgraph holds, which is asked before the first round and behind each."""
    values = ctx.present()
    condition, body = int(ctx.options.cond_subgraph), int(ctx.options.body_subgraph)
    start = ctx.reshape(_inline(ctx, condition, ctx.builder, values)[0], ())
    builder, _, inputs = _graph(f"body_{body}", (("trip", TensorType(I64, ())), ("go_on", TensorType(BOOL, ()))), values)
    results = [_hold(builder, v) for v in _inline(ctx, body, builder, inputs)]
    again = _inline(ctx, condition, builder, results)[0]
    if again.shape:
        again = builder.call("Reshape", again, builder.constant([], "scalar", I64), allow_zero=True)
    builder.graph.add_output(_hold(builder, again), "again")
    for k, value in enumerate(results):
        builder.graph.add_output(value, f"out_{k}")
    return ctx.call_multi("While", None, start, *values, body=builder.graph, carried=len(values))
