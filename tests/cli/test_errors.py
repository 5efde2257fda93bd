"""What the command line says and does when something is wrong."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.cli import EXIT_INTERRUPTED
from edgekit.cli.app import EXIT_FAILED, EXIT_USAGE, run
from tests.digits import MODEL, DigitsFiles, digits_files


@pytest.fixture
def digits() -> DigitsFiles:
    return digits_files()


def _fails(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = EXIT_FAILED) -> str:
    """The message of a command that must fail; on standard error, and the same in JSON."""
    words = [str(a) for a in arguments]
    capsys.readouterr()
    assert run(words) == code
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    assert run([*words, "--json"]) == code
    record = json.loads(capsys.readouterr().out)["error"]
    assert record["kind"] != "InternalError"
    assert record["message"].split("\n")[0] in err
    return str(record["message"])


CASES: dict[str, tuple[list[str], int, list[str]]] = {
    "missing source": (["convert", "{tmp}/none.onnx", "-o", "{tmp}/x.ekm"], 1, ["none.onnx", "no such file"]),
    "missing model": (["run", "{tmp}/none.ekm"], 1, ["none.ekm", "no such file"]),
    "not a model": (["convert", "{tmp}/text.onnx", "-o", "{tmp}/x.ekm"], 1, ["text.onnx"]),
    "source given to run": (["run", "{onnx}"], 1, ["is not a (whole) .ekm file", "edgekit convert"]),
    "unknown input": (
        ["run", "{ekm}", "-i", "photo={tmp}/digit.npy"],
        1,
        ["no input is called 'photo'", "'image' is missing", "image: float32[1, 1, 8, 8]"],
    ),
    "no input": (["run", "{ekm}"], 1, ["'image' is missing"]),
    "missing input file": (["run", "{ekm}", "-i", "image={tmp}/none.npy"], 1, ["there is no file", "none.npy"]),
    "input is no array": (["run", "{ekm}", "-i", "image={tmp}/text.onnx"], 1, ["'image'", "not a readable .npy"]),
    "wrong shape": (["run", "{ekm}", "-i", "image={tmp}/wrong.npy"], 1, ["[1, 3, 8, 8]", "image: float32[1, 1, 8, 8]"]),
    "wrong type": (["run", "{ekm}", "-i", "image={tmp}/double.npy"], 1, ["float64", "astype(np.float32)"]),
    "unknown isa": (["run", "{ekm}", "-i", "{tmp}/digit.npy", "--isa", "mmx"], 1, ["mmx"]),
    "unknown back end": (["run", "{ekm}", "-i", "{tmp}/digit.npy", "--backend", "vulkan"], 1, ["vulkan", "cpu"]),
    "int8 without data": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "-q", "int8"], 1, ["calibration", "--calibration"]),
    "missing calibration": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "-q", "int8", "-c", "{tmp}/nowhere"], 1, ["nowhere"]),
    "empty calibration": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "-q", "int8", "-c", "{tmp}/empty"], 1, ["empty", ".npy"]),
    "calibration of another shape": (
        ["convert", "{onnx}", "-o", "{tmp}/x.ekm", "-q", "int8", "-c", "{tmp}/wrong.npy"],
        1,
        ["wrong.npy", "'image'", "[1, 3, 8, 8]"],
    ),
    "unknown recipe": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "-q", "int3"], 1, ["int3", "float16"]),
    "unknown device": (["simulate", "{ekm}", "--device", "abacus"], 1, ["abacus"]),
    "unwritable output": (["convert", "{onnx}", "-o", "{tmp}/nowhere/x.ekm"], 1, ["nowhere"]),
    "unknown shape name": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "--shape", "photo:1,1,8,8"], 1, ["photo", "image"]),
    "malformed shape": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "--shape", "image:1,x y"], 2, ["image:1,x y"]),
    "malformed mean": (["convert", "{onnx}", "-o", "{tmp}/x.ekm", "--mean", "a"], 2, ["--mean"]),
    "missing option": (["convert", "{onnx}"], 2, ["--output"]),
    "unknown option": (["inspect", "{onnx}", "--colour"], 2, ["--colour"]),
    "unknown command": (["transmogrify"], 2, ["transmogrify"]),
}


@pytest.mark.parametrize("name", CASES)
def test_messages(capsys: pytest.CaptureFixture[str], digits: DigitsFiles, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.onnx").write_text("this is no model\n")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "digit.npy", digits.images[:1])
    np.save(tmp_path / "wrong.npy", np.zeros((1, 3, 8, 8), np.float32))
    np.save(tmp_path / "double.npy", digits.images[:1].astype(np.float64))
    before = sorted(p.name for p in tmp_path.iterdir())
    words, code, expected = CASES[name]
    message = _fails(capsys, *(w.format(tmp=tmp_path, onnx=MODEL, ekm=digits.floats.path) for w in words), code=code)
    for part in expected:
        assert part in message, message
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_200_truncations_give_200_clean_errors(capsys: pytest.CaptureFixture[str], digits: DigitsFiles, tmp_path: Path) -> None:
    whole = digits.int8.path.read_bytes()
    path = tmp_path / "cut.ekm"
    lengths = sorted({*range(20), *np.linspace(20, len(whole) - 1, 180).astype(int).tolist()})
    assert len(lengths) == 200
    for n in lengths:
        path.write_bytes(whole[:n])
        message = _fails(capsys, "run", path, "-i", digits.folder / "digit.npy")
        assert "cut.ekm" in message


def test_a_truncation_does_not_crash_the_process(digits: DigitsFiles, tmp_path: Path) -> None:
    whole = digits.int8.path.read_bytes()
    (tmp_path / "cut.ekm").write_bytes(whole[: len(whole) // 2])
    done = _process("run", str(tmp_path / "cut.ekm"), "-i", str(digits.folder / "digit.npy"))
    assert done.returncode == EXIT_FAILED and done.stdout == "" and done.stderr.startswith("error: ")


def test_results_and_progress_go_to_different_streams(digits: DigitsFiles) -> None:
    done = _process("bench", str(digits.int8.path), "--runs", "2", "--json")
    assert done.returncode == 0 and done.stderr == ""
    assert json.loads(done.stdout)["runs"] == 2


#: the command waits at a pipe in the middle of the calibration
WAITING = """
import sys
from pathlib import Path
from edgekit.quantize import calibration
pipe, *sys.argv[1:] = sys.argv[1:]
read = calibration.read_arrays
calibration.read_arrays = lambda path: Path(pipe).read_bytes() if path.name == "1.npy" else read(path)
from edgekit.cli import main
main()
"""


@contextlib.contextmanager
def reader_of(pipe: Path, process: subprocess.Popen[str]) -> Iterator[None]:
    """Once the process has opened the pipe it waits there, until the end of the ``with`` statement."""
    while True:
        try:
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as e:
            assert e.errno == errno.ENXIO, e  # nobody reads
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    try:
        yield
    finally:
        os.close(writer)


def test_interrupt_leaves_no_broken_file(digits: DigitsFiles, tmp_path: Path) -> None:
    folder = tmp_path / "calibration"
    folder.mkdir()
    np.save(folder / "0.npy", digits.images[:1])
    np.save(folder / "1.npy", digits.images[:1])
    os.mkfifo(tmp_path / "pipe")
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.ekm").write_bytes(b"\x10\0\0\0EKM1: what was there before")
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", WAITING, str(tmp_path / "pipe")),
            *("convert", str(MODEL), "-o", str(out / "model.ekm"), "-q", "int8", "-c", str(folder)),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with reader_of(tmp_path / "pipe", process):
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED, stderr
    assert "interrupted" in stderr and "Traceback" not in stderr and stdout == ""
    assert [p.name for p in out.iterdir()] == ["model.ekm"]
    assert (out / "model.ekm").read_bytes() == b"\x10\0\0\0EKM1: what was there before"


@pytest.mark.parametrize("json_too", [False, True])
def test_interrupt_while_modules_are_loaded(tmp_path: Path, json_too: bool) -> None:
    (tmp_path / "click").mkdir()
    os.mkfifo(tmp_path / "pipe")
    # the import of click waits until somebody writes, and would swallow what is raised there
    (tmp_path / "click" / "__init__.py").write_text(
        f"try:\n    open({str(tmp_path / 'pipe')!r}).read()\nexcept KeyboardInterrupt:\n    print('lost')"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekit", "formats", *(["--json"] if json_too else [])],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    with reader_of(tmp_path / "pipe", process):
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED and stderr == "interrupted\n"
    if json_too:
        assert json.loads(stdout) == {"error": {"kind": "Interrupted", "message": "interrupted"}}
    else:
        assert stdout == ""


def test_little_is_imported_before_an_interrupt_is_handled() -> None:
    code = "import edgekit.cli; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import os, sys; sys.path += {sys.path!r}; {code}"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "edgekit.cli" in loaded and not loaded & {"typing", "re", "enum", "pathlib", "importlib.metadata", "click", "edgekit.errors"}


def test_a_command_in_the_background_goes_on_ignoring_interrupts() -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.argv[1:] = ['devices', '--json']\n"
        "from edgekit.cli import main\ntry:\n    main()\nfinally:\n    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "edgekit", "devices"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == EXIT_FAILED and "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_a_bug_says_that_it_is_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("edgekit.converters.formats", broken)
    assert run(["formats", "--json"]) == EXIT_FAILED
    out, err = capsys.readouterr()
    assert json.loads(out)["error"] == {"kind": "InternalError", "message": "ZeroDivisionError: oops"}
    assert "bug in EdgeKit" in err


def test_no_arguments_show_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == EXIT_USAGE
    out, err = capsys.readouterr()
    assert "convert" in out + err


def _process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "edgekit", *arguments], capture_output=True, text=True)
