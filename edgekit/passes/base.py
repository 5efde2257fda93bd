"""What a pass is, what it returns, and the manager that runs passes and keeps the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgekit.errors import EdgekitError, GraphError, PassError
from edgekit.ir import Graph, Node, Value, verify
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Match, Pattern, match_node

MAX_ROUNDS = 100
SHOWN_NAMES = 4


@dataclass(frozen=True)
class PassResult:
    """What one pass did to one graph.

    Attributes:
        modified: False promises that the graph is unchanged to the last bit.
        changes: how many rewrites were made.
        lines: facts for the conversion log.
    """

    modified: bool
    changes: int = 0
    lines: tuple[str, ...] = ()

    @staticmethod
    def of(names: Sequence[str], what: str) -> PassResult:
        """The result of as many changes as names; the log shows the first names."""
        if not names:
            return UNCHANGED
        shown = ", ".join(repr(n) for n in names[:SHOWN_NAMES]) + (
            f", and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        )
        return PassResult(True, len(names), (f"{what} x{len(names)}: {shown}",))


UNCHANGED = PassResult(False)


@dataclass(frozen=True)
class Pass:
    """A named function over a graph; subgraphs are handed to it one by one.

    Attributes:
        name: imperative, as in the log.
        summary: one line for the documentation.
        run: changes the graph in place.
    """

    name: str
    summary: str
    run: Callable[[Graph], PassResult]


@dataclass(frozen=True)
class Rule:
    """A pattern and what to put in its place.

    Attributes:
        pattern: matched with every node as its root.
        rewrite: returns the value that replaces the root's output, True when it edited the graph itself, or None to leave the match.
    """

    pattern: Pattern
    rewrite: Callable[[Match, Editor], Value | bool | None]


def rule_pass(name: str, summary: str, what: str, *rules: Rule) -> Pass:
    """A pass that applies rules to every node until none matches any more."""

    def run(graph: Graph) -> PassResult:
        changed: list[str] = []
        for _ in range(MAX_ROUNDS):
            before = len(changed)
            gone: set[int] = set()
            keep: list[Node] = []  # removed nodes stay referenced, so that their ids are not used again
            for node in list(graph.nodes):
                for rule in rules:
                    if id(node) in gone:
                        break
                    label = node.name
                    removed = _apply(graph, rule, node, name)
                    if removed is not None:
                        gone.update(id(n) for n in removed)
                        keep += removed
                        changed.append(label)
            if len(changed) == before:
                return PassResult.of(changed, what)
        raise PassError(f"pass {name!r} on graph {graph.name!r} does not come to an end; last node {changed[-1]!r}")

    return Pass(name, summary, run)


def _apply(graph: Graph, rule: Rule, node: Node, pass_name: str) -> list[Node] | None:
    """Try one rule on one node. The removed nodes if it changed the graph, else None."""
    match = match_node(graph, rule.pattern, node)
    if match is None:
        return None
    editor = Editor(graph, node)
    try:
        new = rule.rewrite(match, editor)
        if new is None or new is False:
            return None
        if isinstance(new, Value):
            editor.replace(node.outputs[0], new)
    except (EdgekitError, ValueError, TypeError, KeyError, IndexError) as e:
        raise PassError(f"pass {pass_name!r} failed at {node.source or node}: {e}") from e
    return editor.removed


@dataclass(frozen=True)
class PassRecord:
    """One line of the log: what one pass did to one graph."""

    name: str
    graph: str
    result: PassResult
    seconds: float = field(compare=False)


@dataclass
class PassLog:
    """What all passes did, in order. Passes that changed nothing are listed too."""

    records: list[PassRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def modified(self) -> bool:
        return any(r.result.modified for r in self.records)

    def lines(self) -> list[str]:
        """The conversion log: one line a fact, deterministic (no times)."""
        out = list(self.notes)
        for r in self.records:
            where = f" [{r.graph}]" if r.graph else ""
            out += [f"{r.name}{where}: {line}" for line in r.result.lines]
        return out

    def changes(self, name: str) -> int:
        """How many rewrites the pass of that name made in all."""
        return sum(r.result.changes for r in self.records if r.name == name)


class PassManager:
    """Runs passes in order on a graph and its subgraphs, with the verifier behind each one that changed something."""

    def __init__(self, log: PassLog | None = None) -> None:
        self.log = PassLog() if log is None else log

    def run(self, graph: Graph, passes: Sequence[Pass]) -> bool:
        """Run each pass once. True if any changed the graph.

        Raises:
            PassError: a pass failed, or left a broken graph behind.
        """
        modified = False
        for p in passes:
            for g in list(graph.walk()):
                modified |= self._run_one(p, g, "" if g is graph else g.name)
        return modified

    def run_until_stable(self, graph: Graph, passes: Sequence[Pass], rounds: int = 8) -> bool:
        """Repeat the passes until none changes anything, at most ``rounds`` times."""
        modified = False
        for _ in range(rounds):
            if not self.run(graph, passes):
                break
            modified = True
        return modified

    def _run_one(self, p: Pass, graph: Graph, where: str) -> bool:
        started = time.perf_counter()
        try:
            with np.errstate(all="ignore"):  # weights that are inf or nan stay so; that is no news of the pass
                result = p.run(graph)
        except PassError:
            raise
        except EdgekitError as e:
            raise PassError(f"pass {p.name!r} failed on graph {graph.name!r}: {e}") from e
        if result.modified:
            try:
                verify(graph)
            except GraphError as e:
                raise PassError(f"pass {p.name!r} left a broken graph: {e}") from e
        self.log.records.append(PassRecord(p.name, where, result, time.perf_counter() - started))
        return result.modified
