"""From a compiled function to a Graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.ir import Graph, GraphBuilder
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Problems
from edgekit_converters.pytensor.context import REGISTRY
from edgekit_converters.pytensor.importer import FunctionImporter
from edgekit_converters.pytensor.operators.scalars import scalar_functions, scalar_operators


def coverage() -> list[str]:
    """Every operator class with a converter, and the scalar operators inside elementwise ones as ``Elemwise{Name}``."""
    operators = REGISTRY.supported()  # imports the converters
    return sorted([*operators, *(f"Elemwise{{{n}}}" for n in scalar_operators())])


def functions(operator: str) -> list[Callable[..., Any]]:
    """The converters of an operator class."""
    if operator.startswith("Elemwise{"):
        return scalar_functions(operator.removeprefix("Elemwise{").removesuffix("}"))
    return REGISTRY.functions(operator)


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a function.

    Args:
        source: what ``pytensor.function`` returned, or a ``FunctionGraph``.
        options: shapes of inputs (PyTensor's types often leave them open), inputs to freeze.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: the function cannot be a graph, e.g. an input has no shape.
    """
    problems = Problems()
    graph = Graph(str(getattr(source, "name", None) or ""))
    builder = GraphBuilder(graph, fold=True)
    package = type(source).__module__.split(".")[0]
    with naming(f"the {package} function"):
        importer = FunctionImporter(source, builder, problems)
        outputs = importer.run(options)
        problems.raise_blockers()
        hand_out(builder, outputs)
        importer.keep_states()
        return finish(graph, {"source.format": package, "source.notes": "\n".join(problems.notes)})
