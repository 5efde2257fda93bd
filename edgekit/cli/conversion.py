"""How the commands that write a model run a conversion and show what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgekit import api
from edgekit.cli.console import decibel, print_json, print_table, progress_bar, size
from edgekit.cli.parsing import parse_shapes
from edgekit.interface import remaining_transposes
from edgekit.preprocessing import Preprocessing

_PLACES = {"inputs": "at inputs", "outputs": "at outputs", "convolutions": "around convolutions", "elsewhere": "elsewhere"}


def pictures(mean: str, std: str, bgr: bool) -> Preprocessing | None:
    """What --mean, --std and --bgr say; None where none of them is given."""
    if (mean, std, bgr) == ("0", "1", False):
        return None
    return Preprocessing(numbers(mean, "--mean"), numbers(std, "--std"), order="bgr" if bgr else "rgb")


def numbers(text: str, option: str) -> tuple[float, ...]:
    """``"0.5,0.5"`` as floats."""
    try:
        return tuple(float(t) for t in text.split(","))
    except ValueError as e:
        raise click.BadParameter(f"{option} {text!r}: write numbers with commas between") from e


def run_conversion(
    source: Path,
    output: Path,
    quantize: str | None,
    calibration: Path | None,
    shape: Sequence[str],
    options: api.ConvertOptions,
    json: bool,
) -> api.Conversion:
    """Convert with a progress bar."""
    with progress_bar(quiet=json) as tell:
        options = dataclasses.replace(options, progress=tell)
        return api.convert(source, output, quantize=quantize, calibration=calibration, shapes=parse_shapes(shape), options=options)


def conversion_record(c: api.Conversion) -> dict[str, Any]:
    """The JSON form."""
    return {
        "path": c.path,
        "bytes": c.nbytes,
        "source_bytes": c.source_nbytes,
        "sha256": c.sha256,
        "peak_memory_bytes": c.arena_bytes,
        "nodes": sum(len(g.nodes) for g in c.graph.walk()),
        "inputs": [
            {"name": v.name, "dtype": v.dtype.label, "shape": [str(d) if not isinstance(d, int) else d for d in v.shape]}
            for v in c.graph.user_inputs
        ],
        "outputs": [
            {"name": n, "dtype": v.dtype.label, "shape": [str(d) if not isinstance(d, int) else d for d in v.shape]}
            for n, v in zip(c.graph.user_output_names, c.graph.user_outputs, strict=True)
        ],
        "states": [{"name": s.name, "dtype": s.input.dtype.label, "shape": list(s.input.shape)} for s in c.graph.states],
        "transposes": sum(remaining_transposes(c.graph).values()),
        "transposes_at": remaining_transposes(c.graph),
        "self_check": list(c.errors),
        "quantization": list(c.quantization_errors),
        "notes": list(c.notes),
        "log": c.log.lines(),
    }


def show_conversion(c: api.Conversion, json: bool) -> None:
    """Print the outcome for people or machines."""
    if json:
        print_json(conversion_record(c))
        return
    ratio = f" ({c.nbytes / c.source_nbytes:.0%} of the source's {size(c.source_nbytes)})" if c.source_nbytes else ""
    click.echo(f"wrote {c.path}: {size(c.nbytes)}{ratio}, peak memory {size(c.arena_bytes)} ({c.arena_bytes} bytes)")
    click.echo(f"sha256 {c.sha256}")
    if c.graph.states:
        kept = [f"{s.name} {s.input.type}" for s in c.graph.states]
        more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""
        click.echo(f"keeps state from run to run: {', '.join(kept[:3])}{more}")
    places = remaining_transposes(c.graph)
    counts = ", ".join(f"{n} {_PLACES[place]}" for place, n in places.items() if n)
    click.echo(f"transposes left: {sum(places.values())}" + (f" ({counts})" if counts else ""))
    for note in c.notes:
        click.echo(f"note: {note}")
    if c.quantization_errors:
        print_table("quantized against float", ["output", "SQNR", "max error", "range"], _rows(c))
    elif not c.errors:
        click.echo("self-check: none, because random inputs do not go through this model, or are too large")
    else:
        worst = max(c.errors, key=lambda e: e.max_abs / (e.range or 1))
        click.echo(
            f"self-check: largest difference to the source graph {worst.max_abs:.3g} (output {worst.name!r}, range {worst.range:.3g})"
        )


def _rows(c: api.Conversion) -> list[list[str]]:
    return [[e.name, decibel(e.sqnr_db), f"{e.max_abs:.4g}", f"{e.range:.4g}"] for e in c.quantization_errors]
