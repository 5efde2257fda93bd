"""Suppression of boxes, and transforms, beside LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError, UnsupportedOpError
from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import LiteRt, beside_litert, floats

R = np.random.default_rng(21)


def boxes(n: int) -> Array:
    corner, size = R.uniform(0, 1, (n, 2)), R.uniform(0.1, 0.5, (n, 2))
    return np.concatenate([corner, corner + size], axis=1).astype(np.float32)


@pytest.mark.parametrize("threshold", [0.2, 0.99])
@pytest.mark.parametrize("version", [4, 5])
def test_non_max_suppression(version: int, threshold: float, tmp_path: Path) -> None:
    n, limit = 40, 15
    numbers = [
        Tensor("k", (), "int32", np.array(limit, np.int32)),
        Tensor("iou", (), data=np.array(0.4, np.float32)),
        Tensor("low", (), data=np.array(threshold, np.float32)),
        *([Tensor("sigma", (), data=np.array(0, np.float32))] if version == 5 else []),
    ]
    outputs = [Tensor("i", (limit,), "int32"), *([Tensor("s", (limit,))] if version == 5 else []), Tensor("n", (), "int32")]
    names = [o.name for o in outputs]
    graph = Subgraph(
        [Tensor("b", (n, 4)), Tensor("p", (n,)), *numbers, *outputs],
        [Op(f"NON_MAX_SUPPRESSION_V{version}", ["b", "p", *(t.name for t in numbers)], names)],
        ["b", "p"],
        names,
    )
    steps = [[boxes(n), R.uniform(0, 1, n).astype(np.float32)] for _ in range(5)]
    beside_litert(model(graph), steps, tmp_path)


def test_soft_suppression_is_refused(tmp_path: Path) -> None:
    half = np.array(0.5, np.float32)
    numbers = [Tensor("k", (), "int32", np.array(3, np.int32)), *(Tensor(n, (), data=half) for n in ("iou", "low", "sigma"))]
    outputs = [Tensor("i", (3,), "int32"), Tensor("s", (3,)), Tensor("n", (), "int32")]
    op = Op("NON_MAX_SUPPRESSION_V5", ["b", "p", *(t.name for t in numbers)], ["i", "s", "n"])
    graph = Subgraph([Tensor("b", (9, 4)), Tensor("p", (9,)), *numbers, *outputs], [op], ["b", "p"], ["i"])
    (tmp_path / "m.tflite").write_bytes(model(graph))
    with pytest.raises(UnsupportedOpError, match="soft suppression"):
        converters.load(tmp_path / "m.tflite")


@pytest.mark.parametrize("regular", [False, True])
@pytest.mark.parametrize("threshold", [0.3, 0.95])
def test_detection_post_processing(regular: bool, threshold: float, tmp_path: Path) -> None:
    n, classes, limit = 30, 3, 12
    anchors = np.concatenate([R.uniform(0, 1, (n, 2)), R.uniform(0.1, 0.4, (n, 2))], axis=1).astype(np.float32)
    options: dict[str, Any] = {
        "max_detections": limit, "max_classes_per_detection": 1, "detections_per_class": 4, "use_regular_nms": regular,
        "nms_score_threshold": threshold, "nms_iou_threshold": 0.45, "num_classes": classes,
        "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0,
    }  # fmt: skip
    outputs = [Tensor("boxes", (1, limit, 4)), Tensor("classes", (1, limit)), Tensor("scores", (1, limit)), Tensor("count", (1,))]
    names = [o.name for o in outputs]
    graph = Subgraph(
        [Tensor("e", (1, n, 4)), Tensor("s", (1, n, classes + 1)), Tensor("a", (n, 4), data=anchors), *outputs],
        [Op("CUSTOM:TFLite_Detection_PostProcess", ["e", "s", "a"], names, custom=options)],
        ["e", "s"],
        names,
    )
    (tmp_path / "m.tflite").write_bytes(model(graph))
    session = edgekit.Session(edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm").path)
    theirs = LiteRt(model(graph))
    counts = []
    for _ in range(4):
        feeds = {"e": floats(1, n, 4), "s": R.uniform(0, 1, (1, n, classes + 1)).astype(np.float32)}
        want, got = theirs.run(list(feeds.values())), session.run(feeds)
        count = int(want[3][0])
        assert got["count"].tolist() == want[3].tolist()
        for name, w in zip(("boxes", "classes", "scores"), want, strict=False):
            np.testing.assert_allclose(got[name][:, :count], w[:, :count], rtol=1e-5, atol=1e-5)
            assert not got[name][:, count:].any()  # LiteRT may leave what it had there
        counts.append(count)
    assert max(counts) > 3


@pytest.mark.parametrize(("shape", "lengths"), [((3, 8), (1, 8)), ((2, 4, 16), (4, 16)), ((4, 6), (8, 16)), ((5, 9), (4, 8))])
@pytest.mark.parametrize("op", ["REAL", "IMAG", "COMPLEX_ABS"])
def test_transforms(op: str, shape: tuple[int, ...], lengths: tuple[int, int], tmp_path: Path) -> None:
    if lengths[0] == 1:
        shape = (shape[0], 1, shape[1])
    result = (*shape[:-2], lengths[0], lengths[1] // 2 + 1)
    sizes = Tensor("n", (2,), "int32", np.array(lengths, np.int32))
    tensors = [Tensor("x", shape), sizes, Tensor("z", result, extra={"type": 8}), Tensor("y", result)]
    graph = Subgraph(tensors, [Op("RFFT2D", ["x", "n"], ["z"]), Op(op, ["z"], ["y"])], ["x"], ["y"])
    beside_litert(model(graph), [[floats(*shape)] for _ in range(2)], tmp_path)


def test_complex_numbers_elsewhere_are_refused(tmp_path: Path) -> None:
    z = Tensor("z", (4, 5), extra={"type": 8})
    tensors = [Tensor("x", (4, 8)), Tensor("n", (2,), "int32", np.array([4, 8], np.int32)), z, Tensor("y", (4, 5))]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, [Op("RFFT2D", ["x", "n"], ["z"]), Op("NEG", ["z"], ["y"])], ["x"], ["y"])))
    with pytest.raises(ConversionError, match="complex64"):
        converters.load(tmp_path / "m.tflite")
