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

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command
from edgekit.cli.console import model_file, print_json, progress_bar, size


@click.command("report", cls=Command, help=__doc__)
@o.model
@click.option("--output", "-o", type=o.PATH, default="report.html", help="What to write: .html, .md or .json.")
@click.option("--source", type=o.PATH, help="The source model: float yardstick, and its own runtime where installed.")
@click.option("--data", "-d", type=o.PATH, help="Folder of inputs for the comparison with the source.")
@click.option("--device", multiple=True, help="Also simulate this device; repeat for several.")
@click.option("--samples", type=o.COUNT, default=8, help="Use at most that many inputs.")
@click.option("--runs", "-n", type=click.IntRange(min=0), default=20, help="Timed runs on this machine; 0 measures nothing.")
@o.mean
@o.std
@o.bgr
@o.backend
@o.threads
@o.json
def command(
    model: Path,
    output: Path,
    source: Path | None,
    data: Path | None,
    device: tuple[str, ...],
    samples: int,
    runs: int,
    mean: str,
    std: str,
    bgr: bool,
    backend: str,
    threads: int,
    json: bool,
) -> None:
    from edgekit import api
    from edgekit.cli.conversion import pictures

    images = pictures(mean, std, bgr)
    settings = api.ReportSettings(source, data, tuple(device), samples, runs, images, backend, threads)
    with progress_bar(quiet=json) as tell:
        if tell is not None:
            tell("gather", 0, None)
        path = api.report(model_file(model), output, settings)
    if json:
        print_json({"path": path, "bytes": path.stat().st_size})
    else:
        click.echo(f"wrote {path}: {size(path.stat().st_size)}")
