"""Gives every run-time tensor its place in the arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.ir import Graph
from edgekit.plan.lifetimes import Lifetime, lifetimes

ALIGNMENT = 64


@dataclass(frozen=True)
class MemoryPlan:
    """Where each value of one graph (subgraphs have plans of their own) lies.

    Attributes:
        offsets: byte offset in the arena by value name; multiples of 64. Constants have none.
        arena_bytes: size of the arena, a multiple of 64.
        aliases: value name -> name of the value whose memory it shares.
    """

    offsets: Mapping[str, int]
    arena_bytes: int
    aliases: Mapping[str, str]


def align(n: int) -> int:
    """``n`` rounded up to the arena's alignment."""
    return -(-n // ALIGNMENT) * ALIGNMENT


def plan_memory(graph: Graph) -> MemoryPlan:
    """Place all values of one graph: largest first, each at the lowest offset that is free for its whole life.

    Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020), which for
    feed-forward networks is close to the lower bound.

    Raises:
        GraphError: a dimension has no upper bound.
    """
    lives, aliases = lifetimes(graph)
    placed: list[tuple[Lifetime, int]] = []
    offsets: dict[str, int] = {}
    for life in sorted(lives, key=lambda t: (-t.nbytes, t.first, t.name)):
        busy = sorted((at, at + align(o.nbytes)) for o, at in placed if o.first <= life.last and life.first <= o.last and o.nbytes)
        at = 0
        for start, end in busy:
            if start - at >= align(life.nbytes):
                break
            at = max(at, end)
        placed.append((life, at))
        offsets[life.name] = at
    for name, target in aliases.items():
        offsets[name] = offsets[target]
    total = max((at + align(life.nbytes) for life, at in placed), default=0)
    return MemoryPlan(offsets, total, aliases)
