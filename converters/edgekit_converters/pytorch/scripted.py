"""TorchScript files, read through torch: it loads and freezes the graph and runs no Python of the file."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.converters import LoadOptions
from edgekit.errors import ConversionError, MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import BOOL, F32, I64, Array, DType, TensorType
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.inputs import SourceInput, bind_inputs
from edgekit_converters.importing.outputs import finish, hand_out
from edgekit_converters.importing.problems import Problems, Unsupported
from edgekit_converters.pytorch.build import packed_output
from edgekit_converters.pytorch.context import Sym, number_type
from edgekit_converters.pytorch.exported import MAX_MESSAGE, arguments, quiet, torch_module
from edgekit_converters.pytorch.importer import POISON, ProgramImporter
from edgekit_converters.pytorch.interpreter import ScriptInterpreter, ScriptObject, ScriptState, real_value
from edgekit_converters.pytorch.program import TorchType
from edgekit_converters.pytorch.registry import REGISTRY
from edgekit_converters.pytorch.script_inputs import tensor_inputs
from edgekit_converters.pytorch.storage import Tensor

MAX_ROUNDS = 5
NUMBERS = {"int": I64, "float": F32, "bool": BOOL, "number": F32}
#: operators that read integers, and at which input
INDEXED = {"aten::embedding": 1, "aten::gather": 2, "aten::index_select": 2}

#: in place of "whether an input is a number": it is a complex tensor
COMPLEX = "complex"

#: what a damaged graph makes torch raise while it is looked at
BROKEN = (ValueError, TypeError, IndexError, KeyError, AttributeError, RuntimeError, ArithmeticError, MemoryError)

Attributes = dict[tuple[str, ...], Any]


@dataclass(frozen=True)
class KeptTensor:
    """An attribute that a model changes, as state of the graph."""

    type: TensorType
    initial: Array


@dataclass
class Pass:
    """One import of the whole graph.

    Attributes:
        builder: holds the graph.
        outputs: by name.
        before, after: items of attributes.
        entries: the states' inputs by attribute.
        problems: of the import.
        importer: what made it.
    """

    builder: GraphBuilder
    problems: Problems
    importer: ProgramImporter
    outputs: list[tuple[str, Value]] = field(default_factory=list)
    before: Attributes = field(default_factory=dict)
    after: Attributes = field(default_factory=dict)
    entries: dict[tuple[str, ...], Value] = field(default_factory=dict)


def load_script(path: Path, options: LoadOptions) -> Graph:
    """Import a TorchScript file.

    Raises:
        MissingDependencyError: torch is not installed.
        UnsupportedOpError: with every blocker.
        MalformedModelError: torch cannot read the file.
    """
    _require_shapes(tensor_inputs(path), options)
    torch = torch_module("TorchScript")
    try:
        with quiet():
            module = torch.jit.load(str(path), map_location="cpu")
    except Exception as e:  # torch's reader raises RuntimeError and what its C++ parts come up with
        raise MalformedModelError(f"torch cannot read it as TorchScript: {str(e).strip()[:MAX_MESSAGE]}") from e
    return _walked(torch, module, path.stem, options)


def load_script_object(module: Any, options: LoadOptions) -> Graph:
    """Import a ``torch.jit.ScriptModule`` in memory; a copy is frozen, the module stays as it is."""
    return _walked(torch_module("TorchScript"), copy.deepcopy(module), str(module.original_name), options)


def _walked(torch: Any, module: Any, name: str, options: LoadOptions) -> Graph:
    try:
        return import_script(torch, module, name, options)
    except BROKEN as e:
        raise MalformedModelError(f"its graph cannot be walked: {type(e).__name__}: {str(e).strip()[:MAX_MESSAGE]}") from e


def _require_shapes(tensors: Sequence[str], options: LoadOptions) -> None:
    """Refuse, before torch is started, to import a file whose inputs the caller says nothing of.

    Raises:
        UnsupportedOpError: an input has no shape.
    """
    problems = Problems()
    if options.example is None:
        for name in tensors:
            if name not in options.shapes and name not in options.values:
                _block_open_input(problems, name)
    problems.raise_blockers()


def _block_open_input(problems: Problems, name: str) -> None:
    message = "TorchScript does not say the shapes of its inputs."
    problems.block("graph input", name, "dynamic-shape", message, f"Pass --shape {name}:1,3,224,224, or example inputs.")


def import_script(torch: Any, module: Any, name: str, options: LoadOptions) -> Graph:
    """Import a ``torch.jit.ScriptModule``."""
    module.eval()
    try:
        with quiet():
            frozen = torch.jit.freeze(module, optimize_numerics=False)
    except Exception as e:
        raise ConversionError(f"torch.jit.freeze fails on {name!r}: {str(e).strip()[:MAX_MESSAGE]}") from e
    REGISTRY.load_all()
    schema = module.forward.schema.arguments[1:]
    reader = _Reader(torch, frozen, name, _sources(torch, frozen, schema, options), options)
    done = reader.settled()
    hand_out(done.builder, done.outputs)
    for path, entry in done.entries.items():
        done.builder.set_state(entry, real_value(done.importer, done.after[path]))
    facts = {"source.format": "pytorch", "source.producer": "TorchScript", "source.notes": "\n".join(done.problems.notes)}
    return finish(done.builder.graph, facts)


def _sources(torch: Any, frozen: Any, schema: Any, options: LoadOptions) -> list[tuple[SourceInput | None, bool | str, Any]]:
    """For each input of ``forward``: how it becomes an input of the graph, whether it is a number, and its value where it is none."""
    given: dict[str, Any] = {}
    names = _unique([a.name for a in schema])
    if options.example is not None:
        args, kwargs = arguments(options.example, "TorchScript")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
    problems = Problems()
    found: list[tuple[SourceInput | None, bool | str, Any]] = []
    values = list(frozen.graph.inputs())[1:]
    for name, a, value in zip(names, schema, values, strict=True):
        kind, example = str(a.type), given.get(name)
        if kind in NUMBERS:
            if example is not None and name not in options.values:
                found.append((None, True, example))
                continue
            found.append((SourceInput(name, NUMBERS[kind], ()), True, None))
        elif kind.startswith("Optional") and example is None and name not in options.shapes and name not in options.values:
            found.append((None, False, None))
        elif kind not in ("Tensor", "Optional[Tensor]"):
            problems.block(
                "graph input",
                name,
                "unsupported-type",
                f"an input of type {kind} is not supported.",
                "Wrap the model in one that takes tensors.",
            )
        elif isinstance(example, torch.Tensor):
            type_ = TorchType(str(example.dtype).removeprefix("torch."))
            shape = (*example.shape, 2) if type_.is_complex else tuple(example.shape)
            found.append((SourceInput(name, type_.part.dtype, shape), COMPLEX if type_.is_complex else False, None))
        elif name in options.values:
            array = np.asarray(options.values[name])
            found.append((SourceInput(name, DType.from_numpy(array.dtype), array.shape), False, None))
        elif name in options.shapes:
            found.append((SourceInput(name, _element_type(value), (None,) * len(options.shapes[name])), False, None))
        else:
            _block_open_input(problems, name)
    problems.raise_blockers()
    return found


def _unique(names: Sequence[str]) -> list[str]:
    """Names with numbers behind those that come again: tracing calls several inputs after one variable."""
    return [n if names.index(n) == k else f"{n}_{k}" for k, n in enumerate(names)]


def _element_type(value: Any) -> DType:
    """What an input's uses say of its element type: integers where it is an index."""
    for use in value.uses():
        if INDEXED.get(use.user.kind()) == use.offset:
            return I64
    return F32


class _Reader:
    """Imports a frozen module again and again, until its attributes hold still."""

    def __init__(
        self, torch: Any, frozen: Any, name: str, sources: list[tuple[SourceInput | None, bool | str, Any]], options: LoadOptions
    ) -> None:
        self.torch = torch
        self.frozen = frozen
        self.name = name
        self.sources = sources
        self.options = options
        self.arrays: dict[str, Any] = {}

    def settled(self) -> Pass:
        """The import that holds for every run.

        A module may change numbers and tensors of its own while it runs (a first call that makes the state, say). The graph of the first
        run shows what they become; it is imported with those until they no longer change. Tensors become states of the graph.
        """
        first = self.run({})
        first.problems.raise_blockers()
        if not _changed(first):
            return first
        now: Mapping[tuple[str, ...], Any] = {}
        done = first
        for _ in range(MAX_ROUNDS):
            following = self._following(done, now)
            if following == now:
                break
            now = following
            done = self.run(now)
            done.problems.raise_blockers()
        else:
            raise Unsupported(
                "attributes of the module go on changing their shape or number from run to run.", "Make the state an input and an output."
            )
        if not self._begins_as(first, now):
            done.problems.note("the module's state is taken to begin with zeros; its own first run computes it in another way")
        return done

    def _following(self, done: Pass, now: Mapping[tuple[str, ...], Any]) -> dict[tuple[str, ...], Any]:
        """What the next import takes the attributes to be."""
        found: dict[tuple[str, ...], Any] = dict(now)
        for path in _changed(done) | set(now):
            item = done.after.get(path)
            if isinstance(item, Tensor):
                held = item.read()
                if isinstance(held, Complex):
                    raise Unsupported(
                        f"the attribute {'.'.join(path)!r} keeps complex numbers.", "Keep torch.view_as_real of them.", "complex-number"
                    )
                t = held.type
                if not t.is_static:
                    raise Unsupported(
                        f"the attribute {'.'.join(path)!r} keeps {t}, whose size is open.", "Give static shapes.", "dynamic-shape"
                    )
                known = now.get(path)
                if isinstance(known, KeptTensor) and known.type == t:
                    continue
                begin = done.before.get(path)
                first = begin.read() if isinstance(begin, Tensor) and not isinstance(known, KeptTensor) else None
                initial = first.const if isinstance(first, Value) else None
                fits = initial is not None and initial.shape == t.static_shape() and initial.dtype == t.dtype.numpy
                found[path] = KeptTensor(t, initial if fits and initial is not None else np.zeros(t.static_shape(), t.dtype.numpy))
            elif isinstance(item, Sym | list | dict) or item is POISON:
                raise Unsupported(
                    f"the attribute {'.'.join(path)!r} keeps something else than a tensor or a fixed number.",
                    "Make it an input and an output.",
                )
            else:
                found[path] = item
        return found

    def _begins_as(self, first: Pass, now: Mapping[tuple[str, ...], Any]) -> bool:
        """Whether the settled graph, begun with the initial states, computes what the first run does."""
        frozen = self.run({p: v.initial if isinstance(v, KeptTensor) else v for p, v in now.items()})
        graphs = []
        for done in (first, frozen):
            hand_out(done.builder, done.outputs)
            graphs.append(finish(done.builder.graph, {}))
        return structure(graphs[0]) == structure(graphs[1])

    def run(self, overrides: Mapping[tuple[str, ...], Any]) -> Pass:
        """One import; ``overrides`` are attributes as states, constant arrays, or numbers."""
        problems = Problems()
        builder = GraphBuilder(Graph(self.name), fold=True)
        importer = ProgramImporter(problems, builder, {})
        bound = bind_inputs(builder, [s for s, _, _ in self.sources if s is not None], self.options, problems)
        attributes: Attributes = {}
        done = Pass(builder, problems, importer)
        for path, given in overrides.items():
            if isinstance(given, KeptTensor):
                entry = builder.state(".".join(path), given.type.dtype, given.type.static_shape(), given.initial)
                done.entries[path] = entry
                attributes[path] = Tensor.new(entry, builder.graph)
            elif isinstance(given, np.ndarray):
                attributes[path] = Tensor.new(builder.constant(given, ".".join(path)), builder.graph)
            else:
                attributes[path] = given
        done.before = dict(attributes)
        state = ScriptState(self.torch, attributes, self.arrays)
        state.read = done.before
        items: dict[str, Any] = {}
        inputs = list(self.frozen.graph.inputs())
        items[inputs[0].debugName()] = ScriptObject((), self.frozen._c)
        for value, (source, numeric, fixed) in zip(inputs[1:], self.sources, strict=True):
            if source is not None and numeric == COMPLEX:
                problems.note(f"input {source.name!r} is complex: it takes real and imaginary part in a last dimension of 2")
            items[value.debugName()] = fixed if source is None else _item(bound[source.name], numeric, builder)
        run = ScriptInterpreter(importer, state, items)
        results = run.block(self.frozen.graph)
        problems.raise_blockers()
        done.after = attributes
        done.outputs = _named(results, importer)
        return done


def structure(graph: Graph) -> list[str]:
    """What a graph computes, names left out: two graphs of one structure give the same results."""
    number = {id(v): f"in{k}" for k, v in enumerate(graph.inputs)}

    def text(v: Value | None) -> str:
        if v is None:
            return "-"
        if v.const is not None:
            return f"{v.type} {hashlib.sha256(np.ascontiguousarray(v.const).tobytes()).hexdigest()}"
        return number[id(v)]

    lines = []
    for k, n in enumerate(graph.nodes):
        attrs = [(a, structure(g) if isinstance(g, Graph) else g) for a, g in n.attrs.items()]
        lines.append(f"{n.op} {[text(v) for v in n.inputs]} {attrs}")
        number.update({id(v): f"{k}.{j}" for j, v in enumerate(n.outputs)})
    return [*lines, *(text(v) for v in graph.outputs)]


def _item(value: Value, numeric: bool | str, builder: GraphBuilder) -> Any:
    if numeric == COMPLEX:
        return Tensor.new(Complex(packed=value), builder.graph)
    if not numeric:
        return Tensor.new(value, builder.graph)
    return Sym(value) if value.const is None else value.const.reshape(-1)[0].item()


def _changed(done: Pass) -> set[tuple[str, ...]]:
    """Attributes that the run left with another value."""
    found = set()
    for path, item in done.after.items():
        begin = done.before.get(path)
        written = isinstance(item, Tensor) and item.storage.version > 0
        same = item is begin or (
            not isinstance(item, Tensor) and not isinstance(begin, Tensor) and type(item) is type(begin) and item == begin
        )
        if written or not same:
            found.add(path)
    return found


def _named(results: list[Any], importer: ProgramImporter) -> list[tuple[str, Value]]:
    """Outputs under the keys of dictionaries, else ``out0``, ``out1`` ..."""
    (result,) = results if len(results) == 1 else (results,)
    out: list[tuple[str, Value]] = []

    def add(name: str, item: Any, depth: int) -> None:
        if depth > 16:
            raise MalformedModelError("the outputs are nested too deeply")
        if isinstance(item, dict):
            for k, v in item.items():
                add(f"{name}.{k}" if name else str(k), v, depth + 1)
        elif isinstance(item, list | tuple):
            for k, v in enumerate(item):
                add(f"{name}.{k}" if name else f"out{k}", v, depth + 1)
        elif item is not None:
            out.append((name or "out0", _value(item, importer, name or "out0")))

    add("", result, 0)
    return out


def _value(item: Any, importer: ProgramImporter, name: str) -> Value:
    if isinstance(item, Tensor):
        value = item.read()
        return packed_output(importer, name, value) if isinstance(value, Complex) else value
    if isinstance(item, Sym):
        return item.value
    if isinstance(item, bool | int | float):
        return importer.builder.constant(item, name, number_type(item))
    raise MalformedModelError(f"output {name!r} is no tensor")
