"""If, Case and While of functions: their bodies become graphs of their own, or are put in place where the choice is known.

What a body takes from outside comes in as its arguments. Constants among them go in as constants, handles as they are; variables that
change are passed in and out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import BOOL, I64, TensorType
from edgekit_converters.importing.loops import settled_body
from edgekit_converters.importing.outputs import own_value
from edgekit_converters.importing.problems import Poisoned, Unsupported
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.dilation import Lazy
from edgekit_converters.tensorflow.importer import tensors
from edgekit_converters.tensorflow.lists import ArrayHandle, Unwritten, settled
from edgekit_converters.tensorflow.nodes import Body
from edgekit_converters.tensorflow.registry import converts
from edgekit_converters.tensorflow.session import Resource, Scope


@dataclass
class Inner:
    """A body on its way into a graph of its own.

    Attributes:
        scope: of that graph.
        captured: values outside that come in, in the order of the graph's last inputs.
    """

    scope: Scope
    captured: list[Value] = field(default_factory=list)
    entries: dict[int, Value] = field(default_factory=dict)

    def capture(self, item: Item, outer: GraphBuilder) -> Item:
        """An item of the outside, as the body sees it."""
        if isinstance(item, Unwritten | ArrayHandle):
            return item.moved(lambda v: tensors([self.capture(v, outer)])[0])
        item = item.value() if isinstance(item, Lazy) else item
        if not isinstance(item, Value):
            return item
        known = outer.known_value(item)
        if known is not None and known.dtype != object:
            return self.scope.builder.constant(known.astype(item.dtype.numpy, copy=False), item.name)
        if id(item) not in self.entries:
            name = self.scope.builder.graph.unique_name(item.name)
            self.scope.builder.graph.release_name(name)
            self.entries[id(item)] = self.scope.builder.graph.add_input(name, item.type)
            self.captured.append(item)
        return self.entries[id(item)]


def _inner(name: str) -> Inner:
    return Inner(Scope(GraphBuilder(Graph(name), fold=True), is_main=False))


def _variables(ctx: NodeContext, items: Sequence[Item]) -> dict[str, Value]:
    """Present values of the variables that change and whose handles go in."""
    found: dict[str, Value] = {}
    for item in items:
        if isinstance(item, Resource) and item.kind == "variable" and item.name in ctx.session.changing and item.name not in found:
            found[item.name] = ctx.session.read(item, ctx.importer.scope)
    return found


def _give(inner: Inner, value: Value, name: str) -> None:
    graph = inner.scope.builder.graph
    graph.add_output(own_value(inner.scope.builder, value, graph.unique_name(name)), graph.unique_name(name))


# -- If and Case --------------------------------------------------------------------------------------------------------


@converts("If", "StatelessIf")
def if_(ctx: NodeContext) -> Sequence[Item]:
    """One of two functions; a number counts as true where it is not 0."""
    return _choose(ctx, _truth(ctx, ctx.input(0)), ctx.attr_function("then_branch"), ctx.attr_function("else_branch"))


def _truth(ctx: NodeContext, condition: Value) -> Value:
    if condition.shape:
        raise Unsupported("a condition that is not a scalar is not supported.")
    return ctx.cast(condition, BOOL)


@converts("Case", "StatelessCase")
def case(ctx: NodeContext) -> Sequence[Item]:
    """One of several functions by number, the last for numbers outside."""
    names = ctx.attr_functions("branches")
    if not names:
        raise MalformedModelError("a Case without branches")
    index = ctx.input(0)
    known = ctx.known_ints(index)
    if known is not None:
        at = known[0] if 0 <= known[0] < len(names) else len(names) - 1
        return ctx.importer.call(names[at], ctx.items[1:])
    if len(names) > 2:
        raise Unsupported(f"a Case of {len(names)} branches whose number is computed at run time is not supported.")
    if len(names) == 1:
        return ctx.importer.call(names[0], ctx.items[1:])
    return _choose(ctx, ctx.unary_const(ctx.scalar(index), "Equal", 0), names[0], names[1])


def _choose(ctx: NodeContext, condition: Value, then: str, otherwise: str) -> Sequence[Item]:
    items = ctx.items[1:]
    known = ctx.numbers(condition)
    if known is not None:
        return ctx.importer.call(then if bool(known.reshape(-1)[0]) else otherwise, items)
    variables = _variables(ctx, items)
    branches = [_branch(ctx, name, items, variables) for name in (then, otherwise)]
    outside = _share(branches)
    graphs = [b.scope.builder.graph for b in branches]
    for a, b in zip(graphs[0].outputs, graphs[1].outputs, strict=True):
        if a.dtype is not b.dtype or a.type.rank != b.type.rank:
            message = f"its branches give {a.type} and {b.type}, so its condition must be known at conversion; it is computed at run time."
            raise Unsupported(message, ctx.problems.shape_hint() or "Freeze the input that decides it.", "dynamic-input")
    outs = ctx.call_multi("If", condition, *outside, then_graph=graphs[0], else_graph=graphs[1])
    for name, value in zip(variables, outs[len(outs) - len(variables) :], strict=True):
        ctx.importer.scope.current[name] = value
    return outs[: len(outs) - len(variables)]


def _branch(ctx: NodeContext, function: str, items: Sequence[Item], variables: dict[str, Value]) -> Inner:
    inner = _inner(function)
    inside = [inner.capture(i, ctx.builder) for i in items]
    inner.scope.current = {n: tensors([inner.capture(v, ctx.builder)])[0] for n, v in variables.items()}
    results = tensors(ctx.importer.inline(function, inside, inner.scope))
    for k, v in enumerate([*results, *(inner.scope.current[n] for n in variables)]):
        _give(inner, v, f"out_{k}")
    return inner


def _share(branches: Sequence[Inner]) -> list[Value]:
    """The same captures in the same order for all branches."""
    outside: list[Value] = []
    for b in branches:
        outside += [v for v in b.captured if not any(v is o for o in outside)]
    for b in branches:
        graph = b.scope.builder.graph
        entries = []
        for v in outside:
            if id(v) not in b.entries:
                name = graph.unique_name(v.name)
                graph.release_name(name)
                b.entries[id(v)] = graph.add_input(name, v.type)
            entries.append(b.entries[id(v)])
        graph.inputs[:] = entries
    return outside


# -- While --------------------------------------------------------------------------------------------------------------


@dataclass
class LoopPlan:
    """What a loop carries.

    Attributes:
        condition, body: functions.
        carried: which items change from trip to trip.
        first: their first values, then those of the variables.
        variables: names of variables that change.
    """

    condition: str
    body: str
    carried: list[int]
    first: list[Value]
    variables: list[str]


@converts("While", "StatelessWhile")
def while_(ctx: NodeContext) -> Sequence[Item]:
    """Repeat the body while the condition holds, which is asked before the first trip and behind each."""
    condition, body = ctx.attr_function("cond"), ctx.attr_function("body")
    start = _truth(ctx, tensors(ctx.importer.call(condition, ctx.items))[0])
    known = ctx.numbers(start)
    if known is not None and not known.reshape(-1)[0]:
        return list(ctx.items)
    kept = unchanged(ctx.session.library.find(body))
    carried = [k for k in range(len(ctx.items)) if k not in kept]
    variables = _variables(ctx, ctx.items)
    carried = _write_lists(ctx, LoopPlan(condition, body, carried, [], list(variables)), list(variables.values()))
    first = [*(tensors([ctx.items[k]])[0] for k in carried), *variables.values()]
    plan = LoopPlan(condition, body, carried, first, list(variables))
    inner = _settled(ctx, plan)
    outs = ctx.call_multi("While", None, start, *first, *inner.captured, body=inner.scope.builder.graph, carried=len(first))
    result = list(ctx.items)
    for k, value in zip(carried, outs, strict=False):
        result[k] = value
    for name, value in zip(variables, outs[len(carried) :], strict=True):
        ctx.importer.scope.current[name] = value
    return result


def _write_lists(ctx: NodeContext, plan: LoopPlan, variables: Sequence[Value]) -> list[int]:
    """Give lists that the body is the first to write a content; one trip tells the shape of their elements.

    Returns:
        what is carried: lists that stay unwritten are not.
    """
    lists = [k for k in plan.carried if isinstance(ctx.items[k], Unwritten)]
    if not lists:
        return plan.carried
    others = [k for k in plan.carried if k not in lists]
    first = [*(tensors([ctx.items[k]])[0] for k in others), *variables]
    trial = replace(plan, carried=others, first=first)
    inner, arguments = _entered(ctx, trial, [v.type for v in first])
    results = ctx.importer.inline(plan.body, arguments, inner.scope)
    if any(results[k] is None for k in lists):
        raise Poisoned
    near = [*inner.captured, *first]
    for k in lists:
        found, item = results[k], ctx.items[k]
        if isinstance(found, Value) and isinstance(item, Unwritten):
            ctx.items[k] = settled(ctx, item, found.type, near)
    return [k for k in plan.carried if not isinstance(ctx.items[k], Unwritten)]


def unchanged(body: Body) -> set[int]:
    """The arguments that a body hands on as they are."""
    found = set()
    for k, (_, ref) in enumerate(body.results):
        for _ in range(100):
            node = body.nodes.get(ref.node)
            if node is None or node.op != "Identity" or len(node.inputs) != 1:
                break
            ref = node.inputs[0]
        if k < len(body.arguments) and ref.node == body.arguments[k] and ref.node not in body.nodes:
            found.add(k)
    return found


def _settled(ctx: NodeContext, plan: LoopPlan) -> Inner:
    """The body with carried types that hold on every trip."""

    def trip(types: Sequence[TensorType]) -> tuple[Inner, Sequence[TensorType]]:
        inner = _trip(ctx, plan, types)
        return inner, [v.type for v in inner.scope.builder.graph.outputs[1:]]

    return settled_body(ctx.name, [v.type for v in plan.first], trip)


def _entered(ctx: NodeContext, plan: LoopPlan, types: Sequence[TensorType]) -> tuple[Inner, list[Item]]:
    """A graph for one trip, and what the functions get in it."""
    inner = _inner(plan.body)
    graph = inner.scope.builder.graph
    graph.add_input("trip", TensorType(I64, ()))
    graph.add_input("go_on", TensorType(BOOL, ()))
    entries = [graph.add_input(graph.unique_name(f"carried_{k}") + "/in", t) for k, t in enumerate(types)]
    arguments: list[Item] = []
    taken = iter(entries)
    for k, item in enumerate(ctx.items):
        arguments.append(next(taken) if k in plan.carried else inner.capture(item, ctx.builder))
    inner.scope.current = dict(zip(plan.variables, taken, strict=True))
    return inner, arguments


def _trip(ctx: NodeContext, plan: LoopPlan, types: Sequence[TensorType]) -> Inner:
    """One trip as a graph: the body, and the condition on what it gives."""
    inner, arguments = _entered(ctx, plan, types)
    builder = inner.scope.builder
    results = ctx.importer.inline(plan.body, arguments, inner.scope)
    passed = [results[k] if k in plan.carried else arguments[k] for k in range(len(arguments))]
    again = tensors(ctx.importer.inline(plan.condition, passed, inner.scope))[0]
    again = again if again.dtype is BOOL else builder.call("Cast", again, to=BOOL)
    _give(inner, again, "again")
    for k, v in enumerate([*tensors([results[k] for k in plan.carried]), *(inner.scope.current[n] for n in plan.variables)]):
        _give(inner, v, f"out_{k}")
    return inner
