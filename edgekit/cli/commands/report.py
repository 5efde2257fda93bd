"""Write a report on a model: one offline HTML page, Markdown or JSON.

Sizes, memory over time, latency, errors against the source, placement, conversion log and provenance. The ending of the file chooses
the form.

Examples:
  edgekit report model-int8.ekm -o report.html --source model.onnx --data photos/
  edgekit report model.ekm -o report.html --device raspberry-pi-4b --device snapdragon-865
  edgekit report model.ekm -o report.json --runs 0
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit import api
from edgekit.cli import options as o
from edgekit.cli.console import console, model_file, print_json, progress_bar, size
from edgekit.cli.conversion import pictures


def command(
    model: o.Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="What to write: .html, .md or .json.")] = Path("report.html"),
    source: Annotated[
        Path | None, typer.Option("--source", help="The source model: float yardstick, and its own runtime where installed.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", "-d", help="Folder of inputs for the comparison with the source.")] = None,
    device: Annotated[list[str], typer.Option("--device", help="Also simulate this device; repeat for several.")] = [],  # noqa: B006
    samples: Annotated[int, typer.Option("--samples", min=1, help="Use at most that many inputs.")] = 8,
    runs: Annotated[int, typer.Option("--runs", "-n", min=0, help="Timed runs on this machine; 0 measures nothing.")] = 20,
    mean: o.Mean = "0",
    std: o.Std = "1",
    bgr: o.Bgr = False,
    backend: o.Backend = "cpu",
    threads: o.Threads = 1,
    json: o.Json = False,
) -> None:
    images = pictures(mean, std, bgr)
    settings = api.ReportSettings(source, data, tuple(device), samples, runs, images, backend, threads)
    with progress_bar(quiet=json) as tell:
        if tell is not None:
            tell("gather", 0, None)
        path = api.report(model_file(model), output, settings)
    if json:
        print_json({"path": path, "bytes": path.stat().st_size})
    else:
        console().print(f"wrote {path}: {size(path.stat().st_size)}", markup=False, soft_wrap=True)
