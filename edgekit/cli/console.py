"""What the commands share: lines, tables, progress bars, JSON and sizes.

Rich is loaded where a table or a live progress bar is shown; plain lines go out through click.
"""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.errors import EdgekitError
from edgekit.report.formatting import decibel, duration, size

if TYPE_CHECKING:
    from rich.console import Console

    from edgekit.api import Progress as ProgressCallback

__all__ = [
    "decibel",
    "duration",
    "model_file",
    "print_error",
    "print_json",
    "print_table",
    "print_warning",
    "progress_bar",
    "size",
    "wants_json",
]


def print_error(text: str) -> None:
    """Bold and red on standard error where that is a terminal."""
    click.secho(text, err=True, fg="red", bold=True, color=_color())


def print_warning(text: str) -> None:
    """Yellow on standard error where that is a terminal."""
    click.secho(text, err=True, fg="yellow", color=_color())


def _color() -> bool | None:
    """False where colours are declined (https://no-color.org); None lets click see whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def wants_json(argv: Sequence[str]) -> bool:
    """Whether the user asked for JSON."""
    return "--json" in argv


def print_json(data: Any) -> None:
    """One JSON document on standard output; infinities become null."""
    import json

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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on standard output; number columns are set right."""
    from rich.markup import escape
    from rich.table import Table

    t = Table(title=escape(title) or None, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for i, c in enumerate(columns):
        numeric = i > 0 and all(_looks_numeric(str(r[i])) for r in rows)
        t.add_column(c, justify="right" if numeric else "left", overflow="fold")
    for r in rows:
        t.add_row(*(escape(str(v)) for v in r))
    _console().print(t)


def _console() -> Console:
    from rich.console import Console

    # a file or a pipe has no width; 80 columns would fold every table
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=160)


def _looks_numeric(text: str) -> bool:
    return text in ("", "-", "equal", "inf", "nan") or text.lstrip("-+~")[:1].isdigit()


def model_file(path: Path) -> Path:
    """The path of an ``.ekm`` file that is one.

    Raises:
        EdgekitError: it is missing, or something else.
    """
    if not path.exists():
        raise EdgekitError(f"{path}: there is no such file")
    from edgekit.format import is_ekm

    if not is_ekm(path):
        raise EdgekitError(f"{path} is not a (whole) .ekm file; make one with: edgekit convert {path} -o {path.with_suffix('.ekm').name}")
    return path


@contextmanager
def progress_bar(quiet: bool) -> Iterator[ProgressCallback | None]:
    """A progress bar on standard error, one line a stage; nothing where ``quiet``, or where nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield tell
