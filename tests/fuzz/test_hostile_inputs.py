"""What users give besides models: files of arrays, sizes and numbers on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.arrays import read_arrays
from edgekit.cli.app import run as run_command
from tests.fuzz.seeds import SAMPLES
from tests.require import require_module

MODEL = SAMPLES / "digits.pt2"
SIZES = (
    "-1", "0", "9" * 19, "9" * 5000, f"1..{'9' * 30}", "1..", "..", "1..1..1", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT THREE}", "1e9",
    "nan", "", "1,1", "x" * 5000, "é\ud800",
)  # fmt: skip


def hostile_arrays(folder: Path) -> list[Path]:
    """Files that are called .npy."""
    good = folder / "good.npy"
    np.save(good, np.zeros((1, 1, 8, 8), np.float32))
    data = good.read_bytes()
    at = data.index(b"(1, 1, 8, 8)")
    headers = {
        "huge": b"(9999999, 99999999, 8, 8)", "large": b"(1, 100000, 8000, 1)", "negative": b"(-1, 1, 8, 8)",
        "many": b"(" + b"1," * 40 + b")", "text": b"('a',)", "half": b"(1.5,)", "open": b"(" * 40, "empty": b"(0, 4611686018427387904)",
    }  # fmt: skip
    found = {name: data[:at] + (shape + b", }").ljust(128 - at - 1) + b"\n" + data[128:] for name, shape in headers.items()}
    found |= {"nothing": b"", "cut": data[:50], "short": data[:-1], "zip": b"PK\x03\x04" + bytes(40), "other": b"hello"}
    for name, content in found.items():
        (folder / f"{name}.npy").write_bytes(content)
    np.save(folder / "objects.npy", np.asarray([{}], object), allow_pickle=True)
    os.mkfifo(folder / "pipe.npy")
    (folder / "folder.npy").mkdir()
    return sorted(p for p in folder.glob("*.npy") if p != good)


def test_broken_arrays_are_value_errors(tmp_path: Path) -> None:
    paths = hostile_arrays(tmp_path)
    assert len(paths) == 16
    for path in paths:
        with pytest.raises(ValueError, match=r".") as error:
            read_arrays(path)
        assert not isinstance(error.value, UnicodeError)
    with pytest.raises(ValueError, match=r"its header says 3200000000 bytes of float32\[1, 100000, 8000, 1\], it holds 256"):
        read_arrays(tmp_path / "large.npy")
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "gone.npy")
    assert read_arrays(tmp_path / "good.npy").shape == (1, 1, 8, 8)
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.ones(2))
    assert {k: v.size for k, v in read_arrays(tmp_path / "two.npz").items()} == {"a": 1, "b": 2}


def test_broken_arrays_on_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = edgekit.convert(MODEL, tmp_path / "m.ekm", options=edgekit.ConvertOptions(check=False)).path
    name = edgekit.Session(model).inputs[0].name
    for path in hostile_arrays(tmp_path):
        assert run_command(["run", str(model), "--input", f"{name}={path}", "--output-dir", str(tmp_path / "out")]) in (1, 2)
        assert run_command(["convert", str(MODEL), "-o", str(tmp_path / "o.ekm"), "--freeze", f"{name}={path}"]) in (1, 2)
    said = capfd.readouterr()
    assert "This is a bug" not in said.out + said.err


@pytest.mark.parametrize("size", SIZES, ids=lambda s: ascii(s)[:24])
def test_sizes_on_the_command_line(size: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    model, out = str(SAMPLES / "digits.onnx"), str(tmp_path / "m.ekm")
    for words in (["--shape", f"image:{size},1,8,8"], ["--freeze", f"image={size}"], ["--capacity", size]):
        assert run_command(["convert", model, "-o", out, *words]) in (0, 1, 2)
    said = capfd.readouterr()
    assert "This is a bug" not in said.out + said.err
