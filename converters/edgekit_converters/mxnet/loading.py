"""From the two files of a model to a Graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.ir import Graph, GraphBuilder
from edgekit.types import Array
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Problems
from edgekit_converters.mxnet.context import REGISTRY
from edgekit_converters.mxnet.detection import SYMBOL_END
from edgekit_converters.mxnet.files import find_files
from edgekit_converters.mxnet.importer import SymbolImporter
from edgekit_converters.mxnet.params import SparseArrayError, read_params
from edgekit_converters.mxnet.symbol import read_symbol


def coverage() -> list[str]:
    """Every operator with a converter, old names included."""
    return REGISTRY.supported()


def functions(operator: str) -> list[Callable[..., Any]]:
    """The converter of an operator."""
    return REGISTRY.functions(operator)


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model.

    Args:
        source: path of the symbol, of the parameters, or of the folder that holds both.
        options: shapes of inputs (most symbols store none), inputs to freeze.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: a file is broken or missing.
    """
    with naming(str(source), str(source.parent)):
        return _import(*find_files(source), options)


def _import(symbol_path: Path, params_path: Path | None, options: LoadOptions) -> Graph:
    symbol = read_symbol(symbol_path)
    problems = Problems()
    params: dict[str, Array] = {}
    if params_path is not None:
        try:
            params = read_params(params_path)
        except SparseArrayError as e:
            problems.block(
                "parameters", params_path.name, "unsupported-type", f"sparse arrays are not supported: {e}.", "Store them dense."
            )
            problems.raise_blockers()
    graph = Graph(symbol_path.name.removesuffix(SYMBOL_END).removesuffix(".json"))
    builder = GraphBuilder(graph, fold=True)
    outputs = SymbolImporter(symbol, params, builder, problems).run(options)
    problems.raise_blockers()
    hand_out(builder, outputs)
    version = symbol.version
    return finish(
        graph,
        {
            "source.format": "mxnet",
            "source.version": f"{version // 10000}.{version // 100 % 100}.{version % 100}",
            "source.notes": "\n".join(problems.notes),
        },
    )
