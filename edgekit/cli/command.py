"""Commands and arguments as click has them, with a help that lists arguments too and keeps the lines of examples."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from edgekit.cli import end_when_interrupted


class Argument(click.Argument):
    """An argument with a line of help (click's own has one since 8.5).

    Attributes:
        help: what to give.
    """

    def __init__(self, *args: Any, help: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.help: str | None = help


class Command(click.Command):
    """A command whose help is a module's docstring: a line, paragraphs, and ``Examples:``."""

    def __init__(self, name: str | None, help: str | None = None, **attributes: Any) -> None:
        text = (help or "").strip()
        summary = text.split("\n", 1)[0].rstrip(".")
        # the mark \b keeps the lines of a paragraph as they stand
        super().__init__(name, help=text.replace("\nExamples:\n", "\n\b\nExamples:\n"), short_help=summary, **attributes)

    def invoke(self, ctx: click.Context) -> Any:
        with _interruptible():
            return super().invoke(ctx)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Nothing more: click 8.5 would list the arguments a second time."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        arguments = [
            (p.human_readable_name + ("" if p.nargs == 1 else "..."), (p.help or "") + ("  [required]" if p.required else ""))
            for p in self.params
            if isinstance(p, Argument)
        ]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        options = [p.get_help_record(ctx) for p in self.get_params(ctx) if isinstance(p, click.Option)]
        with formatter.section("Options"):
            formatter.write_dl([o for o in options if o is not None])


@contextmanager
def _interruptible() -> Iterator[None]:
    """Interrupts are ``KeyboardInterrupt`` while a command works, so that it leaves no halves of files; before and after they end all."""
    early = signal.getsignal(signal.SIGINT) is end_when_interrupted
    if early:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if early:
            signal.signal(signal.SIGINT, end_when_interrupted)
