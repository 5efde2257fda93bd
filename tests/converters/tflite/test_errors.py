"""What does not convert, and what is broken: every case a clear error, never a crash."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from tests.converters.damage import damaged, refusals
from tests.converters.tflite.models import Op, Subgraph, Tensor, model


def load(folder: Path, data: bytes) -> None:
    path = folder / "model.tflite"
    path.write_bytes(data)
    converters.load(path)


def conv() -> bytes:
    w = np.arange(2 * 3 * 3 * 3, dtype=np.int8).reshape(2, 3, 3, 3)
    tensors = [
        Tensor("x", (1, 8, 8, 3), "int8", scale=[0.5], zero=[1]),
        Tensor("w", w.shape, "int8", w, [0.1, 0.2], [0, 0]),
        Tensor("b", (2,), "int32", np.zeros(2, np.int32), [0.05, 0.1], [0, 0]),
        Tensor("c", (1, 4, 4, 2), "int8", scale=[2.0], zero=[0]),
        Tensor("s", (2,), "int32", np.array([1, 32], np.int32)),
        Tensor("y", (1, 32), "int8", scale=[2.0], zero=[0]),
    ]
    ops = [Op("CONV_2D", ["x", "w", "b"], ["c"], {"stride_w": 2, "stride_h": 2, "activation": 3}), Op("RESHAPE", ["c", "s"], ["y"])]
    return model(Subgraph(tensors, ops, ["x"], ["y"]))


def test_all_blockers_are_listed_at_once(tmp_path: Path) -> None:
    tensors = [Tensor(n, (2,)) for n in "xabcy"]
    ops = [
        Op("CUSTOM:FlexErf", ["x"], ["a"]),
        Op("CUSTOM:MyOwn", ["a"], ["b"]),
        Op("HASHTABLE_FIND", ["b"], ["c"]),
        Op("CUSTOM:MyOwn", ["c"], ["y"]),
    ]
    with pytest.raises(UnsupportedOpError) as caught:
        load(tmp_path, model(Subgraph(tensors, ops, ["x"], ["y"])))
    found = {b.op: b for b in caught.value.blockers}
    assert set(found) == {"CUSTOM:FlexErf", "CUSTOM:MyOwn", "HASHTABLE_FIND"}
    assert found["CUSTOM:MyOwn"].nodes == ("b", "y")
    assert "SELECT_TF_OPS" in found["CUSTOM:FlexErf"].hint and all(b.hint for b in caught.value.blockers)


def test_every_truncation_is_a_clear_error(tmp_path: Path) -> None:
    data = conv()
    load(tmp_path, data)
    start = time.perf_counter()
    for n in range(0, len(data), 3):
        with pytest.raises(MalformedModelError):
            load(tmp_path, data[:n])
    assert time.perf_counter() - start < 60


def test_damaged_bytes_give_a_model_or_a_conversion_error(tmp_path: Path) -> None:
    assert len(refusals(damaged(conv(), 400, seed=3, start=8), lambda data: load(tmp_path, data))) > 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": 5}, "string"),
        ({"shape": [-3, 8, 8, 3]}, "shape"),
        ({"shape": [1 << 30, 1 << 30, 8, 3]}, "shape"),
        ({"quantization": {"scale": [float("nan")]}}, "scale"),
        ({"quantization": {"scale": [1.0, 1.0], "zero_point": [0, 0, 0]}}, "zero points"),
        ({"buffer": 77}, "buffer"),
    ],
)
def test_tensors_that_make_no_sense(change: dict[str, object], message: str, tmp_path: Path) -> None:
    tensors = [
        Tensor("x", (1, 8, 8, 3), "int8", scale=[0.5]),
        Tensor("w", (1, 8, 8, 3), "int8", scale=[0.5], extra=change),
        Tensor("y", (1, 8, 8, 3), "int8", scale=[1.0]),
    ]
    with pytest.raises(ConversionError, match=message):
        load(tmp_path, model(Subgraph(tensors, [Op("ADD", ["x", "w"], ["y"])], ["x"], ["y"])))


def test_a_value_nothing_computes(tmp_path: Path) -> None:
    tensors = [Tensor("x", (2,)), Tensor("lost", (2,)), Tensor("y", (2,))]
    with pytest.raises(MalformedModelError, match="nothing computes tensor 1"):
        load(tmp_path, model(Subgraph(tensors, [Op("ADD", ["x", "lost"], ["y"])], ["x"], ["y"])))


def test_a_huge_dimension_is_not_unpacked(tmp_path: Path) -> None:
    graph = Subgraph([Tensor("x", (1 << 30,)), Tensor("y", ())], [Op("UNPACK", ["x"], ["y"])], ["x"], ["y"])
    start = time.perf_counter()
    with pytest.raises(MalformedModelError, match="unpacked into 1 outputs"):
        load(tmp_path, model(graph))
    assert time.perf_counter() - start < 2
