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


def box_nms(data: Array, thresh: float, valid: float, topk: int, force: bool, background: int) -> Array:
    """bounding_box-inl.h, step by step, on rows of id, score and corners."""
    out = np.full_like(data, -1)
    for n, rows in enumerate(data):
        order = [i for i in np.argsort(-rows[:, 1], kind="stable") if rows[i, 1] > valid and rows[i, 0] != background]
        kept: list[int] = []
        for i in order[:topk] if topk > 0 else order:
            if all(overlap(rows[i, 2:], rows[j, 2:]) <= thresh or (not force and rows[i, 0] != rows[j, 0]) for j in kept):
                kept.append(i)
        out[n, : len(kept)] = rows[kept]
    return out


@pytest.mark.parametrize(("force", "topk", "background"), [(False, -1, -1), (True, -1, -1), (False, 7, 2), (True, 100, 0)])
def test_box_nms(force: bool, topk: int, background: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    low = rng.uniform(0, 0.6, (2, 25, 2))
    data = np.concatenate([rng.integers(0, 3, (2, 25, 1)), rng.random((2, 25, 1)), low, low + rng.uniform(0.2, 0.4, (2, 25, 2))], 2)
    data = data.astype(np.float32)
    attrs = {"overlap_thresh": 0.3, "valid_thresh": 0.1, "topk": topk, "id_index": 0, "force_suppress": force, "background_id": background}
    want = box_nms(data, 0.3, 0.1, topk, force, background)
    (got,), _ = apply(tmp_path, "_contrib_box_nms", [data], **attrs)
    assert np.array_equal(got, want)
    edgekit.convert(tmp_path / "net-symbol.json", tmp_path / "m.ekm", shapes={"x0": data.shape})
    (ran,) = edgekit.Session(tmp_path / "m.ekm").run({"x0": data}).values()
    assert np.array_equal(ran, want)
    centred = data.copy()
    centred[..., 2:4], centred[..., 4:] = (data[..., 2:4] + data[..., 4:]) / 2, data[..., 4:] - data[..., 2:4]
    (got,), _ = apply(tmp_path, "_contrib_box_nms", [centred], in_format="center", **attrs)
    assert np.allclose(got, want, atol=1e-6)
    (got,), _ = apply(tmp_path, "_contrib_box_nms", [data], out_format="center", **attrs)
    assert np.allclose(got[want[..., 0] >= 0], box_nms_centred(want)[want[..., 0] >= 0], atol=1e-6)


def box_nms_centred(rows: Array) -> Array:
    out = rows.copy()
    out[..., 2:4], out[..., 4:] = (rows[..., 2:4] + rows[..., 4:]) / 2, rows[..., 4:] - rows[..., 2:4]
    return out


def test_the_example_of_box_nms(tmp_path: Path) -> None:
    """From MXNet's documentation of the operator."""
    x = np.float32(
        [[0, 0.5, 0.1, 0.1, 0.2, 0.2], [1, 0.4, 0.1, 0.1, 0.2, 0.2], [0, 0.3, 0.1, 0.1, 0.14, 0.14], [2, 0.6, 0.5, 0.5, 0.7, 0.8]]
    )
    (got,), _ = apply(tmp_path, "_contrib_box_nms", [x], overlap_thresh=0.1, coord_start=2, score_index=1, id_index=0, force_suppress=True)
    assert np.array_equal(got, np.float32([x[3], x[0], [-1] * 6, [-1] * 6]))


def test_roi_pooling(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    rois = np.float32([[1, 0, 0, 7, 7], [0, 4, 4, 14, 10]])
    (got,), _ = apply(tmp_path, "ROIPooling", [x, rois], pooled_size=(2, 2), spatial_scale=0.5)
    assert got.shape == (2, 3, 2, 2)
    assert np.array_equal(got[0], pooled(x[1], (0, 0, 4, 4)))
    assert np.array_equal(got[1], pooled(x[0], (2, 2, 7, 5)))


def pooled(x: Array, box: tuple[int, int, int, int]) -> Array:
    """The largest elements of the quarters of a region whose corners belong to it."""
    left, top, right, bottom = box
    part = x[:, top : bottom + 1, left : right + 1]
    h, w = part.shape[1:]
    rows, columns = ((0, -(-h // 2)), (h // 2, h)), ((0, -(-w // 2)), (w // 2, w))
    return np.stack([[part[:, a:b, c:d].max((1, 2)) for c, d in columns] for a, b in rows]).transpose(2, 0, 1)
