"""List everything that keeps models from converting.

All obstacles of a model at once, with the nodes concerned, where they stand in the source, a reason code, and what to do. Exit code 3 if
there is any, 1 if a file cannot be read at all.

Examples:
  edgekit check model.onnx
  edgekit check model.onnx --shape x:1,3,224,224
  edgekit check *.onnx *.tflite --json
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from edgekit import converters
from edgekit.cli import options as o
from edgekit.cli.console import console, error_console, parse_freeze, parse_shapes, print_json
from edgekit.errors import Blocker, EdgekitError

EXIT_UNREADABLE = 1
EXIT_BLOCKED = 3
SHOWN_NODES = 3


@dataclass
class Finding:
    """What was found about one model.

    Attributes:
        converts: whether nothing is in the way.
        blockers: the obstacles.
        error: why it cannot be read at all: kind and message; None where it can.
    """

    converts: bool = False
    blockers: list[Blocker] = field(default_factory=list)
    error: dict[str, str] | None = None


def command(
    models: Annotated[list[Path], typer.Argument(help="Models of any supported format.")],
    shape: o.Shape = [],  # noqa: B006  (typer copies it)
    freeze: o.Freeze = [],  # noqa: B006
    signature: o.Signature = None,
    json: o.Json = False,
) -> None:
    shapes, values = parse_shapes(shape), parse_freeze(freeze)
    found = {}
    for m in models:
        found[str(m)] = _check(m, shapes, values, signature)
        if not json:
            _show(m, found[str(m)])
    if json:
        print_json({"models": found})
    if any(f.error for f in found.values()):
        raise typer.Exit(EXIT_UNREADABLE)
    if not all(f.converts for f in found.values()):
        raise typer.Exit(EXIT_BLOCKED)


def _check(model: Path, shapes: Any, values: dict[str, Any], signature: str | None) -> Finding:
    try:
        blockers = converters.check(model, shapes, signature=signature, values=values)
    except EdgekitError as e:
        return Finding(error={"kind": type(e).__name__, "message": str(e)})
    return Finding(not blockers, blockers)


def _show(model: Path, found: Finding) -> None:
    out = console()
    if found.error is not None:
        error_console().print(f"error: {found.error['message']}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        return
    n = len(found.blockers)
    outcome = "converts" if found.converts else f"does not convert, for {n} reason{'s' if n > 1 else ''}"
    out.print(f"{model}: {outcome}", markup=False, soft_wrap=True)
    for b in found.blockers:
        out.print(f"  {b.op} ({b.reason}) at {_where(b)}: {b.message}", markup=False, soft_wrap=True)
        if b.hint:
            out.print(f"    {b.hint}", markup=False, soft_wrap=True)


def _where(b: Blocker) -> str:
    locations = b.locations or ("",) * len(b.nodes)
    places = [f"{name!r} in {place}" if place else repr(name) for name, place in zip(b.nodes, locations, strict=True)]
    return ", ".join(places[:SHOWN_NODES]) + (f" and {len(places) - SHOWN_NODES} more" if len(places) > SHOWN_NODES else "")
