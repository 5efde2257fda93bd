"""Runs the ``infer`` function of one node's operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.errors import GraphError
from edgekit.ops import Arg, OpDef, Port, TypeVariable, Variadic
from edgekit.types import Array, TensorType, format_shape


def infer_outputs(
    definition: OpDef,
    inputs: Sequence[TensorType | None],
    values: Sequence[Array | None],
    attrs: Mapping[str, Any],
    where: str = "",
) -> list[Arg]:
    """Types (and values, where known) of an operator's outputs.

    Args:
        definition: the operator.
        inputs: one type an input, None for an absent one.
        values: the known value of each input, None where it is computed at run time.
        attrs: canonical attributes.
        where: how to call the node in messages.

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
    flat = list(result) if isinstance(result, list | tuple) else [result]
    outs = [r if isinstance(r, Arg) else Arg(r) for r in flat]
    for o in outs:
        if any(isinstance(d, int) and d < 0 for d in o.shape):
            raise GraphError(f"{where}: the output shape {format_shape(o.shape)} is negative; check sizes, pads and strides")
    return outs


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
    if isinstance(port.type, TypeVariable):
        first = bound.setdefault(port.type, arg.dtype)
        if first is not arg.dtype:
            raise GraphError(f"{where}: input {port.name!r} is {arg.dtype.label}, but another input of the same kind is {first.label}")
