"""How far two versions of a model lie apart, layer by layer and at the outputs, over many samples in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit.errors import GraphError
from edgekit.ir import Graph, Value
from edgekit.ops.quant_math import dequantize
from edgekit.reference import ReferenceSession, explaining_failures
from edgekit.types import Array

#: a spread below this share of the magnitude says nothing of how large an error is: a single score has none at all
NEARLY_THE_SAME = 1e-3


@dataclass(frozen=True)
class ErrorFigures:
    """The difference between two tensors over all samples.

    Attributes:
        name: of the value.
        op: operator that computes it, "" for an output entry.
        sqnr_db: signal-to-quantization-noise ratio, ``10 log10(sum a^2 / sum (a - b)^2)``; None where the two are equal.
        max_abs: largest absolute difference.
        mean_abs: mean absolute difference.
        range: largest minus smallest value of the first model; the largest magnitude where all values are nearly the same.
    """

    name: str
    op: str
    sqnr_db: float | None
    max_abs: float
    mean_abs: float
    range: float


@dataclass(frozen=True)
class Comparison:
    """Errors of model b against model a: per layer (values both have) and per output."""

    layers: tuple[ErrorFigures, ...]
    outputs: tuple[ErrorFigures, ...]
    samples: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class ErrorSums:
    """Streaming sums from which the figures follow."""

    def __init__(self) -> None:
        self.signal = self.noise = self.absolute = 0.0
        self.largest, self.count = 0.0, 0
        self.low, self.high = np.inf, -np.inf

    def add(self, a: Array, b: Array) -> None:
        if not a.size:
            return
        x, y = a.astype(np.float64), b.astype(np.float64)
        d = x - y
        self.signal += float((x * x).sum())
        self.noise += float((d * d).sum())
        self.absolute += float(np.abs(d).sum())
        self.largest = max(self.largest, float(np.abs(d).max()))
        self.count += a.size
        self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))

    def figures(self, name: str, op: str) -> ErrorFigures:
        sqnr = None
        if self.noise > 0:
            sqnr = float(10 * np.log10(self.signal / self.noise)) if self.signal > 0 else float("-inf")
        mean = self.absolute / self.count if self.count else 0.0
        return ErrorFigures(name, op, sqnr, self.largest, mean, self._range())

    def _range(self) -> float:
        if not self.count:
            return 0.0
        spread, magnitude = self.high - self.low, max(abs(self.low), abs(self.high))
        return float(spread if spread > NEARLY_THE_SAME * magnitude else magnitude)


def _real(v: Value, a: Array) -> Array:
    return dequantize(a, v.quant) if v.quant is not None else a


def _watched(graph: Graph) -> dict[str, Value]:
    """Computed values whose numbers are real: floats, and integers with quantization parameters."""
    return {v.name: v for n in graph.nodes for v in n.outputs if v.dtype.is_float or v.quant is not None}


def compare_graphs(
    a: Graph, b: Graph, samples: Iterable[Mapping[str, Array]], *, progress: Callable[[int, int | None], None] | None = None
) -> Comparison:
    """Run both graphs on the samples in the numpy reference and gather the errors of ``b``.

    Layers are matched by the name of the value they compute, which fusion and quantization keep.

    Args:
        a: the yardstick.
        b: the model under test, with the same inputs and outputs.
        samples: feeds for ``a``; ``b`` gets the same. States go on from sample to sample.
        progress: called after each sample with (done, total or None).

    Raises:
        GraphError: the two do not have the same outputs, or there are no samples.
    """
    if a.user_output_names != b.user_output_names:
        raise GraphError(f"the models have different outputs: {a.user_output_names} and {b.user_output_names}")
    wa, wb = _watched(a), _watched(b)
    common = [name for name in wa if name in wb and wa[name].shape == wb[name].shape]
    sums = {name: ErrorSums() for name in common}
    out_sums = {name: ErrorSums() for name in a.user_output_names}
    sa, sb = ReferenceSession(a), ReferenceSession(b)
    count = 0
    for feeds in samples:
        kept: dict[str, Array] = {}

        def keep(v: Value, x: Array, kept: dict[str, Array] = kept) -> None:
            if v.name in sums:
                kept[v.name] = x

        def check(v: Value, x: Array, kept: dict[str, Array] = kept) -> None:
            if v.name in sums and v.name in kept:
                sums[v.name].add(_real(wa[v.name], kept.pop(v.name)), _real(v, x))

        with explaining_failures():
            want, got = sa.run(feeds, keep), sb.run(feeds, check)
        for va, vb, name in zip(a.user_outputs, b.user_outputs, a.user_output_names, strict=True):
            out_sums[name].add(_real(va, want[name]), _real(vb, got[name]))
        count += 1
        if progress is not None:
            progress(count, len(samples) if isinstance(samples, Sized) else None)
    if count == 0:
        raise GraphError("comparing needs at least one sample")
    ops = {v.name: n.op for n in b.nodes for v in n.outputs}
    layers = tuple(sums[name].figures(name, ops[name]) for name in common)
    return Comparison(layers, tuple(s.figures(name, "") for name, s in out_sums.items()), count)
