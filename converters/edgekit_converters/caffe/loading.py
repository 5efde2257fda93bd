"""From the prototxt and the weights of a model to a Graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder
from edgekit_converters.caffe.context import REGISTRY
from edgekit_converters.caffe.files import find_files
from edgekit_converters.caffe.importer import NetworkImporter
from edgekit_converters.caffe.network import PREDICTIONS, Network, network
from edgekit_converters.caffe.prototext import MAX_BYTES, parse_text
from edgekit_converters.caffe.weights import read_weights
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import read_bytes
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Problems


def coverage() -> list[str]:
    """Every layer with a converter, and the losses that become their predictions."""
    return sorted([*REGISTRY.supported(), *PREDICTIONS])


def functions(operator: str) -> list[Callable[..., Any]]:
    """The converter of a layer."""
    return REGISTRY.functions(PREDICTIONS.get(operator, operator))


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model.

    Args:
        source: path of the prototxt, of the weights, or of the folder that holds both.
        options: shapes of inputs (others than the prototxt's are allowed), inputs to freeze.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: a file is broken or missing.
    """
    with naming(str(source), str(source.parent)):
        return _import(*find_files(source), options)


def _import(text: Path, weights: Path, options: LoadOptions) -> Graph:
    net = read_network(text)
    problems = Problems()
    for note in net.notes:
        problems.note(note)
    graph = Graph(net.name)
    builder = GraphBuilder(graph, fold=True)
    outputs = NetworkImporter(net, read_weights(weights), builder, problems).run(options)
    problems.raise_blockers()
    hand_out(builder, outputs)
    return finish(
        graph,
        {
            "source.format": "caffe",
            "source.notes": "\n".join(problems.notes),
        },
    )


def read_network(path: Path) -> Network:
    """The network of a prototxt.

    Raises:
        MalformedModelError: the file is broken.
    """
    try:
        return network(parse_text(read_bytes(path, MAX_BYTES).decode("utf-8", "replace")))
    except MalformedModelError as e:
        raise MalformedModelError(str(e) if str(e).startswith(str(path)) else f"{path}: {e}") from e
