"""List the model formats that can be read.

Examples:
  edgekit formats
"""

from __future__ import annotations

from edgekit import converters
from edgekit.cli import options as o
from edgekit.cli.console import console, print_json, table


def command(json: o.Json = False) -> None:
    found = converters.formats()
    if json:
        print_json({"formats": found})
        return
    console().print(table("", ["format", "files", ""], [[f.name, " ".join(f.suffixes), f.description] for f in found]))
