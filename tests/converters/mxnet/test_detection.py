"""Anchors and detections of MXNet's single-shot detectors, against their definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.types import Array
from tests.converters.mxnet.models import Net, apply


def overlap(a: Array, b: Array) -> float:
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = w * h
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / union if union > 0 else 0.0


def detections(scores: Array, offsets: Array, anchors: Array, threshold: float, nms: float, force: bool, topk: int) -> Array:
    """multibox_detection.cc, step by step."""
    batch, _, count = scores.shape
    out = np.full((batch, count, 6), -1, np.float32)
    for n in range(batch):
        rows = []
        for i in range(count):
            k = int(scores[n, 1:, i].argmax())
            if scores[n, k + 1, i] < threshold:
                continue
            a, d = anchors[0, i], offsets[n].reshape(-1, 4)[i]
            aw, ah, ax, ay = a[2] - a[0], a[3] - a[1], (a[0] + a[2]) / 2, (a[1] + a[3]) / 2
            x, y = d[0] * 0.1 * aw + ax, d[1] * 0.1 * ah + ay
            w, h = np.exp(d[2] * 0.2) * aw / 2, np.exp(d[3] * 0.2) * ah / 2
            rows.append([k, scores[n, k + 1, i], *np.clip([x - w, y - h, x + w, y + h], 0, 1)])
        rows.sort(key=lambda r: -r[1])
        for i, r in enumerate(rows):
            out[n, i] = r
            if 0 < topk <= i:
                out[n, i, 0] = -1
        for i in range(len(rows)):
            for j in range(i + 1, len(rows)):
                both = min(out[n, i, 0], out[n, j, 0]) >= 0 and (force or out[n, i, 0] == out[n, j, 0])
                if both and overlap(out[n, i, 2:], out[n, j, 2:]) >= nms:
                    out[n, j, 0] = -1
    return out


@pytest.mark.parametrize(("force", "topk"), [(False, -1), (True, -1), (False, 9)])
def test_multibox_detection(force: bool, topk: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    count, classes = 24, 3
    scores = rng.dirichlet(np.ones(classes + 1), (2, count)).transpose(0, 2, 1).astype(np.float32)
    offsets = rng.normal(size=(2, count * 4)).astype(np.float32)
    low = rng.uniform(0, 0.6, (count, 2))
    anchors = np.concatenate([low, low + rng.uniform(0.2, 0.4, (count, 2))], axis=1)[None].astype(np.float32)
    attrs = {"threshold": 0.2, "nms_threshold": 0.4, "force_suppress": force, "nms_topk": topk}
    want = detections(scores, offsets, anchors, 0.2, 0.4, force, topk)
    assert (want[..., 0] >= 0).any()
    assert ((want[..., 0] < 0) & (want[..., 1] > 0)).any()
    (got,), _ = apply(tmp_path, "_contrib_MultiBoxDetection", [scores, offsets], [anchors], **attrs)
    assert np.allclose(got, want, atol=1e-5)
    net = Net()
    names = [net.var("x0"), net.var("x1"), net.var("w0", anchors)]
    path = net.save(tmp_path, net.op("_contrib_MultiBoxDetection", "node", *names, **attrs))
    edgekit.convert(path, tmp_path / "m.ekm", shapes={"x0": scores.shape, "x1": offsets.shape})
    (ran,) = edgekit.Session(tmp_path / "m.ekm").run({"x0": scores, "x1": offsets}).values()
    assert np.allclose(ran, want, atol=1e-5)


def test_multibox_prior(tmp_path: Path) -> None:
    sizes, ratios, height, width = (0.3, 0.5), (1, 2, 0.5), 2, 3
    x = np.zeros((1, 1, height, width), np.float32)
    (got,), _ = apply(tmp_path, "_contrib_MultiBoxPrior", [x], sizes=sizes, ratios=ratios)
    want = []
    for i in range(height):
        for j in range(width):
            cx, cy = (j + 0.5) / width, (i + 0.5) / height
            for s, r in [(0.3, 1), (0.5, 1), (0.3, 2), (0.3, 0.5)]:
                w, h = s * height / width * r**0.5 / 2, s / r**0.5 / 2
                want.append([cx - w, cy - h, cx + w, cy + h])
    assert got.shape == (1, height * width * 4, 4)
    assert np.allclose(got[0], want, atol=1e-6)


def test_roi_align_of_a_ramp(tmp_path: Path) -> None:
    x = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 1, 8, 8)).copy()
    rois = np.float32([[0, 1, 1, 5, 5]])
    (got,), _ = apply(tmp_path, "_contrib_ROIAlign", [x, rois], pooled_size=(2, 2), spatial_scale=1.0, sample_ratio=2)
    assert np.allclose(got[0, 0], [[2, 4], [2, 4]], atol=1e-5)


def test_bilinear_resize(tmp_path: Path) -> None:
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4).repeat(2, axis=2)
    (got,), _ = apply(tmp_path, "_contrib_BilinearResize2D", [x], height=2, width=7)
    assert np.allclose(got[0, 0], np.linspace(0, 3, 7), atol=1e-6)
    (got,), _ = apply(tmp_path, "_contrib_BilinearResize2D", [x], height=2, width=8, align_corners=False)
    assert np.allclose(got[0, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], atol=1e-6)
