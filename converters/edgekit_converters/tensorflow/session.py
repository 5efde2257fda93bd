"""What all graphs of one import share: functions, variables, options, blockers."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgekit.converters import LoadOptions
from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.types import Array, DType
from edgekit_converters.importing.growth import Growth
from edgekit_converters.importing.problems import Problems, Unsupported
from edgekit_converters.tensorflow.nodes import Body, Library
from edgekit_converters.tensorflow.variables import VariableStore

MAX_CALLS = 20_000
LARGE_BYTES = 1 << 16
"""Constants above this are let go of when their last reader is imported."""


@dataclass(frozen=True)
class Resource:
    """What a handle stands for.

    Attributes:
        kind: ``"variable"``, or the operator that made it.
        name: the variable's shared name, or the node's.
        is_reference: a TF1 variable, which is read where it is used.
    """

    kind: str
    name: str
    is_reference: bool = False


@dataclass
class Scope:
    """The variables as one graph under construction sees them.

    Attributes:
        builder: of that graph.
        current: values of variables that change, at this point of the graph.
        constants: values of those that do not.
        large: arrays of large ones, as long as somebody holds them: most weights are rearranged right away.
        is_main: whether it is the graph that the model becomes.
    """

    builder: GraphBuilder
    current: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, Value] = field(default_factory=dict)
    large: dict[str, weakref.ref[Array]] = field(default_factory=dict)
    is_main: bool = True


@dataclass
class State:
    """A variable that lasts from run to run.

    Attributes:
        name: the variable's.
        entry: its value when a run begins.
        initial: its value before the first run.
    """

    name: str
    entry: Value
    initial: Array


class ImportSession(Problems):
    """State of one import.

    Attributes:
        options: what the caller settled.
        library: functions.
        store: where variables get their values.
        changing: variables that the model assigns; known from the round before.
        assigned: those that were found assigned in this round.
        states: variables that the graph keeps, by name.
        constants: data of Const nodes that lies outside the graph.
        main: the main graph.
        effects: whether a function changes a variable, by its name.
        stage: free for operators that keep something for the whole import, by their own key.
    """

    def __init__(self, options: LoadOptions, library: Library, store: VariableStore, changing: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.options = options
        self.library = library
        self.store = store
        self.changing = changing
        self.assigned: set[str] = set()
        self.states: dict[str, State] = {}
        self.stage: dict[str, object] = {}
        self._calls = 0
        self._growth = Growth(library.node_count(), "its functions")
        self.constants: Mapping[str, Callable[[], Array]] = {}
        self.main = Body("main", {})
        self.effects: dict[str, bool] = {}

    # -- bounds ---------------------------------------------------------------------------------------------------------

    def count_call(self, nodes: int) -> None:
        """Count one use of a function.

        Raises:
            MalformedModelError: there are too many: functions that call each other twice grow without bound.
        """
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise MalformedModelError(f"its functions unfold into more than {MAX_CALLS} calls")
        self._growth.add(nodes + 1)

    # -- variables ------------------------------------------------------------------------------------------------------

    def read(self, resource: Resource, scope: Scope) -> Value:
        """The present value of a variable.

        Raises:
            Unsupported: the model gives it no value, or it is no variable.
        """
        if resource.kind != "variable":
            raise Unsupported(f"it reads {resource.name!r}, a {resource.kind}, as a tensor.")
        name = resource.name
        if name in scope.current:
            return scope.current[name]
        if name in scope.constants:
            return scope.constants[name]
        shared = scope.large.get(name)
        array = shared() if shared is not None else None
        if array is None:
            array = self.store.read(name)
        if name in self.changing:
            if not scope.is_main:
                raise MalformedModelError(f"the variable {name!r} changes inside control flow before it was read")
            graph = scope.builder.graph
            free = graph.unique_name(name)
            graph.release_name(free)
            entry = scope.builder.input(free, DType.from_numpy(array.dtype), array.shape)
            self.states[name] = State(name, entry, array)
            scope.current[name] = entry
            return entry
        value = scope.builder.constant(array, name)
        if array.nbytes > LARGE_BYTES:
            scope.large[name] = weakref.ref(array)
        else:
            scope.constants[name] = value
        return value

    def assign(self, resource: Resource, value: Value, scope: Scope) -> None:
        """A new value of a variable."""
        if resource.kind != "variable":
            raise Unsupported(f"it writes {resource.name!r}, a {resource.kind}, as a variable.")
        self.assigned.add(resource.name)
        if resource.name in self.changing:
            scope.current[resource.name] = value
