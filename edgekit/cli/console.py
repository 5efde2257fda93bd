"""What the commands share: consoles, progress bars, JSON, sizes, and the parsing of repeated options."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from edgekit.api import Progress as ProgressCallback
from edgekit.api import is_ekm
from edgekit.errors import EdgekitError
from edgekit.report.formatting import decibel, duration, size

__all__ = [
    "console",
    "decibel",
    "duration",
    "error_console",
    "model_file",
    "parse_freeze",
    "parse_inputs",
    "parse_shapes",
    "print_json",
    "progress_bar",
    "size",
    "table",
    "wants_json",
]

ShapeEntry = int | str | tuple[int, int] | None


def console() -> Console:
    """Results go here: standard output."""
    # a file or a pipe has no width; 80 columns would fold every table
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=160)


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
        numeric = i > 0 and all(_looks_numeric(str(r[i])) for r in rows)
        t.add_column(c, justify="right" if numeric else "left", overflow="fold")
    for r in rows:
        t.add_row(*(escape(str(v)) for v in r))
    return t


def _looks_numeric(text: str) -> bool:
    return text in ("", "-", "equal", "inf", "nan") or text.lstrip("-+~")[:1].isdigit()


def model_file(path: Path) -> Path:
    """The path of an ``.ekm`` file that is one.

    Raises:
        EdgekitError: it is missing, or something else.
    """
    if not path.exists():
        raise EdgekitError(f"{path}: there is no such file")
    if not is_ekm(path):
        raise EdgekitError(f"{path} is not a (whole) .ekm file; make one with: edgekit convert {path} -o {path.with_suffix('.ekm').name}")
    return path


@contextmanager
def progress_bar(quiet: bool) -> Iterator[ProgressCallback | None]:
    """A progress bar on standard error, one line a stage; nothing where ``quiet``."""
    if quiet:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error_console(), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield tell


def parse_shapes(values: Sequence[str]) -> dict[str, tuple[ShapeEntry, ...]] | None:
    """``["x:1,3,1..224,?"]`` as a dictionary: numbers, inclusive ranges, names, or ``?`` to leave a dimension as it is."""
    out: dict[str, tuple[ShapeEntry, ...]] = {}
    for text in values:
        name, colon, dims = text.rpartition(":")
        if not colon or not name:
            raise typer.BadParameter(f"--shape {text!r}: write NAME:DIM,DIM,..., for example x:1,3,224,224")
        parts = [p.strip() for p in dims.split(",")] if dims else []
        out[name] = tuple(_dimension(p, text) for p in parts)
    return out or None


def parse_freeze(values: Sequence[str]) -> dict[str, Any]:
    """``["rate=16000", "mask=mask.npy"]`` as a dictionary of arrays: one number has no dimensions, several are a list."""
    out: dict[str, Any] = {}
    for text in values:
        name, equals, value = text.rpartition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--freeze {text!r}: write NAME=NUMBER or NAME=FILE.npy")
        try:
            if value.endswith(".npy"):
                out[name] = np.load(value, allow_pickle=False)
            else:
                numbers = [_number(v.strip()) for v in value.split(",")]
                out[name] = np.asarray(numbers if len(numbers) > 1 else numbers[0])
        except (ValueError, OSError) as e:
            raise typer.BadParameter(f"--freeze {text!r}: {e}") from e
    return out


def _number(text: str) -> bool | int | float:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return float(text)


def _dimension(part: str, text: str) -> ShapeEntry:
    if part == "?":
        return None
    low, dots, high = part.partition("..")
    if dots and low.isdigit() and high.isdigit() and int(low) <= int(high):
        return int(low), int(high)
    if part.isdigit():
        return int(part)
    if part.isidentifier():
        return part
    raise typer.BadParameter(f"--shape {text!r}: {part!r} is neither a number, a range such as 1..8, a name, nor ?")


def parse_inputs(values: Sequence[str], names: Sequence[str]) -> dict[str, Path]:
    """``["x=a.npy"]`` as a dictionary of existing files; a model with one input needs no name.

    Args:
        values: what the user wrote.
        names: of the model's inputs.
    """
    out: dict[str, Path] = {}
    for text in values:
        known = next((n for n in names if text.startswith(f"{n}=")), None)
        name, equals, path = (known, "=", text[len(known) + 1 :]) if known is not None else text.partition("=")
        if not equals and len(names) == 1:
            name, path = names[0], text
        elif not equals or not name:
            raise typer.BadParameter(f"--input {text!r}: write NAME=FILE, for example {names[0] if names else 'x'}=input.npy")
        if name in out:
            raise typer.BadParameter(f"--input {name!r} is given twice")
        if not Path(path).is_file():
            raise EdgekitError(f"--input {text}: there is no file {path!r}")
        out[name] = Path(path)
    return out
