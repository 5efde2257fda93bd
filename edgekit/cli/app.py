"""Collects the commands and turns exceptions into messages and exit codes."""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any

import click

from edgekit.cli import EXIT_INTERRUPTED, commands
from edgekit.cli.console import print_error, print_json, wants_json
from edgekit.errors import EdgekitError, RuntimeLibraryError, UnsupportedOpError
from edgekit.version import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2

HELP = """From a trained model to fast, small, correct inference on a phone or a board.

Every command takes --json (one JSON document on standard output, errors included) and --help, which shows examples. Progress goes to
standard error.

Exit codes: 0 done, 1 it failed (the message says why and what to do), 2 wrong usage, 3 a check found something, 130 interrupted.
"""

COMPLETION = """
\b
Completion of commands and options, a line of ~/.bashrc (zsh_source for zsh):
  eval "$(_EDGEKIT_COMPLETE=bash_source edgekit)"
"""


class Commands(click.Group):
    """The modules of ``edgekit.cli.commands``, each imported when its command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return command_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _module(cmd_name).command if cmd_name in command_names() else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        # click proposes a similar name since 8.4, from a table that it wants filled with every command
        if args[0] not in command_names() and not ctx.resilient_parsing:
            from difflib import get_close_matches

            close = " or ".join(map(repr, get_close_matches(args[0], command_names())))
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close}?" if close else ""))
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:  # click's own no_args_is_help ended with 0 before 8.2
            click.echo(ctx.get_help(), err=True)
            ctx.exit(EXIT_USAGE)
        return super().parse_args(ctx, args)


@click.group("edgekit", cls=Commands, help=HELP + COMPLETION, context_settings={"show_default": True})
@click.version_option(__version__, message="edgekit %(version)s", help="Print the version.")
def application() -> None:
    """The command line."""


def command_names() -> list[str]:
    """The commands there are, sorted."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(commands.__path__))


def command_modules() -> dict[str, Any]:
    """Command name -> its module, sorted."""
    return {name: _module(name) for name in command_names()}


def _module(name: str) -> Any:
    return importlib.import_module(f"{commands.__name__}.{name.replace('-', '_')}")


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code. Nothing but ``SystemExit``, ``MemoryError`` and the like escapes.

    Args:
        arguments: without the program's name.
    """
    as_json = wants_json(arguments)
    try:
        code = application.main(list(arguments), prog_name="edgekit", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except EdgekitError as e:
        _report(e, as_json)
        return EXIT_FAILED
    except click.ClickException as e:
        if as_json:
            print_json({"error": {"kind": "UsageError", "message": e.format_message()}})
        e.show()
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort) as e:
        if isinstance(e.__cause__, EOFError):  # click takes the end of any file for an interrupt
            return _bug(e.__cause__, as_json)
        if as_json:
            print_json({"error": {"kind": "Interrupted", "message": "interrupted"}})
        click.echo("interrupted; files that were not complete yet were removed", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of our output has gone; keep the interpreter from flushing into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as e:
        return _bug(e, as_json)


def _report(e: EdgekitError, as_json: bool) -> None:
    if as_json:
        record: dict[str, Any] = {"kind": type(e).__name__, "message": str(e)}
        if isinstance(e, UnsupportedOpError):
            record["blockers"] = list(e.blockers)
        if isinstance(e, RuntimeLibraryError):
            record["status"] = e.status
        print_json({"error": record})
    print_error(f"error: {e}")


def _bug(e: BaseException, as_json: bool) -> int:
    import traceback

    if as_json:
        print_json({"error": {"kind": "InternalError", "message": f"{type(e).__name__}: {e}"}})
    traceback.print_exception(e)
    print_error(f"error: {type(e).__name__}: {e}\nThis is a bug in EdgeKit; please report it with the lines above and the model.")
    return EXIT_FAILED


def main() -> None:
    """Run the command line of this process and end it, from ``edgekit.cli.main``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))
