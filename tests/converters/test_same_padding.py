"""SAME padding over sizes that are not known at conversion: as many windows, with the same numbers, as at each size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import UnsupportedOpError
from edgekit.reference import run_graph
from tests.converters.onnx import models as onnx_models
from tests.converters.onnx.models import node
from tests.converters.tensorflow.models import Maker, Type, save
from tests.require import require_module

R = np.random.default_rng(6)
F = Type("float32")
SIZES = [(5, 5), (6, 9), (17, 31), (64, 70), (70, 69)]
RANGE = (5, 70)


def convolution(m: Maker, x: str, kernel: int, stride: int, dilation: int = 1) -> str:
    w = m.const(R.normal(size=(kernel, kernel, 3, 3)).astype(np.float32))
    window = {"strides": [1, stride, stride, 1], "dilations": [1, dilation, dilation, 1], "padding": "SAME"}
    return m.add("Conv2D", x, w, T=F, data_format="NHWC", **window)


def pool(m: Maker, x: str, op: str, kernel: int, stride: int) -> str:
    return m.add(op, x, ksize=[1, kernel, kernel, 1], strides=[1, stride, stride, 1], padding="SAME", T=F)


def tower(m: Maker) -> str:
    """A residual block whose branches shrink in different ways, then pools."""
    half = convolution(m, "x", 3, 2)
    both = m.add("AddV2", convolution(m, half, 4, 2), convolution(m, half, 1, 2), T=F)
    w = m.const(R.normal(size=(5, 5, 3, 2)).astype(np.float32))
    small = m.add("DepthwiseConv2dNative", pool(m, both, "MaxPool", 3, 2), w, strides=[1, 2, 2, 1], padding="SAME", T=F, data_format="NHWC")
    return pool(m, small, "AvgPool", 3, 2)


FORMS = {
    "stride 2": lambda m: convolution(m, "x", 3, 2),
    "stride 3": lambda m: convolution(m, "x", 5, 3),
    "dilated": lambda m: convolution(m, "x", 2, 3, dilation=3),
    "one": lambda m: convolution(m, "x", 1, 3),
    "largest": lambda m: pool(m, "x", "MaxPool", 2, 2),
    "average": lambda m: pool(m, "x", "AvgPool", 3, 2),
    "tower": tower,
}


@pytest.mark.parametrize("form", FORMS)
def test_tensorflow(form: str, tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (1, None, None, 3))
    m.add("Identity", FORMS[form](m), name="y", T=F)
    path = save(m.graph(), tmp_path)
    done = edgekit.convert(path, tmp_path / "m.ekm", shapes={"x": (1, RANGE, RANGE, 3)})
    with edgekit.Session(done.path) as session:
        for h, w in SIZES:
            x = R.normal(size=(1, h, w, 3)).astype(np.float32)
            want = run_graph(converters.load(path, {"x": x.shape}), {"x": x})["y"]
            np.testing.assert_allclose(session.run({"x": x})["y"], want, rtol=1e-4, atol=1e-4)


def test_windows_with_gaps(tmp_path: Path) -> None:
    """Whether they need padding depends on the size in another way."""
    m = Maker()
    m.input("x", (1, None, 9, 3))
    m.add("Identity", convolution(m, "x", 2, 3), name="y", T=F)
    path = save(m.graph(), tmp_path)
    with pytest.raises(UnsupportedOpError, match="must be static") as e:
        converters.load(path)
    assert "--shape x:1,224,9,3" in str(e.value)
    assert converters.load(path, {"x": (1, 8, 9, 3)}).outputs[0].shape == (1, 3, 3, 3)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
def test_onnx(op: str, auto_pad: str, tmp_path: Path) -> None:
    require_module("onnx", "onnx", "pip install onnx")
    window = {"auto_pad": auto_pad, "strides": [2, 3], "kernel_shape": [3, 4]}
    weights = {"w": R.normal(size=(4, 3, 3, 4)).astype(np.float32)} if op == "Conv" else {}
    nodes = [node(op, ["x", *weights], ["y"], **window)]
    path = onnx_models.save(onnx_models.model(nodes, {"x": (np.float32, [1, 3, "H", "W"])}, ["y"], weights), tmp_path)
    done = edgekit.convert(path, tmp_path / "m.ekm", shapes={"x": (1, 3, RANGE, RANGE)})
    with edgekit.Session(done.path) as session:
        for h, w in SIZES:
            x = R.normal(size=(1, 3, h, w)).astype(np.float32)
            want = run_graph(converters.load(path, {"x": x.shape}), {"x": x})["y"]
            np.testing.assert_allclose(session.run({"x": x})["y"], want, rtol=1e-4, atol=1e-4)


def test_keras(tmp_path: Path) -> None:
    require_module("h5py", "h5py", "pip install edgekit[keras]")
    from tests.converters.keras.files import layer, sequential, write_hdf5

    conv = {"filters": 3, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same", "use_bias": False, "activation": "linear"}
    layers = [
        layer("Conv2D", "c", batch_input_shape=[None, None, None, 3], **conv),
        layer("MaxPooling2D", "m", pool_size=[3, 3], strides=[2, 2], padding="same"),
        layer("AveragePooling2D", "a", pool_size=[2, 2], strides=[2, 2], padding="same"),
    ]
    config = sequential([{k: one[k] for k in ("class_name", "config")} for one in layers])
    path = write_hdf5(tmp_path / "m.h5", config, {"c": [R.normal(size=(3, 3, 3, 3)).astype(np.float32)]})
    (name,) = (v.name for v in converters.load(path).inputs)
    done = edgekit.convert(path, tmp_path / "m.ekm", shapes={name: (1, RANGE, RANGE, 3)})
    with edgekit.Session(done.path) as session:
        for h, w in SIZES:
            x = R.normal(size=(1, h, w, 3)).astype(np.float32)
            graph = converters.load(path, {name: x.shape})
            (want,) = run_graph(graph, {name: x}).values()
            np.testing.assert_allclose(session.run({name: x})[graph.output_names[0]], want, rtol=1e-4, atol=1e-4)
