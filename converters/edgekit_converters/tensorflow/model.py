"""A TensorFlow model once its files are read: what to import, and how the graph is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.symbolic import open_capacity
from edgekit.types import Array, DType
from edgekit_converters.importing.inputs import SourceInput, bind_inputs, check_names
from edgekit_converters.importing.outputs import finish, hand_out, own_value
from edgekit_converters.importing.problems import UnsupportedTypeError
from edgekit_converters.tensorflow.frames import lift_frames
from edgekit_converters.tensorflow.importer import BodyImporter
from edgekit_converters.tensorflow.nodes import Body, Library, TensorRef
from edgekit_converters.tensorflow.noise import Noise, block
from edgekit_converters.tensorflow.registry import REGISTRY
from edgekit_converters.tensorflow.session import ImportSession, Scope
from edgekit_converters.tensorflow.tensors import STRING, element_type, shape_of
from edgekit_converters.tensorflow.variables import VariableStore

MAX_ROUNDS = 8
#: operators that take a file's content
FILE_READERS = ("DecodeWav",)


@dataclass(frozen=True)
class ModelInput:
    """One input.

    Attributes:
        name: as users know it.
        node: of the placeholder.
        dtype: the DataType code.
        shape: a TensorShapeProto, or None.
        index: which output of the node it is.
    """

    name: str
    node: str
    dtype: int
    shape: Any
    index: int = 0


@dataclass
class Model:
    """What the files say.

    Attributes:
        body: the main graph.
        library: its functions.
        inputs, outputs: in order, under the users' names.
        store: first values of variables.
        facts: metadata of the graph.
        constants: data of Const nodes that lies outside the graph, by the node's name, in functions too.
    """

    body: Body
    library: Library
    inputs: Sequence[ModelInput]
    outputs: Sequence[tuple[str, TensorRef]]
    store: VariableStore = field(default_factory=VariableStore)
    facts: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Callable[[], Array]] = field(default_factory=dict)


def import_model(model: Model, options: LoadOptions) -> Graph:
    """Import the graph.

    A variable that turns out to be assigned is a state of the graph. That is known only when everything has been imported once, so then
    everything is imported again.

    Raises:
        UnsupportedOpError: with every blocker.
        MalformedModelError: the model is broken.
    """
    REGISTRY.load_all()
    body = lift_frames(model.body, model.library)
    changing: frozenset[str] = frozenset()
    for _ in range(MAX_ROUNDS):
        session = ImportSession(options, model.library, model.store, changing)
        session.constants = model.constants
        session.main = body
        scope = Scope(GraphBuilder(Graph(body.name), fold=True))
        importer = BodyImporter(session, body, scope)
        _bind_inputs(model, importer, options)
        items = importer.fetch([ref for _, ref in model.outputs])
        if session.assigned <= changing:
            break
        changing = changing | session.assigned
    session.raise_blockers()
    outputs = []
    for (name, _), item in zip(model.outputs, items, strict=True):
        if isinstance(item, Noise):
            block(session, item)
            continue
        if not isinstance(item, Value):
            raise MalformedModelError(f"output {name!r} is no tensor")
        outputs.append((name, item))
    session.raise_blockers()
    hand_out(scope.builder, outputs)
    _hand_out_states(session, scope)
    return finish(scope.builder.graph, {**model.facts, "source.notes": "\n".join(session.notes)})


def _bind_inputs(model: Model, importer: BodyImporter, options: LoadOptions) -> None:
    """The graph's inputs. One of a type EdgeKit lacks is a blocker, and what hangs on it stays unchecked."""
    session = importer.session
    sources = []
    check_names([i.name for i in model.inputs], options)
    for i in model.inputs:
        if i.dtype == STRING and is_file_content(importer.body, i.node):
            sources.append(SourceInput(i.name, DType.U8, [None]))
            if options.default_leading is not None and not {i.name} & {*options.shapes, *options.values}:
                most = open_capacity()
                options = replace(options, shapes={**options.shapes, i.name: ((1, most),)})
                session.note(f"input {i.name!r} takes files of up to {most} bytes; --shape {i.name}:1..BYTES sets another limit")
            continue
        shape = None if i.shape is None else shape_of(i.shape)
        if shape is None and i.name not in options.shapes and i.name not in options.values:
            hint = f"Give one: --shape {i.name}:1,224,224,3, say (--shape {i.name}: for a single number), or a value: --freeze {i.name}=1."
            session.block("input", i.name, "unknown-shape", "the model says nothing of its shape, not even the rank.", hint)
            importer.bind(i.node, None, i.index)
            continue
        try:
            sources.append(SourceInput(i.name, element_type(i.dtype), shape))
        except UnsupportedTypeError as e:
            session.block("input", i.name, e.reason, e.message, "Begin behind the decoding of files and text: --inputs NAME.")
            importer.bind(i.node, None, i.index)
    names = {s.name for s in sources}
    known = LoadOptions(
        {k: v for k, v in options.shapes.items() if k in names},
        {k: v for k, v in options.values.items() if k in names},
        options.default_leading,
    )
    values = bind_inputs(importer.builder, sources, known, session)
    for i in model.inputs:
        if i.name in values:
            importer.bind(i.node, values[i.name], i.index)


def is_file_content(body: Body, placeholder: str) -> bool:
    """Whether a string that is fed is only ever decoded as a file's content: then the input is its bytes."""
    readers = [n for n in body.nodes.values() if any(r.node == placeholder for r in n.inputs)]
    return bool(readers) and all(n.op in FILE_READERS for n in readers)


def _hand_out_states(session: ImportSession, scope: Scope) -> None:
    """The new values of the variables that the model keeps."""
    for state in session.states.values():
        following = own_value(scope.builder, scope.current[state.name], f"{state.entry.name}/next")
        scope.builder.graph.add_state(state.entry, following, state.initial)
