"""Watch the values of a tensor over calibration samples, in constant memory, and say which range to quantize."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from edgekit.errors import QuantizationError
from edgekit.types import Array

Range = tuple[float, float]


class Observer(Protocol):
    """Sees every batch of one tensor."""

    def observe(self, x: Array) -> None:
        """Take in one float array."""

    def range(self) -> Range:
        """The (low, high) real values that the quantized type should span."""


class MinMax:
    """The extremes seen."""

    def __init__(self) -> None:
        self.low = np.inf
        self.high = -np.inf

    def observe(self, x: Array) -> None:
        if x.size:
            self.low = min(self.low, float(x.min()))
            self.high = max(self.high, float(x.max()))

    def range(self) -> Range:
        return (self.low, self.high) if self.low <= self.high else (0.0, 0.0)


class _Histogram:
    """Counts over a range that doubles when a value falls outside, so that one pass in constant memory suffices.

    Merging neighbours keeps every count; only resolution is lost.
    """

    BINS = 2048

    def __init__(self) -> None:
        self.counts = np.zeros(self.BINS, np.int64)
        self.low = 0.0
        self.width = 0.0  # of one bin; 0 until a value other than zero is seen

    def observe(self, x: Array) -> None:
        if not x.size:
            return
        lo, hi = float(x.min()), float(x.max())
        if self.width == 0.0:
            span = max(abs(lo), abs(hi))
            if span == 0.0:
                self.counts[self.BINS // 2] += x.size
                return
            zeros = int(self.counts.sum())
            self.counts[:] = 0
            self.low, self.width = -span, 2 * span / self.BINS
            self.counts[self.BINS // 2] += zeros
        while lo < self.low or hi > self.low + self.width * self.BINS:
            self._double()
        at = np.clip(((x.reshape(-1) - self.low) / self.width).astype(np.int64), 0, self.BINS - 1)
        self.counts += np.bincount(at, minlength=self.BINS)

    def _double(self) -> None:
        """Twice the range around its middle."""
        pairs = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts[:] = 0
        quarter = self.BINS // 4
        self.counts[quarter : quarter + self.BINS // 2] = pairs
        self.low -= self.width * self.BINS / 2
        self.width *= 2

    def centers(self) -> Array:
        return self.low + self.width * (np.arange(self.BINS) + 0.5)


class Percentile:
    """Cuts off the rarest values: keeps the central ``percent`` of all values seen.

    Args:
        percent: e.g. 99.99.
    """

    def __init__(self, percent: float = 99.99) -> None:
        if not 50 < percent <= 100:
            raise QuantizationError(f"a percentile lies above 50 and up to 100, got {percent}")
        self.percent = percent
        self.extremes = MinMax()
        self.histogram = _Histogram()

    def observe(self, x: Array) -> None:
        self.extremes.observe(x)
        self.histogram.observe(x)

    def range(self) -> Range:
        low, high = self.extremes.range()
        h = self.histogram
        total = int(h.counts.sum())
        if h.width == 0.0 or total == 0:
            return low, high
        tail = (1 - self.percent / 100) / 2
        cumulative = np.cumsum(h.counts) / total
        first = int(np.searchsorted(cumulative, tail, side="right"))
        last = int(np.searchsorted(cumulative, 1 - tail, side="left"))
        edges = h.low + h.width * np.arange(h.BINS + 1)
        return max(low, float(edges[first])), min(high, float(edges[min(last, h.BINS - 1) + 1]))


class MeanSquaredError:
    """Searches the clipping range with the least mean squared quantization error on the histogram of values.

    For each shrink factor of either end of the range the error is that of rounding inside plus clipping outside
    (the "MSE" range setting of Nagel et al., "A White Paper on Neural Network Quantization", 2021, section 3.1).
    """

    LEVELS = 255
    STEPS = 64
    ROUNDS = 2

    def __init__(self) -> None:
        self.extremes = MinMax()
        self.histogram = _Histogram()

    def observe(self, x: Array) -> None:
        self.extremes.observe(x)
        self.histogram.observe(x)

    def range(self) -> Range:
        low, high = self.extremes.range()
        low, high = min(low, 0.0), max(high, 0.0)
        h = self.histogram
        keep = h.counts > 0
        if h.width == 0.0 or low == high or not keep.any():
            return low, high
        values, weight = h.centers()[keep], h.counts[keep].astype(np.float64)

        def error(lo: float, hi: float) -> float:
            scale = (hi - lo) / self.LEVELS
            if not scale > 0:
                return np.inf
            rounded = np.clip(np.rint((values - lo) / scale), 0, self.LEVELS) * scale + lo
            return float((weight * (values - rounded) ** 2).sum())

        # each end on its own, in turn: an outlier on one side must not cost the other side its range
        factors = 1 - np.arange(self.STEPS) / self.STEPS
        for _ in range(self.ROUNDS):
            high = min((high * f for f in factors), key=lambda hi: error(low, hi))
            low = min((low * f for f in factors), key=lambda lo: error(lo, high))
        return float(low), float(high)


def make_observer(name: str) -> Observer:
    """``"min-max"``, ``"percentile"``, ``"percentile:99.9"`` or ``"mse"``.

    Raises:
        QuantizationError: no such observer.
    """
    kind, _, argument = name.partition(":")
    if kind == "min-max" and not argument:
        return MinMax()
    if kind == "mse" and not argument:
        return MeanSquaredError()
    if kind == "percentile":
        try:
            return Percentile(float(argument or 99.99))
        except ValueError as e:
            raise QuantizationError(f"observer {name!r}: {argument!r} is not a number") from e
    raise QuantizationError(f"no observer called {name!r}; choose min-max, mse, percentile or percentile:NUMBER")
