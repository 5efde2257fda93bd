"""Models the zoo has in several formats: the importers agree with each other, on the same input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.types import Array
from tests.require import require_folder
from tests.zoo.golden import relative_error

TOLERANCE = 1e-4
#: two files, and how the first one's outputs are called in the second
TWINS = (
    ("mtcnn_caffe_mxnet/det1.caffemodel", "mtcnn_caffe_mxnet/det1-0001.params", {"conv4-2": "conv4_2_output", "prob1": "prob1_output"}),
    ("mtcnn_caffe_mxnet/det2.caffemodel", "mtcnn_caffe_mxnet/det2-0001.params", {"conv5-2": "conv5_2_output", "prob1": "prob1_output"}),
    (
        "mtcnn_caffe_mxnet/det3.caffemodel",
        "mtcnn_caffe_mxnet/det3-0001.params",
        {"conv6-2": "conv6_2_output", "conv6-3": "conv6_3_output", "prob1": "prob1_output"},
    ),
    (
        "ultraface_slim320/slim-320.caffemodel",
        "ultraface_slim320/version-slim-320_without_postprocessing.onnx",
        {"boxes": "boxes", "scores": "scores"},
    ),
)
LENET = "nns_lenet_mnist_caffe"
#: of 1,000 digits, as the model's reference runtime has it (MANIFEST.json)
LENET_ACCURACY = 0.997


def outputs(path: Path, data: Array, folder: Path) -> dict[str, Array]:
    with np.load(path.with_name(f"{path.name}.golden.npz")) as golden:
        name = str(golden["in_names"][0])
    made = edgekit.convert(path, folder / f"{path.name}.ekm", shapes={name: data.shape})
    with edgekit.Session(made.path) as session:
        return session.run({name: data})


def transposed(a: Array) -> Array:
    """Height and width exchanged: MTCNN's Caffe weights were trained column by column and on BGR, its MXNet twin has them turned."""
    return np.ascontiguousarray(a.swapaxes(2, 3)) if a.ndim == 4 else a


@pytest.mark.parametrize(("first", "second", "names"), TWINS, ids=[t[0].split("/")[1] for t in TWINS])
def test_twins_agree(first: str, second: str, names: dict[str, str], tmp_path: Path) -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    with np.load(zoo / f"{first}.golden.npz") as golden:
        shape = golden["in0"].shape
    data = np.random.default_rng(42).normal(size=shape).astype(np.float32)
    one = outputs(zoo / first, data, tmp_path)
    turned = "mtcnn" in first
    other = outputs(zoo / second, transposed(data[:, ::-1]) if turned else data, tmp_path)
    for a, b in names.items():
        assert relative_error(one[a], transposed(other[b]) if turned else other[b]) < TOLERANCE


def test_lenet_reads_digits(tmp_path: Path) -> None:
    folder = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / LENET
    samples = np.fromfile(folder / "mnist.data", np.float32).reshape(1000, 784 + 10)
    images, labels = samples[:, :784].reshape(-1, 1, 28, 28) / 256, samples[:, 784:].argmax(axis=1)
    made = edgekit.convert(folder / "lenet.prototxt", tmp_path / "lenet.ekm", shapes={"data": images.shape})
    with edgekit.Session(made.path) as session:
        guessed = session.run({"data": images})["prob"].argmax(axis=1)
    assert float((guessed == labels).mean()) == pytest.approx(LENET_ACCURACY, abs=1e-9)
