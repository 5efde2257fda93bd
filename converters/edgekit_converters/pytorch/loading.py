"""From a file or an object of torch to a Graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.converters import Example, LoadOptions
from edgekit.errors import ConversionError, MalformedModelError
from edgekit.ir import Graph
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import read_head
from edgekit_converters.importing.marks import is_zip
from edgekit_converters.pytorch import core_aten
from edgekit_converters.pytorch.build import import_program
from edgekit_converters.pytorch.detection import Kind, is_exported, is_module, is_script, kind_of_file
from edgekit_converters.pytorch.exported import export_module, read_exported
from edgekit_converters.pytorch.pickled import explain_pickle
from edgekit_converters.pytorch.pt2 import opened_pt2
from edgekit_converters.pytorch.registry import REGISTRY, ConvertFunction
from edgekit_converters.pytorch.scripted import load_script, load_script_object


def coverage() -> list[str]:
    """Every ATen operator with a converter; one entry covers all overloads where it names none."""
    return REGISTRY.supported()


def functions(operator: str) -> list[ConvertFunction]:
    """The converter of an operator."""
    return REGISTRY.functions(operator)


def missing() -> dict[str, str]:
    """Core ATen operators that do not convert, with the reason."""
    return core_aten.missing()


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model.

    Raises:
        UnsupportedOpError: with every blocker.
        MalformedModelError: the source is broken.
        MissingDependencyError: torch is needed for this kind of source.
    """
    where = str(source) if isinstance(source, Path) else f"the {type(source).__name__}"
    with naming(where):
        return _load(source, options)


def _load(source: Any, options: LoadOptions) -> Graph:
    if is_exported(source):
        return import_program(read_exported(source), "ExportedProgram", options)
    if is_script(source):
        return load_script_object(source, options)
    if is_module(source):
        return import_program(read_exported(export_module(source, _example(options))), type(source).__name__, options)
    head = read_head(source, 512)
    kind = kind_of_file(source, head)
    if kind is Kind.PT2 or (kind is None and is_zip(head)):
        with opened_pt2(source) as program:
            return import_program(program, source.stem, options)
    if kind is Kind.TORCHSCRIPT:
        return load_script(source, options)
    if kind is Kind.PICKLE:
        raise ConversionError(f"{source} is {explain_pickle(source, head)}")
    raise MalformedModelError("no model of torch: it holds neither an exported program nor TorchScript")


def _example(options: LoadOptions) -> Example:
    if options.example is None:
        raise ConversionError(
            "a torch.nn.Module shows its graph only while it runs: pass example inputs, "
            "edgekit.load(module, (tensor,)), or ConvertOptions(example_inputs=(tensor,))"
        )
    return options.example
