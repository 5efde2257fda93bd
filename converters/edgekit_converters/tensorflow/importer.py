"""One body (the main graph or a function) on its way into a Graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import SymDim
from edgekit.types import Dim, TensorType
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.complex_values import Complex, componentwise
from edgekit_converters.importing.problems import Poisoned, UnsupportedTypeError
from edgekit_converters.tensorflow.complex_values import COMPONENTWISE
from edgekit_converters.tensorflow.context import Item, NodeContext
from edgekit_converters.tensorflow.dilation import Lazy
from edgekit_converters.tensorflow.nodes import Body, SourceNode, TensorRef
from edgekit_converters.tensorflow.noise import PASSED_ON, Noise, block, settle
from edgekit_converters.tensorflow.order import reach, sort_nodes
from edgekit_converters.tensorflow.ports import OUTPUT_PORTS
from edgekit_converters.tensorflow.registry import REGISTRY
from edgekit_converters.tensorflow.session import LARGE_BYTES, ImportSession, Scope
from edgekit_converters.tensorflow.tensors import element_type, shape_of

MAX_DEPTH = 48
MAX_OUTPUTS = 100_000


class BodyImporter:
    """Imports the nodes of one body that its results need.

    Attributes:
        session: what all bodies share.
        body: what is imported.
        scope: the graph under construction and the variables in it; inlined functions share it with their callers.
        depth: how many functions this one is inside.
        wanted: outputs of nodes that are results.
    """

    def __init__(self, session: ImportSession, body: Body, scope: Scope, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise MalformedModelError(f"functions call each other deeper than {MAX_DEPTH}")
        self.session = session
        self.body = body
        self.scope = scope
        self.depth = depth
        self.wanted: list[TensorRef] = []
        self._items: dict[tuple[str, int], Item] = {}
        self._done: set[str] = set()

    @property
    def builder(self) -> GraphBuilder:
        return self.scope.builder

    # -- tensors --------------------------------------------------------------------------------------------------------

    def bind(self, name: str, item: Item, index: int = 0) -> None:
        """Say what an output of a node or argument is; the node itself is not imported."""
        self._items[name, index] = item
        self._done.add(name)

    def item(self, ref: TensorRef) -> Item:
        """What an output of an imported node is; None where it did not convert.

        Raises:
            MalformedModelError: there is no such output.
        """
        key = (ref.node, self._flat_index(ref))
        if key not in self._items:
            raise MalformedModelError(f"{self.body.name}: nothing gives the tensor {str(ref)!r}")
        return self._items[key]

    def _flat_index(self, ref: TensorRef) -> int:
        """Which of all outputs a tensor is: functions name the output first."""
        if not ref.port:
            return ref.index
        node = self.body.nodes.get(ref.node)
        if node is None:
            return ref.index
        ports: Sequence[str] = OUTPUT_PORTS.get(node.op, ())
        if node.op in self.session.library:
            ports = [name for name, _ in self.session.library.find(node.op).results]
        return ports.index(ref.port) + ref.index if ref.port in ports else ref.index

    # -- nodes ----------------------------------------------------------------------------------------------------------

    def results(self) -> list[Item]:
        """Import what a function's outputs need, and give them."""
        return self.fetch([ref for _, ref in self.body.results], self.body.controls)

    def fetch(self, refs: Sequence[TensorRef], controls: Sequence[str] = ()) -> list[Item]:
        """Import what some tensors need, and give them; None for those that did not convert."""
        self.wanted += refs
        needed, seen = reach(self.body, self.session, [r.node for r in refs], controls, self._done)
        order = [n for n in sort_nodes(self.body, seen, [*(r.node for r in refs), *controls]) if n in needed and n not in self._done]
        readers = Counter(r.node for n in order for r in self.body.nodes[n].inputs)
        readers.update(r.node for r in refs)
        for name in order:
            self._done.add(name)
            self._node(self.body.nodes[name])
            for r in self.body.nodes[name].inputs:
                readers[r.node] -= 1
                if not readers[r.node]:
                    self._let_go(r.node)
        return [i.value() if isinstance(i, Lazy) else i for i in map(self.item, refs)]

    def _let_go(self, name: str) -> None:
        """Forget a large constant behind its last reader; whoever asks again gets it imported again."""
        item = self._items.get((name, 0))
        if name in self.body.nodes and isinstance(item, Value) and item.const is not None and item.const.nbytes > LARGE_BYTES:
            del self._items[name, 0]
            self._done.discard(name)

    def _node(self, node: SourceNode) -> None:
        op = node.op
        convert = REGISTRY.find(op)
        if convert is None and op in self.session.library:
            convert = REGISTRY.find("PartitionedCall")
        back = op in ("Merge", "RefMerge", "NextIteration", "RefNextIteration")  # which read what later rounds of a loop give
        items = [None if back and r.node not in self._done else self.item(r) for r in node.inputs]
        if convert is None:
            self.session.block(op, node.name, "unsupported-op", "no converter for this operator.", unknown_hint(op))
            return self._stand_in(node)
        noise = next((i for i in items if isinstance(i, Noise)), None) if op not in PASSED_ON else None
        if noise is not None:
            if any(i is None for i in items):
                block(self.session, noise)
            convert = self._settled(noise)
        if convert is None or any(i is None for i in items):
            return self._stand_in(node)
        if op in COMPONENTWISE and any(isinstance(i, Complex) for i in items):
            convert = self._by_parts(convert, node, items)
        ctx = NodeContext(self, node, items)
        first = len(self.builder.graph.nodes)
        made = attempt(
            self.session, self.builder, op, node.name, f"{op} '{node.name}' (TensorFlow)", ctx.inputs, lambda: _listed(convert(ctx))
        )
        if made is None:
            return self._stand_in(node)
        for k, item in enumerate(made):
            if isinstance(item, Value):
                name_result(self.builder, item, node.name if k == 0 else f"{node.name}:{k}", first)
            self._items[node.name, k] = item

    def _by_parts(self, convert: Callable[[NodeContext], Item], node: SourceNode, items: list[Item]) -> Callable[[NodeContext], Any]:
        """A converter of real tensors as one that is applied to both parts of complex ones."""

        def both(ctx: NodeContext) -> list[Complex]:
            def part(k: int) -> Any:
                return convert(NodeContext(self, node, [i.parts(ctx)[k] if isinstance(i, Complex) else i for i in items]))

            return componentwise(part)

        return both

    def _settled(self, noise: Noise) -> Callable[[NodeContext], Item]:
        """What gives the result of a node that reads random numbers; where it matters which they are, they are an obstacle."""

        def convert(ctx: NodeContext) -> Item:
            made = settle(ctx)
            if made is None:
                block(self.session, noise)
                raise Poisoned
            return made

        return convert

    def _stand_in(self, node: SourceNode) -> None:
        """Outputs of a node that did not convert: where the file says their types, values nobody computes, so that the rest is checked."""
        shapes = node.attrs["_output_shapes"].list.shape if "_output_shapes" in node.attrs else []
        count = max(len(shapes), 1)
        for other in self.body.nodes.values():
            for r in other.inputs:
                if r.node == node.name:
                    count = max(count, min(self._flat_index(r) + 1, MAX_OUTPUTS))
        for r in self.wanted:
            if r.node == node.name:
                count = max(count, min(self._flat_index(r) + 1, MAX_OUTPUTS))
        for k in range(count):
            self._items[node.name, k] = self._pretend(node, shapes[k], k) if k < len(shapes) else None

    def _pretend(self, node: SourceNode, proto: Any, k: int) -> Item:
        kind = next((node.attrs[a].type for a in ("dtype", "out_type", "DstT", "T") if a in node.attrs), 0)
        dims = shape_of(proto)
        if not kind or dims is None:
            return None
        try:
            dtype = element_type(kind)
        except UnsupportedTypeError:
            return None
        shape: list[Dim] = [SymDim.symbol(f"{node.name}:{k}_{i}", 1) if d is None else d for i, d in enumerate(dims)]
        return Value(self.builder.graph.unique_name(node.name), TensorType(dtype, tuple(shape)))

    # -- functions ------------------------------------------------------------------------------------------------------

    def call(self, function: str, items: Sequence[Item]) -> list[Item]:
        """Import a function in place, on the given inputs.

        Raises:
            MalformedModelError: there is no such function, or it takes another number of inputs.
            Poisoned: a result did not convert.
        """
        return self.inline(function, items, self.scope)

    def inline(self, function: str, items: Sequence[Item], scope: Scope) -> list[Item]:
        """``call`` into a graph of its own."""
        body = self.session.library.find(function)
        if len(body.arguments) != len(items):
            raise MalformedModelError(f"function {function!r} takes {len(body.arguments)} inputs, {len(items)} are passed")
        self.session.count_call(len(body.nodes))
        child = BodyImporter(self.session, body, scope, self.depth + 1)
        for name, item in zip(body.arguments, items, strict=True):
            child.bind(name, item)
        source = self.builder.source
        try:
            return child.results()
        finally:
            self.builder.source = source


def _listed(result: Any) -> list[Item]:
    return [result] if not isinstance(result, list | tuple) else list(result)


def tensors(items: Sequence[Item]) -> list[Value]:
    """Items that must be tensors.

    Raises:
        Poisoned: one did not convert.
        MalformedModelError: one is none.
    """
    out = []
    for item in items:
        if item is None:
            raise Poisoned
        if not isinstance(item, Value):
            raise MalformedModelError("a function gives a handle or a string where a tensor is needed")
        out.append(item)
    return out


def unknown_hint(op: str) -> str:
    """What to do about an operator without a converter."""
    if op.removeprefix("Ref") in ("Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond"):
        return "It belongs to a loop or conditional that is put together in an unknown way; export the model from TensorFlow 2."
    if "Lookup" in op or "HashTable" in op or op.startswith(("String", "Regex", "DecodeJpeg", "DecodePng", "DecodeImage", "ParseExample")):
        return "It belongs to the preprocessing of text, images or records; export the model behind it, or begin behind it: --inputs NAME."
    return "Replace it in the model, or add a converter for it."
