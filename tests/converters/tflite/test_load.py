"""What the importer makes of single operators and small models; values against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError
from edgekit.reference import run_graph
from edgekit.types import I8, U8, Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model

R = np.random.default_rng(7)
SY = 4.3


def save(folder: Path, *graphs: Subgraph) -> Path:
    path = folder / "model.bin"  # found by its content, whatever its name
    path.write_bytes(model(*graphs))
    return path


def dense(dtype: str = "float32") -> Subgraph:
    w = R.normal(size=(3, 4)).astype(np.float32)
    tensors = [
        Tensor("x", (2, 4), extra={"shape_signature": [-1, 4]}),
        Tensor("w", (3, 4), data=w),
        Tensor("b", (3,), data=np.ones(3, np.float32)),
        Tensor("y", (2, 3)),
    ]
    return Subgraph(tensors, [Op("FULLY_CONNECTED", ["x", "w", "b"], ["y"], {"activation": 1})], ["x"], ["y"])


def test_names_layout_and_a_fused_activation(tmp_path: Path) -> None:
    graph = dense()
    loaded = converters.load(save(tmp_path, graph))
    assert [v.name for v in loaded.inputs] == ["x"] and loaded.output_names == ["y"]
    assert loaded.nodes[0].attrs["clamp_min"] == 0.0 and "FULLY_CONNECTED" in loaded.nodes[0].source
    x = R.normal(size=(2, 4)).astype(np.float32)
    w = graph.tensors[1].data
    assert w is not None
    np.testing.assert_allclose(run_graph(loaded, {"x": x})["y"], np.maximum(x @ w.T + 1, 0), rtol=1e-6)


def test_open_dimensions_can_be_set(tmp_path: Path) -> None:
    path = save(tmp_path, dense())
    assert converters.load(path, shapes={"x": (5, 4)}).outputs[0].shape == (5, 3)
    with pytest.raises(ConversionError, match="fixed shape"):
        converters.load(path, shapes={"x": (5, 7)})
    with pytest.raises(ConversionError, match="no input 'z'"):
        converters.load(path, shapes={"z": (5, 4)})


@pytest.mark.parametrize("op", ["DEQUANTIZE", "DENSIFY"])
def test_large_weights_stored_another_way_are_still_constants(op: str, tmp_path: Path) -> None:
    """Float16 or sparse weights are expanded by an operator before the one that needs them as constants."""
    w = R.normal(size=(160, 512)).astype(np.float16 if op == "DEQUANTIZE" else np.float32)
    tensors = [
        Tensor("x", (1, 512)),
        Tensor("w", w.shape, str(w.dtype), data=w),
        Tensor("real", w.shape),
        Tensor("y", (1, 160)),
    ]
    graph = Subgraph(tensors, [Op(op, ["w"], ["real"]), Op("FULLY_CONNECTED", ["x", "real", ""], ["y"])], ["x"], ["y"])
    loaded = converters.load(save(tmp_path, graph))
    assert [n.op for n in loaded.nodes] == ["FullyConnected"]
    x = R.normal(size=(1, 512)).astype(np.float32)
    np.testing.assert_allclose(run_graph(loaded, {"x": x})["y"], x @ w.astype(np.float32).T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("zero", "operator"), [(128, "FullyConnected"), (100, "Cast")])
def test_uint8_stays_uint8_outside_and_gives_the_exact_integers(zero: int, operator: str, tmp_path: Path) -> None:
    """Weights that int8 holds around zero run on int8; others in float32. Both are rounded as TensorFlow Lite does."""
    w = R.integers(1, 256, (3, 4)).astype(np.uint8)
    w[0, 0] = 255
    bias = np.array([10, -20, 300], np.int32)
    tensors = [
        Tensor("x", (1, 4), "uint8", scale=[0.5], zero=[7]),
        Tensor("w", (3, 4), "uint8", w, [0.25], [zero]),
        Tensor("b", (3,), "int32", bias, [0.125], [0]),
        Tensor("y", (1, 3), "uint8", scale=[SY], zero=[90]),
    ]
    graph = Subgraph(tensors, [Op("FULLY_CONNECTED", ["x", "w", "b"], ["y"])], ["x"], ["y"])
    made = edgekit.convert(save(tmp_path, graph), tmp_path / "m.ekm")
    assert made.graph.inputs[0].dtype is U8 and made.graph.outputs[0].dtype is U8
    assert operator in [n.op for n in made.graph.nodes]
    session = edgekit.Session(made.path)
    for _ in range(200):
        x = R.integers(0, 256, (1, 4)).astype(np.uint8)
        acc = (x.astype(int) - 7) @ (w.astype(int) - zero).T + bias
        np.testing.assert_array_equal(session.run({"x": x})["y"], np.clip(twice_rounded(acc, 0.125 / SY) + 90, 0, 255))


def twice_rounded(acc: Array, multiplier: float) -> Array:
    """The fixed-point product of TensorFlow Lite's matrix library ruy: ``acc * f`` rounded, then divided by ``2^s``, ties upwards."""
    fraction, exponent = np.frexp(multiplier)
    first = np.floor(acc * float(fraction) + 0.5)
    return np.asarray(np.floor(first / 2.0**-exponent + 0.5))


def test_functions_of_int8_become_tables(tmp_path: Path) -> None:
    tensors = [Tensor("x", (4,), "int8", scale=[0.1], zero=[3]), Tensor("y", (4,), "int8", scale=[1 / 256], zero=[-128])]
    loaded = converters.load(save(tmp_path, Subgraph(tensors, [Op("LOGISTIC", ["x"], ["y"])], ["x"], ["y"])))
    assert [n.op for n in loaded.nodes] == ["Lookup"] and loaded.outputs[0].dtype is I8
    x = np.array([-128, 0, 3, 127], np.int8)
    want = np.clip(np.rint(256 / (1 + np.exp(-(x - 3.0) * np.float32(0.1)))) - 128, -128, 127)
    np.testing.assert_array_equal(run_graph(loaded, {"x": x})["y"], want)


SLICES = (
    ({"begin_mask": 1, "end_mask": 2}, [1, 1, 0], [2, 9, 3], [1, 2, 1], np.s_[:2, 1::2, 0:3]),
    ({"shrink_axis_mask": 1}, [-1, 0, 0], [0, 4, 5], [1, 1, 1], np.s_[-1, 0:4, 0:5]),
    ({"ellipsis_mask": 1, "new_axis_mask": 2}, [0, 0, 1], [0, 0, 4], [1, 1, 2], np.s_[..., np.newaxis, 1:4:2]),
    ({"begin_mask": 4, "end_mask": 4}, [0, 0, 0], [3, 4, 0], [1, 1, -1], np.s_[0:3, 0:4, ::-1]),
)


@pytest.mark.parametrize(("masks", "begin", "end", "strides", "index"), SLICES)
def test_strided_slices(masks: dict[str, int], begin: list[int], end: list[int], strides: list[int], index: object, tmp_path: Path) -> None:
    x = R.normal(size=(3, 4, 5)).astype(np.float32)
    want: Array = x[index]  # type: ignore[index]
    parts = [Tensor(n, (len(v),), "int32", np.array(v, np.int32)) for n, v in (("b", begin), ("e", end), ("s", strides))]
    graph = Subgraph(
        [Tensor("x", x.shape), *parts, Tensor("y", want.shape)], [Op("STRIDED_SLICE", ["x", "b", "e", "s"], ["y"], masks)], ["x"], ["y"]
    )
    got = run_graph(converters.load(save(tmp_path, graph)), {"x": x})["y"]
    np.testing.assert_array_equal(got, want)


def scalar_steps() -> tuple[Subgraph, Subgraph, Subgraph, Subgraph]:
    """``while i < 5: i, x = i + 1, 2 x``, and its condition and body; then ``x if i < 5 else 2 x``'s branches are body and nothing."""
    one = [Tensor("one", (), "int32", np.array(1, np.int32)), Tensor("two", (), data=np.array(2, np.float32))]
    carried = [Tensor("i", (), "int32"), Tensor("x", (3,))]
    main = Subgraph(
        [*carried, Tensor("j", (), "int32"), Tensor("y", (3,))],
        [Op("WHILE", ["i", "x"], ["j", "y"], {"cond_subgraph": 1, "body_subgraph": 2})],
        ["i", "x"],
        ["j", "y"],
    )
    limit = Tensor("five", (), "int32", np.array(5, np.int32))
    condition = Subgraph([*carried, limit, Tensor("c", (), "bool")], [Op("LESS", ["i", "five"], ["c"])], ["i", "x"], ["c"])
    body = Subgraph(
        [*carried, *one, Tensor("j", (), "int32"), Tensor("y", (3,))],
        [Op("ADD", ["i", "one"], ["j"]), Op("MUL", ["x", "two"], ["y"])],
        ["i", "x"],
        ["j", "y"],
    )
    nothing = Subgraph(carried, [], ["i", "x"], ["i", "x"])
    return main, condition, body, nothing


@pytest.mark.parametrize("start", [0, 3, 9])
def test_while(start: int, tmp_path: Path) -> None:
    session = edgekit.Session(edgekit.convert(save(tmp_path, *scalar_steps()), tmp_path / "m.ekm").path)
    out = session.run({"i": np.array(start, np.int32), "x": np.ones(3, np.float32)})
    rounds = max(0, 5 - start)
    assert int(out["j"]) == start + rounds
    np.testing.assert_array_equal(out["y"], np.full(3, 2.0**rounds))


@pytest.mark.parametrize("taken", [True, False])
def test_if(taken: bool, tmp_path: Path) -> None:
    _, condition, body, nothing = scalar_steps()
    main = Subgraph(
        [Tensor("c", (), "bool"), Tensor("i", (), "int32"), Tensor("x", (3,)), Tensor("j", (), "int32"), Tensor("y", (3,))],
        [Op("IF", ["c", "i", "x"], ["j", "y"], {"then_subgraph": 2, "else_subgraph": 3})],
        ["c", "i", "x"],
        ["j", "y"],
    )
    session = edgekit.Session(edgekit.convert(save(tmp_path, main, condition, body, nothing), tmp_path / "m.ekm").path)
    out = session.run({"c": np.array(taken), "i": np.array(1, np.int32), "x": np.ones(3, np.float32)})
    assert int(out["j"]) == 1 + taken
    np.testing.assert_array_equal(out["y"], np.full(3, 1.0 + taken))


def test_a_loop_of_subgraphs_is_refused(tmp_path: Path) -> None:
    main, condition, _, _ = scalar_steps()
    with pytest.raises(ConversionError, match="nested deeper"):
        converters.load(save(tmp_path, main, condition, main))
    with pytest.raises(ConversionError, match=r"nested deeper|more than"):
        converters.load(save(tmp_path, main, main, main))
