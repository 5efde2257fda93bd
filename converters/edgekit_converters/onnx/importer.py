"""Imports one ONNX graph: resolves names, orders nodes, calls the operator converters, collects what does not convert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.types import TensorType
from edgekit_converters.importing.attempt import attempt, take_name
from edgekit_converters.importing.outputs import own_value
from edgekit_converters.importing.problems import Poisoned, Unsupported, UnsupportedTypeError
from edgekit_converters.onnx import registry
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.declarations import declared_type
from edgekit_converters.onnx.nodes import MAX_DEPTH, describe, reads, written_at
from edgekit_converters.onnx.sequences import OPERATORS, AnyValue, OptionalValue, SequenceValue
from edgekit_converters.onnx.session import ImportSession


class GraphImporter:
    """One graph, or the body of a control flow node, while it is imported.

    Args:
        session: what the whole import shares.
        builder: where nodes go.
        parent: the graph around this one, whose values it may use.
        inline: the nodes go into the parent's own graph (a branch known at conversion).
    """

    def __init__(self, session: ImportSession, builder: GraphBuilder, parent: GraphImporter | None = None, inline: bool = False) -> None:
        self.session = session
        self.builder = builder
        self.parent = parent
        self.inline = inline
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.captures: list[tuple[Value, Value]] = []  # (value outside, graph input inside)
        self._values: dict[str, AnyValue | None] = {}  # None: poisoned
        self._named: set[int] = {id(v) for v in builder.graph.inputs}
        if self.depth > MAX_DEPTH:
            raise MalformedModelError(f"control flow is nested deeper than {MAX_DEPTH}")

    # -- names ----------------------------------------------------------------------------------------------------------

    def bind(self, name: str, value: AnyValue | None) -> None:
        """Make ``name`` stand for a value; None poisons it."""
        self._values[name] = value

    def knows(self, name: str) -> bool:
        """Whether a name stands for anything here or outside."""
        return name in self._values or (self.parent is not None and self.parent.knows(name))

    def find(self, name: str) -> AnyValue:
        """The value of a name; one from outside becomes an input of this graph, a constant is copied.

        Raises:
            KeyError: nothing is called so.
            Poisoned: it is computed by a node that did not convert.
        """
        if name in self._values:
            value = self._values[name]
            if value is None:
                raise Poisoned(name)
            return value
        if self.parent is None:
            raise KeyError(name)
        outer = self.parent.find(name)
        inner = outer if self.inline else self._captured(outer)
        self._values[name] = inner
        return inner

    def tensor(self, name: str) -> Value:
        """The value of a name that must be a tensor. Raises as ``find`` does, and Unsupported for sequences and optionals."""
        found = self.find(name)
        if not isinstance(found, Value):
            raise Unsupported(
                f"{name!r} is a sequence or an optional, which leaves the graph", "Make its tensors outputs.", "unsupported-type"
            )
        return found

    def _captured(self, outer: AnyValue) -> AnyValue:
        if isinstance(outer, SequenceValue):
            return SequenceValue(tuple(self.capture(v) for v in outer.elements))
        if isinstance(outer, OptionalValue):
            return OptionalValue(None if outer.element is None else self._captured(outer.element))  # type: ignore[arg-type]
        return self.capture(outer)

    def capture(self, outer: Value) -> Value:
        """A value of the graph outside, as seen in here."""
        for known, inner in self.captures:
            if known is outer:
                return inner
        if outer.const is not None:
            return self.builder.constant(outer.const, outer.name, quant=outer.quant)
        inner = self._add_input(outer)
        self.captures.append((outer, inner))
        assert self.parent is not None
        value = self.parent.builder.known_value(outer)
        if value is not None:
            self.builder.assume(inner, value)
        return inner

    def _add_input(self, outer: Value) -> Value:
        g = self.builder.graph
        name = g.unique_name(outer.name)
        g.release_name(name)
        value = g.add_input(name, outer.type)
        self._named.add(id(value))
        return value

    # -- the graph ------------------------------------------------------------------------------------------------------

    def run(self, proto: Any, places: Sequence[int] | None = None) -> None:
        """Import initializers and nodes of a GraphProto whose inputs are bound already.

        Args:
            proto: the graph.
            places: where its nodes stand in the source, of which some may have been left out; None: all are there.
        """
        self._initializers(proto)
        nodes = list(proto.node)
        producers = self._producers(nodes)
        session, outside = self.session, self.session.location
        for i in self._ordered(nodes, producers):
            session.location = f"{outside or 'graph'}.node[{i if places is None else places[i]}]{written_at(nodes[i])}"
            self._node(nodes[i])
        session.location = outside

    def _initializers(self, proto: Any) -> None:
        seen: set[str] = set()
        for tensor, name, read in (
            *((t, t.name, self.session.tensors.read) for t in proto.initializer),
            *((t, t.values.name, self.session.tensors.dense) for t in proto.sparse_initializer),
        ):
            if name in seen:
                raise MalformedModelError(f"two initializers are called {name!r}")
            seen.add(name)
            if name in self._values:
                continue  # a graph input the caller feeds or freezes
            try:
                value = self.builder.constant(read(tensor), name)
                code = tensor.values.data_type if hasattr(tensor, "values") else tensor.data_type
                self.bind(name, self.session.mark_narrow(value, code))
            except UnsupportedTypeError as e:
                self.session.block("initializer", name, "unsupported-type", f"{e}")
                self.bind(name, None)

    def _producers(self, nodes: Sequence[Any]) -> dict[str, int]:
        producers: dict[str, int] = {}
        for i, node in enumerate(nodes):
            for o in node.output:
                if not o:
                    continue
                if o in producers or o in self._values:
                    raise MalformedModelError(f"{describe(node)} computes {o!r}, which is defined twice")
                producers[o] = i
        return producers

    def _ordered(self, nodes: Sequence[Any], producers: Mapping[str, int]) -> Iterator[int]:
        """Positions of the nodes so that each comes after what it reads: the file's order where that is valid, as it nearly always is."""
        state = [0] * len(nodes)  # 0 new, 1 open, 2 done
        for root in range(len(nodes)):
            stack = [root]
            while stack:
                i = stack[-1]
                if state[i] == 2:
                    stack.pop()
                    continue
                waiting = []
                for name in reads(nodes[i]):
                    p = producers.get(name)
                    if p is None:
                        if not self.knows(name):
                            raise MalformedModelError(
                                f"{describe(nodes[i])} reads {name!r}, which nothing computes: an initializer or a node is missing"
                            )
                    elif state[p] != 2:
                        waiting.append(p)
                if not waiting:
                    state[i] = 2
                    stack.pop()
                    yield i
                    continue
                state[i] = 1
                if any(state[p] == 1 for p in waiting):
                    raise MalformedModelError(f"the nodes form a cycle through {describe(nodes[i])}")
                stack.extend(reversed(waiting))

    def _node(self, node: Any) -> None:
        session = self.session
        domain = registry.canonical_domain(node.domain)
        opset = session.opset(domain)
        name = node.name or next((o for o in node.output if o), node.op_type)
        convert = registry.find(domain, node.op_type, opset)
        if convert is None:
            where = f"{domain}." if domain else ""
            why = session.not_expanded.get((domain, node.op_type), f"no converter for this operator (opset {opset}).")
            session.block(f"{where}{node.op_type}", name, "unsupported-op", why, "Replace it in the model, or add a converter for it.")
            self._poison(node)
            return
        try:
            inputs = [self.find(i) if i else None for i in node.input]
        except Poisoned:
            self._poison(node)
            return
        if node.op_type not in OPERATORS and any(v is not None and not isinstance(v, Value) for v in inputs):
            session.block(node.op_type, name, "unsupported-type", "it reads a sequence or an optional.")
            self._poison(node)
            return
        ctx = NodeContext(self, node, domain, opset, name, inputs)
        source = f"{node.op_type} '{name}' (ONNX opset {opset})"
        first = len(self.builder.graph.nodes)
        result = attempt(session, self.builder, node.op_type, name, source, ctx.inputs, lambda: convert(ctx))
        if result is None:
            self._poison(node)
            return
        outs = [result] if isinstance(result, Value | SequenceValue | OptionalValue) else list(result)
        for o, value in zip(node.output, outs, strict=False):
            if o and value is not None:
                if isinstance(value, Value):
                    self._name(value, o, first)
                self.bind(o, value)
        for o in node.output[len(outs) :]:
            if o:
                session.block(node.op_type, name, "unsupported-variant", f"its output {list(node.output).index(o)} is not supported.")
                self.bind(o, None)
        for o, value in zip(node.output, outs, strict=False):
            if o and value is None:
                session.block(node.op_type, name, "unsupported-variant", f"its output {list(node.output).index(o)} is not supported.")
                self.bind(o, None)

    def _poison(self, node: Any) -> None:
        """The outputs of a node that did not convert: stand-ins where the source says their types, so that the rest is checked too."""
        for o in node.output:
            if not o:
                continue
            info = self.session.inferred.get(o)
            value = None
            if info is not None and self.parent is None:
                value = self._stand_in(o, info)
            self.bind(o, value)

    def _stand_in(self, name: str, info: Any) -> Value | None:
        try:
            type_ = declared_type(info)
        except (UnsupportedTypeError, MalformedModelError):
            return None
        return None if type_ is None else Value(self.builder.graph.unique_name(name), type_)

    def _name(self, value: Value, name: str, first: int) -> None:
        """Call a value as the source does, unless it has such a name already; nodes from ``first`` on are of the same source node."""
        if value.producer is None or id(value) in self._named:
            return
        self._named.add(id(value))
        if value.name != name:
            take_name(self.builder, value, name, first)

    # -- subgraphs ------------------------------------------------------------------------------------------------------

    def import_inline(self, proto: Any, given: Sequence[AnyValue | None] = ()) -> list[AnyValue]:
        """Import a branch (or one trip of a body, whose inputs are ``given``) into this graph and return its outputs.

        Raises:
            Poisoned: the branch has nodes that do not convert.
        """
        child = GraphImporter(self.session, self.builder, self, inline=True)
        child._named = self._named
        if len(proto.input) != len(given):
            raise MalformedModelError(f"the body {proto.name!r} has {len(proto.input)} inputs, {len(given)} are given")
        for info, value in zip(proto.input, given, strict=True):
            child.bind(info.name, value)
        if given:
            self.session.unroll(len(proto.node))
        source = self.builder.source
        child.run(proto)
        self.builder.source = source
        return [child.result(o.name) for o in proto.output]

    def import_body(self, proto: Any, input_types: Sequence[TensorType], alias_first_output: bool = False) -> GraphImporter:
        """Import a body as a graph of its own, whose first inputs have the given types.

        With ``alias_first_output`` the first output (a loop's condition) may be an input or a constant itself.

        Raises:
            Poisoned: the body has nodes that do not convert.
        """
        graph = Graph(proto.name or "body")
        child = GraphImporter(self.session, GraphBuilder(graph, fold=True), self)
        if len(proto.input) != len(input_types):
            raise MalformedModelError(f"the body {proto.name!r} has {len(proto.input)} inputs, {len(input_types)} are needed")
        for info, type_ in zip(proto.input, input_types, strict=True):
            v = graph.add_input(info.name, type_)
            child._named.add(id(v))
            child.bind(info.name, v)
        child.run(proto)
        seen: set[str] = set()
        for i, o in enumerate(proto.output):
            value = child.tensor(o.name) if alias_first_output and i == 0 and child.knows(o.name) else child.output(o.name)
            graph.add_output(value, o.name if o.name not in seen else graph.unique_name(o.name))
            seen.add(o.name)
        return child

    def output(self, name: str) -> Value:
        """The value a graph hands out under ``name``; a value that is also an input or a constant passes an Identity."""
        value = self.result(name)
        if not isinstance(value, Value):
            return self.tensor(name)
        return value if self.inline or value.producer is not None else own_value(self.builder, value, name)

    def result(self, name: str) -> AnyValue:
        """What the graph computes under ``name``, sequences and optionals included."""
        if not self.knows(name):
            raise MalformedModelError(f"graph output {name!r} is never computed")
        return self.find(name)
