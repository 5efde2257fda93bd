"""The graph: values in static single assignment form, nodes in execution order.

Invariants (``verify`` checks them): every value has one producer, or is a graph input, or a constant; nodes come after the
producers of their inputs; names of values are unique; subgraphs capture nothing (what they use from outside is passed in).

State. A graph may keep values from one run to the next: each *state* is a pair of a graph input and a graph output of one type, and the
value the input has at the first run and after a reset. Behind a run the session takes the output over as the input of the next one.
``inputs`` and ``outputs`` hold the pairs last, in the same order (so that passes treat them like any input and output);
``user_inputs``, ``user_outputs`` and ``user_output_names`` leave them out, and are what users feed and get. Importers write::

    h = builder.state("h", F32, (1, 64), initial=0.0)  # the present value; an input of the graph
    ...
    builder.set_state(h, new_h)                        # what the next run reads; without this the state never changes

or, with an input and an output that exist already, ``graph.add_state(entry, following, initial)``. Only the main graph has states: what a
body of control flow needs is passed in and comes out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.errors import GraphError
from edgekit.ops import OpDef, Port, TypeVariable, get_op
from edgekit.types import Array, DType, QuantParams, TensorType

#: from so many equal names on, a graph remembers where it stopped counting
MANY_NAMES = 100


class Value:
    """One tensor of a graph: a graph input, a constant, or an output of a node.

    Attributes:
        name: unique in its graph.
        type: element type, shape, quantization.
        const: the array, for a constant; never modified in place.
        producer: the node that computes it, None for inputs and constants.
    """

    __slots__ = ("_uses", "const", "name", "producer", "type")

    def __init__(self, name: str, type: TensorType, const: Array | None = None) -> None:
        self.name = name
        self.type = type
        self.const = const
        self.producer: Node | None = None
        self._uses: dict[tuple[int, int], tuple[Node, int]] = {}

    @property
    def is_constant(self) -> bool:
        return self.const is not None

    @property
    def uses(self) -> list[tuple[Node, int]]:
        """Every (node, input index) that reads this value. Graph outputs are not listed: see ``Graph.is_output``."""
        return list(self._uses.values())

    @property
    def users(self) -> list[Node]:
        """The nodes that read this value, each once."""
        return list({id(n): n for n, _ in self._uses.values()}.values())

    @property
    def dtype(self) -> DType:
        return self.type.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.type.shape

    @property
    def quant(self) -> QuantParams | None:
        return self.type.quant

    def __repr__(self) -> str:
        return f"<{'const ' if self.is_constant else ''}{self.name}: {self.type}>"


class Node:
    """One application of an operator.

    Attributes:
        op: the operator's name in the table.
        name: for messages and reports; need not be unique.
        attrs: canonical attributes (all present, defaults filled in).
        source: where it came from in the source model, e.g. ``"Conv 'conv1' (ONNX opset 13)"``.
    """

    __slots__ = ("_inputs", "_outputs", "attrs", "name", "op", "source")

    def __init__(
        self, op: str, inputs: Sequence[Value | None], outputs: Sequence[Value], attrs: Mapping[str, Any], name: str, source: str = ""
    ) -> None:
        self.op = op
        self.name = name
        self.source = source
        self.attrs = get_op(op).canonical_attrs(attrs)
        self._inputs: list[Value | None] = []
        self._outputs = list(outputs)
        for v in self._outputs:
            v.producer = self
        self.set_inputs(inputs)

    @property
    def definition(self) -> OpDef:
        """The operator's row in the table."""
        return get_op(self.op)

    @property
    def inputs(self) -> tuple[Value | None, ...]:
        return tuple(self._inputs)

    @property
    def outputs(self) -> tuple[Value, ...]:
        return tuple(self._outputs)

    @property
    def output(self) -> Value:
        """The only output, or the first."""
        return self._outputs[0]

    def input(self, i: int) -> Value:
        """The i-th input, which must be present."""
        v = self._inputs[i] if i < len(self._inputs) else None
        if v is None:
            raise GraphError(f"{self} has no input {i}")
        return v

    def has_input(self, i: int) -> bool:
        return i < len(self._inputs) and self._inputs[i] is not None

    def set_inputs(self, inputs: Sequence[Value | None]) -> None:
        """Replace all inputs."""
        for i, v in enumerate(self._inputs):
            if v is not None:
                v._uses.pop((id(self), i), None)
        self._inputs = list(inputs)
        while self._inputs and self._inputs[-1] is None:
            self._inputs.pop()
        for i, v in enumerate(self._inputs):
            if v is not None:
                v._uses[(id(self), i)] = (self, i)

    def set_input(self, i: int, value: Value | None) -> None:
        """Replace one input."""
        new = list(self._inputs) + [None] * (i + 1 - len(self._inputs))
        new[i] = value
        self.set_inputs(new)

    def port(self, i: int) -> Port:
        """The port of the table that input ``i`` belongs to."""
        ports = self.definition.inputs
        return ports[min(i, len(ports) - 1)]

    def may_hold(self, i: int, dtype: DType) -> bool:
        """Whether input ``i`` may be ``dtype`` whatever the activations are: weights have an element type of their own."""
        port = self.port(i)
        if dtype not in self.definition.allowed(port) or not isinstance(port.type, TypeVariable):
            return False
        tied = [k for k, v in enumerate(self._inputs) if v is not None and self.port(k).type == port.type]
        return tied == [i] and all(p.type != port.type for p in self.definition.outputs)

    def subgraphs(self) -> list[Graph]:
        """The graphs among the attributes."""
        return [self.attrs[a] for a in self.definition.subgraph_attrs]

    def __repr__(self) -> str:
        return f"{self.op} {self.name!r}"


@dataclass(frozen=True)
class State:
    """A value that lasts from one run to the next.

    Attributes:
        input: brings the present value in; the state is called as it is.
        output: what the next run reads.
        initial: the first value: an array of the input's shape, or one of no dimensions that fills it.
    """

    input: Value
    output: Value
    initial: Array

    @property
    def name(self) -> str:
        return self.input.name

    def first(self) -> Array:
        """The first value in full; a shape that is not static is taken at its largest."""
        return np.array(np.broadcast_to(self.initial, self.input.type.max_shape()), order="C")


class Graph:
    """Inputs, constants and nodes that compute outputs.

    Attributes:
        name: of the model.
        inputs: values fed from outside, in the source's order; those of states last.
        outputs: values handed out, in the source's order; one value may stand twice. Those of states come last.
        output_names: one name an output: the source's own.
        nodes: in execution order.
        metadata: string facts that travel with the model (source format, hash, labels, ...).
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.output_names: list[str] = []
        self.nodes: list[Node] = []
        self.metadata: dict[str, str] = {}
        self._names: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._initials: list[Array] = []

    # -- building -------------------------------------------------------------------------------------------------------

    def unique_name(self, hint: str) -> str:
        """``hint``, with a number behind it where it is taken. The name is reserved."""
        hint = hint or "value"
        if hint not in self._names:
            self._names.add(hint)
            return hint
        n = self._numbers.get(hint, 1)
        while (name := f"{hint}.{n}") in self._names:
            n += 1
        if n >= MANY_NAMES:  # so that names of large graphs do not cost quadratic time
            self._numbers[hint] = n
        self._names.add(name)
        return name

    def has_name(self, name: str) -> bool:
        """Whether a name is taken."""
        return name in self._names

    def release_name(self, name: str) -> None:
        """Make a name free again (its value is gone or renamed)."""
        self._names.discard(name)

    def rename(self, value: Value, name: str) -> None:
        """Give a value another name, made unique if need be."""
        self._names.discard(value.name)
        value.name = self.unique_name(name)

    def add_input(self, name: str, type: TensorType) -> Value:
        """A new graph input."""
        if name in self._names:
            raise GraphError(f"graph {self.name!r}: two inputs or values are called {name!r}")
        v = Value(self.unique_name(name), type)
        self.inputs.insert(len(self.inputs) - len(self._initials), v)
        return v

    def add_constant(self, array: Array, name: str = "const", quant: QuantParams | None = None) -> Value:
        """A new constant. The array is not copied and must not be modified afterwards."""
        array = np.asarray(array)
        return Value(self.unique_name(name), TensorType(DType.from_numpy(array.dtype), array.shape, quant), array)

    def add_output(self, value: Value, name: str | None = None) -> None:
        """Hand ``value`` out under ``name`` (its own name by default)."""
        at = len(self.outputs) - len(self._initials)
        self.outputs.insert(at, value)
        self.output_names.insert(at, value.name if name is None else name)

    def add_state(self, entry: Value, following: Value, initial: Any = 0) -> State:
        """Let an input of the graph keep its value from run to run.

        Args:
            entry: an input that is no state yet.
            following: what the next run reads as ``entry``; of its type. It is handed out as ``<name>/next``, behind the other outputs.
            initial: the value at the first run, in ``entry``'s own element type (integers where it is quantized): one number, or an
                array of its shape.

        Raises:
            GraphError: ``entry`` is no input, or a state already; ``initial`` does not fit.
        """
        count = len(self.inputs) - len(self._initials)
        at = next((i for i, v in enumerate(self.inputs[:count]) if v is entry), None)
        if at is None:
            raise GraphError(f"{entry.name!r} cannot become a state: it is no input of graph {self.name!r}, or is one already")
        array = np.asarray(initial).astype(entry.dtype.numpy)
        if array.ndim and tuple(array.shape) != tuple(entry.shape):
            raise GraphError(f"state {entry.name!r} is {entry.type}, its first value {list(array.shape)}")
        self.inputs.append(self.inputs.pop(at))
        self.outputs.append(following)
        taken = set(self.output_names)
        name = f"{entry.name}/next"
        while name in taken:
            name += "'"
        self.output_names.append(name)
        self._initials.append(array)
        return self.states[-1]

    def set_state_output(self, entry: Value, following: Value) -> None:
        """Change what the next run reads as ``entry``, the input of a state."""
        for k in range(1, len(self._initials) + 1):
            if self.inputs[-k] is entry:
                self.outputs[-k] = following
                return
        raise GraphError(f"{entry.name!r} is no state of graph {self.name!r}")

    def drop_states(self, states: Sequence[State]) -> None:
        """Take states out, with their inputs and outputs. Nothing may read them any more but what computes them."""
        gone = {id(s.input) for s in states}
        first_in, first_out = len(self.user_inputs), len(self.user_outputs)
        kept = [k for k, v in enumerate(self.inputs[first_in:]) if id(v) not in gone]
        self.inputs[first_in:] = [self.inputs[first_in + k] for k in kept]
        self.outputs[first_out:] = [self.outputs[first_out + k] for k in kept]
        self.output_names[first_out:] = [self.output_names[first_out + k] for k in kept]
        self._initials = [self._initials[k] for k in kept]

    def new_value(self, hint: str, type: TensorType) -> Value:
        """A value for a node about to be made."""
        return Value(self.unique_name(hint), type)

    def append(self, node: Node) -> Node:
        """Put a node at the end of the execution order."""
        self.nodes.append(node)
        return node

    # -- looking --------------------------------------------------------------------------------------------------------

    @property
    def states(self) -> tuple[State, ...]:
        """The values kept from run to run."""
        n = len(self._initials)
        ins, outs = self.inputs[len(self.inputs) - n :], self.outputs[len(self.outputs) - n :]
        return tuple(State(*s) for s in zip(ins, outs, self._initials, strict=True))

    @property
    def user_inputs(self) -> list[Value]:
        """The inputs that users feed: all but those of states."""
        return self.inputs[: len(self.inputs) - len(self._initials)]

    @property
    def user_outputs(self) -> list[Value]:
        """The outputs that users get: all but those of states."""
        return self.outputs[: len(self.outputs) - len(self._initials)]

    @property
    def user_output_names(self) -> list[str]:
        """The names of ``user_outputs``."""
        return self.output_names[: len(self.output_names) - len(self._initials)]

    def is_output(self, value: Value) -> bool:
        return any(v is value for v in self.outputs)

    def constants(self) -> list[Value]:
        """Every constant in use, in order of first use."""
        seen: dict[int, Value] = {}
        for v in self._reads():
            if v.is_constant:
                seen.setdefault(id(v), v)
        return list(seen.values())

    def values(self) -> list[Value]:
        """Every value: inputs, constants, node outputs, in that order."""
        return [*self.inputs, *self.constants(), *(v for n in self.nodes for v in n.outputs)]

    def _reads(self) -> Iterator[Value]:
        for n in self.nodes:
            for v in n.inputs:
                if v is not None:
                    yield v
        yield from self.outputs

    def walk(self) -> Iterator[Graph]:
        """This graph and every subgraph below it."""
        yield self
        for n in self.nodes:
            for g in n.subgraphs():
                yield from g.walk()

    # -- editing --------------------------------------------------------------------------------------------------------

    def replace_all_uses(self, old: Value, new: Value) -> None:
        """Every reader of ``old``, graph outputs included, reads ``new``."""
        for node, i in old.uses:
            node.set_input(i, new)
        self.outputs = [new if v is old else v for v in self.outputs]

    def insert_before(self, anchor: Node, nodes: Iterable[Node]) -> None:
        """Put nodes right before ``anchor`` in the execution order."""
        at = next(i for i, n in enumerate(self.nodes) if n is anchor)
        self.nodes[at:at] = list(nodes)

    def insert_after(self, anchor: Node, nodes: Iterable[Node]) -> None:
        """Put nodes right behind ``anchor`` in the execution order."""
        at = next(i for i, n in enumerate(self.nodes) if n is anchor)
        self.nodes[at + 1 : at + 1] = list(nodes)

    def remove(self, nodes: Iterable[Node]) -> None:
        """Take nodes out. Their outputs must have no reader left."""
        gone = {id(n): n for n in nodes}
        for n in gone.values():
            for v in n.outputs:
                if self.is_output(v) or any(id(u) not in gone for u in v.users):
                    raise GraphError(f"{n} cannot be removed: {v.name!r} is still read")
        for n in gone.values():
            n.set_inputs(())
            for v in n.outputs:
                self._names.discard(v.name)
        self.nodes = [n for n in self.nodes if id(n) not in gone]

    def sort(self) -> None:
        """Bring the nodes into a valid execution order, changing the present one as little as possible.

        Raises:
            GraphError: the nodes form a cycle.
        """
        position = {id(n): i for i, n in enumerate(self.nodes)}
        state: dict[int, int] = {}
        order: list[Node] = []
        for root in self.nodes:
            stack: list[tuple[Node, bool]] = [(root, False)]
            while stack:
                node, done = stack.pop()
                if done:
                    state[id(node)] = 2
                    order.append(node)
                    continue
                seen = state.get(id(node), 0)
                if seen == 2:
                    continue
                if seen == 1:
                    raise GraphError(f"graph {self.name!r} has a cycle through {node}")
                state[id(node)] = 1
                stack.append((node, True))
                before = {id(v.producer): v.producer for v in node.inputs if v is not None and v.producer is not None}
                for p in sorted(before.values(), key=lambda n: position[id(n)], reverse=True):
                    if state.get(id(p), 0) == 1:
                        raise GraphError(f"graph {self.name!r} has a cycle through {p}")
                    if state.get(id(p), 0) == 0:
                        stack.append((p, False))
        self.nodes = order

    def clone(self) -> Graph:
        """An independent copy; constant arrays are shared."""
        g = Graph(self.name)
        g.metadata = dict(self.metadata)
        g._names = set(self._names)
        new: dict[int, Value] = {}

        def copy(v: Value) -> Value:
            if id(v) not in new:
                new[id(v)] = Value(v.name, v.type, v.const)
            return new[id(v)]

        g.inputs = [copy(v) for v in self.inputs]
        for n in self.nodes:
            attrs = {k: a.clone() if isinstance(a, Graph) else a for k, a in n.attrs.items()}
            ins = [None if v is None else copy(v) for v in n.inputs]
            g.nodes.append(Node(n.op, ins, [copy(v) for v in n.outputs], attrs, n.name, n.source))
        g.outputs = [copy(v) for v in self.outputs]
        g.output_names = list(self.output_names)
        g._initials = list(self._initials)
        return g

    def __repr__(self) -> str:
        states = f", {len(self._initials)} states" if self._initials else ""
        return f"<Graph {self.name!r}: {len(self.user_inputs)} inputs, {len(self.nodes)} nodes, {len(self.user_outputs)} outputs{states}>"
