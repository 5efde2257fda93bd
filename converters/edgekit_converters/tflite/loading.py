"""From a .tflite file (or its bytes) to a Graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions, ShapeSpec
from edgekit.errors import ConversionError, MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.symbolic import SymDim
from edgekit.types import Dim, TensorType, format_shape
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import read_bytes
from edgekit_converters.importing.inputs import check_names, frozen_value
from edgekit_converters.importing.outputs import finish
from edgekit_converters.importing.problems import Poisoned
from edgekit_converters.tflite import registry
from edgekit_converters.tflite.associated import associated_files, labels
from edgekit_converters.tflite.flat import Record, parse
from edgekit_converters.tflite.importer import SubgraphImporter
from edgekit_converters.tflite.part import cut
from edgekit_converters.tflite.session import ImportSession
from edgekit_converters.tflite.tensors import TensorInfo
from edgekit_converters.tflite.variables import finish_states

VERSION = 3
MAX_FILE_BYTES = 1 << 34
"""Buffers may lie behind the flatbuffer, which itself ends at 2 GiB."""


def coverage() -> list[str]:
    """Every operator with a converter; custom ones as ``CUSTOM:name``."""
    return registry.REGISTRY.supported()


def functions(operator: str) -> list[registry.ConvertFunction]:
    """The converter of an operator."""
    return registry.REGISTRY.functions(operator)


def load(source: Any, options: LoadOptions) -> Graph:
    """Import a model: its first subgraph, with the source's own input and output names, order, types and layout.

    Where a signature is asked for, it is that signature's subgraph, with inputs and outputs called as the signature calls them.

    What the source keeps from run to run (resource variables, variable tensors) becomes states of the graph.

    Args:
        source: a path, or the bytes of a file.
        options: shapes to bind, inputs to freeze, the signature to take.

    Raises:
        UnsupportedOpError: lists every blocker.
        MalformedModelError: the model is broken.
    """
    where = str(source) if isinstance(source, Path) else "the TensorFlow Lite model"
    data = read_bytes(source, MAX_FILE_BYTES) if isinstance(source, Path) else bytes(source)
    with naming(where):
        return _import(parse(data), data, options)


def _import(model: Record, data: bytes, options: LoadOptions) -> Graph:
    registry.load_all()
    if model.version != VERSION:
        raise MalformedModelError(f"the schema version is {model.version}, {VERSION} is known")
    if not model.subgraphs:
        raise MalformedModelError("the model holds no subgraph")
    signature = _signature(model, options.signature)
    entry = 0 if signature is None else int(signature.subgraph)
    if not 0 <= entry < len(model.subgraphs):
        raise MalformedModelError(f"a signature names subgraph {entry}, the model has {len(model.subgraphs)}")
    builder = GraphBuilder(Graph(model.subgraphs[entry].name), fold=True)
    session = ImportSession(model, data, options, builder)
    importer = SubgraphImporter(session, builder, entry)
    if signature is not None:
        importer.public_names = {int(m.tensor): m.name for maps in (signature.inputs, signature.outputs) for m in maps if m.name}
    if options.part:
        names = (tensor_names(importer, importer.proto.inputs, "input"), tensor_names(importer, importer.proto.outputs, "output"))
        importer.proto, asked = cut(importer.proto, options.part, names, importer.has_effects)
        importer.public_names |= asked
    _bind_inputs(importer, session)
    importer.run()
    session.raise_blockers()
    _hand_out(importer)
    finish_states(session, builder)
    session.raise_blockers()
    return finish(builder.graph, _metadata(model, data, session, entry))


def _signature(model: Record, key: str | None) -> Record | None:
    """The signature of a name; None where none is asked for.

    Raises:
        ConversionError: the model has none of that name.
    """
    if key is None:
        return None
    found: Record | None = next((s for s in model.signatures if s.key == key), None)
    if found is None:
        names = ", ".join(repr(s.key) for s in model.signatures) or "none"
        raise ConversionError(f"the model has no signature {key!r}; its signatures: {names}")
    return found


def tensor_names(importer: SubgraphImporter, indices: Any, kind: str) -> list[str]:
    """The names of inputs or outputs; nameless ones are numbered, equal ones told apart."""
    names: list[str] = []
    for k, i in enumerate(indices):
        name = importer.public_names.get(int(i)) or importer.info(int(i)).name or f"{kind}_{k}"
        while name in names:
            name += f"_{k}"
        names.append(name)
    return names


def _bind_inputs(importer: SubgraphImporter, session: ImportSession) -> None:
    options, builder = session.options, importer.builder
    indices = [int(i) for i in importer.proto.inputs]
    names = tensor_names(importer, indices, "input")
    check_names(names, options)
    for index, name in zip(indices, names, strict=True):
        info = importer.info(index)
        shape = _shape(name, info, options.shapes)
        if name in options.values:
            frozen = frozen_value(name, TensorType(info.dtype, shape, info.quant), options.values[name])
            importer.bind(index, builder.constant(frozen, name))
            continue
        value = builder.input(name, info.source_dtype, shape, info.source_quant if info.quant is not None else None)
        session.inputs[name] = value.shape
        if info.is_shifted:
            value = _shifted(builder, value, info)
        importer.bind(index, value)


def _shifted(builder: GraphBuilder, value: Value, info: TensorInfo) -> Value:
    """A quantized uint8 input as int8: the same numbers, 128 lower."""
    made = builder.call("Requantize", value, name=f"{value.name}/int8", dtype=info.dtype)
    made.type = made.type.with_dtype(info.dtype, info.quant)
    return made


def _shape(name: str, info: TensorInfo, shapes: Mapping[str, ShapeSpec]) -> tuple[Dim, ...]:
    """The file's shape; the caller may set the dimensions its signature leaves open."""
    spec = shapes.get(name)
    if spec is None:
        return info.shape
    if len(spec) != len(info.shape):
        raise MalformedModelError(
            f"input {name!r} has the shape {format_shape(info.signature)}, but {len(spec)} dimensions were given: {list(spec)}"
        )
    dims: list[Dim] = []
    for k, (given, size, declared) in enumerate(zip(spec, info.shape, info.signature, strict=True)):
        if given is None or given == size:
            dims.append(size)
        elif declared >= 0:
            raise MalformedModelError(f"input {name!r} has the fixed shape {format_shape(info.signature)}; {list(spec)} does not fit")
        elif isinstance(given, int):
            if given < 0:
                raise MalformedModelError(f"input {name!r}: a dimension of {given} was given")
            dims.append(given)
        elif isinstance(given, SymDim):
            dims.append(given)
        elif isinstance(given, str):
            dims.append(SymDim.symbol(given, 1))
        else:
            low, high = given
            if not 0 <= low <= high:
                raise MalformedModelError(f"input {name!r}: the range {low} to {high} is empty")
            dims.append(SymDim.symbol(f"{name}_{k}", low, high))
    return tuple(dims)


def _hand_out(importer: SubgraphImporter) -> None:
    indices = [int(i) for i in importer.proto.outputs]
    if not indices:
        raise MalformedModelError("the model has no outputs")
    builder = importer.builder
    for index, name in zip(indices, tensor_names(importer, indices, "output"), strict=True):
        try:
            value = importer.output(index, name)
        except Poisoned as e:
            raise MalformedModelError(f"output {name!r} could not be computed") from e
        info = importer.info(index)
        if info.is_shifted:
            value = builder.call("Requantize", value, name=f"{name}/uint8", dtype=info.source_dtype)
            value.type = value.type.with_dtype(info.source_dtype, info.source_quant)
        builder.graph.add_output(value, name)


def _metadata(model: Record, data: bytes, session: ImportSession, entry: int) -> dict[str, str]:
    files = associated_files(data)
    facts = {
        "labels": labels(files),
        "source.associated_files": ", ".join(files),
        "source.format": "tflite",
        "source.producer": model.description,
        "source.signatures": ", ".join(s.key for s in model.signatures if s.key),
        "source.notes": "\n".join(session.notes),
    }
    for s in model.signatures:
        if s.subgraph == entry:
            for kind, maps in (("input", s.inputs), ("output", s.outputs)):
                for m in maps:
                    if m.tensor < len(model.subgraphs[entry].tensors):
                        facts[f"source.signature.{s.key}.{kind}.{m.name}"] = model.subgraphs[entry].tensors[m.tensor].name
    return {k: v for k, v in facts.items() if v}
