"""The check of every conversion: seeded inputs through the numpy reference before and after the passes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any

import numpy as np

from edgekit.errors import ConversionError, EdgekitError, GraphError
from edgekit.ir import Graph, Value
from edgekit.ir.macs import graph_macs
from edgekit.passes.canonicalize.widen_half import FACT
from edgekit.reference import ReferenceSession, explaining_failures, watching_bodies
from edgekit.reference.interpreter import Observer
from edgekit.report.compare import ErrorFigures, ErrorSums
from edgekit.types import Array, DType, format_shape

Feeds = dict[str, Array]
Results = list[dict[str, Array]]
Shapes = dict[str, tuple[int, ...]]

#: conversions whose passes change results by more than this share of the output range are refused: it would be a bug
LIMIT = 1e-3
#: the same for models that are float16: batch norms are folded into weights that are rounded to float16 again
HALF_LIMIT = 5e-3
#: a model that keeps state is checked over so many runs
RUNS_WITH_STATE = 3
#: models with more multiply-accumulates are checked on smaller pictures where they take them
LARGE_MACS = 250_000_000
SMALL_SIDE = 64
#: models with fewer multiply-accumulates are done before the threads of numpy's products could be counted
SOME_MACS = 10_000_000
#: no check of models with larger tensors, in elements: a typing error in a shape should not fill the memory of the machine
MOST_ELEMENTS = 1 << 28
#: nodes that branches and loops may run; random inputs may never fulfil what ends a loop
MOST_LOOPED_NODES = 100_000
#: what values that only real inputs satisfy (indices, lengths) raise for a random feed
NOT_RUNNABLE = (ValueError, IndexError, MemoryError)


def seeded_inputs(graph: Graph, seed: int = 0) -> Feeds:
    """One random feed for every input at its largest shape: standard normal floats, small non-negative integers."""
    r = np.random.default_rng(seed)
    return {v.name: _random(r, v, v.type.max_shape()) for v in graph.user_inputs}


def _random(r: np.random.Generator, v: Value, shape: tuple[int, ...]) -> Array:
    if v.dtype.is_float:
        return r.standard_normal(shape).astype(v.dtype.numpy)
    if v.quant is not None or v.dtype in (DType.I8, DType.U8):
        info = np.iinfo(v.dtype.numpy)
        return r.integers(info.min, int(info.max) + 1, shape).astype(v.dtype.numpy)
    return r.integers(0, 2, shape).astype(v.dtype.numpy)


def error_figures(a: Graph, b: Graph, samples: Sequence[Any]) -> tuple[ErrorFigures, ...]:
    """How the outputs of ``b`` differ from those of ``a`` over samples, run one after the other; empty where loops never end."""
    try:
        with explaining_failures():
            return _figures(a.user_output_names, _run_shaped(a, samples, {}), _run_shaped(b, samples, {}))
    except GraphError as e:
        if isinstance(e.__cause__, _Endless):
            return ()
        raise


def _run(graph: Graph, samples: Sequence[Any], observer: Observer | None = None) -> Results:
    session = ReferenceSession(graph)
    return [session.run(feeds, observer) for feeds in samples]


def _figures(names: Sequence[str], want: Sequence[dict[str, Array]], got: Sequence[dict[str, Array]]) -> tuple[ErrorFigures, ...]:
    sums = {name: ErrorSums() for name in names}
    for w, g in zip(want, got, strict=True):
        for name, s in sums.items():
            s.add(w[name], g[name])
    return tuple(s.figures(name, "") for name, s in sums.items())


class _Stopped(Exception):
    """The conversion has failed: nobody wants what still runs."""


class _Endless(ValueError):
    """A loop goes on and on: nothing is learnt from this input."""


class SelfCheck:
    """Runs a copy of the imported graph while the passes change the graph, and compares the optimized one with it afterwards.

    Pictures of a large model are shrunk: convolutions and what belongs to them compute the same at every size. Where the smaller
    pictures do not go through, or the two graphs differ on them, the check is made at full size.

    Used in a ``with`` statement, which ends what still runs.

    Attributes:
        shapes: input -> shape it was checked with, of inputs that were shrunk.
    """

    def __init__(self, graph: Graph) -> None:
        self.before = graph.clone()
        self.shapes: Shapes = {}
        self._small = _smaller(self.before)
        self._stop = threading.Event()
        self._beside = ThreadPoolExecutor(1)
        self._too_large = not self._small and any(map(_is_too_large, self.before.values()))
        if self._too_large:
            return
        self._samples = self._inputs(self._small)
        first = partial(_run_shaped, self.before, self._samples, self._small, self._give_way)
        self._first = self._beside.submit(copy_context().run, first)

    def __enter__(self) -> SelfCheck:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._beside.shutdown()

    def _give_way(self, *_: object) -> None:
        if self._stop.is_set():
            raise _Stopped

    def compare(self, graph: Graph) -> tuple[ErrorFigures, ...]:
        """The errors by output; empty where no random input goes through the model, or it is too large.

        Args:
            graph: after the passes.

        Raises:
            ConversionError: they differ by more than rounding.
        """
        names = self.before.user_output_names
        if self._too_large:
            return ()
        if self._small:
            try:
                want = self._first.result()
                found = _figures(names, want, _run_shaped(graph, self._samples, self._small))
                if all(self._is_rounding(e, want) for e in found):
                    self.shapes = self._small
                    return found
            except (EdgekitError, *NOT_RUNNABLE):
                pass
        try:
            samples = self._inputs({})
            want = _run_shaped(self.before, samples, {}) if self._small else self._first.result()
            found = _figures(names, want, _run_shaped(graph, samples, {}))
        except NOT_RUNNABLE:  # nothing is learnt then
            return ()
        for e in found:
            if not self._is_rounding(e, want) and np.isfinite(e.max_abs):
                raise ConversionError(
                    f"the optimized graph differs from the imported one at output {e.name!r} by {e.max_abs:.3g} (range {e.range:.3g}). "
                    "This is a bug in EdgeKit; please report it with the model."
                )
        return found

    def _is_rounding(self, e: ErrorFigures, want: Results) -> bool:
        """Whether an output is off by no more than rounding; a float16 output may round almost nothing to its next number."""
        step = 0.0
        for w in (run[e.name] for run in want if run[e.name].dtype == np.float16):
            step = max(step, float(np.max(np.abs(w), initial=0, where=np.isfinite(w))) * 2.0**-10)
        limit = HALF_LIMIT if FACT in self.before.metadata else LIMIT
        return e.max_abs <= limit * max(e.range, 1e-6) + step

    def _inputs(self, shapes: Shapes) -> list[Feeds]:
        with _shapes(self.before, shapes):
            return [seeded_inputs(self.before, seed) for seed in range(RUNS_WITH_STATE if self.before.states else 1)]

    def facts(self) -> dict[str, str]:
        """What to note in the file besides the errors."""
        return {f"check.shape.{name}": format_shape(shape) for name, shape in self.shapes.items()}


def _run_shaped(graph: Graph, samples: Sequence[Feeds], shapes: Shapes, give_way: Callable[..., None] | None = None) -> Results:
    """A run, with other shapes of some inputs; ``give_way`` is called now and then."""
    looped = 0

    def before(nodes: int) -> None:
        nonlocal looped
        looped += nodes + 1
        if looped > MOST_LOOPED_NODES:
            raise _Endless
        if give_way is not None:
            give_way()

    with _shapes(graph, shapes), _one_thread(graph), watching_bodies(before):
        return _run(graph, samples, give_way)


def _one_thread(graph: Graph) -> AbstractContextManager[Any]:
    """Products of so few rows are hardly quicker on several threads, and on a busy machine those wait for each other."""
    if graph_macs(graph) < SOME_MACS or os.environ.get("OPENBLAS_NUM_THREADS") == "1":  # as the command line sets it
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def _is_too_large(v: Value) -> bool:
    try:
        return v.type.max_elements() > MOST_ELEMENTS
    except GraphError:  # nothing bounds it before the passes
        return False


def _smaller(graph: Graph) -> Shapes:
    """Smaller shapes for the pictures of a large model; empty where it is not large or takes no pictures."""
    found: Shapes = {}
    if not all(v.type.is_static for v in graph.values()) or graph_macs(graph) < LARGE_MACS:
        return found
    for v in graph.user_inputs:
        shape = v.type.max_shape()
        if len(shape) == 4 and sum(d >= 2 * SMALL_SIDE for d in shape) == 2:
            found[v.name] = tuple(SMALL_SIDE if d >= 2 * SMALL_SIDE else d for d in shape)
    return found


class _shapes:
    """Inputs of a graph with other shapes for a while: the reference works with whatever it is fed."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self.inputs = [(v, v.type) for v in graph.inputs if v.name in shapes]
        self.shapes = shapes

    def __enter__(self) -> None:
        for v, t in self.inputs:
            v.type = t.with_shape(self.shapes[v.name])

    def __exit__(self, *_: object) -> None:
        for v, t in self.inputs:
            v.type = t
