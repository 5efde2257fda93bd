"""Compare two versions of a model, layer by layer.

Runs both on the same inputs in the numpy reference (integers to the bit what the runtime gives) and prints the error of every layer and
every output. Where the source's own runtime is installed (onnxruntime, ai-edge-litert, torch), B on the C runtime is also put beside
A on that; where it refuses the model, beside the graph as it was imported, before any pass, in the numpy reference, which is then said.

Examples:
  edgekit compare model.onnx model-int8.ekm --data photos/
  edgekit compare model.ekm model-int8.ekm --data photos/ --samples 5 --json
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli import options as o
from edgekit.cli.command import Argument, Command
from edgekit.cli.console import decibel, duration, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from edgekit.report import ErrorFigures


@click.command("compare", cls=Command, help=__doc__)
@click.argument("a", cls=Argument, type=o.PATH, help="The yardstick: a source model or an .ekm file.")
@click.argument("b", cls=Argument, type=o.PATH, help="The model under test: usually an .ekm file.")
@click.option("--data", "-d", type=o.PATH, help="Folder of inputs (.npy .npz .png .jpg .bmp); a seeded random input without it.")
@click.option("--samples", type=o.COUNT, default=20, help="Use at most that many.")
@o.mean
@o.std
@o.bgr
@o.json
def command(a: Path, b: Path, data: Path | None, samples: int, mean: str, std: str, bgr: bool, json: bool) -> None:
    from edgekit import api
    from edgekit.cli.conversion import pictures
    from edgekit.format import is_ekm
    from edgekit.quantize import CalibrationData
    from edgekit.report import compare_graphs
    from edgekit.report.beside_source import compare_with_source
    from edgekit.report.source_runtime import missing_runtime
    from edgekit.self_check import seeded_inputs

    graph_b, _ = api.load_optimized(b)
    graph_a, _ = api.load_alike(a, graph_b)
    images = pictures(mean, std, bgr)
    feeds = CalibrationData(data, graph_a, images, limit=samples) if data is not None else [seeded_inputs(graph_a)]
    with progress_bar(quiet=json) as tell:
        found = compare_graphs(graph_a, graph_b, feeds, progress=None if tell is None else lambda n, total: tell("compare", n, total))
    runtime = (
        compare_with_source(a, b, feeds, partial(api.import_alike, a, graph_b), api.frozen_inputs(graph_b))
        if is_ekm(b) and not is_ekm(a)
        else None
    )
    if json:
        print_json({**found.to_dict(), "source_runtime": runtime})
        return
    columns = ["SQNR", "max error", "mean error", "range"]
    layers = [[e.name, e.op, *_figures(e)] for e in found.layers]
    print_table(f"layers, {found.samples} samples", ["value", "operator", *columns], layers)
    print_table("outputs", ["output", *columns], [[e.name, *_figures(e)] for e in found.outputs])
    if runtime is None and is_ekm(b) and missing_runtime(a):
        click.echo(f"note: {missing_runtime(a)}")
    if runtime is not None:
        if runtime.reason:
            click.echo(f"note: {runtime.reason}; {runtime.name} stands in")
        rows = [[e.name, *_figures(e)] for e in runtime.outputs]
        print_table(f"{b.name} against {runtime.name}", ["output", *columns], rows)
        if runtime.seconds is not None:
            times = f"{duration(runtime.seconds)} there, {duration(runtime.our_seconds)} here"
            click.echo(f"one inference, one thread, median of {runtime.runs}: {times}")


def _figures(e: ErrorFigures) -> list[str]:
    return [decibel(e.sqnr_db), f"{e.max_abs:.4g}", f"{e.mean_abs:.4g}", f"{e.range:.4g}"]
