"""Operators that gather and scatter by index, beside LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import ConversionError
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.converters.tflite.test_states import beside_litert, floats


def ints(*values: int) -> Array:
    return np.array(values, np.int32)


def constant(name: str, array: Array) -> Tensor:
    return Tensor(name, array.shape, str(array.dtype), array)


CASES: dict[str, tuple[Op, list[Tensor], list[Tensor], list[Tensor]]] = {
    "segment_sum": (
        Op("SEGMENT_SUM", ["x", "i"], ["y"]), [Tensor("x", (5, 3))], [constant("i", ints(0, 0, 1, 1, 2))], [Tensor("y", (3, 3))],
    ),
    **{
        f"unsorted_{kind.lower()}": (
            Op(f"UNSORTED_SEGMENT_{kind}", ["x", "i", "n"], ["y"]), [Tensor("x", (6, 2))],
            [constant("i", ints(3, 0, 3, 1, 0, 0)), constant("n", np.array(5, np.int32))], [Tensor("y", (5, 2))],
        )
        for kind in ("SUM", "PROD", "MAX", "MIN")
    },
    "sparse_to_dense": (
        Op("SPARSE_TO_DENSE", ["i", "s", "x", "d"], ["y"]), [Tensor("x", (3,))],
        [constant("i", np.array([[0, 1], [2, 3], [1, 0]], np.int32)), constant("s", ints(3, 4)), constant("d", np.array(-1, np.float32))],
        [Tensor("y", (3, 4))],
    ),
    "sparse_to_dense_one_value": (
        Op("SPARSE_TO_DENSE", ["i", "s", "x", "d"], ["y"]), [Tensor("x", ())],
        [constant("i", ints(1, 4)), constant("s", ints(6)), constant("d", np.array(0, np.float32))], [Tensor("y", (6,))],
    ),
    "matrix_diag": (Op("MATRIX_DIAG", ["x"], ["y"]), [Tensor("x", (2, 4))], [], [Tensor("y", (2, 4, 4))]),
    "matrix_set_diag": (
        Op("MATRIX_SET_DIAG", ["x", "d"], ["y"]), [Tensor("x", (2, 3, 3)), Tensor("d", (2, 3))], [], [Tensor("y", (2, 3, 3))],
    ),
    "matrix_set_diag_wide": (
        Op("MATRIX_SET_DIAG", ["x", "d"], ["y"]), [Tensor("x", (3, 5)), Tensor("d", (3,))], [], [Tensor("y", (3, 5))],
    ),
    "bucketize": (
        Op("BUCKETIZE", ["x"], ["y"], {"boundaries": [-0.5, 0.0, 0.7]}), [Tensor("x", (4, 3))], [], [Tensor("y", (4, 3), "int32")],
    ),
    "hashtable_lookup": (
        Op("HASHTABLE_LOOKUP", ["q", "k", "x"], ["y", "h"]), [Tensor("x", (3, 2))],
        [constant("q", ints(7, 5, -3)), constant("k", ints(-3, 0, 7))], [Tensor("y", (3, 2)), Tensor("h", (3,), "uint8")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_beside_litert(name: str, tmp_path: Path) -> None:
    op, inputs, constants, outputs = CASES[name]
    graph = Subgraph([*inputs, *constants, *outputs], [op], [t.name for t in inputs], [t.name for t in outputs])
    beside_litert(model(graph), [[floats(*t.shape) for t in inputs] for _ in range(3)], tmp_path)


def test_unique(tmp_path: Path) -> None:
    tensors = [Tensor("x", (6,)), Tensor("y", (0,)), Tensor("i", (6,), "int32")]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, [Op("UNIQUE", ["x"], ["y", "i"])], ["x"], ["y", "i"])))
    out = run_graph(converters.load(tmp_path / "m.tflite"), {"x": np.array([3, 1, 3, 2, 1, 3], np.float32)})
    assert out["y"].tolist() == [3, 1, 2] and out["i"].tolist() == [0, 1, 0, 2, 1, 0]


def test_shapes_broadcast(tmp_path: Path) -> None:
    shapes = [constant("a", ints(3, 1, 4)), constant("b", ints(5, 1)), Tensor("s", (3,), "int32")]
    tensors = [Tensor("x", (1, 4)), *shapes, Tensor("y", (3, 5, 4))]
    ops = [Op("BROADCAST_ARGS", ["a", "b"], ["s"]), Op("BROADCAST_TO", ["x", "s"], ["y"])]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, ops, ["x"], ["y"])))
    x = floats(1, 4)
    np.testing.assert_array_equal(run_graph(converters.load(tmp_path / "m.tflite"), {"x": x})["y"], np.broadcast_to(x, (3, 5, 4)))


@pytest.mark.parametrize(
    ("ids", "message"), [(ints(0, 2, 1), "not in order"), (ints(-1, 0, 1), "not in order"), (ints(0, 1), "first dimension")]
)
def test_segments_that_do_not_fit_are_refused(ids: Array, message: str, tmp_path: Path) -> None:
    tensors = [Tensor("x", (3, 2)), constant("i", ids), Tensor("y", (3, 2))]
    (tmp_path / "m.tflite").write_bytes(model(Subgraph(tensors, [Op("SEGMENT_SUM", ["x", "i"], ["y"])], ["x"], ["y"])))
    with pytest.raises(ConversionError, match=message):
        converters.load(tmp_path / "m.tflite")
