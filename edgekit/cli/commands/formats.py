"""List the model formats that can be read.

With what each is read (a package that is not installed is marked) and how many of its operators convert; with a NAME, the operators
themselves.

Examples:
  edgekit formats
  edgekit formats onnx
  edgekit formats --json
"""

from __future__ import annotations

from typing import Annotated

import typer

from edgekit import converters
from edgekit.cli import options as o
from edgekit.cli.console import console, print_json, table


def command(
    name: Annotated[str | None, typer.Argument(help="A format, to list the operators it converts.")] = None, json: o.Json = False
) -> None:
    found = [f for f in converters.formats() if name in (None, f.name)]
    if not found:
        raise typer.BadParameter(f"there is no format {name!r}; there are {', '.join(f.name for f in converters.formats())}")
    if json:
        print_json({"formats": found})
        return
    rows = [[f.name, " ".join(f.suffixes), f.description, _needs(f), "?" if f.coverage is None else len(f.coverage)] for f in found]
    console().print(table("", ["format", "files", "", "reads with", "operators"], rows))
    for f in found if name is not None else ():
        covered = "this converter does not say what it covers" if f.coverage is None else ", ".join(f.coverage)
        console().print(f"\n{covered}", markup=False)


def _needs(f: converters.FormatInfo) -> str:
    shown = []
    for n in f.needs:
        version = n.installed or "not installed"
        shown.append(f"{n.package} ({version}{': ' + n.purpose if n.purpose else ''})")
    return ", ".join(shown) or "numpy alone"
