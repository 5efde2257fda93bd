"""What the commands share: consoles, progress bars, JSON, sizes, and the parsing of repeated options."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from edgekit.api import Progress as ProgressCallback
from edgekit.errors import EdgekitError
from edgekit.report.formatting import decibel, milliseconds, size

__all__ = ["console", "decibel", "error_console", "milliseconds", "parse_pairs", "parse_shapes", "print_json", "progress_bar", "size", "table", "wants_json"]


def console() -> Console:
    """Results go here: standard output."""
    return Console(highlight=False)


def error_console() -> Console:
    """Progress and errors go here: standard error."""
    return Console(stderr=True, highlight=False)


def wants_json(argv: Sequence[str]) -> bool:
    """Whether the user asked for JSON."""
    return "--json" in argv


def print_json(data: Any) -> None:
    """One JSON document on standard output; infinities become null."""
    print(json.dumps(_plain(data), indent=2, sort_keys=False))


def _plain(x: Any) -> Any:
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return {f.name: _plain(getattr(x, f.name)) for f in dataclasses.fields(x)}
    if isinstance(x, dict):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple | set):
        return [_plain(v) for v in x]
    if isinstance(x, Path):
        return str(x)
    if isinstance(x, float) and not math.isfinite(x):
        return None
    if hasattr(x, "item") and not isinstance(x, str):
        return _plain(x.item())
    return x


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table whose number columns are set right."""
    t = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for i, c in enumerate(columns):
        t.add_column(c, justify="left" if i == 0 else "right", overflow="fold")
    for r in rows:
        t.add_row(*(str(v) for v in r))
    return t


@contextmanager
def progress_bar(quiet: bool) -> Iterator[ProgressCallback | None]:
    """A progress bar on standard error, one line a stage; nothing where ``quiet``."""
    if quiet:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error_console(), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield tell


def parse_shapes(values: Sequence[str]) -> dict[str, tuple[int | str, ...]] | None:
    """``["x:1,3,224,224"]`` as a dictionary; a dimension may also be a name."""
    out: dict[str, tuple[int | str, ...]] = {}
    for text in values:
        name, colon, dims = text.rpartition(":")
        if not colon or not name:
            raise typer.BadParameter(f"--shape {text!r}: write NAME:DIM,DIM,..., for example x:1,3,224,224")
        parts = [p.strip() for p in dims.split(",")] if dims else []
        out[name] = tuple(int(p) if p.lstrip("-").isdigit() else p for p in parts)
        if any(isinstance(d, int) and d < 0 for d in out[name]):
            raise typer.BadParameter(f"--shape {text!r}: dimensions are 0 or more")
    return out or None


def parse_pairs(values: Sequence[str], option: str) -> dict[str, Path]:
    """``["x=a.npy"]`` as a dictionary of existing files."""
    out: dict[str, Path] = {}
    for text in values:
        name, equals, path = text.rpartition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option} {text!r}: write NAME=FILE, for example x=input.npy")
        if not Path(path).is_file():
            raise EdgekitError(f"{option} {text}: there is no file {path!r}")
        out[name] = Path(path)
    return out
