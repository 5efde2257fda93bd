"""An ``.ekm`` file on the C runtime, beside its source on the source's own runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit.format import read_model
from edgekit.interface.record import noted_interfaces
from edgekit.ir import Graph
from edgekit.ops.quant_math import dequantize
from edgekit.reference import ReferenceSession, SequenceStart
from edgekit.report.compare import ErrorSums
from edgekit.report.model import SourceRuntimeRecord
from edgekit.report.source_runtime import RefusedError, SourceRuntime, open_source_runtime
from edgekit.runtime import Session
from edgekit.types import Array

TIMED_RUNS = 20
Samples = Iterable[Mapping[str, Array]]


class ImportedReference:
    """The imported graph, before any pass, in the numpy reference: in place of a runtime that refuses the model.

    Args:
        graph: as it was imported.
    """

    name = "the numpy reference of the imported graph"

    def __init__(self, graph: Graph) -> None:
        self.session = ReferenceSession(graph)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return self.session.run(feeds)

    def reset(self) -> None:
        self.session.reset()


class _Fed:
    """A runtime that is also given the values of frozen inputs, and whose refusals are errors of ours."""

    def __init__(self, runtime: SourceRuntime, frozen: Mapping[str, Array]) -> None:
        self.runtime, self.frozen, self.name = runtime, frozen, runtime.name

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        try:
            return self.runtime.run({**self.frozen, **feeds})
        except Exception as e:  # each runtime has its own exceptions
            raise RefusedError(f"the source's own runtime ({self.name}) cannot run the model: {e}") from e

    def reset(self) -> None:
        self.runtime.reset()


def compare_with_source(
    source: str | Path,
    model: str | Path,
    samples: Samples,
    imported: Callable[[], Graph] | None = None,
    frozen: Mapping[str, Array] | None = None,
) -> SourceRuntimeRecord | None:
    """An ``.ekm`` on the C runtime against the source on its own runtime; None where that is not installed.

    None too where the inputs or outputs of the model were changed: the same feeds do not fit both.

    Args:
        source: the source model.
        model: what became of it.
        samples: feeds by input name; gone through until each side has ``TIMED_RUNS`` timed inferences, at least once.
        imported: gives the imported graph, whose numpy reference stands in where the source's own runtime refuses the model, which
            the record then says; without it that is an error.
        frozen: values of the source's inputs that are constants in the model.

    Raises:
        RefusedError: the source's own runtime refuses the model, and there is no ``imported``.
    """
    if noted_interfaces(read_model(model).metadata):
        return None
    try:
        theirs = open_source_runtime(source)
        return None if theirs is None else _side_by_side(_Fed(theirs, frozen or {}), model, samples, TIMED_RUNS)
    except RefusedError as e:
        if imported is None:
            raise
        record = _side_by_side(ImportedReference(imported()), model, samples, timed_runs=1)
        return record and replace(record, seconds=None, reason=" ".join(str(e).split()))


def _side_by_side(theirs: SourceRuntime, model: str | Path, samples: Samples, timed_runs: int) -> SourceRuntimeRecord | None:
    sums: dict[str, ErrorSums] = {}
    times: list[tuple[float, float]] = []
    with Session(model) as ours:
        first, before = True, -1
        while len(times) < timed_runs and len(times) > before:  # a generator of samples gives nothing the second time
            before = len(times)
            for feeds in samples:
                if ours.states and (isinstance(feeds, SequenceStart) or not first):
                    ours.reset()
                    theirs.reset()
                start = time.perf_counter()
                want = _named(theirs.run(feeds), ours)
                middle = time.perf_counter()
                got = ours.run(dict(feeds))
                times.append((middle - start, time.perf_counter() - middle))
                if first:
                    _add_errors(sums, ours, want, got)
                elif len(times) >= timed_runs:
                    break
            first = False
    if not times:
        return None
    median = np.median(np.asarray(times[1:] or times), axis=0)  # the first inference warms both up
    return SourceRuntimeRecord(
        theirs.name, tuple(s.figures(n, "") for n, s in sums.items()), float(median[0]), float(median[1]), max(1, len(times) - 1)
    )


def _named(outputs: dict[str, Array], ours: Session) -> dict[str, Array]:
    """Outputs by our names: the source's own, or its order where a runtime calls them otherwise."""
    names = [s.name for s in ours.outputs]
    if set(names) <= set(outputs) or len(names) != len(outputs):
        return outputs
    return dict(zip(names, outputs.values(), strict=True))


def _add_errors(sums: dict[str, ErrorSums], ours: Session, want: Mapping[str, Array], got: Mapping[str, Array]) -> None:
    for spec in ours.outputs:
        a = got[spec.name]
        if spec.quant is not None and want[spec.name].dtype.kind == "f":
            a = dequantize(a, spec.quant)
        sums.setdefault(spec.name, ErrorSums()).add(want[spec.name], a)
