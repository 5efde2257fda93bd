"""Models of several files: each counts, whichever is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgekit
from edgekit.errors import MalformedModelError


def model_with_weights_beside(folder: Path) -> Path:
    """``y = x @ w`` with w [64, 32] in ``weights/w.bin``."""
    w = numpy_helper.from_array(np.arange(2048, dtype=np.float32).reshape(64, 32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32])],
        [w],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "weights").mkdir(parents=True)
    onnx.save_model(model, folder / "net.onnx", save_as_external_data=True, location="weights/w.bin", size_threshold=0)
    return folder / "net.onnx"


def test_files_beside_the_model_are_named_hashed_and_weighed(tmp_path: Path) -> None:
    path = model_with_weights_beside(tmp_path)
    done = edgekit.convert(path, tmp_path / "net.ekm")
    files = [path, tmp_path / "weights" / "w.bin"]
    m = done.graph.metadata
    assert m["source.files"].split("\n") == ["net.onnx", "weights/w.bin"]
    assert m["source.sha256"] == hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
    assert done.source_nbytes == sum(f.stat().st_size for f in files) > 8192


def test_the_cache_of_hugging_face(tmp_path: Path) -> None:
    """It keeps links in one folder and the files, called by their hashes, in another."""
    path = model_with_weights_beside(tmp_path / "made")
    blobs, snapshot = tmp_path / "models--org--net" / "blobs", tmp_path / "models--org--net" / "snapshots" / "3f2a"
    blobs.mkdir(parents=True)
    (snapshot / "weights").mkdir(parents=True)
    for name, blob in (("net.onnx", "aa"), ("weights/w.bin", "bb")):
        (path.parent / name).rename(blobs / blob)
        (snapshot / name).symlink_to(blobs / blob)
    done = edgekit.convert(snapshot / "net.onnx", tmp_path / "net.ekm")
    assert done.graph.metadata["source.name"] == "net.onnx"
    assert done.source_nbytes == sum(p.stat().st_size for p in blobs.iterdir())


def test_links_to_other_places_are_not_followed(tmp_path: Path) -> None:
    path = model_with_weights_beside(tmp_path / "model")
    (tmp_path / "model" / "weights" / "w.bin").rename(tmp_path / "elsewhere")
    (tmp_path / "model" / "weights" / "w.bin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MalformedModelError, match="lies outside the model's folder"):
        edgekit.convert(path, tmp_path / "net.ekm")


def test_a_single_file_is_itself(tmp_path: Path) -> None:
    path = model_with_weights_beside(tmp_path)
    whole = tmp_path / "whole.onnx"
    onnx.save_model(onnx.load(path), whole)
    done = edgekit.convert(whole, tmp_path / "net.ekm")
    assert "source.files" not in done.graph.metadata and done.source_nbytes == whole.stat().st_size
    assert done.graph.metadata["source.sha256"] == hashlib.sha256(whole.read_bytes()).hexdigest()
    again = edgekit.convert(done.path, tmp_path / "again.ekm")
    assert again.graph.metadata["source.sha256"] == hashlib.sha256(done.path.read_bytes()).hexdigest()
