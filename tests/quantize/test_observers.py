"""Observers: exact extremes, constant memory, and ranges that serve the bulk of the values."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import QuantizationError
from edgekit.quantize import MeanSquaredError, MinMax, Percentile, make_observer


def test_min_max_over_batches() -> None:
    o = MinMax()
    o.observe(np.array([1.0, -2.0], np.float32))
    o.observe(np.array([5.0], np.float32))
    assert o.range() == (-2.0, 5.0)


def test_percentile_matches_numpy_on_growing_data() -> None:
    r = np.random.default_rng(0)
    batches = [r.standard_normal(5000).astype(np.float32) * (i + 1) for i in range(10)]
    o = Percentile(99.0)
    for b in batches:
        o.observe(b)
    want = np.percentile(np.concatenate(batches), [0.5, 99.5])
    np.testing.assert_allclose(o.range(), want, rtol=0.03)


def test_histogram_keeps_every_count_while_its_range_doubles() -> None:
    o = Percentile()
    for scale in (0.0, 1e-3, 1.0, 1e4, 1.0):
        o.observe(np.full(100, scale, np.float32))
    assert int(o.histogram.counts.sum()) == 500


def test_mse_clips_an_outlier_and_keeps_a_uniform_range() -> None:
    r = np.random.default_rng(1)
    o = MeanSquaredError()
    o.observe(np.append(r.standard_normal(2_000_000), 60.0).astype(np.float32))
    # rounding costs N * (c R)^2 / (12 * 255^2), clipping the one outlier ((1 - c) R)^2: least at c = 0.28
    assert 12 < o.range()[1] < 22
    u = MeanSquaredError()
    u.observe(r.uniform(-1, 1, 100_000).astype(np.float32))
    np.testing.assert_allclose(u.range(), (-1, 1), atol=0.05)


@pytest.mark.parametrize("name", ["mean", "percentile:x", "percentile:20", "mse:3"])
def test_unknown_observers_are_refused(name: str) -> None:
    with pytest.raises(QuantizationError):
        make_observer(name)
