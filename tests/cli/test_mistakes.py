"""What users get wrong: one message that says what to do, and no harm to other files."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import edgekit
from edgekit.cli.app import EXIT_FAILED, EXIT_USAGE, run
from edgekit.errors import EdgekitError, FormatError
from edgekit.ir import GraphBuilder
from edgekit.preprocessing import Preprocessing
from edgekit.types import F32
from tests.fuzz.importers import write
from tests.fuzz.seeds import seeds

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(seeds("onnx")[0], tmp_path / "source")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    b = GraphBuilder("pictures")
    b.output(b.call("Relu", b.input("x", F32, (1, 3, 8, 8))), "y")
    return edgekit.convert(b.graph, tmp_path / "pictures.ekm").path


def fails(arguments: list[str], capsys: Capture, code: int = EXIT_FAILED) -> str:
    assert run(arguments) == code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err


def test_the_source_is_not_overwritten(model: Path, tmp_path: Path, capsys: Capture) -> None:
    before = model.read_bytes()
    (tmp_path / "link").symlink_to(model)
    os.link(model, tmp_path / "hard")
    for name in (str(model), str(tmp_path / "link"), str(tmp_path / "hard")):
        assert "it is the source itself; choose another name" in fails(["convert", str(model), "-o", name], capsys)
    assert model.read_bytes() == before


def test_an_ekm_file_is_not_quantized_onto_itself(pictures: Path, capsys: Capture) -> None:
    before = pictures.read_bytes()
    assert "the source itself" in fails(["quantize", str(pictures), "-o", str(pictures), "--recipe", "float16"], capsys)
    assert pictures.read_bytes() == before


def test_files_of_a_source_folder_are_not_overwritten(model: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.read_bytes())
    assert "part of the source" in fails(["convert", str(folder), "-o", str(folder / "model.onnx")], capsys)
    assert (folder / "model.onnx").read_bytes() == model.read_bytes()


def test_files_that_are_no_models_are_left_alone(model: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "weights.caffemodel").write_bytes(b"weights")
    assert "left alone" in fails(["convert", str(model), "-o", str(tmp_path / "weights.caffemodel")], capsys)
    assert (tmp_path / "weights.caffemodel").read_bytes() == b"weights"
    (tmp_path / "empty.ekm").write_bytes(b"")  # as mktemp leaves it
    assert run(["convert", str(model), "-o", str(tmp_path / "empty.ekm")]) == 0
    assert run(["convert", str(model), "-o", str(tmp_path / "empty.ekm")]) == 0


@pytest.mark.parametrize("command", [["convert", "-o", "{}"], ["prune", "-o", "{}"]])
def test_devices_are_not_replaced_by_files(command: list[str], model: Path, tmp_path: Path, capsys: Capture) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "pipe, socket or device" in fails([c.format(pipe) for c in (command[0], str(model), *command[1:])], capsys)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(FormatError, match="pipe, socket or device"):
        edgekit.files.write_text(pipe, "report")
    assert "pipe, socket or device" in fails(["convert", str(pipe), "-o", str(tmp_path / "m.ekm")], capsys)  # and nobody waits for it


def test_a_link_stays_a_link(model: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    link = tmp_path / "latest.ekm"
    link.symlink_to("models/first.ekm")
    assert run(["convert", str(model), "-o", str(link)]) == 0
    assert link.is_symlink() and (tmp_path / "models" / "first.ekm").stat().st_size > 0


def test_an_empty_path_is_not_the_current_folder(model: Path, capsys: Capture) -> None:
    assert "the path is empty" in fails(["convert", "", "-o", "m.ekm"], capsys, EXIT_USAGE)
    assert "the path is empty" in fails(["convert", str(model), "-o", ""], capsys, EXIT_USAGE)


def test_file_names_that_are_no_text(model: Path, tmp_path: Path, capsys: Capture) -> None:
    odd, out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xff.onnx")), Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xff.ekm"))
    odd.write_bytes(model.read_bytes())
    edgekit.convert(odd, out)
    assert edgekit.load(out).metadata["source.name"] == r"m\udcff.onnx"
    report = edgekit.report(out, tmp_path / "r.html", edgekit.ReportSettings(runs=0))
    assert r"m\udcff.onnx" in report.read_text()


@pytest.mark.parametrize(
    "options", [["--shape", "x:1", "--shape", "x:2"], ["--freeze", "x=1", "--freeze", "x=2"], ["--rename", "x=a", "--rename", "x=b"],
                ["--preprocess", "scale=1", "--preprocess", "mean=1"]]
)  # fmt: skip
def test_nothing_is_said_twice(options: list[str], model: Path, tmp_path: Path, capsys: Capture) -> None:
    fails(["convert", str(model), "-o", str(tmp_path / "m.ekm"), *options], capsys, EXIT_USAGE)
    assert not (tmp_path / "m.ekm").exists()


def test_preprocessing_says_what_is_wrong() -> None:
    with pytest.raises(EdgekitError, match="scale= is there twice"):
        Preprocessing.parse("scale=1,scale=2")
    with pytest.raises(EdgekitError, match="numbers have : between"):
        Preprocessing.parse("mean=1,2,3")


def test_means_that_do_not_fit_are_refused_at_once(pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    assert "2 numbers, the input 3 channels" in fails(["convert", str(pictures), "-o", str(tmp_path / "m.ekm"), "--mean", "1,2"], capsys)


def test_a_layout_of_no_picture(tmp_path: Path, capsys: Capture) -> None:
    b = GraphBuilder("vector")
    b.output(b.call("Relu", b.input("x", F32, (1, 8))), "y")
    path = edgekit.convert(b.graph, tmp_path / "v.ekm").path
    assert "'x' is float32[1, 8]" in fails(["convert", str(path), "-o", str(tmp_path / "m.ekm"), "--input-layout", "nhwc"], capsys)


def test_sizes_beyond_any_memory(tmp_path: Path, capsys: Capture) -> None:
    b = GraphBuilder("large")
    b.output(b.call("Relu", b.input("x", F32, (1 << 36, 1 << 36))), "y")
    with pytest.raises(FormatError, match="no device has"):
        edgekit.convert(b.graph, tmp_path / "m.ekm")
    b = GraphBuilder("not so large")  # a plan is made; random inputs would fill the memory of this machine
    b.output(b.call("Relu", b.input("x", F32, (1 << 40,))), "y")
    assert edgekit.convert(b.graph, tmp_path / "m.ekm").errors == ()


def test_python_without_docstrings(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-OO", "-m", "edgekit", "convert", str(model), "-o", str(tmp_path / "m.ekm")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_long_names_are_shown_by_their_ends(tmp_path: Path, capsys: Capture) -> None:
    name = "begin/" + "very/" * 60 + "end"
    x, y = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("NoSuch", ["x"], ["y"], name=name)], "g", [x], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
    assert run(["check", str(tmp_path / "m.onnx")]) == 3
    out = capsys.readouterr().out
    assert "begin/" in out and "very/end'" in out and name not in out
    assert run(["check", str(tmp_path / "m.onnx"), "--json"]) == 3
    assert name in capsys.readouterr().out
    assert "very/end'" in fails(["convert", str(tmp_path / "m.onnx"), "-o", str(tmp_path / "m.ekm")], capsys)
