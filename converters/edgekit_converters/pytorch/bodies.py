"""Branches and loop bodies: graphs of their own, whose uses of values outside become inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import BOOL, I64, DType, TensorType
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.loops import settled_body, share_captures
from edgekit_converters.importing.outputs import own_value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym, number_type
from edgekit_converters.pytorch.importer import ProgramImporter
from edgekit_converters.pytorch.storage import Tensor

#: runs a body in an importer of its own and gives what it returns
Run = Callable[[ProgramImporter, list[Any]], list[Any]]


def child_of(parent: ProgramImporter, name: str) -> ProgramImporter:
    """An importer for a body inside of ``parent``'s graph."""
    return ProgramImporter(parent.problems, GraphBuilder(Graph(name), fold=True), parent.metas, parent)


def branch(ctx: AtenContext, condition: Value, bodies: Sequence[Run]) -> list[Any]:
    """An ``If`` of two bodies; what both return as the same number stays a number.

    Raises:
        Unsupported: the branches return different things.
    """
    children, results = [], []
    for k, run in enumerate(bodies):
        child = child_of(ctx.importer, f"{ctx.name}/{'then' if k == 0 else 'else'}")
        results.append(run(child, []))
        children.append(child)
    if len(results[0]) != len(results[1]):
        raise Unsupported(f"its branches return {len(results[0])} and {len(results[1])} values.")
    same = [_equal(a, b) for a, b in zip(*results, strict=True)]
    outs: list[list[Value]] = []
    for child, items in zip(children, results, strict=True):
        values = [child.local(_as_value(child, i)) for i, s in zip(items, same, strict=True) if not s]
        outs.append([own_value(child.builder, v, f"out{k}") for k, v in enumerate(values)])
    for a, b in zip(*outs, strict=True):
        if a.dtype is not b.dtype or a.type.rank != b.type.rank:
            raise Unsupported(f"its branches give {a.type} and {b.type}.", "Make the condition a constant.", "dynamic-input")
    for child, values in zip(children, outs, strict=True):
        for k, v in enumerate(values):
            child.builder.graph.add_output(v, f"out{k}")
    outside = share_captures(children, ProgramImporter.local)
    made: Sequence[Value] = ()
    if outs[0]:
        graphs = [c.builder.graph for c in children]
        made = ctx.call_multi("If", ctx.cast(ctx.scalar(condition), BOOL), *outside, then_graph=graphs[0], else_graph=graphs[1])
    rest = iter(made)
    numeric = [all(not isinstance(r[k], Tensor) for r in results) for k in range(len(same))]
    if any(_is_complex(a) != _is_complex(b) for a, b in zip(*results, strict=True)):
        raise Unsupported("one of its branches gives complex numbers, the other real ones.")
    return [
        results[0][k] if s else Sym(next(rest)) if numeric[k] else _tensor(next(rest), _is_complex(results[0][k]), ctx.builder.graph)
        for k, s in enumerate(same)
    ]


def _equal(a: Any, b: Any) -> bool:
    plain = (bool, int, float, str, type(None))
    return a is b or (isinstance(a, plain) and type(a) is type(b) and a == b)


def _as_value(importer: ProgramImporter, item: Any) -> Value:
    if isinstance(item, Tensor):
        value = importer.localized(item.read())
        return value if isinstance(value, Value) else value.packed(Composer(importer.problems, importer.builder, "pair", "pair", []))
    if isinstance(item, Sym):
        return item.value
    if isinstance(item, bool | int | float):
        return importer.own(importer.builder.constant(item, "number", number_type(item)))
    raise Unsupported("a branch or loop hands on something else than tensors and numbers.")


def _is_complex(item: Any) -> bool:
    return isinstance(item, Tensor) and isinstance(item.read(), Complex)


def _tensor(value: Value, is_complex: bool, graph: Graph) -> Tensor:
    """What a branch or loop hands on as one tensor; complex ones with their parts in a last dimension."""
    return Tensor.new(Complex(packed=value) if is_complex else value, graph)


def repeat(ctx: AtenContext, limit: Value | None, condition: Value | None, carried: Sequence[Any], body: Run) -> list[Any]:
    """A ``While`` over carried tensors and numbers.

    Args:
        ctx: the node.
        limit: the most trips (int64), None for no limit.
        condition: whether to begin at all, None for always.
        carried: first items.
        body: gets ``[trip number, *carried]`` and returns ``[go on, *carried]``.

    Raises:
        Unsupported: what is carried changes its kind from trip to trip.
    """
    first = [ctx.importer.local(_as_value(ctx.importer, c)) for c in carried]
    numeric = [not isinstance(c, Tensor) for c in carried]
    complex_ = [_is_complex(c) for c in carried]

    def trip(types: Sequence[TensorType]) -> tuple[tuple[ProgramImporter, list[Value]], Sequence[TensorType]]:
        child = child_of(ctx.importer, f"{ctx.name}/body")
        graph = child.builder.graph
        counter = graph.add_input(_free(graph, "trip"), TensorType(I64, ()))
        graph.add_input(_free(graph, "go_on"), TensorType(BOOL, ()))
        inside = [graph.add_input(_free(graph, f"carried{k}"), t) for k, t in enumerate(types)]
        items = [Sym(v) if n else _tensor(v, z, graph) for v, n, z in zip(inside, numeric, complex_, strict=True)]
        results = body(child, [Sym(counter), *items])
        if [_is_complex(r) for r in results[1:]] != complex_:
            raise Unsupported("what it carries is real in some trips and complex in others.")
        values = [child.local(_as_value(child, r)) for r in results]
        outs = [own_value(child.builder, v, f"out{k}") for k, v in enumerate(_in_types(child, values, [BOOL, *(t.dtype for t in types)]))]
        return (child, outs), [v.type for v in outs[1:]]

    child, outs = settled_body(ctx.name, [v.type for v in first], trip)
    graph = child.builder.graph
    for k, v in enumerate(outs):
        graph.add_output(v, "go_on" if k == 0 else f"out{k - 1}")
    outside = [o for o, _ in child.captures]
    if condition is not None:
        condition = ctx.cast(ctx.scalar(condition), BOOL)
    made = ctx.call_multi("While", limit, condition, *first, *outside, body=graph, carried=len(first))
    return [Sym(v) if n else _tensor(v, z, ctx.builder.graph) for v, n, z in zip(made, numeric, complex_, strict=True)]


def _in_types(child: ProgramImporter, values: Sequence[Value], dtypes: Sequence[DType]) -> list[Value]:
    """Numbers that changed between integer and boolean keep their first type."""
    out = []
    for v, d in zip(values, dtypes, strict=True):
        out.append(v if v.dtype is d or v.shape else child.builder.call("Cast", v, to=d, name="number"))
    return out


def _free(graph: Graph, hint: str) -> str:
    name = graph.unique_name(hint)
    graph.release_name(name)
    return name
