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
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options as o
from edgekit.cli.command import Argument, Command
from edgekit.cli.console import print_error, print_json
from edgekit.errors import Blocker, EdgekitError, short_name

if TYPE_CHECKING:
    from edgekit.ir import Part

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


@click.command("check", cls=Command, help=__doc__)
@click.argument("models", cls=Argument, type=o.PATH, nargs=-1, required=True, help="Models of any supported format.")
@o.shape
@o.freeze
@o.signature
@o.outputs
@o.inputs
@o.json
def command(
    models: tuple[Path, ...],
    shape: tuple[str, ...],
    freeze: tuple[str, ...],
    signature: str | None,
    outputs: tuple[str, ...],
    inputs: tuple[str, ...],
    json: bool,
) -> None:
    from edgekit.cli.parsing import parse_freeze, parse_names, parse_shapes
    from edgekit.ir import Part

    shapes, values, part = parse_shapes(shape), parse_freeze(freeze), Part(parse_names(outputs), parse_names(inputs))
    found = {}
    for m in models:
        found[str(m)] = _check(m, shapes, values, signature, part)
        if not json:
            _show(m, found[str(m)])
    if json:
        print_json({"models": found})
    if any(f.error for f in found.values()):
        raise click.exceptions.Exit(EXIT_UNREADABLE)
    if not all(f.converts for f in found.values()):
        raise click.exceptions.Exit(EXIT_BLOCKED)


def _check(model: Path, shapes: Any, values: dict[str, Any], signature: str | None, part: Part) -> Finding:
    from edgekit import converters

    try:
        blockers = converters.check(model, shapes, signature=signature, values=values, part=part)
    except EdgekitError as e:
        return Finding(error={"kind": type(e).__name__, "message": str(e)})
    return Finding(not blockers, blockers)


def _show(model: Path, found: Finding) -> None:
    if found.error is not None:
        print_error(f"error: {found.error['message']}")
        return
    n = len(found.blockers)
    outcome = "converts" if found.converts else f"does not convert, for {n} reason{'s' if n > 1 else ''}"
    click.echo(f"{model}: {outcome}")
    for b in found.blockers:
        click.echo(f"  {b.op} ({b.reason}) at {_where(b)}: {b.message}")
        if b.hint:
            click.echo(f"    {b.hint}")


def _where(b: Blocker) -> str:
    locations = b.locations or ("",) * len(b.nodes)
    places = [repr(short_name(n)) + (f" in {place}" if place else "") for n, place in zip(b.nodes, locations, strict=True)]
    return ", ".join(places[:SHOWN_NODES]) + (f" and {len(places) - SHOWN_NODES} more" if len(places) > SHOWN_NODES else "")
