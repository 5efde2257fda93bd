"""What a conversion notes in the file, and says of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgekit.conversion.records import Conversion, ConvertOptions
from edgekit.files import sha256, source_files
from edgekit.format import WrittenModel, is_ekm
from edgekit.ir import Graph
from edgekit.passes import PassLog
from edgekit.preprocessing import CALLER, record, recorded
from edgekit.quantize import Recipe
from edgekit.report.compare import ErrorFigures
from edgekit.version import __version__


def stamp(
    graph: Graph,
    source: Any,
    digest: Callable[[], str] | None,
    recipe: Recipe | None,
    errors: Sequence[ErrorFigures],
    quantized: Sequence[ErrorFigures],
    options: ConvertOptions,
) -> None:
    """Facts that travel in the file. Nothing that differs between two equal conversions: no times, no absolute paths."""
    m = graph.metadata
    m["edgekit.version"] = __version__
    if isinstance(source, str | os.PathLike):
        m["source.name"] = Path(source).name
        if digest is not None:
            files = model_files(source, graph)
            m["source.sha256"] = digest() if len(files) < 2 or Path(source).is_dir() else sha256(files)
        if is_ekm(source):
            m.pop("source.files", None)
    if recipe is not None:
        m["quantization.recipe"] = recipe.name
        if recipe.needs_calibration:
            m["quantization.observer"] = recipe.observer
    if options.images is not None and len(graph.user_inputs) == 1 and recorded(m, graph.user_inputs[0].name) is None:
        record(m, graph.user_inputs[0].name, options.images, CALLER)
    if options.labels:
        m["labels"] = "\n".join(options.labels)
    for e in errors:
        m[f"check.max_abs_error.{e.name}"] = f"{e.max_abs:.6g}"
    for e in quantized:
        m[f"quantization.sqnr_db.{e.name}"] = "inf" if e.sqnr_db is None else f"{e.sqnr_db:.4f}"


def model_files(source: str | os.PathLike[str], graph: Graph) -> list[Path]:
    """The files of a source: those that its importer read beside the one that is named, or what a folder holds."""
    path = Path(source)
    if not path.is_file() or is_ekm(path):
        return source_files(path)
    names = graph.metadata.get("source.files", path.name).split("\n")
    files = [path.resolve().parent / n for n in names]
    return files if all(f.is_file() for f in files) else [path]


def conversion_of(
    path: Path,
    written: WrittenModel,
    graph: Graph,
    log: PassLog,
    source: Any,
    errors: tuple[ErrorFigures, ...],
    quantization_errors: tuple[ErrorFigures, ...],
    notes: Sequence[str],
) -> Conversion:
    source_nbytes = sum(p.stat().st_size for p in model_files(source, graph)) if isinstance(source, str | os.PathLike) else 0
    return Conversion(
        path, written.nbytes, source_nbytes, written.arena_bytes, written.sha256, graph, log, errors, quantization_errors, tuple(notes)
    )
