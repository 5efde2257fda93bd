"""Part of a model: other outputs and inputs than its own, and only what lies between them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgekit.errors import ConversionError
from edgekit.ir.builder import GraphBuilder
from edgekit.ir.graph import Graph, Value

#: names shown where one is not found
SHOWN = 5


@dataclass(frozen=True)
class Part:
    """Where a model is cut.

    Attributes:
        outputs: tensors that become the outputs, in this order, by the source's names; empty leaves the model's own.
        inputs: tensors that become the inputs, in this order; empty leaves the model's own, as far as the outputs need them.
    """

    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.outputs or self.inputs)


def unknown_name(name: str, known: Iterable[str], kind: str) -> ConversionError:
    """The error for a tensor that the model does not have; it names those that are spelled alike."""
    names = list(dict.fromkeys(k for k in known if k))
    close = difflib.get_close_matches(name, names, SHOWN, 0.5) or [n for n in names if name.lower() in n.lower()][:SHOWN]
    hint = f"; did you mean {', '.join(map(repr, close))}?" if close else f"; it has {len(names)}, the last are {names[-SHOWN:]}"
    return ConversionError(f"the model has no tensor {name!r} to be an {kind}{hint}")


def check_part(part: Part) -> None:
    """Refuse a name that is given twice.

    Raises:
        ConversionError: one is.
    """
    for kind, names in (("outputs", part.outputs), ("inputs", part.inputs)):
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ConversionError(f"{kind}: {twice!r} is named twice")


def take_part(graph: Graph, part: Part) -> None:
    """Cut a graph in place. States stay where what is left reads them.

    Raises:
        ConversionError: a name is not there, or an output needs an input that is not among those named.
    """
    check_part(part)
    named = {v.name: v for v in graph.values()}
    own = dict(zip(graph.user_output_names, graph.user_outputs, strict=True))
    if part.outputs:
        _set_outputs(graph, part.outputs, [_find(n, {**named, **own}, "output") for n in part.outputs])
    if part.inputs:
        _set_inputs(graph, part.inputs, [_find(n, named, "input") for n in part.inputs])
    _drop_the_rest(graph)
    if not part.inputs:
        graph.inputs = [v for v in graph.inputs if v.uses or graph.is_output(v) or any(s.input is v for s in graph.states)]
        return
    missing = [v.name for v in graph.user_inputs if v.name not in part.inputs and (v.uses or graph.is_output(v))]
    if missing:
        raise ConversionError(f"what is left still needs the input {missing[0]!r}, which is not among the inputs {list(part.inputs)}")
    states = [s.input for s in graph.states]
    graph.inputs = [*(next(v for v in graph.inputs if v.name == n) for n in part.inputs), *states]


def _find(name: str, known: dict[str, Value], kind: str) -> Value:
    if name not in known:
        raise unknown_name(name, known, kind)
    return known[name]


def _set_outputs(graph: Graph, names: Sequence[str], values: Sequence[Value]) -> None:
    builder = GraphBuilder(graph)
    count = len(graph.user_outputs)
    ends, end_names = graph.outputs[count:], graph.output_names[count:]
    made: list[Value] = []
    for name, value in zip(names, values, strict=True):
        free = value.producer is not None and not any(value is v for v in (*made, *ends))
        made.append(value if free else builder.call("Identity", value, name=f"{name}/output"))
    graph.outputs, graph.output_names = [*made, *ends], [*names, *end_names]


def _set_inputs(graph: Graph, names: Sequence[str], values: Sequence[Value]) -> None:
    for name, value in zip(names, values, strict=True):
        if any(value is s.input for s in graph.states):
            raise ConversionError(f"{name!r} is a state of the model, which is no input")
        if any(value is v for v in graph.inputs):
            continue
        graph.rename(value, f"{value.name}/computed")
        entry = graph.add_input(name, value.type)
        outputs = list(graph.outputs)
        graph.replace_all_uses(value, entry)
        for k, v in enumerate(outputs):
            if v is value:
                graph.outputs[k] = GraphBuilder(graph).call("Identity", entry, name=f"{graph.output_names[k]}/output")


def _drop_the_rest(graph: Graph) -> None:
    """Take out the nodes and states that the outputs do not need."""
    states = {id(s.input): s for s in graph.states}
    producers = {id(v): n for n in graph.nodes for v in n.outputs}
    needed: set[int] = set()
    work = list(graph.user_outputs)
    while work:
        v = work.pop()
        if id(v) in needed:
            continue
        needed.add(id(v))
        if id(v) in states:
            work.append(states[id(v)].output)
        if id(v) in producers:
            work += [i for i in producers[id(v)].inputs if i is not None]
            needed.update(id(o) for o in producers[id(v)].outputs)
    graph.drop_states([s for s in graph.states if id(s.input) not in needed])
    graph.remove([n for n in graph.nodes if not any(id(v) in needed for v in n.outputs)])
