"""Runs one operator converter, so that whatever goes wrong becomes a blocker and the import goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edgekit.errors import GraphError, MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit_converters.importing.problems import Poisoned, Problems, Unsupported

T = TypeVar("T")

#: what a broken node may raise inside its converter or in shape inference
NODE_ERRORS = (ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError, MemoryError)


def attempt(
    problems: Problems, builder: GraphBuilder, op: str, node: str, source: str, inputs: Sequence[Value | None], convert: Callable[[], T]
) -> T | None:
    """Call ``convert``; None where the node does not convert: its outputs are to be poisoned then.

    Args:
        problems: where blockers go.
        builder: nodes made meanwhile carry ``source``.
        op: the operator in the source's terms.
        node: its name, for the blocker.
        source: for messages, e.g. ``"Conv2D 'conv1' (TensorFlow)"``.
        inputs: what it reads, which decides whether a refusal is due to open dimensions.
        convert: makes the nodes.

    Raises:
        MalformedModelError: the node is broken.
    """
    builder.source = source
    try:
        return convert()
    except Poisoned:
        return None
    except Unsupported as e:
        problems.block(op, node, e.reason, e.message, e.hint)
    except MalformedModelError as e:
        raise MalformedModelError(str(e) if str(e).startswith(source) else f"{source}: {e}") from e
    except GraphError as e:
        refused(problems, op, node, str(e).removeprefix(f"{source}: "), inputs)
    except NODE_ERRORS as e:
        problems.block(op, node, "invalid-node", f"the node cannot be read: {type(e).__name__}: {e}.")
    finally:
        builder.source = ""
    return None


def refused(problems: Problems, op: str, node: str, text: str, inputs: Sequence[Value | None]) -> None:
    """The table refused a node: an element type it does not take, shapes that are open, or shapes that cannot be."""
    if " takes " in text and "input '" in text:
        reason, hint = "unsupported-type", "Convert the model to a supported element type."
    elif any(v is not None and not v.type.is_static for v in inputs):
        reason, hint = "dynamic-shape", problems.shape_hint()
    else:
        reason, hint = "invalid-node", ""
    problems.block(op, node, reason, f"{text}.", hint)


def name_result(builder: GraphBuilder, value: Value, name: str, first: int) -> None:
    """Call a result as the source does; ``first`` counts the graph's nodes before its source node, whose steps may be renamed for it."""
    graph = builder.graph
    if value.producer is None or not name or value.name == name or all(n is not value.producer for n in graph.nodes[first:]):
        return
    take_name(builder, value, name, first)


def take_name(builder: GraphBuilder, value: Value, name: str, first: int) -> None:
    """Give ``value`` a name, which a step on the way to it (a node from ``first`` on) may have taken."""
    graph = builder.graph
    for node in graph.nodes[first:]:
        for v in node.outputs:
            if v.name == name:
                graph.rename(v, f"{name}/{node.op.lower()}")
    graph.rename(value, name)
