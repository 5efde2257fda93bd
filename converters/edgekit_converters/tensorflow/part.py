"""Cuts a model before it is imported, so that what lies outside the part that is asked for need not convert."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from edgekit.ir import Part
from edgekit_converters.tensorflow.frames import lift_frames
from edgekit_converters.tensorflow.graph_def import PLACEHOLDERS, placeholder_shape
from edgekit_converters.tensorflow.model import Model, ModelInput
from edgekit_converters.tensorflow.nodes import REF, Body, SourceNode, TensorRef, parse_ref

#: attributes that say the element type of an operator's first output, in this order
TYPE_ATTRS = ("output_type", "out_type", "DstT", "dtype", "Tout", "T")
FLOAT = 1


def cut(model: Model, part: Part) -> Model:
    """The part of a model, as far as its tensors are found in the main graph.

    The names of others (inside functions) are those of the imported graph; the model is left whole for them, and cut afterwards.

    Args:
        model: all of it.
        part: what to take.
    """
    body = lift_frames(model.body, model.library)
    outputs, found = list(model.outputs), True
    if part.outputs:
        own = dict(model.outputs)
        refs = [(name, own.get(name) or _resolve(name, body)) for name in part.outputs]
        chosen = [(name, ref) for name, ref in refs if ref is not None]
        found = len(chosen) == len(refs)
        outputs = chosen if found else [*outputs, *(c for c in chosen if c[0] not in own)]
    known = {i.name: i for i in model.inputs}
    entries = [known.get(name) or _entry(name, body) for name in part.inputs]
    inputs = list(model.inputs)
    if part.inputs and all(e is not None for e in entries):
        named = [e for e in entries if e is not None]
        edge = {e.node for e in named}
        reached = _reached(body, outputs, edge)
        inputs = named + [i for i in model.inputs if i.node in reached and i.node not in edge]
    elif part.outputs and found:
        reached, fed = _reached(body, outputs, set()), {i.node for i in model.inputs}
        inputs = [i for i in model.inputs if i.node in reached]
        inputs += [_placeholder(n) for n in body.nodes.values() if n.name in reached and n.op in PLACEHOLDERS and n.name not in fed]
    return replace(model, body=body, inputs=inputs, outputs=outputs)


def _resolve(name: str, body: Body) -> TensorRef | None:
    """The output of a node that a name means; None where the main graph has no such node."""
    if name in body.nodes:
        return TensorRef(name)
    if REF.fullmatch(name) is None:
        return None
    ref = parse_ref(name)
    return ref if ref.node in body.nodes else None


def _entry(name: str, body: Body) -> ModelInput | None:
    ref = _resolve(name, body)
    if ref is None:
        return None
    node = body.nodes[ref.node]
    return ModelInput(name, ref.node, _type_of(node), _shape_of(node, ref.index), ref.index)


def _placeholder(node: SourceNode) -> ModelInput:
    return ModelInput(node.name, node.name, _type_of(node), placeholder_shape(node.attrs))


def _type_of(node: SourceNode) -> int:
    return next((int(node.attrs[a].type) for a in TYPE_ATTRS if a in node.attrs and node.attrs[a].type), FLOAT)


def _shape_of(node: SourceNode, index: int) -> Any:
    if node.op in PLACEHOLDERS:
        return placeholder_shape(node.attrs)
    shapes = node.attrs["_output_shapes"].list.shape if "_output_shapes" in node.attrs else ()
    return shapes[index] if index < len(shapes) else None


def _reached(body: Body, outputs: list[tuple[str, TensorRef]], edge: Collection[str]) -> set[str]:
    """The nodes that outputs read, up to the edge."""
    found: set[str] = set()
    work = [ref.node for _, ref in outputs]
    while work:
        name = work.pop()
        if name in found:
            continue
        found.add(name)
        if name in body.nodes and name not in edge:
            work += [r.node for r in body.nodes[name].inputs]
    return found
