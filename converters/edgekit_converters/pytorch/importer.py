"""Imports one graph of ATen nodes: names, views and writes in place, and the converters of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.complex_values import Complex
from edgekit_converters.importing.problems import Poisoned, Problems, Unsupported
from edgekit_converters.pytorch import registry
from edgekit_converters.pytorch.complex_dispatch import Numbers, evaluate, evaluate_write, fitted
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.nodes import describe, label, names_in
from edgekit_converters.pytorch.program import MAX_DEPTH, Ref, SourceGraph, SourceNode, TensorMeta
from edgekit_converters.pytorch.storage import Tensor


class _Poison:
    """Stands for what a node that did not convert would have given."""


POISON = _Poison()


class ProgramImporter:
    """One graph while it is imported.

    Args:
        problems: of the import.
        builder: where nodes go.
        metas: what the source says of tensors, by name; used to check results.
        parent: the graph around this one.
    """

    def __init__(
        self, problems: Problems, builder: GraphBuilder, metas: Mapping[str, TensorMeta], parent: ProgramImporter | None = None
    ) -> None:
        self.problems = problems
        self.builder = builder
        self.metas = metas
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.captures: list[tuple[Value, Value]] = []  # (value outside, graph input inside)
        self._inside: dict[int, Value] = {}
        self._complex_inside: dict[int, tuple[Complex, Complex]] = {}
        self._own: set[int] = set()
        self._seen = 0
        self.items: dict[str, Any] = {}
        self.reads: set[str] | None = None  # None: not known, everything may be read
        if self.depth > MAX_DEPTH:
            raise MalformedModelError(f"graphs are nested deeper than {MAX_DEPTH}")

    # -- names ----------------------------------------------------------------------------------------------------------

    def bind(self, name: str, item: Any) -> None:
        """Make a name stand for a :class:`Tensor`, a number, a list, or ``POISON``."""
        self.items[name] = Tensor.new(item, self.builder.graph) if isinstance(item, Value | Complex) else item

    def find(self, name: str) -> Any:
        """What a name stands for.

        Raises:
            MalformedModelError: nothing is called so.
            Poisoned: its node did not convert.
        """
        if name not in self.items:
            raise MalformedModelError(f"{name!r} is read, but nothing computes it")
        item = self.items[name]
        if item is POISON:
            raise Poisoned(name)
        return item

    def local(self, value: Value) -> Value:
        """A value as this graph sees it: one from the graphs around becomes an input, a constant is copied."""
        if self.parent is None or self._owns(value):
            return value
        if id(value) in self._inside:
            return self._inside[id(value)]
        if value.const is not None:
            inner = self.builder.constant(value.const, value.name, quant=value.quant)
        else:
            outer = self.parent.local(value)
            graph = self.builder.graph
            name = graph.unique_name(outer.name)
            graph.release_name(name)
            inner = graph.add_input(name, outer.type)
            self.captures.append((outer, inner))
            known = self.parent.builder.known_value(outer)
            if known is not None:
                self.builder.assume(inner, known)
        self._inside[id(value)] = inner
        self._own.add(id(inner))
        return inner

    def localized(self, value: Numbers) -> Numbers:
        """A value, complex ones included, as this graph sees it."""
        if isinstance(value, Value):
            return self.local(value)
        if self.parent is None or all(map(self._owns, value.known())):
            return value
        held = self._complex_inside.get(id(value))
        if held is None:
            held = self._complex_inside[id(value)] = value, value.mapped(self.local)
        return held[1]

    def _owns(self, value: Value) -> bool:
        graph = self.builder.graph
        for node in graph.nodes[self._seen :]:
            self._own.update(id(v) for v in node.outputs)
        self._seen = len(graph.nodes)
        return id(value) in self._own or any(v is value for v in graph.inputs)

    def own(self, value: Value) -> Value:
        """Take note of a constant that was made here."""
        self._own.add(id(value))
        return value

    def resolve(self, arg: Any, depth: int = 0) -> Any:
        """An argument with names replaced: tensors as values."""
        if depth > MAX_DEPTH:
            raise MalformedModelError("an argument is nested too deeply")
        if isinstance(arg, Ref):
            arg = self.find(arg.name)
        if arg is POISON:
            raise Poisoned
        if isinstance(arg, Tensor):
            return self.localized(arg.read())
        if isinstance(arg, Sym) and self.parent is not None:
            return Sym(self.local(arg.value))
        if isinstance(arg, list | tuple):
            return [self.resolve(a, depth + 1) for a in arg]
        return arg

    # -- nodes ----------------------------------------------------------------------------------------------------------

    def run(self, graph: SourceGraph) -> None:
        """Import all nodes; the inputs are bound already."""
        self.reads = {n for node in graph.nodes for a in node.args.values() for n in names_in(a)} | set(names_in(list(graph.outputs)))
        for node in graph.nodes:
            self.node(node)

    def node(self, node: SourceNode) -> None:
        """Import one node and bind its outputs."""
        target = node.target
        in_place = None
        convert = registry.find(target)
        if convert is None:
            in_place = registry.functional(target)
            convert = registry.find(in_place) if in_place else None
        if convert is None:
            self.problems.block(
                target, label(node), "unsupported-op", "no converter for this operator.",
                "Replace it in the model, or export with run_decompositions() to break it into core ATen operators.",
            )  # fmt: skip
            self._bind(node, None)
            return
        try:
            args = {k: self.resolve(v) for k, v in node.args.items()}
        except Poisoned:
            self._bind(node, None)
            return
        except Unsupported as e:
            self.problems.block(target, label(node), e.reason, e.message, e.hint)
            self._bind(node, None)
            return
        first = len(self.builder.graph.nodes)
        function = convert
        source = describe(node)
        values = [v for v in args.values() if isinstance(v, Value)]

        def make() -> Any:
            ctx = AtenContext(self, node, in_place or target, args)
            result = evaluate(ctx, function)
            if in_place:
                return (self._written(ctx, node, result),)
            items = list(result) if isinstance(result, tuple) else [result]
            self._check(node, items)
            return (self._viewed(ctx, node, items),)

        done = attempt(self.problems, self.builder, target, label(node), source, values, make)
        self._bind(node, None if done is None else done[0])
        if done is not None and not in_place:
            for name, item in zip(node.outputs, done[0], strict=False):
                value = item.read() if isinstance(item, Tensor) and not item.steps else None
                if isinstance(name, str) and isinstance(value, Value):
                    name_result(self.builder, value, name, first)

    def _viewed(self, ctx: AtenContext, node: SourceNode, items: list[Any]) -> list[Any]:
        """Results as tensors; those of views share memory with the first argument."""
        owner = self._first_tensor(node)
        back = registry.find_write(node.target)
        out: list[Any] = []
        for k, item in enumerate(items):
            if isinstance(item, Value | Complex):
                out.append(self._tensor(ctx, node, back, owner, item, k, None))
            elif isinstance(item, list):
                out.append([
                    self._tensor(ctx, node, back, owner, v, k, j) if isinstance(v, Value | Complex) else v
                    for j, v in enumerate(item)
                ])  # fmt: skip
            else:
                out.append(item)
        return out

    def _tensor(
        self, ctx: AtenContext, node: SourceNode, back: registry.WriteFunction | None, owner: Tensor | None, value: Numbers, k: int,
        j: int | None,
    ) -> Tensor:  # fmt: skip
        name = registry.packet(node.target)
        if owner is not None and name in registry.DOUBTFUL and (owner.scrambled or (back is None and name not in registry.ALIASES)):
            made = Tensor.new(value, self.builder.graph)
            made.storage.doubtful.append(owner.storage)
            owner.storage.doubtful.append(made.storage)
            return made
        if owner is None or back is None:
            if owner is not None and value is owner.read() and registry.packet(node.target) in registry.ALIASES:
                return owner
            return Tensor.new(value, self.builder.graph)
        return self._view_of(ctx, node.target, owner, next(iter(node.args)), value, k, j)

    def _view_of(
        self, ctx: AtenContext, target: str, owner: Tensor, key: str, value: Numbers, k: int = 0, j: int | None = None
    ) -> Tensor:  # fmt: skip
        """A result that shares memory with ``owner``: how it is computed again, and how a write to it goes back."""
        node, function, back = ctx.node, registry.find(target), registry.find_write(target)
        assert function is not None and back is not None

        def apply(base: Numbers) -> Numbers:
            again = AtenContext(self, node, target, {**ctx.args, key: base})
            result = evaluate(again, function)
            found = result[k] if isinstance(result, tuple) else result
            picked: Numbers = found if j is None else found[j]
            return picked

        def write(base: Numbers, new: Numbers) -> Numbers:
            again = AtenContext(self, node, target, {**ctx.args, key: base, "#result": j})
            return evaluate_write(again, back, base, new)

        view = Tensor(owner.storage, (*owner.steps, (apply, write)), value)
        view.scrambled = owner.scrambled or registry.scrambles(target, ctx.args)
        return view

    def _first_tensor(self, node: SourceNode) -> Tensor | None:
        arg = next(iter(node.args.values()), None)
        item = self.items.get(arg.name) if isinstance(arg, Ref) else arg
        return item if isinstance(item, Tensor) else None

    def _written(self, ctx: AtenContext, node: SourceNode, result: Any) -> list[Any]:
        """Hand the result of an operator in place to its first argument."""
        owner = self._first_tensor(node)
        if owner is None or not isinstance(result, Value | Complex):
            raise Unsupported("writing in place to something else than a tensor is not supported")
        if registry.packet(node.target) in registry.RESHAPES_IN_PLACE:
            key = next(iter(node.args))
            owner.become(self._view_of(ctx, ctx.op, owner, key, result))
            return [owner]
        if self.parent is not None and owner.storage.graph is not self.builder.graph:
            raise Unsupported("a branch or loop body writes to a tensor from outside.", "Return the new value instead.")
        owner.write(fitted(ctx, result, self.localized(owner.read())))
        return [owner]

    def _bind(self, node: SourceNode, items: Sequence[Any] | None) -> None:
        for k, name in enumerate(node.outputs):
            item = POISON if items is None or k >= len(items) else items[k]
            if isinstance(name, str):
                self.items[name] = item
            elif isinstance(name, list | tuple):
                parts = item if isinstance(item, list) else [POISON] * len(name)
                if len(parts) < len(name):
                    raise MalformedModelError(f"{describe(node)} gives {len(parts)} tensors, {len(name)} are named")
                for n, part in zip(name, parts, strict=False):
                    if n is not None:
                        self.items[n] = part

    def _check(self, node: SourceNode, items: Sequence[Any]) -> None:
        """Hold results against what the source says of them: a difference is a mistake in one of the two."""
        for name, item in zip(node.outputs, items, strict=False):
            if self.reads is not None and isinstance(name, str) and name not in self.reads:
                continue
            meta = self.metas.get(name) if isinstance(name, str) else None
            if meta is None or not isinstance(item, Value | Complex):
                continue
            sizes = meta.sizes
            wrong = len(sizes) != len(item.shape) or any(
                isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(sizes, item.shape, strict=True)
            )
            if wrong or meta.type.is_complex != isinstance(item, Complex) or meta.type.part.dtype is not item.dtype:
                given = item.type if isinstance(item, Value) else f"complex numbers of {item.dtype.label}{list(item.shape)}"
                message = f"the source declares {meta.type.name}{list(sizes)} for {name!r}, the operator gives {given}."
                raise Unsupported(message, reason="invalid-node")
