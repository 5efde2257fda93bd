"""``OnnxConverter``: from a file (or a ModelProto in memory) to a Graph."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.converters import LoadOptions, ShapeSpec
from edgekit.errors import GraphError, MalformedModelError, MissingDependencyError, UnsupportedOpError
from edgekit.ir import Graph, GraphBuilder, verify
from edgekit.symbolic import SymDim
from edgekit.types import Dim, TensorType, format_shape
from edgekit_converters.onnx import registry
from edgekit_converters.onnx.detection import looks_like_onnx
from edgekit_converters.onnx.functions import expand_functions
from edgekit_converters.onnx.importer import GraphImporter, Poisoned, declared_type
from edgekit_converters.onnx.session import ImportSession
from edgekit_converters.onnx.tensors import TensorReader, UnsupportedTypeError

MAX_FILE_BYTES = (1 << 31) - 1
TESTED_OPSETS = (7, 25)
MAX_OPSET = 1000


class OnnxConverter:
    """Reads ONNX models: opsets 7 to 24 (older and newer ones as far as their operators kept their meaning)."""

    name = "onnx"
    description = "ONNX (ModelProto, with or without external data)"
    suffixes = (".onnx", ".onnx.pb", ".onnx_data.pb")

    def detects(self, source: Any, head: bytes) -> bool:
        """True for a file that holds a ModelProto, whatever its name, and for ``onnx.ModelProto`` objects."""
        if isinstance(source, Path):
            return looks_like_onnx(head)
        return type(source).__name__ == "ModelProto" and hasattr(source, "opset_import")

    def load(self, source: Any, options: LoadOptions) -> Graph:
        """Import a model.

        Args:
            source: a path, or an ``onnx.ModelProto``.
            options: shapes to bind, inputs to freeze.

        Raises:
            UnsupportedOpError: lists every blocker.
            MalformedModelError: the model is broken.
        """
        path = source if isinstance(source, Path) else None
        where = str(path) if path is not None else "the ONNX model"
        try:
            model, digest = _parse(path) if path is not None else (source, "")
            return _import(model, digest, path, options)
        except MalformedModelError as e:
            raise MalformedModelError(str(e) if str(e).startswith(where) else f"{where}: {e}") from e
        except UnsupportedOpError as e:
            raise UnsupportedOpError(f"{where} does not convert; {len(e.blockers)} kind(s) of obstacle:", e.blockers) from None
        except RecursionError as e:
            raise MalformedModelError(f"{where}: the model is nested too deeply") from e


def _parse(path: Path) -> tuple[Any, str]:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as e:
        raise MissingDependencyError(f"reading ONNX models needs the package onnx: pip install onnx ({e})") from e
    try:
        size = path.stat().st_size
        if size == 0:
            raise MalformedModelError(f"{path}: the file is empty")
        if size > MAX_FILE_BYTES:
            raise MalformedModelError(f"{path}: {size} bytes; protobuf holds at most 2 GiB, keep the weights as external data")
        data = path.read_bytes()
    except OSError as e:
        raise MalformedModelError(f"{path}: cannot be read: {e.strerror or e}") from e
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError) as e:
        raise MalformedModelError(f"{path}: no valid ONNX protobuf, truncated or damaged ({size} bytes)") from e
    return model, hashlib.sha256(data).hexdigest()


def _import(model: Any, digest: str, path: Path | None, options: LoadOptions) -> Graph:
    registry.load_all()
    opsets = _opsets(model)
    model, lost = expand_functions(model, opsets)
    session = ImportSession(opsets, options, TensorReader(None if path is None else path.parent))
    session.not_expanded = lost
    tested_to = TESTED_OPSETS[1]
    if opsets[""] > tested_to:
        session.note(f"opset {opsets['']} is newer than {tested_to}, the newest this importer was tested with")
    proto = model.graph
    graph = Graph(proto.name)
    importer = GraphImporter(session, GraphBuilder(graph, fold=True))
    _bind_inputs(proto, session, importer)
    importer.run(proto)
    blockers = session.blockers
    if blockers:
        inferred = _inferred_types(model)
        if inferred:  # again, now with stand-ins behind what does not convert, so that the rest is checked too
            session = ImportSession(opsets, options, session.tensors)
            session.inferred, session.not_expanded = inferred, lost
            importer = GraphImporter(session, GraphBuilder(Graph(proto.name), fold=True))
            _bind_inputs(proto, session, importer)
            importer.run(proto)
            blockers = session.blockers or blockers
    if blockers:
        if all(b.reason == "invalid-node" for b in blockers):
            raise MalformedModelError("; ".join(f"{b.op} {', '.join(repr(n) for n in b.nodes[:3])}: {b.message}" for b in blockers))
        raise UnsupportedOpError("the model does not convert", blockers)
    _hand_out(proto, graph, importer)
    _drop_unused(graph)
    graph.metadata.update(_metadata(model, opsets, digest, session))
    try:
        verify(graph)
    except GraphError as e:
        raise MalformedModelError(f"the imported graph is not valid: {e}") from e
    return graph


def _opsets(model: Any) -> dict[str, int]:
    if not model.HasField("graph"):
        raise MalformedModelError("the model holds no graph")
    opsets = {registry.canonical_domain(o.domain): int(o.version) for o in model.opset_import}
    if "" not in opsets:
        if any(registry.canonical_domain(n.domain) == "" for n in model.graph.node):
            if model.ir_version >= 3 or not model.ir_version:
                raise MalformedModelError("the model names no opset of the ONNX operators (opset_import)")
            opsets[""] = 1
        opsets.setdefault("", 1)
    for domain, version in opsets.items():
        if not 1 <= version <= MAX_OPSET:
            raise MalformedModelError(f"opset {version} of {domain or 'ai.onnx'} does not exist")
    return opsets


def _bind_inputs(proto: Any, session: ImportSession, importer: GraphImporter) -> None:
    """Graph inputs: fed ones become inputs, frozen ones and those with an initializer (IR < 4) constants."""
    options, builder = session.options, importer.builder
    initialized = {t.name for t in proto.initializer} | {t.values.name for t in proto.sparse_initializer}
    declared = [i for i in proto.input if i.name not in initialized]
    names = [i.name for i in declared]
    if len(set(names)) != len(names):
        raise MalformedModelError(f"two graph inputs share a name: {names}")
    for kind in (options.shapes, options.values):
        unknown = sorted(set(kind) - set(names))
        if unknown:
            raise MalformedModelError(f"there is no input {unknown[0]!r}; the inputs are {names}")
    types: dict[str, TensorType] = {}
    for info in declared:
        if not info.name:
            raise MalformedModelError("a graph input has no name")
        try:
            found = declared_type(info.name, info)
            if found is None:
                found = _type_from_options(info, options)
        except UnsupportedTypeError as e:
            session.block("graph input", info.name, "unsupported-type", f"{e}.")
            importer.bind(info.name, None)
            continue
        types[info.name] = found
    bindings = _bindings(types, options.shapes)
    if options.default_leading is not None:
        for name, t in types.items():
            spec = options.shapes.get(name)
            if spec and isinstance(spec[0], tuple | str):  # the user wants it open: a range, or a name
                continue
            if t.shape and isinstance(t.shape[0], SymDim) and isinstance(t.bind(bindings).shape[0], SymDim) and name not in options.values:
                for s in t.shape[0].symbols():
                    bindings.setdefault(s.name, options.default_leading)
                    session.note(f"input {name!r}: the open leading dimension {s.name!r} was set to {options.default_leading}")
    for name, t in types.items():
        t = _with_ranges(name, t, options.shapes.get(name)).bind(bindings)
        if name in options.values:
            importer.bind(name, builder.constant(_frozen(name, t, options.values[name]), name))
            continue
        session.inputs[name] = t.shape
        value = builder.input(name, t.dtype, t.shape)
        importer._named.add(id(value))
        importer.bind(name, value)


def _type_from_options(info: Any, options: LoadOptions) -> TensorType:
    from edgekit_converters.onnx.tensors import element_type

    dtype = element_type(info.type.tensor_type.elem_type)
    spec = options.shapes.get(info.name)
    if info.name in options.values:
        return TensorType(dtype, np.shape(options.values[info.name]))
    if spec is None:
        raise MalformedModelError(f"input {info.name!r} declares no shape; give it with shapes= or --shape {info.name}:1,3,224,224")
    return TensorType(dtype, tuple(SymDim.symbol(f"{info.name}_{i}", 1) for i in range(len(spec))))


def _bindings(types: Mapping[str, TensorType], shapes: Mapping[str, ShapeSpec]) -> dict[str, int]:
    """Sizes by symbol that follow from the shapes the caller gives."""
    bindings: dict[str, int] = {}
    for name, spec in shapes.items():
        if name not in types:
            continue
        shape = types[name].shape
        if len(spec) != len(shape):
            raise MalformedModelError(
                f"input {name!r} has the shape {format_shape(shape)}, but {len(spec)} dimensions were given: {list(spec)}"
            )
        for given, dim in zip(spec, shape, strict=True):
            if not isinstance(given, int):
                continue
            if given < 0:
                raise MalformedModelError(f"input {name!r}: a dimension of {given} was given")
            if isinstance(dim, int):
                if dim != given:
                    raise MalformedModelError(f"input {name!r} has the fixed shape {format_shape(shape)}; {list(spec)} does not fit")
                continue
            for s in dim.symbols():
                if bindings.setdefault(s.name, given) != given:
                    raise MalformedModelError(f"dimension {s.name!r} was given as {bindings[s.name]} and as {given}")
    return bindings


def _with_ranges(name: str, type_: TensorType, spec: ShapeSpec | None) -> TensorType:
    """Ranges and other names that the caller gives to open dimensions."""
    if spec is None:
        return type_
    dims: list[Dim] = []
    for given, dim in zip(spec, type_.shape, strict=True):
        if isinstance(dim, int) or given is None or isinstance(given, int):
            dims.append(dim)
        elif isinstance(given, str):
            dims.append(SymDim.symbol(given, 1))
        elif isinstance(given, SymDim):
            dims.append(given)
        else:
            low, high = given
            if not 0 <= low <= high:
                raise MalformedModelError(f"input {name!r}: the range {low} to {high} is empty")
            dims.append(SymDim.symbol(str(dim), low, high))
    return type_.with_shape(dims)


def _frozen(name: str, type_: TensorType, value: Any) -> Any:
    a = np.asarray(value)
    if a.dtype != type_.dtype.numpy:
        raise MalformedModelError(f"input {name!r} is {type_.dtype.label}, the value to freeze it to is {a.dtype}")
    if a.ndim != type_.rank or any(isinstance(d, int) and d != n for d, n in zip(type_.shape, a.shape, strict=True)):
        raise MalformedModelError(f"input {name!r} has the shape {format_shape(type_.shape)}, the value to freeze it to {list(a.shape)}")
    return a


def _hand_out(proto: Any, graph: Graph, importer: GraphImporter) -> None:
    names = [o.name for o in proto.output]
    if not names:
        raise MalformedModelError("the graph has no outputs")
    if len(set(names)) != len(names):
        raise MalformedModelError(f"two graph outputs share a name: {names}")
    for name in names:
        try:
            graph.add_output(importer.output(name), name)
        except Poisoned as e:  # every poison has its blocker
            raise MalformedModelError(f"graph output {name!r} could not be computed") from e


def _drop_unused(graph: Graph) -> None:
    """Take out nodes nothing reads: shape arithmetic that was folded leaves them behind."""
    for node in reversed(list(graph.nodes)):
        if not node.definition.stateful and not any(v.uses or graph.is_output(v) for v in node.outputs):
            graph.remove([node])


def _inferred_types(model: Any) -> dict[str, Any]:
    """What the source's own shape inference says of every value; empty where it fails."""
    import onnx

    found = {v.name: v for v in (*model.graph.value_info, *model.graph.output)}
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception:
        return found
    return {**found, **{v.name: v for v in (*inferred.graph.value_info, *inferred.graph.output)}}


def _metadata(model: Any, opsets: Mapping[str, int], digest: str, session: ImportSession) -> dict[str, str]:
    facts = {
        "source.format": "onnx",
        "source.sha256": digest,
        "source.opsets": ", ".join(f"{d or 'ai.onnx'} {v}" for d, v in sorted(opsets.items())),
        "source.ir_version": str(model.ir_version),
        "source.producer": f"{model.producer_name} {model.producer_version}".strip(),
        "source.notes": "\n".join(session.notes),
    }
    facts.update({f"source.metadata.{p.key}": p.value for p in model.metadata_props})
    return {k: v for k, v in facts.items() if v}
