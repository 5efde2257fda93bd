"""Checked access to parsed JSON, and the arguments of serialized programs (torch/_export/serde/schema.py)."""

from __future__ import annotations

import json
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.pytorch.program import MAX_DEPTH, SERIALIZED_TYPES, Opaque, Ref, SourceGraph, SourceNode, TensorMeta, TorchType

MAX_NAME = 4096
INT64 = (-(1 << 63), (1 << 63) - 1)


def parse_json(data: bytes, what: str) -> Any:
    """The document.

    Raises:
        MalformedModelError: it is not valid JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as e:
        raise MalformedModelError(f"{what} is no valid JSON: {e}") from e


def want(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """``value`` if it is of a type (bool does not count as int).

    Raises:
        MalformedModelError: it is not.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        shown = kind.__name__ if isinstance(kind, type) else " or ".join(k.__name__ for k in kind)
        raise MalformedModelError(f"{what}: {shown} expected, got {type(value).__name__}")
    return value


def field(owner: Any, name: str, kind: type | tuple[type, ...], what: str) -> Any:
    """A field that must be there."""
    want(owner, dict, what)
    if name not in owner:
        raise MalformedModelError(f"{what}: the field {name!r} is missing")
    return want(owner[name], kind, f"{what}.{name}")


def text(owner: Any, name: str, what: str) -> str:
    """A string field of bounded length."""
    s: str = field(owner, name, str, what)
    if len(s) > MAX_NAME:
        raise MalformedModelError(f"{what}.{name} is {len(s)} characters long")
    return s


def integer(value: Any, what: str) -> int:
    """An int64."""
    n: int = want(value, int, what)
    if not INT64[0] <= n <= INT64[1]:
        raise MalformedModelError(f"{what}: {n} is no 64-bit integer")
    return n


def union(value: Any, what: str) -> tuple[str, Any]:
    """The one alternative of a union."""
    want(value, dict, what)
    if len(value) != 1:
        raise MalformedModelError(f"{what}: a union holds one alternative, got {sorted(value)[:5]}")
    kind, inner = next(iter(value.items()))
    return str(kind), inner


def sym_int(value: Any, what: str) -> int | str:
    """A size: a number, or an expression of symbols."""
    kind, inner = union(value, what)
    if kind == "as_int":
        return integer(inner, what)
    if kind == "as_expr":
        return text(inner, "expr_str", what)
    raise MalformedModelError(f"{what}: {kind!r} is no size")


def tensor_meta(value: Any, what: str) -> TensorMeta:
    """A tensor's type."""
    code = field(value, "dtype", int, what)
    if code not in SERIALIZED_TYPES:
        raise MalformedModelError(f"{what}: element type {code} is not known")
    sizes = tuple(sym_int(s, f"{what}.sizes") for s in field(value, "sizes", list, what))
    strides = tuple(sym_int(s, f"{what}.strides") for s in want(value.get("strides") or [], list, f"{what}.strides"))
    offset = sym_int(value["storage_offset"], f"{what}.storage_offset") if isinstance(value.get("storage_offset"), dict) else 0
    numeric = tuple(s for s in strides if isinstance(s, int))
    return TensorMeta(
        TorchType(SERIALIZED_TYPES[code]),
        sizes,
        numeric if len(numeric) == len(sizes) else None,
        offset if isinstance(offset, int) else 0,
    )


def _scalar(name: str) -> Any:
    return lambda value, what, depth: _named_or(value, what, name)


def _named_or(value: Any, what: str, kind: str) -> Any:
    found, inner = union(value, what)
    if found == "as_name":
        return Ref(want(inner, str, what))
    if found != kind:
        raise MalformedModelError(f"{what}: {found!r} is not expected here")
    return inner


def _tensor(value: Any, what: str, depth: int) -> Ref:
    return Ref(text(value, "name", what))


def _optional_tensor(value: Any, what: str, depth: int) -> Ref | None:
    kind, inner = union(value, what)
    return None if kind == "as_none" else _tensor(inner, what, depth)


def _list(item: Any) -> Any:
    return lambda value, what, depth: [item(v, what, depth) for v in want(value, list, what)]


def _int(value: Any, what: str, depth: int) -> int:
    return integer(value, what)


def _float(value: Any, what: str, depth: int) -> float:
    if isinstance(value, str) and value in ("Infinity", "-Infinity", "NaN", "inf", "-inf", "nan"):
        return float(value)
    return float(want(value, (int, float), what))


def _string(value: Any, what: str, depth: int) -> str:
    return str(want(value, str, what))


def _bool(value: Any, what: str, depth: int) -> bool:
    return bool(want(value, bool, what))


def _scalar_type(value: Any, what: str, depth: int) -> TorchType:
    if value not in SERIALIZED_TYPES:
        raise MalformedModelError(f"{what}: element type {value} is not known")
    return TorchType(SERIALIZED_TYPES[value])


def _opaque(value: Any, what: str, depth: int) -> Opaque:
    return Opaque(str(value)[:MAX_NAME])


def _complex(value: Any, what: str, depth: int) -> complex:
    parts = [_float(field(value, k, (int, float, str), what), what, depth) for k in ("real", "imag")]
    return complex(*parts)


def _graph(value: Any, what: str, depth: int) -> SourceGraph:
    return graph(field(value, "graph", dict, what), what, depth + 1)


_KINDS = {
    "as_none": lambda value, what, depth: None,
    "as_tensor": _tensor,
    "as_tensors": _list(_tensor),
    "as_int": _int,
    "as_ints": _list(_int),
    "as_float": _float,
    "as_floats": _list(_float),
    "as_string": _string,
    "as_strings": _list(_string),
    "as_sym_int": _scalar("as_int"),
    "as_sym_ints": _list(_scalar("as_int")),
    "as_sym_float": _scalar("as_float"),
    "as_sym_floats": _list(_scalar("as_float")),
    "as_sym_bool": _scalar("as_bool"),
    "as_sym_bools": _list(_scalar("as_bool")),
    "as_scalar_type": _scalar_type,
    "as_memory_format": _opaque,
    "as_layout": _opaque,
    "as_device": _opaque,
    "as_bool": _bool,
    "as_bools": _list(_bool),
    "as_graph": _graph,
    "as_optional_tensors": _list(_optional_tensor),
    "as_optional_tensor": _optional_tensor,
    "as_custom_obj": _opaque,
    "as_operator": _opaque,
    "as_complex": _complex,
    "as_nested_tensors": _list(_list(_tensor)),
    "as_int_lists": _list(_list(_int)),
    "as_float_lists": _list(_list(_float)),
    "as_string_to_argument": _opaque,
}


def argument(value: Any, what: str, depth: int = 0) -> Any:
    """An argument of a node: tensors and symbolic numbers become :class:`Ref`."""
    if depth > MAX_DEPTH:
        raise MalformedModelError(f"{what}: graphs are nested deeper than {MAX_DEPTH}")
    kind, inner = union(value, what)
    if kind not in _KINDS:
        raise MalformedModelError(f"{what}: an argument of kind {kind!r} is not known")
    return _KINDS[kind](inner, what, depth)


def _names(value: Any, what: str) -> str | list[str | None] | None:
    """What an output binds."""
    found = argument(value, what)
    if isinstance(found, Ref):
        return found.name
    if isinstance(found, list):
        return [v.name if isinstance(v, Ref) else None for v in found]
    return None


def graph(value: Any, what: str, depth: int = 0) -> SourceGraph:
    """A graph with its nodes."""
    if depth > MAX_DEPTH:
        raise MalformedModelError(f"{what}: graphs are nested deeper than {MAX_DEPTH}")
    inputs = [argument(a, f"{what}.inputs", depth) for a in field(value, "inputs", list, what)]
    nodes = [node(n, f"{what}.nodes[{i}]", depth) for i, n in enumerate(field(value, "nodes", list, what))]
    outputs = [argument(a, f"{what}.outputs", depth) for a in field(value, "outputs", list, what)]
    return SourceGraph([a.name if isinstance(a, Ref) else "" for a in inputs], nodes, outputs)


def node(value: Any, what: str, depth: int) -> SourceNode:
    """One node."""
    target = text(value, "target", what).removeprefix("torch.ops.")
    what = f"{what} ({target})"
    args: dict[str, Any] = {}
    for k, a in enumerate(field(value, "inputs", list, what)):
        name = text(a, "name", what) if isinstance(a, dict) and a.get("name") else ""
        args[name or f"#{k}"] = argument(field(a, "arg", dict, what), f"{what} argument {name!r}", depth)
    outputs = [_names(o, f"{what}.outputs") for o in field(value, "outputs", list, what)]
    metadata = value.get("metadata") if isinstance(value.get("metadata"), dict) else {}
    first = next((o if isinstance(o, str) else next((n for n in o if n), "") for o in outputs if o), "")
    name = str(value.get("name") or "")[:MAX_NAME]
    return SourceNode(
        target, args, outputs, name or first or target, module_path(str(metadata.get("nn_module_stack", ""))),
        source_line(str(metadata.get("stack_trace", ""))),
    )  # fmt: skip


def module_path(stack: str) -> str:
    """``backbone.conv1 (Conv2d)`` of a serialized ``nn_module_stack``: ``key,path,class`` joined by ``;``, innermost last."""
    last = stack.rsplit(";", 1)[-1]
    parts = last.split(",", 2)
    if len(parts) != 3:
        return ""
    return module_name(parts[1], parts[2])


def module_name(path: str, kind: str) -> str:
    """A module in messages."""
    short = kind.rsplit(".", 1)[-1]
    path = path.removeprefix("L['self'].")
    return f"{path} ({short})" if path else f"({short})"


def source_line(trace: str) -> str:
    """The last place of a recorded stack trace that lies outside of torch: ``model.py:31: return self.pool(x)``."""
    lines = trace[-20_000:].splitlines()
    places = [(k, line) for k, line in enumerate(lines) if line.strip().startswith('File "') and ", line " in line]
    own = [p for p in places if "/torch/" not in p[1]] or places
    if not own:
        return ""
    k, line = own[-1]
    file, _, rest = line.strip().removeprefix('File "').partition('", line ')
    code = lines[k + 1].strip() if k + 1 < len(lines) else ""
    where = f"{file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{rest.split(',')[0]}"
    return f"{where}: {code}" if code else where
