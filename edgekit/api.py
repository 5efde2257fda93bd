"""The public functions: thin orchestration of importers, passes, quantizers, the format and the runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import converters
from edgekit.conversion.asked import frozen_inputs
from edgekit.conversion.facts import conversion_of, stamp
from edgekit.conversion.records import Conversion, ConvertOptions, Progress, Shapes
from edgekit.conversion.sources import example_of, import_alike, import_source, load_alike, load_optimized, no_signature
from edgekit.conversion.steps import require_place, run_conversion
from edgekit.errors import EdgekitError, QuantizationError
from edgekit.files import hashing, sha256, write_text
from edgekit.format import is_ekm, read_model, write_model
from edgekit.ir import Graph, Part, take_part
from edgekit.passes import optimize
from edgekit.preprocessing import Preprocessing
from edgekit.quantize import CalibrationData, Recipe, get_recipe
from edgekit.self_check import seeded_inputs

if TYPE_CHECKING:
    from edgekit.prune import Pruned
    from edgekit.report import VariantRecord
    from edgekit.simulate import Simulation

__all__ = [
    "Conversion",
    "ConvertOptions",
    "Progress",
    "ReportSettings",
    "Shapes",
    "convert",
    "frozen_inputs",
    "import_alike",
    "load",
    "load_alike",
    "load_optimized",
    "prune",
    "quantize",
    "report",
    "simulate",
]


def load(
    source: Any,
    example_inputs: Any = None,
    shapes: Shapes | None = None,
    signature: str | None = None,
    dynamic_shapes: Any = None,
    outputs: Sequence[str] = (),
) -> Graph:
    """Read a model of any supported format, or a ``.ekm`` file, as a graph in the source's own layout.

    Args:
        source: a path, or an object a converter knows (a ``torch.nn.Module``, an ``ExportedProgram``, an ``onnx.ModelProto``).
        example_inputs: for a ``torch.nn.Module`` or TorchScript: a tuple of positional inputs, a dictionary of named ones, or the only one.
        shapes: input name -> shape, to fix or bound dynamic dimensions: an integer, an inclusive range ``(1, 8)``, or None a dimension.
        signature: which of the source's named entry points to read (TensorFlow Lite, SavedModel); None takes the usual one.
        dynamic_shapes: dimensions of a ``torch.nn.Module``'s inputs that stay open, as ``torch.export.export`` takes them.
        outputs: tensors that become the outputs instead of the model's own; what they do not need is not read.

    Raises:
        ConversionError: the model cannot be read; every unsupported operator is listed at once.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import edgekit
        >>> from edgekit.ir import GraphBuilder
        >>> from edgekit.types import F32
        >>> b = GraphBuilder("double")
        >>> x = b.input("x", F32, (1, 4))
        >>> b.output(b.call("Add", x, x), "y")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = edgekit.convert(b.graph, Path(folder) / "double.ekm").path
        ...     graph = edgekit.load(path)
        >>> [v.name for v in graph.inputs], graph.output_names, [n.op for n in graph.nodes]
        (['x'], ['y'], ['Add'])
    """
    if isinstance(source, str | os.PathLike) and is_ekm(source):
        no_signature(signature)
        graph = read_model(source)
        if outputs:
            take_part(graph, Part(tuple(outputs)))
        return graph
    example = example_of(example_inputs, dynamic_shapes)
    return converters.load(source, shapes=shapes, signature=signature, example=example, part=Part(tuple(outputs)))


def convert(
    source: Any,
    path: str | os.PathLike[str],
    quantize: str | Recipe | None = None,
    calibration: Any = None,
    shapes: Shapes | None = None,
    options: ConvertOptions | None = None,
) -> Conversion:
    """Convert a trained model to ``.ekm``.

    Args:
        source: a path, a :class:`Graph`, or an object a converter knows.
        path: the file to write; it appears whole or not at all.
        quantize: ``"int8"``, ``"int8:percentile"``, ``"float16"``, ``"int8-weight-only"`` or a :class:`Recipe`.
        calibration: for int8: a folder of ``.npy/.npz/.png/.jpg`` files, or an iterable of arrays.
        shapes: input name -> shape for dynamic inputs.
        options: the rarer options.

    Raises:
        ConversionError: the source cannot be converted.
        QuantizationError: calibration data are missing or do not fit.
        FormatError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import edgekit
        >>> from edgekit.ir import GraphBuilder
        >>> from edgekit.types import F32
        >>> b = GraphBuilder("score")
        >>> x = b.input("x", F32, (1, 4))
        >>> b.output(b.call("FullyConnected", x, b.constant(np.eye(4, dtype=np.float32))), "y")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = edgekit.convert(b.graph, Path(folder) / "score.ekm")
        ...     with edgekit.Session(done.path) as session:
        ...         y = session.run({"x": np.ones((1, 4), np.float32)})["y"]
        ...         same_memory = session.peak_memory_bytes == done.arena_bytes
        >>> y.tolist(), same_memory
        ([[1.0, 1.0, 1.0, 1.0]], True)
    """
    opts = options or ConvertOptions()
    recipe = get_recipe(quantize) if quantize is not None else None
    if recipe is not None and recipe.needs_calibration and calibration is None:
        raise QuantizationError(
            f"{recipe.name} needs calibration data: pass calibration= (--calibration) a folder of typical inputs, 50 to 500 of them"
        )
    require_place(Path(path), source)
    with hashing(Path(source)) if isinstance(source, str | os.PathLike) else nullcontext() as digest:
        return run_conversion(source, Path(path), recipe, calibration, shapes, opts, digest)


def quantize(
    source: Any, path: str | os.PathLike[str], recipe: str | Recipe, calibration: Any = None, options: ConvertOptions | None = None
) -> Conversion:
    """Quantize a model: any source format, a :class:`Graph`, or a float ``.ekm``. See :func:`convert`.

    Args:
        source: the model.
        path: the file to write.
        recipe: ``"int8"``, ``"int8:percentile"``, ``"float16"``, ``"int8-weight-only"`` or a :class:`Recipe`.
        calibration: for int8: a folder of typical inputs, or an iterable of arrays or of dictionaries by input name.
        options: the rarer options.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import edgekit
        >>> from edgekit.ir import GraphBuilder
        >>> from edgekit.types import F32
        >>> r = np.random.default_rng(0)
        >>> b = GraphBuilder("score")
        >>> x = b.input("x", F32, (1, 8))
        >>> b.output(b.call("FullyConnected", x, b.constant(r.standard_normal((4, 8)).astype(np.float32))), "y")
        >>> samples = [r.standard_normal((1, 8)).astype(np.float32) for _ in range(20)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = edgekit.quantize(b.graph, Path(folder) / "score.ekm", "int8", samples)
        >>> [n.op for n in done.graph.nodes], done.quantization_errors[0].sqnr_db > 25
        (['Quantize', 'FullyConnected', 'Dequantize'], True)
    """
    return convert(source, path, quantize=recipe, calibration=calibration, options=options)


def prune(source: Any, path: str | os.PathLike[str], sparsity: float) -> tuple[Conversion, Pruned]:
    """Zero the smallest share of all weights and write the result as ``.ekm``.

    Args:
        source: a path or a :class:`Graph`, in float.
        path: the file to write.
        sparsity: share of the weights to zero, in [0, 1).
    """
    from edgekit.prune import prune_graph

    require_place(Path(path), source)
    notes: list[str] = []
    graph, log = optimize(import_source(source, None, notes))
    pruned = prune_graph(graph, sparsity)
    digest = None if isinstance(source, Graph) else partial(sha256, Path(source))
    stamp(pruned.graph, source, digest, None, (), (), ConvertOptions())
    written = write_model(pruned.graph, path)
    return conversion_of(Path(path), written, pruned.graph, log, source, (), (), notes), pruned


def simulate(model: Any, device: str, threads: int | None = None, unit: str = "cpu") -> Simulation:
    """What a device would do with a model: exact peak memory, and an estimated latency with an error band.

    Args:
        model: a path of any format, or a :class:`Graph`.
        device: a name of ``edgekit.simulate.list_devices()``, or the path of a profile.
        threads: threads on the device; the profile's own number by default.
        unit: ``"cpu"`` or ``"gpu"``.
    """
    from edgekit.simulate import simulate_graph

    graph = model if isinstance(model, Graph) else load_optimized(model)[0]
    return simulate_graph(graph, device, threads=threads, unit=unit)


@dataclass(frozen=True)
class ReportSettings:
    """What a report covers besides the model.

    Attributes:
        source: the source model: the float yardstick, run on its own runtime too where that is installed.
        data: inputs for the comparison (folder or iterable); a seeded random input without it.
        devices: simulated devices.
        samples: number of inputs to use.
        runs: timed runs on this machine; 0 measures nothing.
        images: how image files become inputs.
        backend, threads: of the measurement.
        variants: versions of the model for the summary table.
        log: conversion log to show.
    """

    source: Path | None = None
    data: Any = None
    devices: tuple[str, ...] = ()
    samples: int = 8
    runs: int = 20
    images: Preprocessing | None = None
    backend: str = "cpu"
    threads: int = 1
    variants: tuple[VariantRecord, ...] = ()
    log: tuple[str, ...] = ()


def report(model: str | os.PathLike[str], path: str | os.PathLike[str], settings: ReportSettings | None = None) -> Path:
    """Write a report on a ``.ekm`` file: HTML, Markdown or JSON by the ending of ``path``.

    Raises:
        EdgekitError: another ending, or the file cannot be written.
    """
    from edgekit.report import ReportOptions, build_report, render_html, render_json, render_markdown, samples_list

    s = settings or ReportSettings()
    target = Path(path)
    render = {".html": render_html, ".htm": render_html, ".md": render_markdown, ".json": render_json}.get(target.suffix.lower())
    if render is None:
        raise EdgekitError(f"a report is .html, .md or .json, not {target.name!r}")
    graph = read_model(model)
    log, reference = s.log, None
    if s.source is not None:
        reference, passes = load_alike(s.source, graph)
        log = log or tuple(passes.lines())
    yardstick = reference or graph
    imported = None if s.source is None or is_ekm(s.source) else partial(import_alike, s.source, graph)
    data = CalibrationData(s.data, yardstick, s.images, limit=s.samples) if s.data is not None else [seeded_inputs(yardstick)]
    feeds = samples_list(data, s.samples)
    found = build_report(
        Path(model),
        feeds[0] if yardstick is graph or _same_inputs(yardstick, graph) else seeded_inputs(graph),
        ReportOptions(reference, s.source, imported, frozen_inputs(graph), feeds, s.devices, s.backend, s.threads, s.runs, log, s.variants),
    )
    write_text(target, render(found))
    return target


def _same_inputs(a: Graph, b: Graph) -> bool:
    return [(v.name, v.type) for v in a.user_inputs] == [(v.name, v.type) for v in b.user_inputs]
