"""Operator attributes to schema records and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.errors import FormatError
from edgekit.format.flat import Record
from edgekit.ir import Graph
from edgekit.ops import Bool, DTypeAttr, Enum, GraphAttr, OpDef
from edgekit.types import DType


def encode_attrs(d: OpDef, attrs: dict[str, Any], graph_index: Callable[[Graph], int]) -> tuple[str, Record] | None:
    """The union value of a node, None for an operator without attributes."""
    if not d.attrs:
        return None
    record: Record = {}
    for a in d.attrs:
        v = attrs[a.name]
        if isinstance(a, Enum):
            v = a.choices.index(v)
        elif isinstance(a, DTypeAttr):
            v = v.value
        elif isinstance(a, GraphAttr):
            v = graph_index(v)
        record[f"{a.name}_"] = v
    return f"{d.name}Attrs", record


def decode_attrs(d: OpDef, union: tuple[str, Record] | None, graph: Callable[[int], Graph]) -> dict[str, Any]:
    """The attributes of a node.

    Raises:
        FormatError: they belong to another operator or have impossible values.
    """
    if not d.attrs:
        return {}
    name, record = union if union is not None else (f"{d.name}Attrs", {})
    if name != f"{d.name}Attrs":
        raise FormatError(f"a node of operator {d.name} carries attributes of {name}")
    out: dict[str, Any] = {}
    for a in d.attrs:
        if f"{a.name}_" not in record:
            if a.required:
                raise FormatError(f"a node of operator {d.name} lacks its attributes")
            out[a.name] = a.default
            continue
        v = record[f"{a.name}_"]
        try:
            if isinstance(a, Enum):
                v = a.choices[v]
            elif isinstance(a, DTypeAttr):
                v = DType(v)
            elif isinstance(a, GraphAttr):
                v = graph(v)
            elif isinstance(a, Bool):
                v = bool(v)
        except (IndexError, ValueError) as e:
            raise FormatError(f"attribute {a.name!r} of {d.name} has the impossible value {v}") from e
        out[a.name] = v
    return out
