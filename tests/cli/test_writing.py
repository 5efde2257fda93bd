"""Whatever goes wrong while a model of any format is converted: one message, and nothing half-written."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.cli.app import EXIT_FAILED, EXIT_INTERRUPTED, run
from tests.fuzz.importers import write
from tests.fuzz.seeds import OWN, seeds
from tests.require import require_module

BEFORE = b"\x10\0\0\0EKM1: what was there before"


def source(name: str, folder: Path) -> str:
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")
    return str(write(seeds(name)[0], folder / "source"))


def target(folder: Path) -> Path:
    path = folder / "out" / "model.ekm"
    path.parent.mkdir()
    path.write_bytes(BEFORE)
    return path


def untouched(path: Path) -> bool:
    return [p.name for p in path.parent.iterdir()] == [path.name] and path.read_bytes() == BEFORE


@pytest.mark.parametrize("name", OWN)
def test_interrupted_while_writing(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    path = target(tmp_path)
    monkeypatch.setattr(os, "fsync", interrupt)
    assert run(["convert", source(name, tmp_path), "-o", str(path)]) == EXIT_INTERRUPTED
    assert "interrupted" in capsys.readouterr().err
    assert untouched(path)


@pytest.mark.parametrize("name", OWN)
def test_interrupted_while_reading(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    path, model = target(tmp_path), source(name, tmp_path)
    monkeypatch.setattr("edgekit.ir.builder.GraphBuilder.call_multi", interrupt)
    assert run(["convert", model, "-o", str(path)]) == EXIT_INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err
    assert untouched(path)


@pytest.mark.parametrize("name", OWN)
def test_a_full_disk(name: str, tmp_path: Path) -> None:
    path, model = target(tmp_path), source(name, tmp_path)

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    command = [sys.executable, "-m", "edgekit", "convert", model, "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small_files)
    assert done.returncode == EXIT_FAILED and "Traceback" not in done.stderr
    assert f"cannot write {path}" in done.stderr and "nothing was changed there" in done.stderr
    assert untouched(path)


def no_folder(folder: Path) -> Path:
    return folder / "missing" / "m.ekm"


def a_file_in_the_way(folder: Path) -> Path:
    (folder / "file").write_bytes(b"")
    return folder / "file" / "m.ekm"


def a_folder_of_that_name(folder: Path) -> Path:
    (folder / "m.ekm").mkdir()
    return folder / "m.ekm"


def read_only(folder: Path) -> Path:
    return Path("/proc/self/m.ekm")  # not even root writes here


@pytest.mark.parametrize("make", [no_folder, a_file_in_the_way, a_folder_of_that_name, read_only])
def test_places_that_cannot_be_written(make: Callable[[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path)
    assert run(["convert", source("onnx", tmp_path), "-o", str(path)]) == EXIT_FAILED
    err = capsys.readouterr().err
    assert f"cannot write {path}" in err and "Traceback" not in err
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_long_conversion_tells_how_far_it_is(tmp_path: Path) -> None:
    import edgekit

    told: list[str] = []
    options = edgekit.ConvertOptions(progress=lambda stage, done, total: told.append(stage))
    edgekit.convert(source("onnx", tmp_path), tmp_path / "m.ekm", options=options)
    assert told == ["read", "optimize", "check", "write"]
