"""Checks every invariant of a graph. Runs after every pass and before every write."""

from __future__ import annotations

from edgekit.errors import GraphError
from edgekit.ir.graph import Graph, Value
from edgekit.types import DType, format_shape

MAX_RANK = 8


def verify(graph: Graph) -> None:
    """Raise if the graph breaks an invariant.

    Raises:
        GraphError: names the node or value and the rule it breaks.
    """
    names: dict[str, Value] = {}
    defined: set[int] = set()

    def define(v: Value, what: str) -> None:
        if names.setdefault(v.name, v) is not v:
            raise GraphError(f"graph {graph.name!r}: two values are called {v.name!r} ({what})")
        if len(v.shape) > MAX_RANK:
            raise GraphError(f"graph {graph.name!r}: {v.name!r} has rank {len(v.shape)}; the runtime takes up to {MAX_RANK}")
        if v.quant is not None and v.quant.axis is not None:
            axis = v.quant.axis
            if not 0 <= axis < len(v.shape) or v.shape[axis] != len(v.quant.scale):
                raise GraphError(f"{v.name!r}: {len(v.quant.scale)} scales along axis {axis} of {format_shape(v.shape)}")
        defined.add(id(v))

    for v in graph.inputs:
        if v.producer is not None or v.is_constant:
            raise GraphError(f"graph input {v.name!r} is also computed or constant")
        define(v, "input")
    for v in graph.constants():
        _check_constant(v)
        define(v, "constant")
    for n in graph.nodes:
        definition = n.definition
        definition.group_inputs(n.inputs)
        if n.attrs != definition.canonical_attrs(n.attrs):
            raise GraphError(f"{n}: attributes are not in canonical form")
        for read in n.inputs:
            if read is None:
                continue
            if id(read) not in defined:
                raise GraphError(f"{n} reads {read.name!r} before it is computed, or it belongs to another graph")
            if not any(u is n for u, _ in read.uses):
                raise GraphError(f"{n} reads {read.name!r}, which does not know of it")
        for v in n.outputs:
            if v.producer is not n:
                raise GraphError(f"{n} computes {v.name!r}, whose producer is {v.producer}")
            if v.is_constant or id(v) in defined:
                raise GraphError(f"{n} computes {v.name!r}, which is defined twice")
            define(v, f"output of {n}")
        for g in n.subgraphs():
            if g.states:
                raise GraphError(f"{n}: graph {g.name!r} inside it has states; only the main graph may")
            verify(g)
    if len(graph.outputs) != len(graph.output_names):
        raise GraphError(f"graph {graph.name!r} has {len(graph.outputs)} outputs and {len(graph.output_names)} names for them")
    for v, name in zip(graph.outputs, graph.output_names, strict=True):
        if id(v) not in defined:
            raise GraphError(f"graph output {name!r} is never computed")
    if len(set(graph.output_names)) != len(graph.output_names):
        raise GraphError(f"graph {graph.name!r}: two outputs share a name: {graph.output_names}")
    if graph.states:
        _check_states(graph)


def _check_states(graph: Graph) -> None:
    entries = {id(s.input) for s in graph.states}
    for s in graph.states:
        if s.input.type != s.output.type:
            raise GraphError(f"state {s.name!r} is {s.input.type}, what follows it ({s.output.name!r}) is {s.output.type}")
        if s.output.producer is None and not s.output.is_constant and s.output is not s.input:
            raise GraphError(f"state {s.name!r} takes over the graph input {s.output.name!r} itself; put an Identity between")
        if DType.from_numpy(s.initial.dtype) is not s.input.dtype or (s.initial.ndim and s.initial.shape != s.input.shape):
            raise GraphError(f"state {s.name!r} is {s.input.type}, its first value {s.initial.dtype}{list(s.initial.shape)}")
    for v, name in zip(graph.user_outputs, graph.user_output_names, strict=True):
        if id(v) in entries:
            raise GraphError(f"output {name!r} is the state {v.name!r} itself, which the run replaces; put an Identity between")


def _check_constant(v: Value) -> None:
    assert v.const is not None
    if v.producer is not None:
        raise GraphError(f"constant {v.name!r} is also computed")
    if DType.from_numpy(v.const.dtype) is not v.dtype or v.const.shape != v.shape:
        raise GraphError(f"constant {v.name!r} holds {v.const.dtype}{list(v.const.shape)} but is typed {v.type}")
