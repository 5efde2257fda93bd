"""The operator table. Every module of this package enters its operators on import; nothing lists them by hand."""

from __future__ import annotations

import importlib
import pkgutil

from edgekit.ops.definition import (
    ANY,
    INDEX,
    T1,
    T2,
    Arg,
    Attr,
    Bool,
    DTypeAttr,
    Enum,
    Float,
    Floats,
    GraphAttr,
    Int,
    Ints,
    OpDef,
    Optional,
    Port,
    T,
    TypeVariable,
    Variadic,
    all_ops,
    get_op,
    get_op_by_id,
    op,
)

__all__ = [
    "ANY",
    "INDEX",
    "T1",
    "T2",
    "Arg",
    "Attr",
    "Bool",
    "DTypeAttr",
    "Enum",
    "Float",
    "Floats",
    "GraphAttr",
    "Int",
    "Ints",
    "OpDef",
    "Optional",
    "Port",
    "T",
    "TypeVariable",
    "Variadic",
    "all_ops",
    "get_op",
    "get_op_by_id",
    "op",
]

_SUPPORT = {"definition", "traits", "shapes", "quant_math", "spatial"}
for _module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    if _module not in _SUPPORT:
        importlib.import_module(f"{__name__}.{_module}")
