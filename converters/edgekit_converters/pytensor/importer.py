"""From the Apply nodes of a function to the nodes of a Graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit_converters.importing.attempt import attempt, name_result
from edgekit_converters.importing.inputs import SourceInput, bind_inputs
from edgekit_converters.importing.problems import Poisoned, Problems, Unsupported, UnsupportedTypeError
from edgekit_converters.pytensor.context import REGISTRY, ApplyContext, element_type

HINTS = {
    "Scan": "Unroll the loop in the graph, or cut the function before it.",
    "RandomVariable": "Feed random numbers as an input instead.",
}
HINT = "Replace it in the graph, or add a converter for it."
MAX_DEPTH = 32


class FunctionImporter:
    """Imports one function.

    Shared variables are constants; those the function updates become states of the graph.
    """

    def __init__(self, source: Any, builder: GraphBuilder, problems: Problems) -> None:
        self.builder = builder
        self.problems = problems
        self.depth = 0
        compiled = type(source).__name__ == "Function"
        self.fgraph = source.maker.fgraph if compiled else source
        self.stored = [c.storage[0] for c in source.input_storage] if compiled else [None] * len(self.fgraph.inputs)
        self.shared = [bool(getattr(i, "shared", False)) for i in source.maker.inputs] if compiled else [False] * len(self.fgraph.inputs)
        #: output number of the graph by the number of the input it updates
        self.updates = {k: o for o, k in dict(getattr(self.fgraph, "update_mapping", None) or {}).items()}
        self._values: dict[Any, Value | None] = {}
        self._states: dict[int, Value] = {}
        self._applies = 0

    def run(self, options: LoadOptions) -> list[tuple[str, Value]]:
        """Import every node.

        Returns:
            the outputs with their names; empty where blockers were found.

        Raises:
            MalformedModelError: an input has no shape, or the caller's options do not fit.
        """
        REGISTRY.load_all()
        self._bind(options)
        self.nodes(self.fgraph.toposort())
        for number, output in self.updates.items():
            if self._known(self.fgraph.outputs[output]) is None and not self.problems.blockers:
                self.problems.block("update", str(self.fgraph.inputs[number]), "unsupported-variant", "what follows is not computed.")
        if self.problems.blockers:
            return []
        taken: set[str] = set()
        found = []
        for k, v in enumerate(self.fgraph.outputs):
            if k in self.updates.values():
                continue
            name = _unique(v.name or f"output_{k}", taken)
            found.append((name, self.find(v)))
        return found

    def keep_states(self) -> None:
        """Say what follows of each updated shared variable; after the outputs are handed out."""
        for number, entry in self._states.items():
            following = self.find(self.fgraph.outputs[self.updates[number]])
            self.builder.set_state(entry, self._cast(following, entry))

    def _cast(self, value: Value, like: Value) -> Value:
        return value if value.dtype is like.dtype else self.builder.call("Cast", value, to=like.dtype)

    def _known(self, variable: Any) -> Value | None:
        try:
            return self.find(variable)
        except Poisoned:
            return None

    # -- variables ------------------------------------------------------------------------------------------------------

    def _bind(self, options: LoadOptions) -> None:
        inputs: dict[int, SourceInput] = {}
        taken: set[str] = set()
        for k, v in enumerate(self.fgraph.inputs):
            value = self.stored[k] if self.shared[k] else None
            if value is None and hasattr(v, "get_value"):
                value = v.get_value(borrow=True)
            if value is not None:
                self._bind_shared(k, v, value)
                continue
            try:
                dtype = element_type(v.type.dtype)
            except (AttributeError, UnsupportedTypeError):
                self.problems.block("input", str(v), "unsupported-type", f"its type {v.type} is not supported.")
                self._values[v] = None
                continue
            inputs[k] = SourceInput(_unique(v.name or f"input_{k}", taken), dtype, _shape(v))
        bound = bind_inputs(self.builder, list(inputs.values()), options, self.problems)
        for k, source in inputs.items():
            self._values[self.fgraph.inputs[k]] = bound[source.name]

    def _bind_shared(self, number: int, variable: Any, value: Any) -> None:
        """A shared variable: a constant, or a state where the function updates it."""
        name = variable.name or f"shared_{number}"
        try:
            if not isinstance(value, np.ndarray | np.generic | float | int | bool):
                raise UnsupportedTypeError(f"a shared variable of type {type(value).__name__} is not supported")
            array = np.asarray(value)
            dtype = element_type(str(array.dtype))
        except UnsupportedTypeError as e:
            self.problems.block("shared variable", name, e.reason, e.message, HINTS["RandomVariable"] if "Generator" in e.message else "")
            self._values[variable] = None
            return
        if number not in self.updates:
            self._values[variable] = self.builder.constant(np.array(array), name)
            return
        state = self.builder.state(name, dtype, array.shape, array)
        self._states[number] = self._values[variable] = state

    def find(self, variable: Any) -> Value:
        """The value of a variable.

        Raises:
            Poisoned: its node did not convert.
            Unsupported: it is a constant that is no tensor.
        """
        if variable not in self._values:
            self._values[variable] = self._constant(variable)
        value = self._values[variable]
        if value is None:
            raise Poisoned
        return value

    def _constant(self, variable: Any) -> Value:
        data = getattr(variable, "data", None)
        if data is None and hasattr(variable, "get_value"):
            data = variable.get_value(borrow=True)
        if data is None or not isinstance(data, np.ndarray | np.generic | float | int | bool):
            raise Unsupported(f"it reads {variable}, which is no tensor.")
        array = np.asarray(data)
        element_type(str(array.dtype))
        return self.builder.constant(np.array(array), variable.name or "const")

    # -- nodes ----------------------------------------------------------------------------------------------------------

    def nodes(self, applies: Sequence[Any]) -> None:
        """Import Apply nodes in an order in which each comes after what it reads."""
        for apply in applies:
            self._node(apply)

    def _node(self, apply: Any) -> None:
        self._applies += 1
        kind = type(apply.op).__name__
        op = _label(apply.op)
        name = next((o.name for o in apply.outputs if o.name), None) or f"{kind.lower()}_{self._applies}"
        convert = next((c for k in type(apply.op).__mro__ if (c := REGISTRY.find(k.__name__)) is not None), None)
        if convert is None:
            hint = next((HINTS[k.__name__] for k in type(apply.op).__mro__ if k.__name__ in HINTS), HINT)
            self.problems.block(op, name, "unsupported-op", "no converter for this operator.", hint)
            return self._poison(apply)
        inputs: list[Value | None] = []
        try:
            inputs = [self._read(v) for v in apply.inputs]
        except Poisoned:
            return self._poison(apply)
        except Unsupported as e:
            self.problems.block(op, name, e.reason, e.message, e.hint)
            return self._poison(apply)
        first = len(self.builder.graph.nodes)
        ctx = ApplyContext(self, apply, op, name, inputs)
        run = convert
        result = attempt(self.problems, self.builder, op, name, f"{op} '{name}' (PyTensor)", inputs, lambda: run(ctx))
        if result is None:
            return self._poison(apply)
        outs = [result] if isinstance(result, Value) else list(result)
        for variable, value in zip(apply.outputs, outs, strict=False):
            if variable.name and value.producer is not None:
                name_result(self.builder, value, variable.name, first)
            self._values[variable] = value
        for variable in apply.outputs[len(outs) :]:
            self._values[variable] = None

    def _read(self, variable: Any) -> Value | None:
        """An input; None for a constant ``None`` and for the parts of a slice."""
        if getattr(variable.type, "dtype", None) is None and variable not in self._values:
            return None
        return self.find(variable)

    def _poison(self, apply: Any) -> None:
        for variable in apply.outputs:
            self._values[variable] = None

    def inline(
        self, inner_inputs: Sequence[Any], inner_outputs: Sequence[Any], applies: Sequence[Any], args: Sequence[Value]
    ) -> list[Value]:
        """Import an inner graph in place of its node.

        Raises:
            Poisoned: part of it does not convert; it has its blocker.
            MalformedModelError: graphs are nested too deeply.
        """
        if self.depth >= MAX_DEPTH:
            raise MalformedModelError(f"inner graphs are nested deeper than {MAX_DEPTH}")
        outer = {v: self._values.get(v) for v in inner_inputs}
        source = self.builder.source
        self.depth += 1
        try:
            for a in applies:  # one inner graph may stand in several places
                for o in a.outputs:
                    self._values.pop(o, None)
            self._values.update(dict(zip(inner_inputs, args, strict=True)))
            self.nodes(applies)
            return [self.find(v) for v in inner_outputs]
        finally:
            self.depth -= 1
            self.builder.source = source
            self._values.update({v: x for v, x in outer.items() if x is not None})


def _label(op: Any) -> str:
    """An operator in messages: its class, and what is inside an elementwise one."""
    inner = getattr(op, "scalar_op", None) or getattr(op, "core_op", None)
    kind = type(op).__name__
    return f"{kind}{{{type(inner).__name__}}}" if inner is not None and kind in ("Elemwise", "Blockwise", "CAReduce") else kind


def _unique(name: str, taken: set[str]) -> str:
    free, n = name, 1
    while free in taken:
        free, n = f"{name}.{n}", n + 1
    taken.add(free)
    return free


def _shape(variable: Any) -> list[int | None]:
    """What the type says: sizes, or in older versions which dimensions broadcast."""
    kind = variable.type
    if getattr(kind, "shape", None) is not None and not callable(kind.shape):
        return [None if d is None else int(d) for d in kind.shape]
    return [1 if b else None for b in getattr(kind, "broadcastable", ())]
