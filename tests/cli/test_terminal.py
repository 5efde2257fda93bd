"""What is shown only where somebody looks: colours and live progress bars, on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.digits import digits_files

RED = "\x1b[31m\x1b[1m"


def on_a_terminal(*arguments: object, **variables: str) -> tuple[int, str]:
    """Exit code of a command, and what it wrote to standard error, which is a terminal."""
    reader, writer = pty.openpty()
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekit", *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer, env={**kept, "TERM": "xterm", **variables},
    )  # fmt: skip
    os.close(writer)
    written = b""
    try:
        while chunk := os.read(reader, 65536):
            written += chunk
    except OSError:  # Linux ends a pseudo-terminal so
        pass
    os.close(reader)
    return process.wait(), written.decode()


def test_errors_are_red() -> None:
    code, text = on_a_terminal("inspect", "nofile.onnx")
    assert code == 1 and text.startswith(f"{RED}error: nofile.onnx: there is no such file")


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_declined(variables: dict[str, str]) -> None:
    code, text = on_a_terminal("inspect", "nofile.onnx", **variables)
    assert code == 1 and text.startswith("error: nofile.onnx") and "\x1b" not in text


def test_a_long_command_draws_a_bar_and_takes_it_away() -> None:
    code, text = on_a_terminal("bench", digits_files().floats.path, "--runs", 20)
    assert code == 0 and "run" in text and "25/25" in text
    assert text.rstrip().endswith("\x1b[2K"), "the bar's line is erased in the end"
