"""Reads sources as graphs: models of any format, ``.ekm`` files, graphs in memory."""

from __future__ import annotations

import os
from typing import Any

from edgekit import converters
from edgekit.conversion.asked import noted_options
from edgekit.conversion.records import ConvertOptions, Shapes
from edgekit.errors import ConversionError, UnsupportedOpError
from edgekit.format import is_ekm, read_model
from edgekit.interface import apply_interface
from edgekit.interface.record import noted_interfaces
from edgekit.ir import Graph, Part, take_part
from edgekit.notes import merged
from edgekit.passes import PassLog, bind_shapes, optimize
from edgekit.passes.canonicalize.widen_half import NOTE as WIDENED
from edgekit.passes.canonicalize.widen_half import widen_half
from edgekit.preprocessing import copy_records, picture_channels
from edgekit.quantize.fuse_qdq import fuse_qdq
from edgekit.symbolic import use_capacity


def load_optimized(source: Any, shapes: Shapes | None = None) -> tuple[Graph, PassLog]:
    """A model ready to be compared, simulated or quantized: a ``.ekm`` file as it stands, anything else imported and optimized."""
    if isinstance(source, str | os.PathLike) and is_ekm(source):
        return read_model(source), PassLog()
    return optimize(import_source(source, shapes, []))


def load_alike(source: Any, graph: Graph) -> tuple[Graph, PassLog]:
    """``load_optimized`` of a yardstick for ``graph``, with its changes to inputs and outputs and its preparation of pictures."""
    if isinstance(source, str | os.PathLike) and is_ekm(source):
        other, log = read_model(source), PassLog()
        _follow_interface(other, graph)
    else:
        other, log = optimize(import_alike(source, graph))
    copy_records(graph.metadata, other.metadata)
    return other, log


def import_alike(source: Any, graph: Graph) -> Graph:
    """A source as it is imported, with the shapes of ``graph``, the part, signature and constants asked for, and its changed interface."""
    shapes, asked = noted_options(graph.metadata)
    if not noted_interfaces(graph.metadata):  # a changed interface has other shapes than the source
        shapes = _bounds(graph)
    with use_capacity(asked.capacity):
        try:
            other = import_source(source, shapes, [], asked)
        except ConversionError:  # a yardstick may be another model than the source: a part of it, or the same network in another format
            if asked == ConvertOptions():
                raise
            other = import_source(source, _bounds(graph), [])
    _follow_interface(other, graph)
    return other


def import_source(source: Any, shapes: Shapes | None, notes: list[str], options: ConvertOptions | None = None) -> Graph:
    """Import with open batch dimensions settled, because a memory plan needs an upper bound for every dimension."""
    options = options or ConvertOptions()
    part = Part(tuple(options.outputs), tuple(options.inputs))
    if isinstance(source, Graph) or (isinstance(source, str | os.PathLike) and is_ekm(source)):
        no_signature(options.signature)
        if options.freeze:
            raise ConversionError("inputs are frozen when a model is imported; an .ekm file or a Graph keeps its inputs")
        graph = source.clone() if isinstance(source, Graph) else read_model(source)
        if part:
            take_part(graph, part)
        notes += bind_shapes(graph, _numbers_only(shapes)).notes
        _require_bounds(graph)
        return graph
    example = example_of(options.example_inputs, options.dynamic_shapes)
    graph = converters.load(source, shapes, options.freeze, default_leading=1, signature=options.signature, example=example, part=part)
    _require_bounds(graph)
    notes += merged([n for n in graph.metadata.get("source.notes", "").splitlines() if n])
    if any(n.op == "Dequantize" for g in graph.walk() for n in g.nodes):
        _widen(graph, notes)
        graph, fused = fuse_qdq(graph)
        if fused:
            notes.append(f"the model is quantized already: {fused} operators between its Dequantize and Quantize nodes run on integers")
    return graph


def prepare(source: Any, shapes: Shapes | None, notes: list[str], options: ConvertOptions) -> Graph:
    """Import, with inputs and outputs as they are asked for, and float16 arithmetic in float32."""
    graph = import_source(source, shapes, notes, options)
    if options.interface:
        notes += apply_interface(graph, options.interface)
    _widen(graph, notes)
    if options.images is not None and len(graph.user_inputs) == 1 and (picture := picture_channels(graph.user_inputs[0].shape)):
        options.images.affine(picture[0])  # refuses other numbers of channels
    return graph


def example_of(inputs: Any, dynamic_shapes: Any) -> converters.Example | None:
    if inputs is None:
        if dynamic_shapes is not None:
            raise ConversionError("dynamic_shapes say which dimensions of the example inputs stay open: pass example_inputs, too")
        return None
    return converters.Example(inputs, dynamic_shapes)


def no_signature(signature: str | None) -> None:
    if signature is not None:
        raise ConversionError("an .ekm file or a Graph holds one signature; leave signature= (--signature) out")


def _bounds(graph: Graph) -> dict[str, tuple[int | tuple[int, int] | None, ...]]:
    """The shapes of a graph's inputs as somebody gave them when it was converted: sizes, and ranges of open dimensions."""
    limits = {v.name: [d if isinstance(d, int) else d.limits() for d in v.shape] for v in graph.user_inputs}
    return {n: tuple(d if isinstance(d, int) else None if None in d else d for d in dims) for n, dims in limits.items()}


def _follow_interface(graph: Graph, model: Graph) -> None:
    done, wanted = (noted_interfaces(g.metadata) for g in (graph, model))
    if wanted[: len(done)] == done:
        for interface in wanted[len(done) :]:
            apply_interface(graph, interface)


def _widen(graph: Graph, notes: list[str]) -> None:
    if widen_half(graph):
        notes.append(WIDENED)


def _numbers_only(shapes: Shapes | None) -> dict[str, tuple[int, ...]]:
    converters.check_sizes(shapes or {})
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
