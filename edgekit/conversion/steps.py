"""The steps of a conversion, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from edgekit.conversion.asked import note_options
from edgekit.conversion.facts import conversion_of, stamp
from edgekit.conversion.records import Conversion, ConvertOptions, Shapes
from edgekit.conversion.sources import prepare
from edgekit.errors import FormatError
from edgekit.files import file_to_write, not_the_source
from edgekit.format import is_ekm, write_model
from edgekit.interface import avoidable_transposes
from edgekit.ir import Graph
from edgekit.passes import optimize
from edgekit.quantize import CalibrationData, Feeds, Recipe, quantize_graph
from edgekit.report.compare import ErrorFigures
from edgekit.self_check import SelfCheck, error_figures, seeded_inputs
from edgekit.symbolic import use_capacity


def require_place(path: Path, source: Any) -> None:
    """Before the work: whether its result can go to ``path`` without harm to other files.

    Raises:
        FormatError: it cannot.
    """
    place = file_to_write(path)
    if isinstance(source, str | os.PathLike):
        not_the_source(path, Path(source))
    if place.exists() and place.stat().st_size and not is_ekm(place):
        raise FormatError(f"cannot write {path}: what is there is no .ekm file, and is left alone; delete it, or choose another name")


def run_conversion(
    source: Any,
    path: Path,
    recipe: Recipe | None,
    calibration: Any,
    shapes: Shapes | None,
    opts: ConvertOptions,
    digest: Callable[[], str] | None,
) -> Conversion:
    """``convert``; ``digest`` gives the sha256 of a source that is a file or a folder."""
    notes: list[str] = []
    errors: tuple[ErrorFigures, ...] = ()
    with use_capacity(opts.capacity):
        _tell(opts, "read", 0, None)
        graph = prepare(source, shapes, notes, opts)
        note_options(graph.metadata, shapes, opts)
        _tell(opts, "optimize", 0, None)
        with SelfCheck(graph) if opts.check else nullcontext() as check:
            graph, log = optimize(graph, in_place=True)
            if check is not None:
                _tell(opts, "check", 0, None)
                errors = check.compare(graph)
                graph.metadata.update(check.facts())
    quantization_errors: tuple[ErrorFigures, ...] = ()
    if recipe is not None:
        float_graph = graph
        data = _calibration(calibration, float_graph, opts) if recipe.needs_calibration else None
        progress = None if opts.progress is None else lambda done, total: _tell(opts, "calibrate", done, total)
        graph = quantize_graph(float_graph, recipe, data, progress=progress)
        quantization_errors = _quantization_check(float_graph, graph, data)
    stamp(graph, source, digest, recipe, errors, quantization_errors, opts)
    _tell(opts, "write", 0, None)
    written = write_model(graph, path)
    notes += avoidable_transposes(graph)
    return conversion_of(path, written, graph, log, source, errors, quantization_errors, notes)


def _tell(options: ConvertOptions, stage: str, done: int, total: int | None) -> None:
    if options.progress is not None:
        options.progress(stage, done, total)


def _calibration(source: Any, graph: Graph, options: ConvertOptions) -> CalibrationData:
    return CalibrationData(source, graph, options.images, limit=options.calibration_limit)


def _quantization_check(float_graph: Graph, graph: Graph, data: CalibrationData | None) -> tuple[ErrorFigures, ...]:
    samples: list[Feeds] = []
    if data is not None and data.replayable:
        for feeds in data:
            samples.append(feeds)
            if len(samples) == 4:
                break
    if not samples:
        samples = [seeded_inputs(float_graph)]
    if [v.dtype for v in float_graph.user_inputs] != [v.dtype for v in graph.user_inputs]:
        return ()
    return error_figures(float_graph, graph, samples)
