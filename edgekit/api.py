"""The public functions: thin orchestration of importers, passes, quantizers, the format and the runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import converters
from edgekit.errors import ConversionError, EdgekitError, FormatError, QuantizationError, UnsupportedOpError
from edgekit.files import file_to_write, hashing, not_the_source, sha256, source_files, write_text
from edgekit.format import WrittenModel, read_model, write_model
from edgekit.interface import Interface, apply_interface, avoidable_transposes
from edgekit.interface.record import noted_interfaces
from edgekit.ir import Graph, Part, take_part
from edgekit.notes import merged
from edgekit.passes import PassLog, bind_shapes, optimize
from edgekit.passes.canonicalize.widen_half import NOTE as WIDENED
from edgekit.passes.canonicalize.widen_half import widen_half
from edgekit.preprocessing import CALLER, Preprocessing, copy_records, picture_channels, record, recorded
from edgekit.quantize import CalibrationData, Feeds, Recipe, get_recipe, quantize_graph
from edgekit.quantize.fuse_qdq import fuse_qdq
from edgekit.report.compare import ErrorFigures
from edgekit.self_check import SelfCheck, error_figures, seeded_inputs
from edgekit.symbolic import use_capacity
from edgekit.version import __version__

if TYPE_CHECKING:
    from edgekit.prune import Pruned
    from edgekit.report import VariantRecord
    from edgekit.simulate import Simulation

Shapes = Mapping[str, converters.ShapeSpec]
#: called with (stage, items done, items in all or None)
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class ConvertOptions:
    """The rarer options of a conversion.

    Attributes:
        check: run seeded inputs through the graph before and after the passes and record the error.
        images: how image files in the calibration folder become inputs; recorded in the file.
        calibration_limit: use at most that many samples.
        labels: class names to store in the model, one an output class.
        freeze: inputs to turn into constants, by name: numbers or arrays.
        signature: which of the source's named entry points to convert (TensorFlow Lite, SavedModel); None takes the usual one.
        outputs: tensors that become the outputs instead of the model's own, by the source's names; what they do not need is left out.
        inputs: tensors that become the inputs instead of the model's own; what is before them is left out.
        progress: told how far long work has come.
        capacity: elements that a tensor gets room for where nothing known limits its size (a Range whose limits are computed); None:
            65,536. A run that needs more fails and says so. A Graph or ``.ekm`` file keeps the capacity it was built with.
        interface: changes to inputs and outputs: layouts, element types, names, preprocessing put into the model.
        example_inputs, dynamic_shapes: for a ``torch.nn.Module`` or TorchScript; see :func:`load`.
    """

    check: bool = True
    images: Preprocessing | None = None
    calibration_limit: int | None = None
    labels: tuple[str, ...] = ()
    freeze: Mapping[str, Any] = field(default_factory=dict)
    signature: str | None = None
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    progress: Progress | None = None
    capacity: int | None = None
    interface: Interface | None = None
    example_inputs: Any = None
    dynamic_shapes: Any = None


@dataclass(frozen=True)
class Conversion:
    """What a conversion made.

    Attributes:
        path: the ``.ekm`` file.
        nbytes: its size; source_nbytes that of the source file or folder.
        arena_bytes: activation memory: what ``Session.peak_memory_bytes`` will say.
        sha256: of the file.
        graph: what was written.
        log: what each pass did.
        errors: per output, optimized float graph against the imported one on seeded inputs; empty if not checked.
        quantization_errors: per output, quantized against float on calibration samples; empty without quantization.
        notes: decisions the user should know of.
    """

    path: Path
    nbytes: int
    source_nbytes: int
    arena_bytes: int
    sha256: str
    graph: Graph
    log: PassLog
    errors: tuple[ErrorFigures, ...] = ()
    quantization_errors: tuple[ErrorFigures, ...] = ()
    notes: tuple[str, ...] = field(default=())


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
        _no_signature(signature)
        graph = read_model(source)
        if outputs:
            take_part(graph, Part(tuple(outputs)))
        return graph
    example = _example(example_inputs, dynamic_shapes)
    return converters.load(source, shapes=shapes, signature=signature, example=example, part=Part(tuple(outputs)))


def _example(inputs: Any, dynamic_shapes: Any) -> converters.Example | None:
    if inputs is None:
        if dynamic_shapes is not None:
            raise ConversionError("dynamic_shapes say which dimensions of the example inputs stay open: pass example_inputs, too")
        return None
    return converters.Example(inputs, dynamic_shapes)


def load_optimized(source: Any, shapes: Shapes | None = None) -> tuple[Graph, PassLog]:
    """A model ready to be compared, simulated or quantized: a ``.ekm`` file as it stands, anything else imported and optimized."""
    if isinstance(source, str | os.PathLike) and is_ekm(source):
        return read_model(source), PassLog()
    return optimize(_import(source, shapes, []))


def load_alike(source: Any, graph: Graph) -> tuple[Graph, PassLog]:
    """``load_optimized`` of a yardstick for ``graph``, with its changes to inputs and outputs and its preparation of pictures."""
    if isinstance(source, str | os.PathLike) and is_ekm(source):
        other, log = read_model(source), PassLog()
        _follow_interface(other, graph)
    else:
        # a changed interface has other shapes than the source
        other = _import(source, None if noted_interfaces(graph.metadata) else _bounds(graph), [])
        _follow_interface(other, graph)
        other, log = optimize(other)
    copy_records(graph.metadata, other.metadata)
    return other, log


def _bounds(graph: Graph) -> dict[str, tuple[int | tuple[int, int] | None, ...]]:
    """The shapes of a graph's inputs as somebody gave them when it was converted: sizes, and ranges of open dimensions."""
    limits = {v.name: [d if isinstance(d, int) else d.limits() for d in v.shape] for v in graph.user_inputs}
    return {n: tuple(d if isinstance(d, int) else None if None in d else d for d in dims) for n, dims in limits.items()}


def _follow_interface(graph: Graph, model: Graph) -> None:
    done, wanted = (noted_interfaces(g.metadata) for g in (graph, model))
    if wanted[: len(done)] == done:
        for interface in wanted[len(done) :]:
            apply_interface(graph, interface)


def _no_signature(signature: str | None) -> None:
    if signature is not None:
        raise ConversionError("an .ekm file or a Graph holds one signature; leave signature= (--signature) out")


def _import(source: Any, shapes: Shapes | None, notes: list[str], options: ConvertOptions | None = None) -> Graph:
    """Import with open batch dimensions settled, because a memory plan needs an upper bound for every dimension."""
    options = options or ConvertOptions()
    part = Part(tuple(options.outputs), tuple(options.inputs))
    if isinstance(source, Graph) or (isinstance(source, str | os.PathLike) and is_ekm(source)):
        _no_signature(options.signature)
        if options.freeze:
            raise ConversionError("inputs are frozen when a model is imported; an .ekm file or a Graph keeps its inputs")
        graph = source.clone() if isinstance(source, Graph) else read_model(source)
        if part:
            take_part(graph, part)
        notes += bind_shapes(graph, _numbers_only(shapes)).notes
        _require_bounds(graph)
        return graph
    example = _example(options.example_inputs, options.dynamic_shapes)
    graph = converters.load(source, shapes, options.freeze, default_leading=1, signature=options.signature, example=example, part=part)
    _require_bounds(graph)
    notes += merged([n for n in graph.metadata.get("source.notes", "").splitlines() if n])
    if any(n.op == "Dequantize" for g in graph.walk() for n in g.nodes):
        _widen(graph, notes)
        graph, fused = fuse_qdq(graph)
        if fused:
            notes.append(f"the model is quantized already: {fused} operators between its Dequantize and Quantize nodes run on integers")
    return graph


def _prepare(source: Any, shapes: Shapes | None, notes: list[str], options: ConvertOptions) -> Graph:
    """Import, with inputs and outputs as they are asked for, and float16 arithmetic in float32."""
    graph = _import(source, shapes, notes, options)
    if options.interface:
        notes += apply_interface(graph, options.interface)
    _widen(graph, notes)
    if options.images is not None and len(graph.user_inputs) == 1 and (picture := picture_channels(graph.user_inputs[0].shape)):
        options.images.affine(picture[0])  # refuses other numbers of channels
    return graph


def _widen(graph: Graph, notes: list[str]) -> None:
    if widen_half(graph):
        notes.append(WIDENED)


def _numbers_only(shapes: Shapes | None) -> dict[str, tuple[int, ...]]:
    out: dict[str, tuple[int, ...]] = {}
    for name, dims in (shapes or {}).items():
        if any(d is not None and not isinstance(d, int) for d in dims):
            raise ConversionError(
                f"input {name!r}: the shape of a model that is an .ekm file or a Graph already is given in numbers, not {tuple(dims)}"
            )
        out[name] = tuple(-1 if not isinstance(d, int) else d for d in dims)
    return out


def _require_bounds(graph: Graph) -> None:
    """Memory is planned for the largest shapes, so every dimension of an input needs an upper bound."""
    if blockers := converters.unbounded_inputs(graph):
        raise UnsupportedOpError("memory cannot be planned for dimensions without an upper bound:", blockers)


def is_ekm(path: str | os.PathLike[str]) -> bool:
    """Whether a file carries the mark of the format."""
    try:
        if not Path(path).is_file():  # opening a pipe might never end
            return False
        with Path(path).open("rb") as f:
            return f.read(8)[4:8] == b"EKM1"
    except (OSError, ValueError):  # no such name can exist
        return False


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
    _require_place(Path(path), source)
    with hashing(Path(source)) if isinstance(source, str | os.PathLike) else nullcontext() as digest:
        return _convert(source, Path(path), recipe, calibration, shapes, opts, digest)


def _convert(
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
        graph = _prepare(source, shapes, notes, opts)
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
    _stamp(graph, source, digest, recipe, errors, quantization_errors, opts)
    _tell(opts, "write", 0, None)
    written = write_model(graph, path)
    notes += avoidable_transposes(graph)
    return _conversion(path, written, graph, log, source, errors, quantization_errors, notes)


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

    _require_place(Path(path), source)
    notes: list[str] = []
    graph, log = optimize(_import(source, None, notes))
    pruned = prune_graph(graph, sparsity)
    digest = None if isinstance(source, Graph) else partial(sha256, Path(source))
    _stamp(pruned.graph, source, digest, None, (), (), ConvertOptions())
    written = write_model(pruned.graph, path)
    return _conversion(Path(path), written, pruned.graph, log, source, (), (), notes), pruned


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
    data = CalibrationData(s.data, yardstick, s.images, limit=s.samples) if s.data is not None else [seeded_inputs(yardstick)]
    feeds = samples_list(data, s.samples)
    found = build_report(
        Path(model),
        feeds[0] if yardstick is graph or _same_inputs(yardstick, graph) else seeded_inputs(graph),
        ReportOptions(reference, s.source, feeds, s.devices, s.backend, s.threads, s.runs, log, s.variants),
    )
    write_text(target, render(found))
    return target


def _same_inputs(a: Graph, b: Graph) -> bool:
    return [(v.name, v.type) for v in a.user_inputs] == [(v.name, v.type) for v in b.user_inputs]


# -- helpers ----------------------------------------------------------------------------------------------------------------


def _tell(options: ConvertOptions, stage: str, done: int, total: int | None) -> None:
    if options.progress is not None:
        options.progress(stage, done, total)


def _require_place(path: Path, source: Any) -> None:
    """Before the work: whether its result can go to ``path`` without harm to other files.

    Raises:
        FormatError: it cannot.
    """
    place = file_to_write(path)
    if isinstance(source, str | os.PathLike):
        not_the_source(path, Path(source))
    if place.exists() and place.stat().st_size and not is_ekm(place):
        raise FormatError(f"cannot write {path}: what is there is no .ekm file, and is left alone; delete it, or choose another name")


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


def _stamp(
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
            files = _model_files(source, graph)
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


def _model_files(source: str | os.PathLike[str], graph: Graph) -> list[Path]:
    """The files of a source: those that its importer read beside the one that is named, or what a folder holds."""
    path = Path(source)
    if not path.is_file() or is_ekm(path):
        return source_files(path)
    names = graph.metadata.get("source.files", path.name).split("\n")
    files = [path.resolve().parent / n for n in names]
    return files if all(f.is_file() for f in files) else [path]


def _conversion(
    path: Path,
    written: WrittenModel,
    graph: Graph,
    log: PassLog,
    source: Any,
    errors: tuple[ErrorFigures, ...],
    quantization_errors: tuple[ErrorFigures, ...],
    notes: Sequence[str],
) -> Conversion:
    source_nbytes = sum(p.stat().st_size for p in _model_files(source, graph)) if isinstance(source, str | os.PathLike) else 0
    return Conversion(
        path, written.nbytes, source_nbytes, written.arena_bytes, written.sha256, graph, log, errors, quantization_errors, tuple(notes)
    )
