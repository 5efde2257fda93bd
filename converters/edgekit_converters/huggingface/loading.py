"""From a folder with a ``config.json`` to a Graph."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import ConversionError, MalformedModelError, MissingDependencyError
from edgekit.ir import Graph
from edgekit.types import Array
from edgekit_converters.huggingface.examples import examples
from edgekit_converters.huggingface.families import FAMILIES, written
from edgekit_converters.huggingface.folder import INDEX, MAX_CONFIG, ONNX_PLACES, PICKLED, SAFETENSORS, read_config
from edgekit_converters.huggingface.safetensors import TensorFile
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import read_bytes
from edgekit_converters.onnx import OnnxConverter
from edgekit_converters.pytorch.build import import_program
from edgekit_converters.pytorch.exported import export_module, quiet, read_exported
from edgekit_converters.pytorch.pt2 import read_torch_archive

CLASS_NUMBER = re.compile(r"[0-9]{1,9}")
MAX_PICKLED = 1 << 36


def coverage() -> list[str]:
    """The families whose graph is written from their config."""
    return sorted(FAMILIES)


def functions(operator: str) -> list[Any]:
    """What writes the graph of a family."""
    return [FAMILIES[operator][0]] if operator in FAMILIES else []


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a folder.

    Raises:
        MissingDependencyError: the family needs torch and transformers.
        UnsupportedOpError: with every blocker.
        MalformedModelError: the folder is broken.
    """
    with naming(str(source)):
        graph = _load(source, options)
    labels = _labels(read_config(source))
    if labels:
        graph.metadata["labels"] = "\n".join(labels)
    return graph


def _load(folder: Path, options: LoadOptions) -> Graph:
    for name in ONNX_PLACES:
        if (folder / name).is_file():
            return OnnxConverter().load(folder / name, options)
    config = read_config(folder)
    net = written(config, _weights(folder)) if str(config.get("model_type")) in FAMILIES else None
    if net is not None:
        facts = {"source.format": "huggingface", "source.producer": f"transformers {config.get('transformers_version', '')}".strip()}
        return import_program(net.program(facts), folder.name, options)
    return _through_transformers(folder, config, options)


def _labels(config: Mapping[str, Any]) -> list[str]:
    """Class names in the order of the classes; names nobody gave (LABEL_0) are left out."""
    found = config.get("id2label")
    if not isinstance(found, dict) or not all(CLASS_NUMBER.fullmatch(k) for k in found):
        return []
    labels = [str(found[k]).replace("\n", " ") for k in sorted(found, key=int)]
    return [] if all(n.startswith("LABEL_") for n in labels) else labels


def _weights(folder: Path) -> Mapping[str, Array]:
    """Safetensors in one file or several, else the tensors of ``pytorch_model.bin``, which is not unpickled."""
    if (folder / SAFETENSORS).is_file():
        return TensorFile(folder / SAFETENSORS)
    if (folder / INDEX).is_file():
        try:
            parts = json.loads(read_bytes(folder / INDEX, MAX_CONFIG))["weight_map"].values()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            raise MalformedModelError(f"{folder / INDEX}: broken: {e}") from e
        names = sorted({str(p) for p in parts})
        if any("/" in n or "\\" in n or n.startswith("..") for n in names):
            raise MalformedModelError(f"{folder / INDEX}: a part lies outside of the folder")
        return TensorFile(*(folder / n for n in names))
    path = folder / PICKLED
    held = read_torch_archive(read_bytes(path, MAX_PICKLED), str(path))
    if not isinstance(held, dict):
        raise MalformedModelError(f"{path}: no tensors by name")
    return {str(k): v for k, v in held.items()}


def _through_transformers(folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Graph:
    """Other families: transformers builds the module (no code of the folder runs), torch exports it."""
    kind = config.get("model_type", "unknown")
    try:
        import torch
        import transformers
    except ImportError as e:
        raise MissingDependencyError(
            f"models of the family {kind!r} are read through torch and transformers: pip install torch transformers ({e}); "
            f"without them: {', '.join(sorted(FAMILIES))}, and folders with model.onnx"
        ) from e
    architectures = config.get("architectures")
    found = getattr(transformers, str(architectures[0]), None) if isinstance(architectures, list) and architectures else None
    try:
        with quiet(), _no_messages():
            module, report = (found or transformers.AutoModel).from_pretrained(str(folder), local_files_only=True, output_loading_info=True)
    except Exception as e:  # transformers raises whatever its many loaders do
        raise ConversionError(f"{folder}: transformers cannot load it: {type(e).__name__}: {str(e)[:1000]}") from e
    module.eval()
    missing = sorted(map(str, report["missing_keys"])) + sorted(str(k[0]) for k in report["mismatched_keys"])
    if missing:  # transformers draws random numbers for them
        raise MalformedModelError(
            f"{folder}: no weights in the folder fit {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''} "
            f"({len(missing)} parameters) of {type(module).__name__}; are architectures in config.json and the weights of one model?"
        )
    return import_program(read_exported(_exported(torch, module, options)), folder.name, options)


def _exported(torch: Any, module: Any, options: LoadOptions) -> Any:
    """The exported program: with lengths left open where torch can, with those of the example where it cannot."""
    *tries, last = [options.example] if options.example is not None else examples(torch, module, options)
    for example in tries:
        with suppress(ConversionError):
            return export_module(module, example)
    return export_module(module, last)


@contextmanager
def _no_messages() -> Iterator[None]:
    """Without progress bars and log lines of transformers, which may hold texts of the file as they stand."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
