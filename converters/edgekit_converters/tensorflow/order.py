"""Which nodes of a body have to be imported, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from edgekit.errors import MalformedModelError
from edgekit_converters.tensorflow.nodes import Body, SourceNode

if TYPE_CHECKING:
    from edgekit_converters.tensorflow.session import ImportSession

#: operators that check or print; what they read is not needed
SILENT = frozenset(
    {
        "NoOp", "Assert", "Print", "PrintV2", "Abort", "TensorSummaryV2", "ScalarSummary", "HistogramSummary", "ImageSummary",
        "MergeSummary", "WriteSummary", "SaveV2", "Save", "ShardedFilename", "MergeV2Checkpoints", "ControlTrigger",
    }
)  # fmt: skip
#: operators that change a variable
EFFECTS = frozenset(
    {
        "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "Assign", "AssignAdd", "AssignSub", "ResourceScatterUpdate",
        "ResourceScatterAdd", "ResourceScatterSub", "ResourceScatterMul", "ResourceScatterMin", "ResourceScatterMax",
        "ResourceScatterNdUpdate",
        "ResourceScatterNdAdd", "ResourceStridedSliceAssign", "ScatterUpdate", "ScatterNdUpdate",
    }
)  # fmt: skip
#: attributes that name functions
CALLS = ("f", "then_branch", "else_branch", "cond", "body")
MAX_DEPTH = 48


def has_effects(node: SourceNode, session: ImportSession, depth: int = 0) -> bool:
    """Whether a node changes a variable, itself or in a function it calls."""
    if node.op in EFFECTS:
        return True
    names = [node.attrs[a].func.name for a in CALLS if a in node.attrs and node.attrs[a].func.name]
    if "branches" in node.attrs:
        names += [f.name for f in node.attrs["branches"].list.func]
    if node.op in session.library:
        names.append(node.op)
    return any(_function_has_effects(n, session, depth) for n in names)


def _function_has_effects(name: str, session: ImportSession, depth: int) -> bool:
    known = session.effects
    if name not in known:
        if name not in session.library or depth > MAX_DEPTH:
            return False
        known[name] = False  # where it calls itself
        known[name] = any(has_effects(n, session, depth + 1) for n in session.library.find(name).nodes.values())
    return known[name]


def reach(
    body: Body, session: ImportSession, outputs: Sequence[str], controls: Sequence[str], done: AbstractSet[str]
) -> tuple[set[str], set[str]]:
    """The nodes that some outputs need.

    Args:
        outputs: nodes whose values are wanted.
        controls: nodes that must have run.
        done: nodes that are there already.

    Returns:
        the nodes to import, and those together with the ones that only pass on an order. A node that others merely wait for is imported
        where it changes a variable.

    Raises:
        MalformedModelError: a node is named that is not there.
    """
    needed: set[str] = set()
    seen: set[str] = set()
    work = [(n, True) for n in outputs] + [(n, False) for n in controls]
    while work:
        name, want = work.pop()
        if name in done or name in needed or (name in seen and not want):
            continue
        node = body.nodes.get(name)
        if node is None:
            if name in body.arguments:
                continue
            raise MalformedModelError(f"{body.name}: the node {name!r} is named but not there")
        if name not in seen:
            want = want or has_effects(node, session)
        seen.add(name)
        if want:
            needed.add(name)
        if node.op not in SILENT:
            work += [(r.node, want) for r in node.inputs]
        work += [(c, False) for c in node.controls]
    return needed, seen


def sort_nodes(body: Body, names: AbstractSet[str], roots: Sequence[str]) -> list[str]:
    """``names`` so that each comes behind what it reads and waits for; the way back of TF1 loops is left out.

    Raises:
        MalformedModelError: they form a cycle.
    """
    order: list[str] = []
    state: dict[str, int] = {}
    for root in [*roots, *sorted(names)]:
        stack = [(root, False)]
        while stack:
            name, finished = stack.pop()
            if finished:
                state[name] = 2
                order.append(name)
                continue
            if name not in names or state.get(name) == 2:
                continue
            if state.get(name) == 1:
                raise MalformedModelError(f"{body.name}: the nodes form a cycle through {name!r}")
            state[name] = 1
            stack.append((name, True))
            node = body.nodes[name]
            before = [] if node.op in ("NextIteration", "RefNextIteration") else [r.node for r in node.inputs]
            for other in reversed([*before, *node.controls]):
                if other in names and state.get(other) != 2:
                    if state.get(other) == 1:
                        raise MalformedModelError(f"{body.name}: the nodes form a cycle through {other!r}")
                    stack.append((other, False))
    return order
