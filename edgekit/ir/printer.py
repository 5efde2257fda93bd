"""The text form of a graph, ``.ektxt``: for reading, diffing and reviewing. Same graph, same text."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from edgekit.ir.graph import Graph, Value
from edgekit.ir.hash import constant_digest
from edgekit.types import Array, DType, QuantParams, TensorType

HEADER = "// EdgeKit graph, text form 1"
INLINE_ELEMENTS = 8
"""Constants of at most this many elements are written out; of larger ones the beginning of their sha256."""
DIGEST_LENGTH = 16
_PLAIN = re.compile(r"[A-Za-z0-9_.:/\-]+")


def print_graph(graph: Graph) -> str:
    """The graph as text, subgraphs included, ending in a newline.

    One line a value: ``%y: float32[1, 8] = Add(%x, %c) {clamp_min=0.0}``. Attributes equal to their defaults are left out.
    """
    return "\n".join([HEADER, *_graph_lines(graph, "")]) + "\n"


def _graph_lines(graph: Graph, indent: str) -> list[str]:
    inner = indent + "  "
    lines = [f"{indent}graph {json.dumps(graph.name)} {{"]
    lines += [f"{inner}meta {json.dumps(k)} = {json.dumps(graph.metadata[k])}" for k in sorted(graph.metadata)]
    lines += [f"{inner}input {_declare(v)}" for v in graph.inputs]
    lines += [f"{inner}const {_declare(v)} = {_constant(v.const)}" for v in graph.constants() if v.const is not None]
    for n in graph.nodes:
        defaults = {a.name: a.default for a in n.definition.attrs if not a.required}
        shown = {k: a for k, a in n.attrs.items() if k not in defaults or defaults[k] != a}
        attrs = ", ".join(f"{k}={_attr(a)}" for k, a in shown.items() if not isinstance(a, Graph))
        ins = ", ".join("_" if v is None else _name(v) for v in n.inputs)
        outs = ", ".join(_declare(v) for v in n.outputs)
        notes = f"  // {n.name}" if n.name and (len(n.outputs) != 1 or n.name != n.outputs[0].name) else ""
        lines.append(f"{inner}{outs} = {n.op}({ins})" + (f" {{{attrs}}}" if attrs else "") + " ".join(notes.splitlines()))
        for key, a in n.attrs.items():
            if isinstance(a, Graph):
                body = _graph_lines(a, inner + "    ")
                lines += [f"{inner}  {key}:", *body]
    for v, name in zip(graph.outputs, graph.output_names, strict=True):
        lines.append(f"{inner}output {json.dumps(name)} = {_name(v)}")
    lines += [f"{inner}state {_name(s.input)} <- {_name(s.output)}, first {_constant(s.initial)}" for s in graph.states]
    lines.append(f"{indent}}}")
    return lines


def _name(v: Value) -> str:
    return f"%{v.name}" if _PLAIN.fullmatch(v.name) else f"%{json.dumps(v.name)}"


def _declare(v: Value) -> str:
    return f"{_name(v)}: {_type(v.type)}"


def _type(t: TensorType) -> str:
    return str(t) + ("" if t.quant is None else f" {_quant(t.quant)}")


def _quant(q: QuantParams) -> str:
    if q.is_per_tensor:
        return f"quant(scale={q.scale[0]!r}, zero_point={q.zero_point[0]})"
    low, high = min(q.scale), max(q.scale)
    zero_point = q.zero_point[0] if len(set(q.zero_point)) == 1 else list(q.zero_point)
    return f"quant(axis={q.axis}, {len(q.scale)} scales in [{low!r}, {high!r}], zero_point={zero_point})"


def _constant(a: Array | None) -> str:
    assert a is not None
    if a.size <= INLINE_ELEMENTS:
        return _list(a.tolist())
    return f"sha256:{constant_digest(a)[:DIGEST_LENGTH]}"


def _list(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_list(v) for v in value) + "]"
    return _attr(value)


def _attr(value: Any) -> str:
    if isinstance(value, DType):
        return value.label
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_attr(v) for v in value) + "]"
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return repr(value)
