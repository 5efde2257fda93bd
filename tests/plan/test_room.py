"""Tensors whose size only the data decide: what is planned for them, and what happens when it is not enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.errors import GraphError, RuntimeLibraryError
from edgekit.format import read_model, write_bytes
from edgekit.ir import Graph, GraphBuilder
from edgekit.symbolic import DEFAULT_CAPACITY, SymDim, use_capacity
from edgekit.types import F32, I64, TensorType


def reshaped() -> Graph:
    """Relu of x [4, 6] in three computed dimensions."""
    b = GraphBuilder("reshaped")
    y = b.call("Reshape", b.input("x", F32, (4, 6)), b.input("shape", I64, (3,)))
    b.output(b.call("Relu", y), "y")
    return b.graph


def counted() -> Graph:
    """Twice the numbers below n."""
    b = GraphBuilder("counted")
    n = b.input("n", I64, ())
    numbers = b.call("Range", b.constant(0, dtype=I64), n, b.constant(1, dtype=I64))
    b.output(b.call("Add", numbers, numbers), "y")
    return b.graph


def test_dimensions_of_one_tensor_count_together() -> None:
    y = reshaped().outputs[0]
    assert y.type.max_elements() == 24
    assert y.type.nbytes_max() == 96
    assert y.type.max_shape() == (24, 24, 24)


def test_open_dimensions_take_the_capacity() -> None:
    assert counted().outputs[0].type.max_elements() == DEFAULT_CAPACITY
    with use_capacity(100):
        assert counted().outputs[0].type.max_elements() == 100
    assert counted().outputs[0].type.max_elements() == DEFAULT_CAPACITY
    with pytest.raises(GraphError, match="holds nothing"), use_capacity(0):
        pass


def test_open_dimensions_beside_fixed_ones() -> None:
    b = GraphBuilder("tiled")
    y = b.call("Tile", b.input("x", F32, (2, 3, 5)), b.input("repeats", I64, (3,)))
    assert y.type.max_elements() == DEFAULT_CAPACITY
    wide = b.call("Expand", b.input("row", F32, (1, 100_000)), b.input("to", I64, (2,)))
    assert wide.type.max_elements() == 100_000  # never less than what its fixed dimensions take
    bound = 1
    for d in y.type.max_shape():
        bound *= d
    assert bound <= 1 << 52  # the runtime computes with the bounds


def test_the_file_keeps_the_room() -> None:
    for graph in (reshaped(), counted()):
        again = read_model(write_bytes(graph))
        assert again.outputs[0].type.max_elements() == graph.outputs[0].type.max_elements()
        assert write_bytes(again) == write_bytes(graph)


@pytest.mark.parametrize("shape", [(4, 2, 3), (1, 24, 1), (24, 1, -1), (2, 0, 2)])
def test_reshape_on_the_runtime(tmp_path: Path, shape: tuple[int, ...]) -> None:
    done = edgekit.convert(reshaped(), tmp_path / "m.ekm")
    assert done.arena_bytes <= 4 * 128
    x = np.arange(-12, 12, dtype=np.float32).reshape(4, 6)
    want = (4, 6, 2) if shape == (2, 0, 2) else shape
    with edgekit.Session(done.path) as session:
        if shape == (2, 0, 2):
            with pytest.raises(RuntimeLibraryError, match="cannot reshape 24 elements"):  # 0 copies the 6
                session.run({"x": x, "shape": np.array((5, 0, 2), np.int64)})
            return
        y = session.run({"x": x, "shape": np.array(shape, np.int64)})["y"]
    assert np.array_equal(y, np.maximum(x, 0).reshape(want))


def test_an_input_with_too_little_room_is_a_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever feeds a model fills its inputs up to their bounds."""
    b = GraphBuilder("hostile")
    x = b.input("x", F32, (SymDim.symbol("N", 1, 1000), 4))
    b.output(b.call("Relu", x), "y")
    edgekit.Session(write_bytes(b.graph))
    monkeypatch.setattr(TensorType, "max_elements", lambda self: 2)
    with pytest.raises(RuntimeLibraryError, match="less memory than its dims take"):
        edgekit.Session(write_bytes(b.graph))


def test_too_little_room_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with use_capacity(10):
        graph = counted()
    done = edgekit.convert(graph, tmp_path / "m.ekm")
    with edgekit.Session(done.path) as session:
        for n in (0, 3, 10):
            assert session.run({"n": np.array(n, np.int64)})["y"].tolist() == [2 * i for i in range(n)]
        with pytest.raises(RuntimeLibraryError, match="larger capacity"):
            session.run({"n": np.array(11, np.int64)})
        assert session.run({"n": np.array(2, np.int64)})["y"].tolist() == [0, 2]
