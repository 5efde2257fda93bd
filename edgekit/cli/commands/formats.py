"""List the model formats that can be read.

With what each is read (a package that is not installed is marked) and how many of its operators convert; with a NAME, the operators
themselves.

Examples:
  edgekit formats
  edgekit formats onnx
  edgekit formats --json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgekit.cli import options as o
from edgekit.cli.command import Argument, Command
from edgekit.cli.console import print_json, print_table

if TYPE_CHECKING:
    from edgekit.converters import FormatInfo


@click.command("formats", cls=Command, help=__doc__)
@click.argument("name", cls=Argument, required=False, help="A format, to list the operators it converts.")
@o.json
def command(name: str | None, json: bool) -> None:
    from edgekit import converters

    found = [f for f in converters.formats() if name in (None, f.name)]
    if not found:
        raise click.BadParameter(f"there is no format {name!r}; there are {', '.join(f.name for f in converters.formats())}")
    if json:
        print_json({"formats": found})
        return
    rows = [[f.name, " ".join(f.suffixes), f.description, _needs(f), "?" if f.coverage is None else len(f.coverage)] for f in found]
    print_table("", ["format", "files", "", "reads with", "operators"], rows)
    for f in found if name is not None else ():
        covered = "this converter does not say what it covers" if f.coverage is None else ", ".join(f.coverage)
        click.echo(f"\n{covered}")


def _needs(f: FormatInfo) -> str:
    shown = []
    for n in f.needs:
        version = n.installed or "not installed"
        shown.append(f"{n.package} ({version}{': ' + n.purpose if n.purpose else ''})")
    return ", ".join(shown) or "numpy alone"
