"""Runs the ``infer`` function of one node's operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgekit.errors import GraphError
from edgekit.ops import Arg, OpDef, Port, TypeVariable, Variadic
from edgekit.symbolic import SymDim
from edgekit.types import Array, Dim, TensorType, format_shape

#: values with more elements than this are not worked out while building: they are data, not shapes
MAX_KNOWN_ELEMENTS = 4096
#: no dimension is larger: products of a few still are integers to compute with, and shapes are written as 64-bit ones
MAX_DIMENSION = 1 << 62


def infer_outputs(
    definition: OpDef,
    inputs: Sequence[TensorType | None],
    values: Sequence[Array | None],
    attrs: Mapping[str, Any],
    where: str = "",
    node_name: str = "",
) -> list[Arg]:
    """Types (and values, where known) of an operator's outputs.

    Args:
        definition: the operator.
        inputs: one type an input, None for an absent one.
        values: the known value of each input, None where it is computed at run time.
        attrs: canonical attributes.
        where: how to call the node in messages.
        node_name: dimensions that only the data decide are called after it, so that two nodes never share one.

    Values of operators marked ``symbolic_values`` are worked out with their reference when every input value is known.

    Raises:
        GraphError: element types the operator does not take, or shapes it cannot work on.
    """
    where = where or definition.name
    args = [None if t is None else Arg(t, v) for t, v in zip(inputs, values, strict=True)]
    grouped = definition.group_inputs(args)
    _check_types(definition, grouped, where)
    try:
        result = definition.infer(*grouped, **attrs)
    except (ValueError, TypeError, IndexError, AttributeError, ZeroDivisionError, OverflowError) as e:
        shapes = ", ".join("absent" if t is None else str(t) for t in inputs)
        raise GraphError(f"{where}: {e} (inputs: {shapes})") from e
    flat: list[TensorType | Arg] = list(result) if isinstance(result, list | tuple) else [result]  # type: ignore[list-item]
    outs = [_named(r if isinstance(r, Arg) else Arg(r), node_name or definition.name.lower()) for r in flat]
    if definition.symbolic_values and all(o.value is None for o in outs):
        outs = _with_values(definition, args, attrs, outs)
    for o in outs:
        if any(isinstance(d, int) and d < 0 for d in o.shape):
            raise GraphError(f"{where}: the output shape {format_shape(o.shape)} is negative; check sizes, pads and strides")
        if any(isinstance(d, int) and d > MAX_DIMENSION for d in o.shape):
            raise GraphError(f"{where}: the output has a dimension beyond 2**{MAX_DIMENSION.bit_length() - 1}; check its shapes")
    return outs


def _named(out: Arg, node_name: str) -> Arg:
    """``out`` with the node's name in the symbols that ``infer`` called ``?something``."""
    fresh = {s for d in out.shape if isinstance(d, SymDim) for s in d.symbols() if s.name.startswith("?")}
    if not fresh:
        return out
    names: dict[str, Dim] = {}
    for s in fresh:
        room = None if s.room is None else replace(s.room, name=node_name)
        names[s.name] = SymDim.of(replace(s, name=f"{node_name}.{s.name[1:]}", room=room))
    return Arg(out.type.bind(names), out.value)


def _with_values(definition: OpDef, args: Sequence[Arg | None], attrs: Mapping[str, Any], outs: list[Arg]) -> list[Arg]:
    """``outs`` with the values that follow from known input values, where the operator can be worked out now."""
    present = [a for a in args if a is not None]
    if not present or any(a.value is None or a.value.size > MAX_KNOWN_ELEMENTS for a in present):
        return outs
    if definition.stateful or any(a.type.quant is not None for a in present):
        return outs
    if any(not o.type.is_static or int(np.prod(o.type.static_shape(), dtype=np.float64)) > MAX_KNOWN_ELEMENTS for o in outs):
        return outs
    arrays = [None if a is None or a.value is None else plain_value(a.value, a.type) for a in args]
    try:
        with np.errstate(all="ignore"):
            result = definition.reference(*definition.group_inputs(arrays), **attrs)
    except (ValueError, TypeError, IndexError, AttributeError, GraphError):
        return outs  # symbolic where integers are needed: the value stays unknown
    flat = list(result) if isinstance(result, list | tuple) else [result]
    return [Arg(o.type, plain_value(np.asarray(v), o.type)) for o, v in zip(outs, flat, strict=False)]


def plain_value(value: Array, type: TensorType) -> Array:
    """A known value in the element type's own dtype, unless it holds symbolic dimensions."""
    if value.dtype == object and any(isinstance(v, SymDim) for v in value.reshape(-1).tolist()):
        return value
    return value.astype(type.dtype.numpy)


def _check_types(definition: OpDef, grouped: list[Any], where: str) -> None:
    bound: dict[TypeVariable, Any] = {}
    for port, given in zip(definition.inputs, grouped, strict=False):
        members = given if isinstance(port, Variadic) else [given]
        for arg in members:
            if arg is not None:
                _check_type(definition, port, arg, bound, where)


def _check_type(definition: OpDef, port: Port, arg: Arg, bound: dict[TypeVariable, Any], where: str) -> None:
    allowed = definition.allowed(port)
    if arg.dtype not in allowed:
        raise GraphError(
            f"{where}: input {port.name!r} is {arg.dtype.label}, but {definition.name} takes {', '.join(d.label for d in allowed)}"
        )
    if isinstance(port.type, TypeVariable) and port.type.shared:
        first = bound.setdefault(port.type, arg.dtype)
        if first is not arg.dtype:
            raise GraphError(f"{where}: input {port.name!r} is {arg.dtype.label}, but another input of the same kind is {first.label}")
