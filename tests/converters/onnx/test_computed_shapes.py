"""Axes, sizes and lengths that the model gets at run time: imported, and run on the C runtime within planned memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import RuntimeLibraryError
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.onnx.models import model, node

F = np.float32


def ints(*v: int) -> Array:
    return np.array(v, np.int64)


def both(tmp_path: Path, nodes: Sequence[Any], feeds: Mapping[str, Array], want: Sequence[Array]) -> edgekit.Session:
    """Run nodes whose every input is fed, on the reference and on the runtime."""
    names = [f"y{k}" for k in range(len(want))]
    proto = model(nodes, {k: (a.dtype.type, list(a.shape)) for k, a in feeds.items()}, names, opset=18)
    got = run_graph(converters.load(proto), feeds)
    session = edgekit.Session(edgekit.convert(proto, tmp_path / "m.ekm").path)
    ran = session.run(feeds)
    for name, w in zip(names, want, strict=True):
        for a in (got[name], ran[name]):
            assert a.shape == w.shape and np.allclose(a, w, 1e-5, 1e-6), name
    return session


X = np.arange(24, dtype=F).reshape(2, 3, 4)


@pytest.mark.parametrize("axes", [(1,), (-1,), (0, 2), (2, -3)])
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(tmp_path: Path, axes: tuple[int, ...], keep: int) -> None:
    nodes = [node("ReduceSum", ["x", "axes"], ["y0"], keepdims=keep), node("ReduceL2", ["x", "axes"], ["y1"], keepdims=keep)]
    over = tuple(axes)
    want = [X.sum(over, keepdims=bool(keep)), np.sqrt(np.square(X).sum(over, keepdims=bool(keep)))]
    session = both(tmp_path, nodes, {"x": X, "axes": ints(*axes)}, want)
    for wrong in (3, -4):
        with pytest.raises(RuntimeLibraryError, match="outside a tensor of rank 3"):
            session.run({"x": X, "axes": ints(*axes[:-1], wrong)})


def test_an_axis_twice(tmp_path: Path) -> None:
    session = both(tmp_path, [node("ReduceMax", ["x", "axes"], ["y0"])], {"x": X, "axes": ints(0, 1)}, [X.max((0, 1), keepdims=True)])
    with pytest.raises(RuntimeLibraryError, match="stands twice"):
        session.run({"x": X, "axes": ints(1, -2)})


@pytest.mark.parametrize("axes", [(0,), (-1,), (1, 3), (4, 0), (0, 1, 2)])
def test_unsqueeze_and_squeeze(tmp_path: Path, axes: tuple[int, ...]) -> None:
    wide = np.expand_dims(X, axes)
    session = both(tmp_path, [node("Unsqueeze", ["x", "axes"], ["y0"])], {"x": X, "axes": ints(*axes)}, [wide])
    with pytest.raises(RuntimeLibraryError, match="EK_ERR_SHAPE"):
        session.run({"x": X, "axes": ints(*axes[:-1], 9)})
    session = both(tmp_path, [node("Squeeze", ["x", "axes"], ["y0"])], {"x": wide, "axes": ints(*axes)}, [X])
    with pytest.raises(RuntimeLibraryError, match="cannot reshape"):
        session.run({"x": wide, "axes": ints(*axes[:-1], next(i for i, d in enumerate(wide.shape) if d != 1))})


def test_split(tmp_path: Path) -> None:
    for axis, sizes in ((0, (2, 0)), (1, (1, 2)), (2, (3, 1))):
        want = np.split(X, [sizes[0]], axis)
        feeds = {"x": X, "sizes": ints(*sizes)}
        session = both(tmp_path, [node("Split", ["x", "sizes"], ["y0", "y1"], axis=axis)], feeds, want)
        for wrong in ((1, 5), (0, 1), (-1, 4), (9, 0)):
            if sum(wrong) != X.shape[axis] or min(wrong) < 0:
                with pytest.raises(RuntimeLibraryError, match="EK_ERR_SHAPE"):
                    session.run({"x": X, "sizes": ints(*wrong)})


def test_a_loop_whose_trips_and_rows_the_data_decide(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "state"], ["next"]),
            helper.make_node("Identity", ["cond"], ["go_on"]),
            helper.make_node("Identity", ["next"], ["row"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("cond", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [2]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [2]),
            helper.make_tensor_value_info("row", TensorProto.FLOAT, [2]),
        ],
    )
    nodes = [node("Loop", ["trips", "", "x"], ["y0", "y1"], body=body)]
    x = np.array([1, 3], F)
    rows = np.stack([x * 2 ** (k + 1) for k in range(5)])
    session = both(tmp_path, nodes, {"trips": np.array(5, np.int64), "x": x}, [rows[-1], rows])
    assert session.run({"trips": np.array(0, np.int64), "x": x})["y1"].shape == (0, 2)
    with pytest.raises(RuntimeLibraryError, match="more trips than stacked output"):
        session.run({"trips": np.array(70_000, np.int64), "x": x})


def test_a_value_that_grows_in_a_loop(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    body = helper.make_graph(
        [helper.make_node("Concat", ["all", "x"], ["more"], axis=0), helper.make_node("Identity", ["cond"], ["go_on"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("cond", TensorProto.BOOL, []),
            helper.make_tensor_value_info("all", TensorProto.FLOAT, ["n", 2]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, ["m", 2]),
        ],
    )
    x = np.array([[1, 2]], F)
    both(tmp_path, [node("Loop", ["trips", "", "x"], ["y0"], body=body)], {"trips": np.array(3, np.int64), "x": x}, [np.tile(x, (4, 1))])


def test_center_crop_pad(tmp_path: Path) -> None:
    x = np.arange(35, dtype=F).reshape(5, 7)
    nodes = [node("CenterCropPad", ["x", "size"], ["y0"])]
    want = np.zeros((8, 4), F)
    want[1:6] = x[:, 1:5]
    both(tmp_path, nodes, {"x": x, "size": ints(8, 4)}, [want])


@pytest.mark.parametrize("axis", [0, 1, 2, -2, -4])
def test_an_axis_of_a_transform(tmp_path: Path, axis: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 1)).astype(F)
    z = np.fft.fft(x[..., 0].astype(np.complex128), axis=axis if axis >= 0 else axis + 4)
    feeds = {"x": x, "axis": np.array(axis, np.int64)}
    names = ["y0"]
    proto = model([node("DFT", ["x", "", "axis"], names)], {k: (a.dtype.type, list(a.shape)) for k, a in feeds.items()}, names, opset=20)
    session = edgekit.Session(edgekit.convert(proto, tmp_path / "m.ekm").path)
    want = np.stack([z.real, z.imag], -1)
    for got in (run_graph(converters.load(proto), feeds)["y0"], session.run(feeds)["y0"]):
        assert np.allclose(got, want, 1e-4, 1e-4)
    for wrong in (3, -5, 9):
        with pytest.raises(RuntimeLibraryError, match="EK_ERR_SHAPE"):
            session.run({"x": x, "axis": np.array(wrong, np.int64)})


@pytest.mark.parametrize("step", [1, 3, 20])
def test_a_step_of_frames(tmp_path: Path, step: int) -> None:
    x, window = np.random.default_rng(0).standard_normal((2, 30)).astype(F), np.hanning(8).astype(F)
    frames = np.stack([x[:, i : i + 8] * window for i in range(0, 23, step)], 1)
    z = np.fft.rfft(frames.astype(np.float64), axis=2)
    nodes = [node("STFT", ["x", "step", "w"], ["y0"])]
    both(tmp_path, nodes, {"x": x, "step": np.array(step, np.int64), "w": window}, [np.stack([z.real, z.imag], -1).astype(F)])
