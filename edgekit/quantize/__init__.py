"""Post-training quantization: calibration, observers, recipes and the rewriting of graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgekit.errors import QuantizationError
from edgekit.ir import Graph
from edgekit.preprocessing import Preprocessing
from edgekit.quantize.calibration import CalibrationData, Feeds, Progress, Runner, observe_ranges, reference_runner
from edgekit.quantize.int8 import quantize_int8
from edgekit.quantize.observers import MeanSquaredError, MinMax, Observer, Percentile, make_observer
from edgekit.quantize.recipe import RECIPES, Recipe, get_recipe
from edgekit.quantize.weights import store_weights, widen_weights
from edgekit.types import F16, I8

__all__ = [
    "RECIPES",
    "CalibrationData",
    "Feeds",
    "MeanSquaredError",
    "MinMax",
    "Observer",
    "Percentile",
    "Progress",
    "Recipe",
    "Runner",
    "get_recipe",
    "make_observer",
    "observe_ranges",
    "quantize_graph",
    "quantize_int8",
    "reference_runner",
    "store_weights",
]


def quantize_graph(
    graph: Graph,
    recipe: str | Recipe,
    calibration: Any = None,
    *,
    run: Runner | None = None,
    progress: Progress | None = None,
    images: Preprocessing | None = None,
) -> Graph:
    """Quantize an optimized graph.

    Args:
        graph: a float graph.
        recipe: ``"int8"``, ``"int8:percentile"``, ``"float16"``, ``"int8-weight-only"``, or a :class:`Recipe`.
        calibration: for int8: a folder, a file, or an iterable of samples.
        run: runs one calibration sample and reports values; the numpy reference by default.
        progress: called after each sample with (done, total or None).
        images: how image files become inputs.

    Raises:
        QuantizationError: no calibration data, or nothing to quantize.
    """
    r = get_recipe(recipe)
    if r.name == "float16":
        return store_weights(graph, F16)
    if r.name == "int8-weight-only":
        return store_weights(graph, I8)
    if calibration is None:
        raise QuantizationError(
            "int8 needs calibration data: pass calibration= (--calibration) a folder of typical inputs, 50 to 500 of them"
        )
    graph = widen_weights(graph)
    data: Iterable[Feeds] = calibration if isinstance(calibration, CalibrationData) else CalibrationData(calibration, graph, images)
    total = len(data) if isinstance(data, CalibrationData) else None
    ranges = observe_ranges(graph, data, r.observer, run=run, progress=progress, total=total or None)
    return quantize_int8(graph, ranges, r)
