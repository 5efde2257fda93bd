"""From a file (or a ModelProto in memory) to a Graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError, MissingDependencyError
from edgekit.ir import Graph, GraphBuilder, Part
from edgekit_converters.importing.failures import naming
from edgekit_converters.importing.files import file_size, read_bytes
from edgekit_converters.importing.inputs import bind_inputs
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Poisoned, Unsupported, UnsupportedTypeError
from edgekit_converters.onnx import registry
from edgekit_converters.onnx.declarations import source_input
from edgekit_converters.onnx.functions import expand_functions
from edgekit_converters.onnx.importer import GraphImporter
from edgekit_converters.onnx.mapping import MappedWeights, split_weights
from edgekit_converters.onnx.part import cut, is_whole
from edgekit_converters.onnx.protos import as_onnx
from edgekit_converters.onnx.session import ImportSession
from edgekit_converters.onnx.tensors import TensorReader

MAX_FILE_BYTES = (1 << 31) - 1
NEWEST_TESTED_OPSET = 25
MAX_OPSET = 1000


def coverage() -> list[str]:
    """Every operator with a converter; those of other domains than ONNX's own as ``domain.operator``."""
    registry.load_all()
    return [f"{domain}.{op}" if domain else op for domain, op in registry.supported()]


def functions(operator: str) -> list[registry.ConvertFunction]:
    """The converters of an operator, by opset."""
    registry.load_all()
    domain, _, op = operator.rpartition(".")
    return [function for _, function in registry.entries(domain, op)]


def load(source: Any, options: LoadOptions) -> Graph:
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
    with naming(where):
        model, mapped = _parse(path) if path is not None else (source, None)
        graph = _import(model, TensorReader(None if path is None else path.parent, mapped), options)
        if mapped is not None:
            mapped.forget()
        return graph


def _parse(path: Path) -> tuple[Any, MappedWeights | None]:
    try:
        from google.protobuf.message import DecodeError

        from edgekit_converters.onnx.protos import messages
    except ImportError as e:
        raise MissingDependencyError(f"reading ONNX models needs the package protobuf: pip install protobuf ({e})") from e
    size = file_size(path)
    if size == 0:
        raise MalformedModelError(f"{path}: the file is empty")
    if size > MAX_FILE_BYTES:
        raise MalformedModelError(f"{path}: {size} bytes; protobuf holds at most 2 GiB, keep the weights as external data")
    try:
        split = split_weights(path)
        data, mapped = split if split is not None else (read_bytes(path, MAX_FILE_BYTES), None)
    except OSError as e:
        raise MalformedModelError(f"{path}: cannot be read: {e.strerror or e}") from e
    model = messages()["ModelProto"]()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError) as e:
        raise MalformedModelError(f"{path}: no valid ONNX protobuf, truncated or damaged ({size} bytes)") from e
    return model, mapped


def _import(model: Any, tensors: TensorReader, options: LoadOptions) -> Graph:
    registry.load_all()
    opsets = _opsets(model)
    model, lost = expand_functions(model, opsets)
    places: Sequence[int] = range(len(model.graph.node))
    if options.part:
        whole = model
        model, places = cut(model, options.part, lambda: _inferred_types(whole))
    return _import_graph(model, places, opsets, lost, tensors, options)


def _import_graph(
    model: Any, places: Sequence[int], opsets: dict[str, int], lost: dict[tuple[str, str], str], tensors: TensorReader, options: LoadOptions
) -> Graph:
    """Import a model whose nodes stand at ``places`` in the source."""
    session = ImportSession(opsets, options, tensors)
    session.not_expanded = lost
    if opsets[""] > NEWEST_TESTED_OPSET:
        session.note(f"opset {opsets['']} is newer than {NEWEST_TESTED_OPSET}, the newest this importer was tested with")
    proto = model.graph
    graph = Graph(proto.name)
    importer = GraphImporter(session, GraphBuilder(graph, fold=True))
    _bind_inputs(proto, session, importer)
    importer.run(proto, places)
    unsupported = any(b.reason != "invalid-node" for b in session.blockers)
    if unsupported and not is_whole(model):  # again without the nodes that no output needs: they may be the obstacles
        less, kept = cut(model, Part(), dict)
        return _import_graph(less, [places[k] for k in kept], opsets, lost, tensors, options)
    sessions = [session]
    if session.blockers and (inferred := _inferred_types(model)):
        # again, now with stand-ins behind what does not convert, so that the rest is checked too
        again = ImportSession(opsets, options, session.tensors)
        again.inferred, again.not_expanded = inferred, lost
        second = GraphImporter(again, GraphBuilder(Graph(proto.name), fold=True))
        _bind_inputs(proto, again, second)
        second.run(proto, places)
        sessions.insert(0, again)
    for s in sessions:
        s.raise_blockers()
    _hand_out(proto, importer)
    return finish(graph, _metadata(model, opsets, session))


def _opsets(model: Any) -> dict[str, int]:
    if not model.HasField("graph"):
        raise MalformedModelError("the model holds no graph")
    texts = [model.producer_name, model.producer_version, model.graph.name, *(o.domain for o in model.opset_import)]
    texts += [t for p in model.metadata_props for t in (p.key, p.value)]
    if any(isinstance(t, bytes) for t in texts):
        raise MalformedModelError("a name of the model is not valid UTF-8")
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
    initialized = {t.name for t in proto.initializer} | {t.values.name for t in proto.sparse_initializer}
    declared = []
    for info in proto.input:
        if info.name in initialized:
            continue
        if not info.name:
            raise MalformedModelError("a graph input has no name")
        try:
            declared.append(source_input(info))
        except UnsupportedTypeError as e:
            session.block("graph input", info.name, e.reason, e.message)
            importer.bind(info.name, None)
    for name, value in bind_inputs(importer.builder, declared, session.options, session).items():
        importer.bind(name, value)


def _hand_out(proto: Any, importer: GraphImporter) -> None:
    outputs = []
    for o in proto.output:
        try:
            outputs.append((o.name, importer.output(o.name)))
        except Unsupported as e:
            importer.session.block("graph output", o.name, e.reason, e.message, e.hint)
        except Poisoned as e:  # every poison has its blocker
            raise MalformedModelError(f"graph output {o.name!r} could not be computed") from e
    importer.session.raise_blockers()
    hand_out(importer.builder, outputs)


def _inferred_types(model: Any) -> dict[str, Any]:
    """What the source's own shape inference says of every value; empty where it fails."""
    found = {v.name: v for v in (*model.graph.value_info, *model.graph.output)}
    try:
        whole = as_onnx(model)
        if whole is None:
            return found
        import onnx

        inferred = onnx.shape_inference.infer_shapes(whole)
    except Exception:
        return found
    return {**found, **{v.name: v for v in (*inferred.graph.value_info, *inferred.graph.output)}}


def _metadata(model: Any, opsets: Mapping[str, int], session: ImportSession) -> dict[str, str]:
    facts = {
        "source.format": "onnx",
        "source.opsets": ", ".join(f"{d or 'ai.onnx'} {v}" for d, v in sorted(opsets.items())),
        "source.ir_version": str(model.ir_version),
        "source.producer": f"{model.producer_name} {model.producer_version}".strip(),
        "source.notes": "\n".join(session.notes),
    }
    facts.update({f"source.metadata.{p.key}": p.value for p in model.metadata_props})
    return {k: v for k, v in facts.items() if v}
