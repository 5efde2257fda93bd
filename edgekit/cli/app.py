"""Collects the commands and turns exceptions into messages and exit codes."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from edgekit.cli import commands
from edgekit.cli.console import error_console, print_json, wants_json
from edgekit.errors import EdgekitError, RuntimeLibraryError, UnsupportedOpError
from edgekit.version import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

HELP = """From a trained model to fast, small, correct inference on a phone or a board.

Every command takes --json (one JSON document on standard output, errors included) and --help, which shows examples. Progress goes to
standard error.

Exit codes: 0 done, 1 it failed (the message says why and what to do), 2 wrong usage, 3 a check found something, 130 interrupted.
"""

#: the base of "wrong usage": typer's own class since 0.16, click's before
_USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _version(value: bool) -> None:
    if value:
        print(f"edgekit {__version__}")
        raise typer.Exit


@functools.cache
def build(only: str | None = None) -> typer.Typer:
    """The application with every command of ``edgekit.cli.commands``; with one alone, which starts quicker."""
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version.")) -> None:
        """Options of all commands."""

    for name, module in command_modules(only).items():
        app.command(name=name, help=help_text(module), short_help=summary(module))(module.command)
    return app


def summary(module: Any) -> str:
    """First line of a command's docstring, without the full stop."""
    return inspect.cleandoc(module.__doc__ or "").split("\n", 1)[0].rstrip(".")


def help_text(module: Any) -> str:
    """A command's docstring; the lines of its examples are kept as they stand (the mark \\b asks for that)."""
    return inspect.cleandoc(module.__doc__ or "").replace("\nExamples:\n", "\n\b\nExamples:\n")


def command_names() -> list[str]:
    """The commands there are, sorted."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(commands.__path__))


def command_modules(only: str | None = None) -> dict[str, Any]:
    """Command name -> its module, sorted; of one command where it is named."""
    names = command_names() if only is None else [only]
    return {n: importlib.import_module(f"{commands.__name__}.{n.replace('-', '_')}") for n in names}


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code. Nothing but ``MemoryError`` and the like escapes.

    Args:
        arguments: without the program's name.
    """
    as_json = wants_json(arguments)
    try:
        only = arguments[0] if arguments and arguments[0] in command_names() else None
        code = typer.main.get_command(build(only)).main(list(arguments), prog_name="edgekit", standalone_mode=False)
        sys.stdout.flush()
        if code == EXIT_INTERRUPTED:  # newer typer turns the interrupt into this code, older click into Abort
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except EdgekitError as e:
        _report(e, as_json)
        return EXIT_FAILED
    except _USAGE_ERROR as e:
        if as_json:
            print_json({"error": {"kind": "UsageError", "message": e.format_message()}})
        e.show()
        return EXIT_USAGE
    except (KeyboardInterrupt, typer.Abort):
        if as_json:
            print_json({"error": {"kind": "Interrupted", "message": "interrupted"}})
        error_console().print("interrupted; files that were not complete yet were removed", markup=False)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of our output has gone; keep the interpreter from flushing into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as e:
        if as_json:
            print_json({"error": {"kind": "InternalError", "message": f"{type(e).__name__}: {e}"}})
        traceback.print_exc()
        error_console().print(
            f"error: {type(e).__name__}: {e}\nThis is a bug in EdgeKit; please report it with the lines above and the model.",
            style="bold red", markup=False, soft_wrap=True,
        )  # fmt: skip
        return EXIT_FAILED


def _report(e: EdgekitError, as_json: bool) -> None:
    if as_json:
        record: dict[str, Any] = {"kind": type(e).__name__, "message": str(e)}
        if isinstance(e, UnsupportedOpError):
            record["blockers"] = list(e.blockers)
        if isinstance(e, RuntimeLibraryError):
            record["status"] = e.status
        print_json({"error": record})
    error_console().print(f"error: {e}", style="bold red", markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))
