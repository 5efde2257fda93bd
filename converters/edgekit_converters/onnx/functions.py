"""Expands functions: the model's own, and operators that ONNX itself defines by others and that have no converter here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.importing.growth import Growth
from edgekit_converters.onnx import registry
from edgekit_converters.onnx.context import GRAPH
from edgekit_converters.onnx.protos import as_onnx

MAX_ROUNDS = 16


def expand_functions(model: Any, opsets: Mapping[str, int]) -> tuple[Any, dict[tuple[str, str], str]]:
    """The model with its functions expanded, and by (domain, operator) why some could not be."""
    for node in walk(model.graph):
        if any(isinstance(name, bytes) for name in (node.op_type, node.domain, node.name, *node.input, *node.output)):
            raise MalformedModelError(f"a name of a node is not valid UTF-8: {node.op_type!r} {node.name!r}")
    lost: dict[tuple[str, str], str] = {}
    foreign = {k for k in ((registry.canonical_domain(n.domain), n.op_type) for n in walk(model.graph)) if _lacks_converter(k, opsets)}
    local = {(registry.canonical_domain(f.domain), f.name) for f in model.functions}
    if not foreign and not local:
        return model, lost
    _require_bounds(model)
    model, own = as_onnx(model), model
    if model is None:
        why = "expanding its definition by other operators needs the package onnx: pip install onnx."
        return own, dict.fromkeys(foreign & local, why)
    import onnx
    import onnx.inliner

    for _ in range(MAX_ROUNDS):
        local = {(f.domain, f.name) for f in model.functions}
        wanted: set[tuple[str, str]] = set()
        for node in walk(model.graph):
            key = (registry.canonical_domain(node.domain), node.op_type)
            if key in lost:
                continue
            if (node.domain, node.op_type) in local or (_lacks_converter(key, opsets) and _has_function(onnx, key, opsets)):
                wanted.add((node.domain, node.op_type))
        if not wanted:
            break
        model = _with_defaults(onnx, model, wanted - local, opsets)
        try:
            model = _inlined(onnx, model, sorted(wanted))
        except Exception as e:  # the expander is native code and raises plain RuntimeErrors
            reason = (str(e).strip() or type(e).__name__).splitlines()[-1].rsplit(": ", 1)[-1]
            for domain, op in wanted:
                lost[registry.canonical_domain(domain), op] = f"its definition by other operators could not be expanded: {reason}."
    return model, lost


def _require_bounds(model: Any) -> None:
    """The expander is native code, and writes out whatever functions come to."""
    bodies = {(f.domain, f.name): f for f in model.functions}
    growth = Growth(sum(1 for _ in walk(model.graph)) + sum(len(f.node) for f in model.functions), "its functions")
    sizes: dict[tuple[str, str], int] = {}
    waiting = list(bodies)
    open_ = set()
    while waiting:
        key = waiting[-1]
        calls = [(n.domain, n.op_type) for n in walk(bodies[key])]
        unknown = [k for k in calls if k in bodies and k not in sizes and k not in open_]
        if key not in sizes and unknown:
            open_.add(key)
            waiting += unknown
            continue
        waiting.pop()
        sizes.setdefault(key, min(growth.limit + 1, sum(sizes.get(k, 1) for k in calls)))  # the expander names circles
    growth.add(sum(sizes.get((n.domain, n.op_type), 1) for n in walk(model.graph)))


def _inlined(onnx: Any, model: Any, wanted: list[tuple[str, str]]) -> Any:
    """The model with some functions expanded; those whose definition depends on types get a second try with types inferred."""
    try:
        return onnx.inliner.inline_selected_functions(model, wanted, inline_schema_functions=True)
    except Exception:
        typed = onnx.shape_inference.infer_shapes(model)
        return onnx.inliner.inline_selected_functions(typed, wanted, inline_schema_functions=True)


def _with_defaults(onnx: Any, model: Any, wanted: set[tuple[str, str]], opsets: Mapping[str, int]) -> Any:
    """The model with the attributes' defaults written out: the expander drops attributes that a node leaves to its default."""
    if not wanted:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in walk(copy.graph):
        if (node.domain, node.op_type) not in wanted:
            continue
        domain = registry.canonical_domain(node.domain)
        schema = onnx.defs.get_schema(node.op_type, opsets.get(domain, 1), domain)
        given = {a.name for a in node.attribute}
        for name, attribute in schema.attributes.items():
            if name not in given and attribute.default_value.type:
                node.attribute.add().CopyFrom(attribute.default_value)
    return copy


def walk(graph: Any) -> Iterator[Any]:
    """Every node of a graph and of the graphs inside it."""
    stack = [graph]
    while stack:
        for node in stack.pop().node:
            yield node
            stack.extend(a.g for a in node.attribute if a.type == GRAPH)


def _lacks_converter(key: tuple[str, str], opsets: Mapping[str, int]) -> bool:
    domain, op = key
    return registry.find(domain, op, opsets.get(domain, 1)) is None


def _has_function(onnx: Any, key: tuple[str, str], opsets: Mapping[str, int]) -> bool:
    domain, op = key
    try:
        schema = onnx.defs.get_schema(op, opsets.get(domain, 1), domain)
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)
