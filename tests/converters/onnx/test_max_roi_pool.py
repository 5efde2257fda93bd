"""MaxRoiPool, of which ONNX has no node test."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit import converters
from edgekit.reference import run_graph
from tests.converters.mxnet.test_detection import pooled
from tests.converters.onnx.models import model, node


@pytest.mark.parametrize("opset", [7, 22])
def test_max_roi_pool(opset: int) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    rois = np.float32([[1, 0, 0, 7, 7], [0, 4, 4, 14, 10]])
    pool = node("MaxRoiPool", ["x", "rois"], ["y"], pooled_shape=[2, 2], spatial_scale=0.5)
    made = model([pool], {"x": (np.float32, x.shape), "rois": (np.float32, rois.shape)}, ["y"], opset=opset)
    (got,) = run_graph(converters.load(made), {"x": x, "rois": rois}).values()
    assert np.array_equal(got, np.stack([pooled(x[1], (0, 0, 4, 4)), pooled(x[0], (2, 2, 7, 5))]))
