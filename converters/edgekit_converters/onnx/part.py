"""Cuts a model before it is imported, so that what lies outside the part that is asked for need not convert."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgekit.ir import Part
from edgekit.ir.part import unknown_name
from edgekit_converters.onnx.nodes import reads

FLOAT = 1


def cut(model: Any, part: Part, types: Callable[[], Mapping[str, Any]]) -> tuple[Any, list[int]]:
    """A ModelProto with only the part that is asked for, and where its nodes were; the one given stays as it is.

    Args:
        model: functions are expanded already.
        part: what to take.
        types: gives what is known of the types of inner tensors, as ValueInfoProtos by name; asked only for new inputs.

    Raises:
        ConversionError: a tensor is not there.
    """
    graph = model.graph
    nodes = list(graph.node)
    producers = {o: k for k, n in enumerate(nodes) for o in n.output if o}
    declared = {i.name: i for i in graph.input}
    stored = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    for kind, names in (("output", part.outputs), ("input", part.inputs)):
        for name in names:
            if name not in producers and name not in declared and name not in stored:
                raise unknown_name(name, [*declared, *producers], kind)
    outputs = list(part.outputs) or [o.name for o in graph.output]
    needed, used = _needed(nodes, producers, outputs, set(part.inputs))
    made = type(model)()
    for field, value in model.ListFields():
        if field.name != "graph":
            _copy(made, field.name, value)
    new = made.graph
    new.name = graph.name
    new.node.extend(n for k, n in enumerate(nodes) if k in needed)
    new.initializer.extend(t for t in graph.initializer if t.name in used and t.name not in part.inputs)
    new.sparse_initializer.extend(t for t in graph.sparse_initializer if t.values.name in used and t.values.name not in part.inputs)
    new.value_info.extend(v for v in graph.value_info if v.name in used)
    given = {o.name: o for o in graph.output}
    for name in outputs:
        if name in given:
            new.output.add().CopyFrom(given[name])
        else:
            new.output.add().name = name
    inner = {n for n in part.inputs if n not in declared}
    known = types() if inner else {}
    for name in part.inputs:
        info = declared.get(name) or known.get(name)
        entry = new.input.add()
        if info is not None and info.type.WhichOneof("value") == "tensor_type":
            entry.MergeFromString(info.SerializeToString())  # which may be of the package onnx's own class
        else:
            entry.type.tensor_type.elem_type = FLOAT
        entry.name = name
    new.input.extend(i for i in graph.input if (i.name in used or not part) and i.name not in part.inputs)
    return made, sorted(needed)


def is_whole(model: Any) -> bool:
    """Whether every node matters to the outputs."""
    nodes = list(model.graph.node)
    producers = {o: k for k, n in enumerate(nodes) for o in n.output if o}
    return len(_needed(nodes, producers, [o.name for o in model.graph.output], set())[0]) == len(nodes)


def _copy(message: Any, name: str, value: Any) -> None:
    """Set a field of any kind."""
    if hasattr(value, "DESCRIPTOR"):
        getattr(message, name).CopyFrom(value)
    elif hasattr(value, "extend"):
        getattr(message, name).extend(value)
    else:
        setattr(message, name, value)


def _needed(nodes: Sequence[Any], producers: Mapping[str, int], outputs: Sequence[str], edge: set[str]) -> tuple[set[int], set[str]]:
    """The positions of the nodes that the outputs need, and all the names that are read."""
    needed: set[int] = set()
    used: set[str] = set()
    work = list(outputs)
    while work:
        name = work.pop()
        if name in used:
            continue
        used.add(name)
        k = producers.get(name)
        if k is None or name in edge or k in needed:
            continue
        needed.add(k)
        work += reads(nodes[k])
    return needed, used
