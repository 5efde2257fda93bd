"""What a node says of itself: how it is called in messages and lists, which names it reads."""

from __future__ import annotations

from typing import Any

from edgekit.errors import MalformedModelError
from edgekit_converters.pytorch.program import MAX_DEPTH, Ref, SourceNode


def label(node: SourceNode) -> str:
    """A node in lists of blockers: its name, module and source line."""
    return " ".join(p for p in (node.name, node.module and f"in {node.module}", node.location and f"at {node.location}") if p)


def describe(node: SourceNode) -> str:
    """A node in messages."""
    parts = [f"{node.target} {node.name!r}", node.module and f"in {node.module}", node.location and f"at {node.location}"]
    return " ".join(p for p in parts if p)


def names_in(arg: Any, depth: int = 0) -> list[str]:
    """Every name an argument reads, those that the bodies of control flow pass on included."""
    if depth > MAX_DEPTH:
        raise MalformedModelError("an argument is nested too deeply")
    if isinstance(arg, Ref):
        return [arg.name]
    if isinstance(arg, list | tuple):
        return [n for a in arg for n in names_in(a, depth + 1)]
    return []
