"""Files that are no models, by what people take for one: the message says what they are, and what to do."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.cli.app import EXIT_FAILED, EXIT_USAGE, run
from tests.digits import MODEL, DigitsFiles, digits_files

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def digits() -> DigitsFiles:
    return digits_files()


def plain(name: str, content: bytes | str, *beside: str) -> Callable[[Path], Path]:
    """A file, with others beside it."""

    def make(folder: Path) -> Path:
        for other in beside:
            (folder / other).write_bytes(b"\0" * 64)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder / name

    return make


def archive(name: str, member: str) -> Callable[[Path], Path]:
    """A tar archive, packed where its name says so."""

    def make(folder: Path) -> Path:
        with tarfile.open(folder / name, "w:gz" if name.endswith("gz") else "w") as t:
            info = tarfile.TarInfo(member)
            info.size = 10_000
            t.addfile(info, io.BytesIO(np.random.default_rng(0).bytes(10_000)))
        return folder / name

    return make


def locked(name: str, member: str) -> Callable[[Path], Path]:
    """A zip archive whose entries say that they are encrypted."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / name, "w") as z:
            z.writestr(member, b"{}")
        data = bytearray((folder / name).read_bytes())
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        (folder / name).write_bytes(data)
        return folder / name

    return make


def named(name: str) -> Callable[[Path], Path]:
    """A path at which there is nothing; a checkpoint's files bear its name."""

    def make(folder: Path) -> Path:
        (folder / f"{name}.index").write_bytes(b"\0" * 64)
        return folder / name

    return make


def folder_of(*names: str) -> Callable[[Path], Path]:
    """A folder with files in it."""

    def make(folder: Path) -> Path:
        (folder / "model").mkdir()
        for n in names:
            (folder / "model" / n).write_text('{"model_type": "bert"}')
        return folder / "model"

    return make


SOURCES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "error page in JSON": (plain("m.onnx", '{"error":"Not Found"}'), ["text, not a model", "Not Found", "download"]),
    "error page in XML": (plain("m.tflite", '<?xml version="1.0"?><Error><Code>AccessDenied'), ["text, not a model", "download"]),
    "error in words": (plain("m.h5", "404: Not Found"), ["'404: Not Found'", "download"]),
    "labels": (plain("labels.txt", "cat\ndog\nmüsli\n"), ["text, not a model", "cat"]),
    "text cut in a character": (plain("labels.txt", ("a" + "ü" * 4096)), ["text, not a model"]),
    "code": (plain("train.py", "import torch\n"), ["Python code", "pass its module"]),
    "settings": (plain("config.json", '{"model_type": "bert"}'), ["settings of a Hugging Face model", "folder"]),
    "adapter": (plain("adapter_model.safetensors", b"\x08\0\0\0\0\0\0\0{}      "), ["adapter", "merge"]),
    "weights without settings": (folder_of("model.safetensors"), ["model.safetensors", "without the config.json"]),
    "settings without weights": (folder_of("config.json"), ["without its weights", "model.safetensors"]),
    "checkpoint by its name": (named("model.ckpt"), ["model.ckpt.index", "TensorFlow checkpoint", "tf.saved_model.save"]),
    "checkpoint's list": (plain("checkpoint", 'model_checkpoint_path: "m"\n'), ["TensorFlow checkpoint", "tf.saved_model.save"]),
    "Paddle's JSON": (plain("inference.json", '{"base_code": {"magic": "pir"}}'), ["PaddlePaddle", "paddle2onnx"]),
    "Darknet": (plain("y.weights", b"\0\0\0\0\2\0\0\0\0\0\0\0"), ["Darknet", ".cfg"]),
    "tar": (archive("m.tar", "m/model.onnx"), ["begins with m/model.onnx", "tar -xf m.tar"]),
    "tar.gz": (archive("m.tar.gz", "m/model.onnx"), ["begins with m/model.onnx", "tar -xzf m.tar.gz"]),
    "zip with a password": (locked("m.zip", "m.onnx"), ["password", "unzip m.zip"]),
    "archive with a password": (locked("m.keras", "config.json"), ["config.json", "encrypted", "password"]),
    "description alone": (plain("net.prototxt", 'input: "x"\nlayer { name: "a" type: "ReLU" bottom: "x" top: "a" }'), ["net.caffemodel"]),
    "picture": (plain("m.jpg", b"\xff\xd8\xff\xe0" + bytes(99)), ["a picture"]),
    "large file pointer": (plain("m.onnx", "version https://git-lfs.github.com/spec/v1\n"), ["git lfs pull"]),
    "page": (plain("m.onnx", "<!DOCTYPE html><html>"), ["HTML page", "download"]),
    "nothing": (plain("m.onnx", b""), ["empty file"]),
    "Core ML": (plain("m.mlmodel", b"\x08\4"), ["Core ML"]),
    "ncnn": (plain("m.param", "7767517\n1 1\n"), ["ncnn", "ONNX"]),
    "weights alone": (plain("m.safetensors", b"\x08\0\0\0\0\0\0\0{}      "), ["weights alone", "config.json"]),
    "pickle": (plain("m.bin", b"\x80\4}."), ["pickle", "never unpickled"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_no_model(name: str, tmp_path: Path, capsys: Capture) -> None:
    make, expected = SOURCES[name]
    path = make(tmp_path)
    for command in (["convert", str(path), "-o", str(tmp_path / "m.ekm")], ["inspect", str(path)]):
        assert run(command) == EXIT_FAILED
        out, err = capsys.readouterr()
        assert out == "" and "Traceback" not in err
        assert path.name in err and all(part in err for part in expected), err
        assert run([*command, "--json"]) == EXIT_FAILED
        record = json.loads(capsys.readouterr().out)["error"]
        assert (
            record["kind"].endswith("Error") and record["kind"] != "InternalError" and all(part in record["message"] for part in expected)
        )
    assert not (tmp_path / "m.ekm").exists()


def test_a_saved_model_without_its_variables_says_where_they_belong(tmp_path: Path, capsys: Capture) -> None:
    from tests.fuzz.importers import write
    from tests.fuzz.seeds import seeds

    (seed,) = [s for s in seeds("tensorflow") if "saved_model.pb" in s.files]
    write(seed, tmp_path / "source")
    (found,) = (tmp_path / "source").rglob("saved_model.pb")
    for file in (found.parent / "variables").iterdir():
        file.unlink()
    assert run(["convert", str(found.parent), "-o", str(tmp_path / "m.ekm")]) == EXIT_FAILED
    assert "put its folder variables/ next to saved_model.pb" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shape", "code", "expected"),
    [
        ("image:0,1,8,8", EXIT_USAGE, "a dimension of 0"),
        ("image:²,1,8,8", EXIT_USAGE, "neither a number"),
        ("image:999999999999999999,1,8,8", EXIT_FAILED, "no tensor is as large"),
        ("image:1..999999999999999999,1,8,8", EXIT_FAILED, "no tensor is as large"),
        ("image:9999999999999999999,1,8,8", EXIT_USAGE, "no tensor is as large"),
        ("image:2147483647,2147483647,2147483647,8", EXIT_FAILED, "no tensor is as large"),
    ],
)
@pytest.mark.parametrize("source", ["onnx", "ekm"])
def test_shapes_that_cannot_be(
    shape: str, code: int, expected: str, source: str, digits: DigitsFiles, tmp_path: Path, capsys: Capture
) -> None:
    if source == "ekm" and ".." in shape:
        expected = "is given in numbers"
        shape = "image:1..2,1,8,8"
    path = MODEL if source == "onnx" else digits.floats.path
    assert run(["convert", str(path), "-o", str(tmp_path / "m.ekm"), "--shape", shape]) == code
    err = capsys.readouterr().err
    assert expected in err and "Traceback" not in err


def test_a_layout_with_its_letters_exchanged(tmp_path: Path, capsys: Capture) -> None:
    assert run(["convert", str(MODEL), "-o", str(tmp_path / "m.ekm"), "--input-layout", "nhcw"]) == EXIT_FAILED
    assert "'nhcw' has its channels neither" in capsys.readouterr().err
    assert run(["convert", str(MODEL), "-o", str(tmp_path / "m.ekm"), "--input-layout", "image:nchw-nhcw"]) == 0


@pytest.mark.parametrize("options", [["-c", "."], ["--samples", "3"]])
def test_calibration_without_quantization(options: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert run(["convert", str(MODEL), "-o", str(tmp_path / "m.ekm"), *options]) == EXIT_USAGE
    assert "--quantize, which is not given" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "expected"), [(b"1 2 3\n", "no file of numpy's"), (b"", "empty"), (b"\x93NUMPY\1", "not a readable")])
def test_inputs_that_are_no_arrays(content: bytes, expected: str, digits: DigitsFiles, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    assert run(["run", str(digits.floats.path), "-i", str(path)]) == EXIT_FAILED
    err = capsys.readouterr().err
    assert expected in err and "pickle" not in err and "Traceback" not in err
    assert run(["convert", str(MODEL), "-o", str(tmp_path / "m.ekm"), "-q", "int8", "-c", str(path)]) == EXIT_FAILED
    assert "x.npy cannot be read" in capsys.readouterr().err
    assert run(["convert", str(MODEL), "-o", str(tmp_path / "m.ekm"), "--freeze", f"image={path}"]) == EXIT_USAGE
    assert "x.npy" in capsys.readouterr().err


def test_arrays_of_objects_are_not_read(digits: DigitsFiles, tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    assert run(["run", str(digits.floats.path), "-i", str(tmp_path / "x.npy")]) == EXIT_FAILED
    assert "holds Python objects" in capsys.readouterr().err


def test_outputs_go_to_a_folder(digits: DigitsFiles, tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "x.npy", digits.images[:1])
    assert run(["run", str(digits.floats.path), "-i", str(tmp_path / "x.npy"), "-o", str(tmp_path / "x.npy")]) == EXIT_FAILED
    assert "it is a file; name a folder" in capsys.readouterr().err
    assert run(["convert", str(MODEL), "-o", str(tmp_path / "x.npy" / "m.ekm")]) == EXIT_FAILED
    assert "x.npy is a file, not a folder" in capsys.readouterr().err
