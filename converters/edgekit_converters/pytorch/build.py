"""From a :class:`Program` to a graph: inputs, weights, state, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import I64, Array, DType
from edgekit_converters.importing.complex_values import Complex, packed_array
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.inputs import SourceInput, bind_inputs
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Poisoned, Problems
from edgekit_converters.pytorch import registry
from edgekit_converters.pytorch.context import Sym
from edgekit_converters.pytorch.declarations import input_type
from edgekit_converters.pytorch.importer import ProgramImporter
from edgekit_converters.pytorch.program import Program, ProgramInput, Ref, TorchType
from edgekit_converters.pytorch.storage import Tensor


def import_program(program: Program, name: str, options: LoadOptions) -> Graph:
    """The graph of a program.

    Raises:
        UnsupportedOpError: with every blocker.
        MalformedModelError: the program is broken.
    """
    registry.REGISTRY.load_all()
    problems = Problems()
    builder = GraphBuilder(Graph(name), fold=True)
    importer = ProgramImporter(problems, builder, program.metas)
    _bind_users(program, options, problems, importer)
    mutated = mutated_buffers(program)
    states: dict[str, tuple[Value, Tensor]] = {}
    for given in program.inputs:
        if given.kind == "constant" and given.name:
            importer.bind(given.name, given.value)
        elif given.kind in ("weight", "buffer"):
            array = _weight(program, given)
            is_complex = array.dtype.kind == "c"
            array = packed_array(array) if is_complex else array
            if given.target in mutated:
                entry = builder.state(given.target, DType.from_numpy(array.dtype), array.shape, array)
                importer.bind(given.name, Complex(packed=entry) if is_complex else entry)
                states[given.target] = (entry, importer.find(given.name))
            else:
                weight = builder.constant(array, given.target)
                importer.bind(given.name, Complex(packed=weight) if is_complex else weight)
    importer.run(program.graph)
    problems.raise_blockers()
    hand_out(builder, _results(program, importer))
    _keep_states(program, states, importer)
    if any(o.kind == "input" for o in program.outputs):
        problems.note("the model writes to its inputs; what it leaves there is not handed out")
    facts = {"source.format": "pytorch", **program.facts, "source.notes": "\n".join(problems.notes)}
    return finish(builder.graph, facts)


def _bind_users(program: Program, options: LoadOptions, problems: Problems, importer: ProgramImporter) -> None:
    sources = []
    for given in program.inputs:
        if given.kind != "user":
            continue
        meta = program.metas.get(given.name)
        if meta is None:  # a number that may differ from run to run
            sources.append(SourceInput(given.name, I64, ()))
            continue
        t = input_type(meta, program.ranges, given.name)
        sources.append(SourceInput(given.name, t.dtype, t.shape))
    found = bind_inputs(importer.builder, sources, options, problems)
    for name, value in found.items():
        meta = program.metas.get(name)
        importer.bind(name, Sym(value) if meta is None else Complex(packed=value) if meta.type.is_complex else value)
        if meta is not None and meta.type.is_complex:
            problems.note(f"input {name!r} is complex: it takes real and imaginary part in a last dimension of 2")
        if meta is not None and meta.type.name == "bfloat16":
            problems.note(f"input {name!r}: bfloat16 is taken as float32")


def _weight(program: Program, given: ProgramInput) -> Array:
    array = program.tensors(given.target)
    meta = program.metas.get(given.name)
    if meta is not None and (tuple(meta.sizes) != array.shape or not _stored_as(meta.type, array)):
        raise MalformedModelError(
            f"{given.target!r} is declared as {meta.type.name}{list(meta.sizes)}, but stored as {array.dtype}{list(array.shape)}"
        )
    return array


def _stored_as(declared: TorchType, array: Array) -> bool:
    """Whether an array has a declared element type."""
    if declared.is_complex:
        return array.dtype.kind == "c" and array.real.dtype == declared.part.dtype.numpy
    return bool(declared.dtype.numpy == array.dtype)


def packed_output(importer: ProgramImporter, name: str, item: Complex) -> Value:
    """A complex result as it leaves the graph: with its parts in a last dimension of 2."""
    importer.problems.note(f"output {name!r} is complex: real and imaginary part lie in a last dimension of 2")
    return item.packed(Composer(importer.problems, importer.builder, "output", name, []))


def _keep_states(program: Program, states: Mapping[str, tuple[Value, Tensor]], importer: ProgramImporter) -> None:
    """What the next run reads of each mutated buffer: what the signature says, or what operators in place have left."""
    following = {target: _plain(importer, tensor.read()) for target, (_, tensor) in states.items()}
    for given in program.outputs:
        if given.kind == "buffer" and given.target in states:
            value = importer.resolve(given.value)
            value = _plain(importer, value) if isinstance(value, Complex) else value
            if not isinstance(value, Value):
                raise MalformedModelError(f"the new value of buffer {given.target!r} is no tensor")
            following[given.target] = value
    for target, (entry, _) in states.items():
        importer.builder.set_state(entry, following[target])


def _plain(importer: ProgramImporter, item: Value | Complex) -> Value:
    """A state as it is kept."""
    return item if isinstance(item, Value) else item.packed(Composer(importer.problems, importer.builder, "state", "state", []))


def mutated_buffers(program: Program) -> set[str]:
    """Names of the buffers the program writes to: by its signature, or by operators in place on them or on views of them."""
    found = {o.target for o in program.outputs if o.kind == "buffer"}
    owner = {i.name: i.target for i in program.inputs if i.kind in ("buffer", "weight")}
    for node in program.graph.nodes:
        first = next(iter(node.args.values()), None)
        of = owner.get(first.name) if isinstance(first, Ref) else None
        if of is None:
            continue
        if registry.functional(node.target) is not None and registry.find(node.target) is None:
            found.add(of)
        if (
            registry.functional(node.target) is not None
            or registry.find_write(node.target) is not None
            or registry.packet(node.target) in registry.ALIASES
        ):
            for out in node.outputs:
                for name in [out] if isinstance(out, str) else out or []:
                    if name is not None:
                        owner[name] = of
    return found


def _results(program: Program, importer: ProgramImporter) -> Sequence[tuple[str, Value]]:
    out = []
    users = [o for o in program.outputs if o.kind == "user"]
    for name, given in zip(program.output_names, users, strict=True):
        try:
            item = importer.resolve(given.value)
        except Poisoned as e:  # every poison has its blocker
            raise MalformedModelError(f"output {name!r} could not be computed") from e
        if item is None:
            continue
        if isinstance(item, Sym):
            item = item.value
        if isinstance(item, Complex):
            item = packed_output(importer, name, item)
        if isinstance(item, bool | int | float):
            item = importer.builder.constant(item, name, None)
        if not isinstance(item, Value):
            raise MalformedModelError(f"output {name!r} is no tensor")
        out.append((name, item))
    return out
