"""What a command loads before it does anything: nothing that it can do without."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys

import pytest

from edgekit.cli.app import command_modules, command_names

#: what no start needs: pictures on a terminal, packages of other projects' command lines, and every framework
HEAVY = [
    "typer", "pydantic", "pydantic_core", "rich", "jinja2", "PIL", "onnx", "google.protobuf", "h5py", "torch", "tensorflow", "keras",
    "onnxruntime", "ai_edge_litert", "tflite_runtime", "transformers", "sklearn", "scipy", "ml_dtypes",
]  # fmt: skip
CODE = """
import json, sys
from edgekit.cli.app import run
code = run(sys.argv[2:])
print(json.dumps([code, sorted(m for m in sys.modules if m in json.loads(sys.argv[1]))]), file=sys.stderr)
"""


def start(heavy: list[str], *arguments: str) -> tuple[int, list[str]]:
    """Exit code of a command in a fresh process, and which of the ``heavy`` modules it loaded."""
    command = [sys.executable, "-c", CODE, json.dumps(heavy), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    return code, loaded


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["convert", "--help"], 0),
        (["convert", "nofile.onnx", "-o", "x.ekm"], 1),
        (["run", "nofile.ekm"], 1),
        (["devices", "--json"], 0),
        (["transmogrify"], 2),
    ],
)
def test_plain_commands_load_no_framework(arguments: list[str], code: int) -> None:
    assert start(HEAVY, *arguments) == (code, [])


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["convert", "--help"], 0), (["bench", "m.ekm", "-n", "0"], 2)])
def test_help_and_wrong_usage_load_no_numpy(arguments: list[str], code: int) -> None:
    assert start([*HEAVY, "numpy", "edgekit.ops", "edgekit.api", "edgekit.runtime"], *arguments) == (code, [])


def test_what_is_looked_for_is_seen_when_it_is_there() -> None:
    """A table does load rich: the list above can fail."""
    assert start(["rich"], "devices") == (0, ["rich"])


def test_only_the_named_command_is_loaded() -> None:
    modules = [f"edgekit.cli.commands.{name}" for name in command_names()]
    assert start(modules, "formats", "--json") == (0, ["edgekit.cli.commands.formats"])
    assert start(modules, "--version") == (0, [])


def test_every_module_names_its_command_as_its_file() -> None:
    assert {name: module.command.name for name, module in command_modules().items()} == {name: name for name in command_names()}


@pytest.mark.parametrize("name", command_names())
def test_functions_take_what_is_declared(name: str) -> None:
    command = command_modules()[name].command
    assert [p.name for p in command.params] == list(inspect.signature(command.callback).parameters)


@pytest.mark.parametrize(("words", "expected"), [("edgekit conv", "convert"), ("edgekit convert --cal", "--calibration")])
def test_the_shell_completes_commands_and_options(words: str, expected: str) -> None:
    environment = {**os.environ, "_EDGEKIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "from edgekit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert [line.split(",")[1] for line in done.stdout.splitlines()] == [expected]
