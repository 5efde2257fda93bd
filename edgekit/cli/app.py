"""Collects the commands and turns exceptions into messages and exit codes."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import typer

from edgekit.cli import commands
from edgekit.cli.console import error_console, wants_json
from edgekit.errors import EdgekitError
from edgekit.version import __version__

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

HELP = """From a trained model to fast, small, correct inference on a phone or a board.

Exit codes: 0 done, 1 it failed (the message says why and what to do), 2 wrong usage, 3 a check found something, 130 interrupted.
"""


def _version(value: bool) -> None:
    if value:
        print(f"edgekit {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """The application with every command of ``edgekit.cli.commands``."""
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.")) -> None:
        """Options of all commands."""

    for module in sorted(m.name for m in pkgutil.iter_modules(commands.__path__)):
        loaded = importlib.import_module(f"{commands.__name__}.{module}")
        app.command(name=module.replace("_", "-"), help=loaded.__doc__)(loaded.command)
    return app


def main() -> None:
    """Entry point of the console script."""
    try:
        build()(standalone_mode=True)
    except EdgekitError as e:
        if wants_json(sys.argv):
            print(json.dumps({"error": {"kind": type(e).__name__, "message": str(e)}}))
        error_console().print(f"error: {e}", style="bold red", markup=False, highlight=False)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        error_console().print("interrupted; no file was changed", markup=False)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
