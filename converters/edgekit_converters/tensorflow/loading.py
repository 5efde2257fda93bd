"""From a SavedModel, a frozen graph or a TensorFlow.js graph model to a Graph."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import ConversionError
from edgekit.ir import Graph
from edgekit_converters.importing.archives import open_archive
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import read_head
from edgekit_converters.importing.marks import is_tar
from edgekit_converters.tensorflow import detection
from edgekit_converters.tensorflow.folder import ArchiveFolder, DiskFolder
from edgekit_converters.tensorflow.graph_def import read_graph_file
from edgekit_converters.tensorflow.hub import hub_root
from edgekit_converters.tensorflow.javascript import read_graph_model
from edgekit_converters.tensorflow.model import Model, import_model
from edgekit_converters.tensorflow.part import cut
from edgekit_converters.tensorflow.registry import REGISTRY
from edgekit_converters.tensorflow.saved_model import read_saved_model

HEAD_BYTES = 4096


def coverage() -> list[str]:
    """The operators with a converter."""
    return REGISTRY.supported()


def functions(operator: str) -> list[Callable[..., Any]]:
    """The converter of one operator."""
    return REGISTRY.functions(operator)


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model.

    Args:
        source: a path.
        options: shapes to bind, inputs to freeze, the signature.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: the model is broken.
    """
    with naming(str(source)), ExitStack() as stack:
        model = _read(Path(source), options, stack)
        return import_model(cut(model, options.part) if options.part else model, options)


def _read(path: Path, options: LoadOptions, stack: ExitStack) -> Model:
    """What the files say; an archive stays open as long as ``stack``."""
    if path.is_dir():
        return read_saved_model(DiskFolder(path), options.signature)
    head = read_head(path, HEAD_BYTES)
    if detection.looks_like_saved_model(head) or detection.looks_like_saved_model_text(head):
        return read_saved_model(DiskFolder(path.parent), options.signature)
    if is_tar(head):
        archive = stack.enter_context(open_archive(path))
        return read_saved_model(ArchiveFolder(archive, hub_root(archive), str(path)), options.signature)
    if options.signature is not None:
        raise ConversionError("frozen graphs and TensorFlow.js models have no signatures to choose; leave signature= (--signature) out")
    if head.lstrip()[:1] == b"{":
        return read_graph_model(DiskFolder(path.parent), path.name)
    return read_graph_file(path)
