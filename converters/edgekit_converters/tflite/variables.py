"""Variables: values a model keeps from run to run. They become states of the graph; control flow passes them in and out of its bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.types import Array, TensorType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.tflite.tensors import RESOURCE, SHIFT, TensorInfo, tensor_info

if TYPE_CHECKING:
    from edgekit_converters.tflite.flat import Record
    from edgekit_converters.tflite.session import ImportSession

MAX_DEPTH = 16
#: which options of a control flow operator name subgraphs that get its inputs, and the first of these inputs
BODIES = {"IF": (("then_subgraph", "else_subgraph"), 1), "WHILE": (("cond_subgraph", "body_subgraph"), 0)}


@dataclass
class Variable:
    """A resource variable or a variable tensor.

    Attributes:
        name: the source's.
        initial: its first value in the element type the graph holds it in, None where the model does not say (all bits 0 then).
        entry: the graph input that brings it in.
        current: its value at this point of the graph under construction; None until it is read or assigned.
    """

    name: str
    initial: Array | None = None
    entry: Value | None = None
    current: Value | None = None


def handle_key(options: Record) -> str:
    """The key of the variable that a VAR_HANDLE names."""
    return f"resource:{options.container}:{options.shared_name}"


def tensor_key(subgraph: int, index: int) -> str:
    """The key of a variable tensor."""
    return f"tensor:{subgraph}:{index}"


def zero_of(info: TensorInfo) -> Array:
    """What a variable tensor holds after a reset: the zero point of int8, else bits of 0 (tensorflow/lite/core/subgraph.cc, util.cc)."""
    if info.is_shifted:
        return np.asarray(-SHIFT, info.dtype.numpy)
    of_int8 = info.quant is not None and info.dtype.label == "int8"
    return np.asarray(info.quant.zero_point[0] if of_int8 and info.quant is not None else 0, info.dtype.numpy)


def touched(session: ImportSession, index: int, handles: Mapping[int, str], depth: int = 0) -> dict[str, TensorType]:
    """Every variable that a subgraph reads or assigns, those of bodies inside it included, with its type.

    Args:
        session: of the import.
        index: of the subgraph.
        handles: keys of the resources among its inputs, by tensor index.
        depth: of nesting.
    """
    if depth > MAX_DEPTH:
        raise MalformedModelError(f"control flow is nested deeper than {MAX_DEPTH}")
    session.count_scan()
    graph = session.subgraph(index)
    keys = dict(handles)
    found: dict[str, TensorType] = {}

    def type_of(i: int) -> TensorType:
        if not 0 <= i < len(graph.tensors):
            raise MalformedModelError(f"tensor {i} is named, subgraph {index} has {len(graph.tensors)}")
        info = tensor_info(i, graph.tensors[i])
        return TensorType(info.dtype, info.shape, info.quant)

    for node in graph.operators:
        op = session.op_name(node.opcode_index)
        ins, outs = [int(i) for i in node.inputs], [int(i) for i in node.outputs]
        if op == "VAR_HANDLE" and outs and node.options is not None:
            keys[outs[0]] = handle_key(node.options)
            session.variable(keys[outs[0]], node.options.shared_name or keys[outs[0]])
        elif op == "READ_VARIABLE" and ins and outs and ins[0] in keys:
            found[keys[ins[0]]] = type_of(outs[0])
        elif op == "ASSIGN_VARIABLE" and len(ins) > 1 and ins[0] in keys:
            found.setdefault(keys[ins[0]], type_of(ins[1]))
        elif op in BODIES and node.options is not None:
            names, first = BODIES[op]
            for name in names:
                body = int(getattr(node.options, name))
                entries = list(session.subgraph(body).inputs)
                below = {int(e): keys[i] for e, i in zip(entries, ins[first:], strict=False) if i in keys}
                for key, type_ in touched(session, body, below, depth + 1).items():
                    found.setdefault(key, type_)
            keys.update({o: keys[i] for o, i in zip(outs, ins[first:], strict=False) if i in keys})
        for i in ins:
            if 0 <= i < len(graph.tensors) and graph.tensors[i].is_variable and graph.tensors[i].type != RESOURCE:
                key = tensor_key(index, i)
                found[key] = type_of(i)
                session.variable(key, graph.tensors[i].name or f"state_{i}").initial = zero_of(tensor_info(i, graph.tensors[i]))
    return found


@contextmanager
def inside(variables: Sequence[Variable], values: Sequence[Value]) -> Iterator[None]:
    """Within a body the variables have the values passed into it; behind it those they had before."""
    before = [v.current for v in variables]
    for v, value in zip(variables, values, strict=True):
        v.current = value
    try:
        yield
    finally:
        for v, outside in zip(variables, before, strict=True):
            v.current = outside


def read(main: GraphBuilder, v: Variable, type_: TensorType, depth: int) -> Value:
    """The present value of a variable; its first reading makes it an input of the main graph.

    Raises:
        Unsupported: it is read where no value of it was passed to.
    """
    if v.current is None:
        if depth:
            raise Unsupported(f"the variable {v.name!r} is read where it cannot be passed to.")
        name, n = v.name, 1
        while main.graph.has_name(name):
            name, n = f"{v.name}.{n}", n + 1
        v.current = v.entry = main.graph.add_input(name, type_)
    value: Value = v.current
    return value


def finish_states(session: ImportSession, builder: GraphBuilder) -> None:
    """Turn the variables that are read into states of the graph."""
    kept = []
    for v in session.variables.values():
        if v.entry is None or v.current is None:
            continue
        following = v.current
        if following is not v.entry and following.producer is None:
            folding, builder.fold = builder.fold, False
            following = builder.call("Identity", following, name=f"{v.entry.name}/following")
            builder.fold = folding
        if following.dtype is not v.entry.dtype or following.quant != v.entry.quant or tuple(following.shape) != tuple(v.entry.shape):
            session.block("ASSIGN_VARIABLE", v.name, "unsupported-variant", f"it is read as {v.entry.type} and assigned {following.type}.")
            continue
        builder.graph.add_state(v.entry, following, 0 if v.initial is None else v.initial)
        kept.append(v.entry.name)
    if kept:
        names = f"{', '.join(kept[:3])}{', ...' if len(kept) > 3 else ''}"
        session.note(f"the model keeps {len(kept)} value(s) from run to run ({names}); reset() sets them to their first values")
