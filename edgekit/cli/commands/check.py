"""List everything that keeps models from converting.

All obstacles of a model at once, with the nodes concerned and what to do. Exit code 3 if there is any.

Examples:
  edgekit check model.onnx
  edgekit check *.onnx --json
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgekit import converters
from edgekit.cli import options as o
from edgekit.cli.console import console, print_json


def command(
    models: Annotated[list[Path], typer.Argument(help="Models of any supported format.")],
    signature: o.Signature = None,
    json: o.Json = False,
) -> None:
    found = {str(m): converters.check(m, signature=signature) for m in models}
    if json:
        print_json({"models": {m: list(b) for m, b in found.items()}})
    else:
        out = console()
        for m, blockers in found.items():
            out.print(f"{m}: " + ("converts" if not blockers else f"{len(blockers)} blocker(s)"), markup=False, soft_wrap=True)
            for b in blockers:
                where = ", ".join(repr(n) for n in b.nodes[:3]) + (f" and {len(b.nodes) - 3} more" if len(b.nodes) > 3 else "")
                out.print(f"  {b.op} ({b.reason}) at {where}: {b.message}", markup=False, soft_wrap=True)
                if b.hint:
                    out.print(f"    {b.hint}", markup=False, soft_wrap=True)
    if any(found.values()):
        raise typer.Exit(3)
