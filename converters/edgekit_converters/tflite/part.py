"""Cuts a subgraph before it is imported, so that what lies outside the part that is asked for need not convert."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

from edgekit.ir import Part
from edgekit.ir.part import unknown_name
from edgekit_converters.tflite.flat import Record


def cut(
    subgraph: Record, part: Part, own_names: tuple[Sequence[str], Sequence[str]], has_effects: Callable[[Record], bool]
) -> tuple[Record, dict[int, str]]:
    """A subgraph with only the part that is asked for; the one given stays as it is.

    Operators that assign variables stay, with what they read: a state goes on whatever is handed out.

    Args:
        subgraph: of the file.
        part: what to take; names of tensors, or of the model's inputs and outputs.
        own_names: what users call the model's own inputs and outputs.
        has_effects: whether an operator does more than compute its outputs.

    Returns:
        the new subgraph, and by tensor the names that its inputs and outputs were asked for with.

    Raises:
        ConversionError: a tensor is not there.
    """
    tensors = {t.name: i for i, t in reversed(list(enumerate(subgraph.tensors))) if t.name}
    tensors |= dict(zip(own_names[0], (int(i) for i in subgraph.inputs), strict=True))
    tensors |= dict(zip(own_names[1], (int(i) for i in subgraph.outputs), strict=True))
    for kind, names in (("output", part.outputs), ("input", part.inputs)):
        for name in names:
            if name not in tensors:
                raise unknown_name(name, tensors, kind)
    outputs = [tensors[n] for n in part.outputs] or [int(i) for i in subgraph.outputs]
    inputs = [tensors[n] for n in part.inputs]
    operators, read = needed(subgraph, outputs, inputs, has_effects)
    new = copy(subgraph)
    new.operators = [op for k, op in enumerate(subgraph.operators) if k in operators]
    new.outputs = outputs
    new.inputs = inputs + [int(i) for i in subgraph.inputs if int(i) in read and int(i) not in inputs]
    asked = zip((*part.inputs, *part.outputs), (*inputs, *(outputs if part.outputs else ())), strict=True)
    return new, {tensor: name for name, tensor in asked}


def needed(
    subgraph: Record, outputs: Sequence[int], edge: Sequence[int], has_effects: Callable[[Record], bool]
) -> tuple[set[int], set[int]]:
    """What some tensors are computed from.

    Args:
        subgraph: of the file.
        outputs: the tensors.
        edge: tensors whose operators do not count.
        has_effects: whether an operator does more than compute its outputs; such are needed whatever is read.

    Returns:
        the positions of the operators, and the tensors that are read.
    """
    producers = {int(i): k for k, op in enumerate(subgraph.operators) for i in op.outputs}
    found = {k for k, op in enumerate(subgraph.operators) if has_effects(op)}
    read: set[int] = set()
    work = [*outputs, *(int(i) for k in found for i in subgraph.operators[k].inputs)]
    while work:
        tensor = work.pop()
        if tensor in read:
            continue
        read.add(tensor)
        k = producers.get(tensor)
        if k is not None and k not in found and tensor not in edge:
            found.add(k)
            work += [int(i) for i in subgraph.operators[k].inputs]
    return found, read
