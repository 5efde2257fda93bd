"""What a NodeProto says of itself: how it is called in messages, where it was written, which names it reads."""

from __future__ import annotations

import re
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.onnx.context import GRAPH

MAX_DEPTH = 64  # of control flow in control flow
STACK_TRACE = "pkg.torch.onnx.stack_trace"  # torch.onnx's exporter; the older one writes the trace as the node's doc_string
NEWER_TRACE = re.compile(r'File "([^"\n]{1,400})", line (\d{1,9})')
OLDER_TRACE = re.compile(r"^([^\s:()]{1,400}\.py)\((\d{1,9})\)", re.MULTILINE)


def written_at(node: Any) -> str:
    """File and line of the Python code behind a node, where PyTorch's exporter recorded them: " (model.py:12)"."""
    trace = next((p.value for p in getattr(node, "metadata_props", ()) if p.key == STACK_TRACE), "")
    newer = NEWER_TRACE.findall(trace)  # the innermost call last
    older = None if newer else OLDER_TRACE.search(node.doc_string)  # the innermost call first
    file, line = newer[-1] if newer else older.groups() if older else ("", "")
    return f" ({file}:{line})" if file else ""


def describe(node: Any) -> str:
    """A node in messages."""
    return f"{node.op_type} '{node.name or next((o for o in node.output if o), '')}'"


def reads(node: Any) -> list[str]:
    """Every name a node reads, those inside its subgraphs that come from outside included."""
    names = [i for i in node.input if i]
    for a in node.attribute:
        if a.type == GRAPH:
            names += _free_names(a.g, 0)
    return names


def _free_names(graph: Any, depth: int) -> list[str]:
    if depth > MAX_DEPTH:
        raise MalformedModelError(f"control flow is nested deeper than {MAX_DEPTH}")
    own = {v.name for v in graph.input} | {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    used: list[str] = []
    for node in graph.node:
        used += [i for i in node.input if i]
        for a in node.attribute:
            if a.type == GRAPH:
                used += _free_names(a.g, depth + 1)
        own |= set(node.output)
    used += [o.name for o in graph.output]
    return [n for n in dict.fromkeys(used) if n not in own]
