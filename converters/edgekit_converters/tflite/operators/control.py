"""IF and WHILE: their subgraphs become graphs of their own."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import BOOL, I64, TensorType
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.importer import SubgraphImporter
from edgekit_converters.tflite.registry import converts
from edgekit_converters.tflite.variables import inside, touched


class Passed:
    """What control flow hands to its bodies: values, resources, and the variables the bodies read or assign.

    Args:
        ctx: of the operator.
        first: index of its first input that bodies get.
        bodies: indices of their subgraphs.

    Attributes:
        values: of the inputs that are no resources; the present values of the variables stand behind them.
        variables: in the order of their values.
    """

    def __init__(self, ctx: NodeContext, first: int, bodies: Sequence[int]) -> None:
        self.ctx = ctx
        self.keys = [ctx.importer.handles.get(i) for i in ctx.input_indices[first:]]
        types: dict[str, TensorType] = {}
        for index in bodies:
            entries = [int(i) for i in ctx.session.subgraph(index).inputs]
            handles = {e: k for e, k in zip(entries, self.keys, strict=False) if k is not None}
            types.update({k: t for k, t in touched(ctx.session, index, handles).items() if k not in types})
        self.variables = [ctx.session.variable(k, k) for k in types]
        inputs = [ctx.input(first + k) for k, key in enumerate(self.keys) if key is None]
        reads = [ctx.session.read(v, t, ctx.importer.depth) for v, t in zip(self.variables, types.values(), strict=True)]
        self.values = [*inputs, *reads]

    def run(self, index: int, builder: GraphBuilder, values: Sequence[Value]) -> list[Value]:
        """Import a subgraph into a graph under construction; its outputs, and behind them what the variables are then."""
        child = SubgraphImporter(self.ctx.session, builder, index, self.ctx.importer.depth + 1)
        entries = [int(i) for i in child.proto.inputs]
        if len(entries) != len(self.keys):
            raise MalformedModelError(f"subgraph {index} takes {len(entries)} inputs, {len(self.keys)} are passed")
        if len(values) < self.keys.count(None):
            raise MalformedModelError(f"subgraph {index} takes {self.keys.count(None)} values, {len(values)} are computed for it")
        at = iter(values)
        for i, key in zip(entries, self.keys, strict=True):
            if key is None:
                child.bind(i, next(at))
            else:
                child.handles[i] = key
        source = builder.source
        with inside(self.variables, list(at)):
            child.run()
            results = [child.find(int(i)) for i in child.proto.outputs if not child.is_resource(int(i))]
            results += [v.current for v in self.variables if v.current is not None]
        builder.source = source
        return results

    def hand_on(self, results: Sequence[Value]) -> Sequence[Value]:
        """Behind the operator: variables have their new values, resources among its outputs are those that went in."""
        count = len(results) - len(self.variables)
        for v, value in zip(self.variables, results[count:], strict=True):
            v.current = value
        for i, key in zip(self.ctx.output_indices, self.keys, strict=False):
            if key is not None and i >= 0:
                self.ctx.importer.handles[i] = key
        return results[:count]


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
    bodies = (int(ctx.options.then_subgraph), int(ctx.options.else_subgraph))
    passed = Passed(ctx, 1, bodies)
    branches = []
    for index in bodies:
        builder, _, inputs = _graph(f"branch_{index}", (), passed.values)
        for k, value in enumerate(passed.run(index, builder, inputs)):
            builder.graph.add_output(_hold(builder, value), f"out_{k}")
        branches.append(builder.graph)
    condition = ctx.reshape(ctx.input(0), ())
    return passed.hand_on(ctx.call_multi("If", condition, *passed.values, then_graph=branches[0], else_graph=branches[1]))


@converts("WHILE")
def while_(ctx: NodeContext) -> Sequence[Value]:
    """Repeat the body while the condition's subgraph holds, which is asked before the first round and behind each."""
    condition, body = int(ctx.options.cond_subgraph), int(ctx.options.body_subgraph)
    passed = Passed(ctx, 0, (condition, body))
    asked = passed.run(condition, ctx.builder, passed.values)
    start, values = ctx.reshape(asked[0], ()), [*passed.values[: len(passed.values) - len(passed.variables)], *asked[1:]]
    builder, _, inputs = _graph(f"body_{body}", (("trip", TensorType(I64, ())), ("go_on", TensorType(BOOL, ()))), values)
    results = [_hold(builder, v) for v in passed.run(body, builder, inputs)]
    again, *kept = passed.run(condition, builder, results)
    results[len(results) - len(kept) :] = [_hold(builder, v) for v in kept]  # the condition may assign variables, too
    if again.shape:
        again = builder.call("Reshape", again, builder.constant([], "scalar", I64), allow_zero=True)
    builder.graph.add_output(_hold(builder, again), "again")
    for k, value in enumerate(results):
        builder.graph.add_output(value, f"out_{k}")
    return passed.hand_on(ctx.call_multi("While", None, start, *values, body=builder.graph, carried=len(values)))
