"""Files appended to a .tflite file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

import edgekit
from edgekit import converters
from edgekit_converters.tflite.associated import MOST_BYTES, associated_files
from tests.converters.tflite.models import Op, Subgraph, Tensor, model

PLAIN = model(Subgraph([Tensor("x", (3,)), Tensor("y", (3,))], [Op("ABS", ["x"], ["y"])], ["x"], ["y"]))


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO(PLAIN)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_labels_travel_with_the_model(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(packed({"notes.txt": b"no names here", "labels.txt": "cat\r\nhund\ngrün \n".encode()}))
    graph = converters.load(path)
    assert graph.metadata["labels"] == "cat\nhund\ngrün" and graph.metadata["source.associated_files"] == "notes.txt, labels.txt"
    done = edgekit.convert(path, tmp_path / "m.ekm")
    with edgekit.Session(done.path) as session:
        assert session.metadata["labels"].split("\n") == ["cat", "hund", "grün"]
        assert session.run({"x": np.array([-1, 2, -3], np.float32)})["y"].tolist() == [1, 2, 3]


def test_a_model_without_files_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(PLAIN)
    assert "labels" not in converters.load(tmp_path / "m.tflite").metadata


def test_large_damaged_and_foreign_files_are_left_out() -> None:
    bomb = packed({"labels.txt": bytes(MOST_BYTES + 1), "small.txt": b"x"}, zipfile.ZIP_DEFLATED)
    assert list(associated_files(bomb)) == ["small.txt"]
    assert list(associated_files(packed({"../../labels.txt": b"a\nb"}))) == ["labels.txt"]
    whole = packed({"labels.txt": b"a\nb\n" * 50, "more.txt": b"text" * 50}, zipfile.ZIP_DEFLATED)
    start = len(PLAIN)
    for at in range(start, len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        assert len(associated_files(bytes(broken))) <= 2
    for cut in range(start, len(whole)):
        associated_files(whole[:cut])


def test_names_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(packed({"labels.txt": b"\xff\xfe\x00"}))
    assert "labels" not in converters.load(tmp_path / "m.tflite").metadata
