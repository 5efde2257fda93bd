"""From a parsed program document to a :class:`Program`: its signature, its output names, its symbols."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.types import Array
from edgekit_converters.pytorch.decoding import argument, field, graph, integer, tensor_meta, text, union, want
from edgekit_converters.pytorch.program import Program, ProgramInput, ProgramOutput, Ref

UNBOUNDED = 1 << 31
OUTPUT_KINDS = {"user_output": "user", "buffer_mutation": "buffer", "user_input_mutation": "input"}
TARGET_FIELDS = {"buffer_mutation": "buffer_name", "user_input_mutation": "user_input_name", "parameter_mutation": "parameter_name"}


def read_program(document: Any, tensors: Callable[[str], Array]) -> Program:
    """The program of a document.

    Args:
        document: parsed JSON of an ``ExportedProgram``.
        tensors: gives the array of a weight by its name.

    Raises:
        MalformedModelError: the document is broken.
    """
    module = field(document, "graph_module", dict, "the program")
    body = field(module, "graph", dict, "graph")
    source = graph(body, "graph")
    signature = field(module, "signature", dict, "signature")
    inputs = [_input(s, f"input_specs[{i}]") for i, s in enumerate(field(signature, "input_specs", list, "signature"))]
    outputs = [_output(s, f"output_specs[{i}]") for i, s in enumerate(field(signature, "output_specs", list, "signature"))]
    metas = {str(n): tensor_meta(m, f"tensor {n!r}") for n, m in field(body, "tensor_values", dict, "graph").items()}
    users = [o for o in outputs if o.kind == "user"]
    facts = {
        "source.producer": f"torch {document.get('torch_version', '')}".strip(),
        "source.opsets": ", ".join(f"{k} {v}" for k, v in sorted(want(document.get("opset_version") or {}, dict, "opset_version").items())),
    }
    return Program(source, inputs, outputs, _output_names(module, len(users)), metas, _ranges(document), tensors, facts)


def _input(spec: Any, what: str) -> ProgramInput:
    kind, inner = union(spec, what)
    if kind == "user_input":
        value = argument(field(inner, "arg", dict, what), what)
        if isinstance(value, Ref):
            return ProgramInput(value.name, "user")
        return ProgramInput("", "constant", value=value)
    if kind == "constant_input":
        name = text(inner, "name", what)
        return ProgramInput(name, "constant", value=union(inner["value"], what)[1] if isinstance(inner.get("value"), dict) else None)
    if kind in ("parameter", "buffer", "tensor_constant"):
        name = text(field(inner, "arg", dict, what), "name", what)
        target = text(
            inner, {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}[kind], what
        )
        return ProgramInput(name, "buffer" if kind == "buffer" else "weight", target)
    arg = inner.get("arg") if isinstance(inner, dict) else None
    return ProgramInput(str(arg.get("name", "")) if isinstance(arg, dict) else "", "other", kind)


def _output(spec: Any, what: str) -> ProgramOutput:
    kind, inner = union(spec, what)
    arg = field(inner, "arg", dict, what)
    if kind == "user_output":
        return ProgramOutput("user", argument(arg, what))
    target = text(inner, TARGET_FIELDS[kind], what) if kind in TARGET_FIELDS else kind
    return ProgramOutput(OUTPUT_KINDS.get(kind, "other"), Ref(text(arg, "name", what)), target)


def _ranges(document: Any) -> dict[str, tuple[int, int | None]]:
    found: dict[str, tuple[int, int | None]] = {}
    for name, limits in field(document, "range_constraints", dict, "the program").items():
        want(limits, dict, f"range of {name!r}")
        low, high = limits.get("min_val"), limits.get("max_val")
        low = 0 if low is None else max(0, integer(low, f"range of {name!r}"))
        high = None if high is None or high >= UNBOUNDED else integer(high, f"range of {name!r}")
        if high is not None and high < low:
            raise MalformedModelError(f"the range of {name!r} is empty: {low} to {high}")
        found[str(name)] = (low, high)
    return found


def _output_names(module: Mapping[str, Any], count: int) -> list[str]:
    """Names by the structure of what the module returned: keys of dictionaries, fields of named tuples, else ``out0``, ``out1`` ..."""
    calls = module.get("module_call_graph")
    spec = None
    for call in calls if isinstance(calls, list) else []:
        if isinstance(call, dict) and call.get("fqn") == "" and isinstance(call.get("signature"), dict):
            spec = call["signature"].get("out_spec")
    fields = module.get("treespec_namedtuple_fields")
    try:
        parsed = json.loads(spec) if isinstance(spec, str) else None
        tree = parsed[1] if isinstance(parsed, list) and len(parsed) == 2 else None
        paths = tree_paths(tree, fields if isinstance(fields, dict) else {}) if isinstance(tree, dict) else []
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError, OverflowError):
        paths = []
    return names_of(paths, count)


def names_of(paths: list[str], count: int) -> list[str]:
    """One name an output: the paths where they fit, else numbers."""
    if len(paths) != count or len(set(paths)) != count:
        return [f"out{i}" for i in range(count)]
    return [p or f"out{i}" for i, p in enumerate(paths)]


def tree_paths(tree: Any, fields: Mapping[str, Any], depth: int = 0) -> list[str]:
    """The path of each leaf of a serialized tree; a plain tuple numbers its children ``out0``, ``out1`` ..."""
    if depth > 32:
        raise RecursionError
    if tree.get("type") is None:
        return [""]
    children = tree.get("children_spec") or []
    context = json.loads(tree["context"]) if isinstance(tree.get("context"), str) else tree.get("context")
    keys: list[str] = []
    if isinstance(context, list) and all(isinstance(k, str | int) for k in context):
        keys = [str(k) for k in context]
    elif isinstance(context, str) and isinstance(fields.get(context), dict):
        keys = [str(k) for k in fields[context].get("field_names", [])]
    elif isinstance(context, list) and context and isinstance(context[0], list):  # classes with named fields: [names, ...]
        keys = [str(k) for k in context[0]]
    named = len(keys) == len(children) and bool(keys)
    out = []
    for i, child in enumerate(children):
        label = keys[i] if named else (f"out{i}" if depth == 0 else str(i))
        out += [f"{label}.{p}" if p else label for p in tree_paths(child, fields, depth + 1)]
    return out
