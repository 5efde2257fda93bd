"""From a SavedModel, a frozen graph or a TensorFlow.js graph model to a Graph."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from edgekit.ir import Graph
from edgekit_converters.importing.archives import open_archive
from edgekit_converters.importing.files import read_head
from edgekit_converters.importing.marks import is_tar
from edgekit_converters.importing.problems import UnsupportedTypeError
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
    found = REGISTRY.find(operator)
    return [] if found is None else [found]


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model.

    Args:
        source: a path.
        options: shapes to bind, inputs to freeze, the signature.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: the model is broken.
    """
    where = str(source)
    try:
        with ExitStack() as stack:
            model = _read(Path(source), options, stack)
            return import_model(cut(model, options.part) if options.part else model, options)
    except MalformedModelError as e:
        raise MalformedModelError(str(e) if str(e).startswith(where) else f"{where}: {e}") from e
    except UnsupportedOpError as e:
        raise UnsupportedOpError(f"{where} does not convert; {len(e.blockers)} kind(s) of obstacle:", e.blockers) from None
    except UnsupportedTypeError as e:
        raise MalformedModelError(f"{where}: {e}") from e
    except RecursionError as e:
        raise MalformedModelError(f"{where}: the model is nested too deeply") from e
    except ConversionError as e:
        raise ConversionError(f"{where}: {e}") from e


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
    if head.lstrip()[:1] == b"{":
        return read_graph_model(DiskFolder(path.parent), path.name)
    return read_graph_file(path)
