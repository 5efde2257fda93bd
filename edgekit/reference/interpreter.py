"""Runs a graph in numpy, node by node, with the operator table's own definitions: the oracle of every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from edgekit.errors import GraphError
from edgekit.ir import Graph, Node, Value
from edgekit.reference.sequences import SequenceStart
from edgekit.types import Array

Observer = Callable[[Value, Array], None]

#: called before each run of a branch or of a loop's body with the number of its nodes; what it raises ends the run
_BEFORE_BODY: ContextVar[Callable[[int], None] | None] = ContextVar("_BEFORE_BODY", default=None)


@contextmanager
def watching_bodies(before: Callable[[int], None]) -> Iterator[None]:
    """Within this context ``before`` is called before each run of a branch or of a loop's body, with the number of its nodes.

    What it raises ends the run: data decide how often a loop is run, and they may never end it.
    """
    token = _BEFORE_BODY.set(before)
    try:
        yield
    finally:
        _BEFORE_BODY.reset(token)


@contextmanager
def explaining_failures() -> Iterator[None]:
    """Raise what numpy raises over values that a node cannot work on (indices outside, sizes that do not fit) as a ``GraphError``."""
    try:
        yield
    except (ValueError, IndexError, OverflowError, ZeroDivisionError, MemoryError) as e:
        what = f"{type(e).__name__}: {e}"
        raise GraphError(f"the model cannot be run on this input: {what}; check indices, lengths and sizes in it, and the model") from e


def run_node(node: Node, inputs: list[Array | None]) -> list[Array]:
    """Compute one node.

    Args:
        node: the node; subgraphs among its attributes are run by ``run_graph``.
        inputs: flat input arrays, None for absent ones.

    Returns:
        one array an output, with the element type the graph declares.
    """
    d = node.definition
    grouped = d.group_inputs(inputs)
    attrs: dict[str, Any] = dict(node.attrs)
    for a in d.subgraph_attrs:
        attrs[a] = _Body(attrs[a])
    quantized = any(v is not None and v.quant is not None for v in (*node.inputs, *node.outputs))
    with np.errstate(all="ignore"):
        if d.quant_reference is not None and quantized:
            attrs["qin"] = tuple(None if v is None else v.quant for v in node.inputs)
            attrs["qout"] = tuple(v.quant for v in node.outputs)
            result = d.quant_reference(*grouped, **attrs)
        else:
            result = d.reference(*grouped, **attrs)
    flat = list(result) if isinstance(result, list | tuple) else [result]
    if len(flat) < len(node.outputs):
        raise GraphError(f"{node}: the reference gives {len(flat)} outputs, the node has {len(node.outputs)}")
    return [np.asarray(a).astype(v.dtype.numpy, copy=False) for a, v in zip(flat, node.outputs, strict=False)]


class _Body:
    """A subgraph as a function of positional arrays."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.output_types = tuple(v.type for v in graph.outputs)

    def __call__(self, *arrays: Array) -> list[Array]:
        if (before := _BEFORE_BODY.get()) is not None:
            before(len(self.graph.nodes))
        out = run_graph(self.graph, {v.name: a for v, a in zip(self.graph.inputs, arrays, strict=True)})
        return [out[name] for name in self.graph.output_names]


def run_graph(
    graph: Graph, feeds: Mapping[str, Array], observer: Observer | None = None, states: dict[str, Array] | None = None
) -> dict[str, Array]:
    """Run a whole graph once.

    Args:
        graph: the graph.
        feeds: one array for each input users feed, by name.
        observer: called with every computed value, for calibration and comparison.
        states: the present values of the graph's states by name, replaced by those that follow when the run succeeds; those it lacks are
            at their first values. None: all are, and what follows is lost. ``ReferenceSession`` keeps them.

    Returns:
        the outputs by name, in the graph's order, without those of states.

    Raises:
        GraphError: a feed is missing or does not fit.
    """
    env: dict[int, Array] = {}
    held = states or {}
    feeds = {**feeds, **{s.name: held[s.name] if s.name in held else s.first() for s in graph.states}}
    for v in graph.inputs:
        if v.name not in feeds:
            raise GraphError(f"input {v.name!r} is not fed; inputs are {[i.name for i in graph.user_inputs]}")
        a = np.asarray(feeds[v.name])
        fits = a.ndim == len(v.shape) and all(not isinstance(d, int) or d == n for d, n in zip(v.shape, a.shape, strict=True))
        if a.dtype != v.dtype.numpy or not fits:
            raise GraphError(f"input {v.name!r} needs {v.type}, got {a.dtype}{list(a.shape)}")
        env[id(v)] = a
        if observer is not None:
            observer(v, a)
    last_use = {id(v): i for i, n in enumerate(graph.nodes) for v in n.inputs if v is not None}
    keep = {id(v) for v in graph.outputs}

    def read(v: Value | None) -> Array | None:
        if v is None:
            return None
        return v.const if v.const is not None else env[id(v)]

    for i, n in enumerate(graph.nodes):
        for v, a in zip(n.outputs, run_node(n, [read(v) for v in n.inputs]), strict=True):
            env[id(v)] = a
            if observer is not None:
                observer(v, a)
        for u in (*n.inputs, *n.outputs):
            if u is not None and id(u) not in keep and last_use.get(id(u), i) <= i:
                env.pop(id(u), None)
    out: dict[str, Array] = {}
    for v, name in zip(graph.outputs, graph.output_names, strict=True):
        found = read(v)
        assert found is not None
        out[name] = found
    if states is not None:
        names = graph.output_names[len(graph.user_outputs) :]
        states.update({s.name: np.array(out[name]) for s, name in zip(graph.states, names, strict=True)})
    return {name: out[name] for name in graph.user_output_names}


class ReferenceSession:
    """A graph with its states, run in numpy: what ``edgekit.Session`` is to the C runtime.

    Args:
        graph: it must not change while the session lives.

    Attributes:
        states: the present values by name; entries may be replaced.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.states: dict[str, Array] = {}
        self.reset()

    def reset(self) -> None:
        """Set every state to its first value."""
        self.states = {s.name: s.first() for s in self.graph.states}

    def run(self, feeds: Mapping[str, Array], observer: Observer | None = None) -> dict[str, Array]:
        """One run; the states go on, unless it fails. ``SequenceStart`` feeds begin anew. See ``run_graph``."""
        if isinstance(feeds, SequenceStart):
            self.reset()
        return run_graph(self.graph, feeds, observer, self.states)
