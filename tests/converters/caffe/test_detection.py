"""SSD's detections against detection_output_layer.cpp, step by step, in the reference and in the runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.caffe.models import apply, save
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


def ssd(threshold: float) -> str:
    """A detector with two feature maps, wired as SSD's deploy.prototxt."""
    text = 'input: "data" input_shape { dim: 1 dim: 3 dim: 32 dim: 32 }\n'
    below, parts = "data", []
    for k, (size, count) in enumerate([(8, 4), (16, 4)]):
        f = f"f{k}"
        text += f'''
layer {{ name: "{f}" type: "Convolution" bottom: "{below}" top: "{f}"
        convolution_param {{ num_output: 8 kernel_size: 3 stride: 4 pad: 1 }} }}
layer {{ name: "{f}_relu" type: "ReLU" bottom: "{f}" top: "{f}" }}
layer {{ name: "{f}_prior" type: "PriorBox" bottom: "{f}" bottom: "data" top: "{f}_prior"
        prior_box_param {{ min_size: {size} max_size: {2 * size}
        aspect_ratio: 2 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }} }}'''
        for kind, width in (("loc", 4), ("conf", 3)):
            name = f"{f}_{kind}"
            text += f'''
layer {{ name: "{name}" type: "Convolution" bottom: "{f}" top: "{name}"
        convolution_param {{ num_output: {count * width} kernel_size: 3 pad: 1 }} }}
layer {{ name: "{name}_perm" type: "Permute" bottom: "{name}" top: "{name}_perm"
        permute_param {{ order: 0 order: 2 order: 3 order: 1 }} }}
layer {{ name: "{name}_flat" type: "Flatten" bottom: "{name}_perm" top: "{name}_flat" flatten_param {{ axis: 1 }} }}'''
        below, parts = f, [*parts, f]
    for kind, axis in (("loc_flat", 1), ("conf_flat", 1), ("prior", 2)):
        bottoms = " ".join(f'bottom: "{f}_{kind}"' for f in parts)
        text += f'\nlayer {{ name: "{kind}" type: "Concat" {bottoms} top: "{kind}" concat_param {{ axis: {axis} }} }}'
    return (
        text
        + f"""
layer {{ name: "shaped" type: "Reshape" bottom: "conf_flat" top: "shaped" reshape_param {{ shape {{ dim: 0 dim: -1 dim: 3 }} }} }}
layer {{ name: "soft" type: "Softmax" bottom: "shaped" top: "soft" softmax_param {{ axis: 2 }} }}
layer {{ name: "flat" type: "Flatten" bottom: "soft" top: "flat" flatten_param {{ axis: 1 }} }}
layer {{ name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "flat" bottom: "prior" top: "out" detection_output_param {{
        num_classes: 3 code_type: CENTER_SIZE nms_param {{ nms_threshold: 0.45 top_k: 40 }}
        keep_top_k: 20 confidence_threshold: {threshold} }} }}
"""
    )


@pytest.mark.parametrize("threshold", [0.35, 1.5])
def test_a_whole_detector_on_the_runtime(threshold: float, tmp_path: Path) -> None:
    """As the reference computes it; where nothing is found there are no rows."""
    rng = np.random.default_rng(4)
    layers = {}
    for f, width in (("f0", 3), ("f1", 8)):
        layers[f] = [rng.normal(size=(8, width, 3, 3)) / 3, rng.normal(size=8)]
        layers[f"{f}_loc"] = [rng.normal(size=(16, 8, 3, 3)) / 5, np.zeros(16)]
        layers[f"{f}_conf"] = [rng.normal(size=(12, 8, 3, 3)) / 3, np.zeros(12)]
    path = save(tmp_path, ssd(threshold), {n: [a.astype(np.float32) for a in blobs] for n, blobs in layers.items()})
    data = rng.normal(size=(1, 3, 32, 32)).astype(np.float32)
    want = run_graph(converters.load(path), {"data": data})["out"]
    edgekit.convert(path, tmp_path / "m.ekm")
    with edgekit.Session(tmp_path / "m.ekm") as session:
        got = session.run({"data": data})["out"]
    assert got.shape == want.shape == (1, 1, 20 if threshold < 1 else 0, 7)
    assert np.allclose(got, want, atol=1e-4)
