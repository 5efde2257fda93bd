"""One network in several formats gives the same numbers on the C runtime, whatever was done to channels, axes and names on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.api import ConvertOptions
from edgekit.types import Array
from tests.require import require_folder, require_module
from tests.zoo.golden import relative_error

TOLERANCE = 1e-4
Change = Callable[[Array], Array]


def same(a: Array) -> Array:
    """No change."""
    return a


def channels_last(a: Array) -> Array:
    """NCHW as NHWC."""
    return a.transpose(0, 2, 3, 1)


def other_colours(a: Array) -> Array:
    """RGB as BGR, channels first."""
    return a[:, ::-1]


def turned(a: Array) -> Array:
    """Height and width exchanged, channels first."""
    return a.transpose(0, 1, 3, 2)


def turned_colours(a: Array) -> Array:
    """RGB as BGR, height and width exchanged: MTCNN's Caffe models were made with column-major images."""
    return turned(other_colours(a))


def softmax(a: Array) -> Array:
    """Softmax over the last axis: exporters put it into some twins only."""
    e = np.exp(a - a.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


@dataclass(frozen=True)
class Twin:
    """One format of a network.

    Attributes:
        path: below the zoo.
        outputs: its names of the outputs, in the order of the first twin.
        input: how the first twin's input becomes this one's.
        changes: how its outputs become the first twin's, by name.
        open: the input whose shape has to be given.
    """

    path: str
    outputs: tuple[str, ...]
    input: Change = same
    changes: dict[str, Change] = field(default_factory=dict)
    open: str = ""


MTCNN = "mtcnn_caffe_mxnet"
TWINS: dict[str, tuple[tuple[int, ...], tuple[Twin, ...]]] = {
    "UltraFace": (
        (1, 3, 240, 320),
        (
            Twin("ultraface_slim320/version-slim-320_without_postprocessing.onnx", ("scores", "boxes")),
            Twin("ultraface_slim320/version-slim-320_simplified.onnx", ("scores", "boxes")),
            Twin("ultraface_slim320/version-slim-320_without_postprocessing.tflite", ("Identity_1", "Identity"), channels_last),
            Twin("ultraface_slim320/slim-320.caffemodel", ("scores", "boxes")),
            Twin("ultraface_slim320/version-slim-320.pt2", ("out0", "out1"), changes={"out0": softmax}),
        ),
    ),
    "basic_pitch": (
        (1, 43844, 1),
        (
            Twin("basic_pitch_nmp/nmp", ("contour", "note", "onset")),
            Twin("basic_pitch_nmp/nmp.tflite", tuple(f"StatefulPartitionedCall:{i}" for i in range(3))),
            Twin("basic_pitch_nmp/nmp.onnx", tuple(f"StatefulPartitionedCall:{i}" for i in range(3)), open="serving_default_input_2:0"),
        ),
    ),
    "FastestDet": (
        (1, 3, 352, 352),
        (Twin("fastestdet/FastestDet.onnx", ("758",)), Twin("fastestdet/fastestdet_280.pt2", ("out0",))),
    ),
    "MTCNN P-Net": (
        (1, 3, 48, 64),
        (
            Twin(f"{MTCNN}/det1-0001.params", ("conv4_2_output", "prob1_output"), open="data"),
            Twin(f"{MTCNN}/det1.caffemodel", ("conv4-2", "prob1"), turned_colours, {"conv4-2": turned, "prob1": turned}, open="data"),
            Twin("facenet_mtcnn_torch/pnet.pt2", ("out0", "out1"), other_colours),
        ),
    ),
    "MTCNN R-Net": (
        (1, 3, 24, 24),
        (
            Twin(f"{MTCNN}/det2-0001.params", ("conv5_2_output", "prob1_output"), open="data"),
            Twin(f"{MTCNN}/det2.caffemodel", ("conv5-2", "prob1"), turned_colours, open="data"),
            Twin("facenet_mtcnn_torch/rnet.pt2", ("out0", "out1"), other_colours),
        ),
    ),
    "MTCNN O-Net": (
        (1, 3, 48, 48),
        (
            Twin(f"{MTCNN}/det3-0001.params", ("conv6_2_output", "conv6_3_output", "prob1_output"), open="data"),
            Twin(f"{MTCNN}/det3.caffemodel", ("conv6-2", "conv6-3", "prob1"), turned_colours, open="data"),
            Twin("facenet_mtcnn_torch/onet.pt2", ("out0", "out1", "out2"), other_colours),
        ),
    ),
}


def outputs(path: Path, twin: Twin, image: Array, folder: Path) -> list[Array]:
    """The twin's outputs in the first twin's order, layout and meaning."""
    x = np.ascontiguousarray(twin.input(image))
    made = edgekit.convert(path, folder / f"{path.name}.ekm", shapes={twin.open: x.shape} if twin.open else None)
    with edgekit.Session(made.path) as session:
        got = session.run({session.inputs[0].name: x})
    assert set(got) == set(twin.outputs)
    return [twin.changes.get(name, same)(got[name]) for name in twin.outputs]


@pytest.mark.parametrize("name", TWINS)
def test_twins_agree(name: str, tmp_path: Path) -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    shape, twins = TWINS[name]
    image = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    first, *others = twins
    want = outputs(zoo / first.path, first, image, tmp_path)
    for twin in others:
        got = outputs(zoo / twin.path, twin, image, tmp_path)
        for a, b in zip(got, want, strict=True):
            assert a.shape == b.shape
            assert relative_error(a, b) < TOLERANCE, twin.path


def test_lenet_reads_the_labelled_digits(tmp_path: Path) -> None:
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / "nns_lenet_mnist_caffe"
    records = np.fromfile(zoo / "mnist.data", np.float32).reshape(1000, 794)
    images, labels = records[:, :784].reshape(1000, 1, 1, 28, 28) / 256, records[:, 784:].argmax(-1)  # each image before its one-hot label
    made = edgekit.convert(zoo / "lenet_iter_9000.caffemodel", tmp_path / "lenet.ekm")
    with edgekit.Session(made.path) as session:
        found = [int(session.run({"data": image})["prob"].argmax()) for image in images]
    assert np.mean(np.asarray(found) == labels) >= 0.99


def test_silero_agrees_frame_by_frame(tmp_path: Path) -> None:
    """The TorchScript model keeps its state and the last 64 samples itself; the ONNX model is handed both."""
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO") / "silero_vad_onnx"
    require_module("torch", "torch", "pip install torch")
    rate = ConvertOptions(freeze={"sr": 16000})
    script = edgekit.convert(zoo / "silero_vad.jit", tmp_path / "script.ekm", shapes={"x": (1, 512)}, options=rate)
    onnx = edgekit.convert(zoo / "silero_vad_16k_op15.onnx", tmp_path / "onnx.ekm", shapes={"input": (1, 576)}, options=rate)
    r = np.random.default_rng(0)
    context, state = np.zeros((1, 64), np.float32), np.zeros((2, 1, 128), np.float32)
    with edgekit.Session(script.path) as keeping, edgekit.Session(onnx.path) as handed:
        for _ in range(5):
            frame = r.uniform(-0.3, 0.3, (1, 512)).astype(np.float32)
            (speech,) = keeping.run({"x": frame}).values()
            given = handed.run({"input": np.concatenate([context, frame], 1), "state": state})
            context, state = frame[:, -64:], given["stateN"]
            np.testing.assert_allclose(speech, given["output"], atol=TOLERANCE)
