"""Files that are no readable model: each is called by its name, with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.cli.app import run
from edgekit.errors import ConversionError, MalformedModelError
from tests.fuzz.seeds import SAMPLES
from tests.require import require_module


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in members.items():
            z.writestr(name.replace("__", "/"), data)
    return out.getvalue()


SAFETENSORS = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
FILES: list[tuple[str, bytes, str]] = [
    ("model.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "Git LFS pointer.*git lfs pull"),
    ("model.tflite", b"\n<!DOCTYPE html><html><body>404</body>", "HTML page.*raw link"),
    ("model.onnx", b"<html>", "HTML page"),
    ("model.ekm", b"\x10\0\0\0EKM1\0\0", "EdgeKit model already"),
    ("net.pth", archive(**{"net__data.pkl": b"", "net__data__0": b""}), "a state dict: tensors by name.*torch.export"),
    ("last.ckpt", archive(**{"archive__data.pkl": b"", "archive__version": b"3"}), "a state dict: tensors by name"),
    ("old.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "a state dict: tensors by name"),
    ("model.safetensors", len(SAFETENSORS).to_bytes(8, "little") + SAFETENSORS + bytes(4), "weights alone .safetensors"),
    ("model.ckpt.index", bytes(40), "TensorFlow checkpoint.*SavedModel"),
    ("model.ckpt-100.data-00000-of-00001", bytes(40), "TensorFlow checkpoint"),
    ("model.mlmodel", b"\x08\x04\x12\x10" + bytes(30), "Core ML"),
    ("net.param", b"7767517\n2 2\nInput in 0 1 in\n", "ncnn"),
    ("model.xml", b'<?xml version="1.0"?>\n<net name="m" version="11">', "OpenVINO"),
    ("inference.pdmodel", b"\n\x12" + bytes(20), "PaddlePaddle.*paddle2onnx"),
    ("model.engine", b"ptrt" + bytes(30), "TensorRT"),
    ("model.plan", bytes(30), "TensorRT"),
    ("model.pkl", pickle.dumps({"a": 1}), "pickle, which is never unpickled.*skl2onnx"),
    ("model.joblib", pickle.dumps([1]), "pickle"),
    ("llama.gguf", b"GGUF\3\0\0\0", "GGUF"),
    ("llama.bin", b"lmgg" + bytes(8), "GGML"),
    ("model.ort", b"\x20\0\0\0ORTM", "ONNX Runtime's own form"),
    ("model.pte", b"\x20\0\0\0ET12", "ExecuTorch.*pt2"),
    ("model.rknn", b"RKNN" + bytes(8), "compiled for one device"),
    ("model.onnx.gz", gzip.compress(b"\x08\x07"), "packed with gzip.*gunzip model.onnx.gz"),
    ("model.bz2", bz2.compress(b"model"), "bzip2"),
    ("model.zip", archive(**{"model.onnx": b"", "README": b""}), "zip archive with model.onnx.*unzip model.zip"),
    ("model.zip", archive(**{"m__saved_model.pb": b""}), "zip archive of a SavedModel"),
    ("model.zip", archive(README=b""), "zip archive without a model: it holds README"),
    ("model.zip", b"PK\x03\x04rubbish", "zip archive that is cut off or damaged"),
    ("data.npy", b"\x93NUMPY\1\0", "numpy arrays"),
    ("m.cbm", b"CBM1", "CatBoost"),
    ("m.txt", b"tree\nversion=v4\n", "LightGBM"),
    ("m.json", b'{"learner":{}}', "XGBoost"),
    ("yolo.cfg", b"[net]\nbatch=1\n", "Darknet"),
    ("cat.png", b"\x89PNG\r\n", "a picture"),
    ("empty.bin", b"", "an empty file"),
    ("noise.bin", b"\xfe\xfe\xfe\xfe", "none of the known formats.*begins with"),
]


@pytest.mark.parametrize(("name", "data", "message"), FILES, ids=[f"{k}-{n}" for k, (n, _, _) in enumerate(FILES)])
def test_files(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ConversionError, match=f"(?s){message}") as caught:
        converters.load(path)
    assert str(caught.value).startswith(str(path))


def openvino(folder: Path) -> Path:
    (folder / "m.xml").write_bytes(b"<?xml?><net")
    (folder / "m.bin").write_bytes(bytes(8))
    return folder / "m.bin"


def ncnn(folder: Path) -> Path:
    (folder / "m.param").write_bytes(b"7767517")
    (folder / "m.bin").write_bytes(bytes(8))
    return folder / "m.bin"


def package(folder: Path) -> Path:
    (folder / "m.mlpackage" / "Data" / "com.apple.CoreML").mkdir(parents=True)
    return folder / "m.mlpackage"


def checkpoints(folder: Path) -> Path:
    (folder / "model.ckpt.index").write_bytes(b"")
    (folder / "model.ckpt.data-00000-of-00001").write_bytes(b"")
    return folder


def paddle(folder: Path) -> Path:
    (folder / "__model__").write_bytes(b"")
    return folder


def several(folder: Path) -> Path:
    (folder / "a.onnx").write_bytes(b"")
    (folder / "b.tflite").write_bytes(b"")
    return folder


def saved_models(folder: Path) -> Path:
    (folder / "v1").mkdir()
    (folder / "v1" / "saved_model.pb").write_bytes(b"")
    return folder


def nothing(folder: Path) -> Path:
    (folder / "notes.txt").write_bytes(b"")
    return folder


FOLDERS: list[tuple[Callable[[Path], Path], str]] = [
    (openvino, "OpenVINO"), (ncnn, "ncnn"), (package, "Core ML"), (checkpoints, "TensorFlow checkpoint"), (paddle, "PaddlePaddle"),
    (several, "folder with the model files a.onnx, b.tflite"), (saved_models, "folder with the SavedModels v1"),
    (nothing, "folder without a model: it holds notes.txt; looked for saved_model.pb"), (lambda f: f, "it holds nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), FOLDERS, ids=[str(k) for k in range(len(FOLDERS))])
def test_folders_and_companions(make: Callable[[Path], Path], message: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedModelError, match=message):
        converters.load(make(tmp_path))


def test_keras_weights_alone(tmp_path: Path) -> None:
    require_module("h5py", "h5py", "pip install h5py")
    import h5py

    with h5py.File(tmp_path / "w.h5", "w") as f:
        f.attrs["layer_names"] = [b"fc"]
        f.create_dataset("fc/kernel", data=np.ones((2, 2), np.float32))
    with pytest.raises(Exception, match="weights alone"):
        converters.load(tmp_path / "w.h5")


@pytest.mark.parametrize("name", ["digits.onnx", "digits.keras", "digits.pt2", "digits_saved_model"])
def test_models_are_left_to_the_importers(name: str, tmp_path: Path) -> None:
    """Whatever the file is called."""
    source = SAMPLES / name
    if source.is_file():
        path = tmp_path / "model.bin"
        path.write_bytes(source.read_bytes())
        assert converters.load(path, default_leading=1).nodes
    assert converters.load(source, default_leading=1).nodes


def test_the_command_line_says_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(FILES[0][1])
    assert run(["convert", str(path), "-o", str(tmp_path / "m.ekm")]) == 1
    assert "run git lfs pull" in capsys.readouterr().err
    assert not (tmp_path / "m.ekm").exists()
