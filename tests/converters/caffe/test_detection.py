"""SSD's detections against detection_output_layer.cpp, step by step, in the reference and in the runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.types import Array
from tests.converters.caffe.models import apply
from tests.converters.mxnet.test_detection import overlap, pooled


def decode(prior: Array, spread: Array, offset: Array, code: str) -> Array:
    d = offset * spread
    size = prior[2:] - prior[:2]
    if code == "CORNER":
        return prior + d
    if code == "CORNER_SIZE":
        return prior + d * np.concatenate([size, size])
    centre, reach = d[:2] * size + (prior[:2] + prior[2:]) / 2, np.exp(d[2:]) * size / 2
    return np.concatenate([centre - reach, centre + reach])


def detections(
    loc: Array, conf: Array, prior: Array, classes: int, code: str, limits: tuple[float, float, int, int], shared: bool
) -> list[list[float]]:
    """Rows of image, label, score and corners."""
    least, nms, top_k, keep = limits
    rows = []
    for n in range(len(loc)):
        found = []
        for label in range(1, classes):
            scores = conf[n].reshape(-1, classes)[:, label]
            order = [i for i in np.argsort(-scores, kind="stable") if scores[i] > least][:top_k]
            kept: list[tuple[float, Array]] = []
            for i in order:
                offset = loc[n].reshape(len(scores), -1, 4)[i, 0 if shared else label]
                box = decode(prior[0, 0].reshape(-1, 4)[i], prior[0, 1].reshape(-1, 4)[i], offset, code)
                if all(overlap(box, b) <= nms for _, b in kept):
                    kept.append((float(scores[i]), box))
            found += [(label, s, b) for s, b in kept]
        best = sorted(range(len(found)), key=lambda i: -found[i][1])[:keep]
        rows += [[n, found[i][0], found[i][1], *found[i][2]] for i in sorted(best)]
    return rows


@pytest.mark.parametrize(
    ("code", "batch", "shared"), [("CENTER_SIZE", 1, True), ("CENTER_SIZE", 2, True), ("CORNER", 1, False), ("CORNER_SIZE", 2, False)]
)
def test_detection_output(code: str, batch: int, shared: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    count, classes = 30, 4
    low = rng.uniform(0, 0.6, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.2, 0.4, (count, 2))], axis=1)
    prior = np.stack([boxes.ravel(), np.tile([0.1, 0.1, 0.2, 0.2], count)])[None].astype(np.float32)
    loc = rng.normal(size=(batch, count * 4 * (1 if shared else classes))).astype(np.float32)
    conf = rng.dirichlet(np.ones(classes), (batch, count)).reshape(batch, -1).astype(np.float32)
    text = (
        f"DetectionOutput detection_output_param {{ num_classes: {classes} share_location: {str(shared).lower()} code_type: {code} "
        "nms_param { nms_threshold: 0.4 top_k: 20 } keep_top_k: 12 confidence_threshold: 0.1 }"
    )
    want = np.float32(detections(loc, conf, prior, classes, code, (0.1, 0.4, 20, 12), shared))
    assert len(want) == 12 * batch
    (got,) = apply(tmp_path, text, [loc, conf, prior])
    assert got.shape == (1, 1, len(want), 7)
    assert np.allclose(got[0, 0], want, atol=1e-5)
    edgekit.convert(tmp_path / "net.prototxt", tmp_path / "net.ekm")
    (ran,) = edgekit.Session(tmp_path / "net.ekm").run({"x0": loc, "x1": conf, "x2": prior}).values()
    assert np.allclose(ran[0, 0], want, atol=1e-5)


def test_roi_pooling(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    rois = np.float32([[1, 0, 0, 7, 7], [0, 4, 4, 14, 10]])
    (got,) = apply(tmp_path, "ROIPooling roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.5 }", [x, rois])
    assert np.array_equal(got, np.stack([pooled(x[1], (0, 0, 4, 4)), pooled(x[0], (2, 2, 7, 5))]))
