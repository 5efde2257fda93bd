"""Control flow of exported programs: ``torch.cond``, ``torch.while_loop``, and regions that change nothing but modes."""

from __future__ import annotations

from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.bodies import Run, branch, repeat
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.importer import ProgramImporter
from edgekit_converters.pytorch.program import SourceGraph
from edgekit_converters.pytorch.registry import converts
from edgekit_converters.pytorch.storage import Tensor


def _graphs(ctx: AtenContext) -> list[SourceGraph]:
    return [a for a in ctx.args.values() if isinstance(a, SourceGraph)]


def _item(ctx: AtenContext, v: Any) -> Any:
    return Tensor.new(v, ctx.builder.graph) if isinstance(v, Value | Complex) else v


def _runner(graph: SourceGraph, operands: list[Any]) -> Run:
    def run(child: ProgramImporter, items: list[Any]) -> list[Any]:
        return run_graph_inside(child, graph, [*items, *operands])

    return run


def run_graph_inside(child: ProgramImporter, graph: SourceGraph, items: list[Any]) -> list[Any]:
    """Import a graph with its inputs bound; returns its outputs as items."""
    if len(graph.inputs) != len(items):
        raise MalformedModelError(f"a body takes {len(graph.inputs)} values, {len(items)} are passed")
    for name, item in zip(graph.inputs, items, strict=True):
        child.items[name] = item
    child.run(graph)
    outs = [child.resolve(a) for a in graph.outputs]
    flat = [v for o in outs for v in (o if isinstance(o, list) else [o])]
    return [Tensor.new(v, child.builder.graph) if isinstance(v, Value | Complex) else v for v in flat]


def _unwrapped(items: list[Any]) -> list[Any]:
    return [i.read() if isinstance(i, Tensor) else i for i in items]


@converts("higher_order.cond")
def cond(ctx: AtenContext) -> tuple[Any, ...]:
    values = list(ctx.args.values())
    graphs = _graphs(ctx)
    if len(graphs) != 2:
        raise MalformedModelError("cond needs two branches")
    operands = [_item(ctx, v) for part in values[1:] if isinstance(part, list) for v in part]
    predicate = values[0].value if isinstance(values[0], Sym) else values[0]
    known = predicate if isinstance(predicate, bool) else ctx.numbers(predicate)
    if known is not None:
        taken = graphs[0 if bool(known if isinstance(known, bool) else known.reshape(-1)[0]) else 1]
        return tuple(_inline(ctx, taken, operands))
    return tuple(_unwrapped(branch(ctx, predicate, [_runner(g, operands) for g in graphs])))


def _inline(ctx: AtenContext, graph: SourceGraph, operands: list[Any]) -> list[Any]:
    """A region of the same graph: its names are its own."""
    same = ProgramImporter(ctx.problems, ctx.builder, ctx.importer.metas, ctx.importer.parent)
    same.depth = ctx.importer.depth + 1
    source = ctx.builder.source
    outs = _unwrapped(run_graph_inside(same, graph, operands))
    ctx.builder.source = source
    return outs


@converts("higher_order.while_loop")
def while_loop(ctx: AtenContext) -> tuple[Any, ...]:
    graphs = _graphs(ctx)
    lists = [a for a in ctx.args.values() if isinstance(a, list)]
    if len(graphs) != 2 or not lists:
        raise MalformedModelError("while_loop needs a condition, a body and carried values")
    carried = [_item(ctx, v) for v in lists[0]]
    extra = [_item(ctx, v) for part in lists[1:] for v in part]
    test, body = graphs

    def trip(child: ProgramImporter, items: list[Any]) -> list[Any]:
        now = run_graph_inside(child, body, [*items[1:], *extra])
        fresh = ProgramImporter(child.problems, child.builder, child.metas, child.parent)
        fresh.captures, fresh._inside, fresh._own = child.captures, child._inside, child._own
        return [*run_graph_inside(fresh, test, [*now, *extra]), *now]

    begin = _inline(ctx, test, [*carried, *extra])[0]
    condition = begin.value if isinstance(begin, Sym) else begin if isinstance(begin, Value) else ctx.const(begin)
    return tuple(_unwrapped(repeat(ctx, None, condition, carried, trip)))


@converts("higher_order.wrap_with_set_grad_enabled", "higher_order.wrap_with_autocast", "higher_order.hints_wrapper")
def wrapped(ctx: AtenContext) -> tuple[Any, ...]:
    """A region under a mode: its nodes are imported in place. Autocast regions name their casts themselves."""
    graphs = _graphs(ctx)
    if len(graphs) != 1:
        raise MalformedModelError("a wrapped region needs one graph")
    values = list(ctx.args.values())
    at = next(i for i, v in enumerate(values) if isinstance(v, SourceGraph))
    operands = [_item(ctx, v) for part in values[at + 1 :] for v in (part if isinstance(part, list) else [part])]
    if len(operands) < len(graphs[0].inputs):
        raise Unsupported("the region does not say what it is called with.")
    return tuple(_inline(ctx, graphs[0], operands[: len(graphs[0].inputs)]))
