"""Frozen graphs: names, shapes, functions, text form, and what is told of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

import edgekit
from edgekit.errors import ConversionError, MalformedModelError, UnsupportedOpError
from tests.converters.damage import damaged, refusals
from tests.converters.tensorflow.models import Function, Maker, Type, compute, load, save

R = np.random.default_rng(3)


def dense() -> Maker:
    m = Maker()
    m.input("x", (None, 4))
    m.const(np.arange(12, dtype=np.float32).reshape(4, 3), "w")
    m.add("MatMul", "x", "w", name="product", T=Type("float32"))
    m.const(np.ones(3, np.float32), "b")
    m.add("BiasAdd", "product", "b", name="sum", T=Type("float32"))
    m.add("Relu", "sum", name="y", T=Type("float32"))
    return m


def test_inputs_are_placeholders_and_outputs_what_nobody_reads(tmp_path: Path) -> None:
    graph = load(dense().graph(), tmp_path)
    assert [v.name for v in graph.inputs] == ["x"] and graph.output_names == ["y"]
    assert "MatMul 'product' (TensorFlow)" in {n.source for n in graph.nodes}
    x = R.normal(size=(2, 4)).astype(np.float32)
    want = np.maximum(x @ np.arange(12, dtype=np.float32).reshape(4, 3) + 1, 0)
    np.testing.assert_allclose(compute(graph, x)[0], want, rtol=1e-6)
    assert graph.metadata["source.format"] == "tensorflow" and graph.metadata["source.kind"] == "GraphDef"


def test_text_form(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text("# a comment\n" + text_format.MessageToString(dense().graph()))
    assert edgekit.load(path, shapes={"x": (5, 4)}).outputs[0].shape == (5, 3)


def test_a_frozen_graph_has_no_signature_to_choose(tmp_path: Path) -> None:
    path = save(dense().graph(), tmp_path)
    with pytest.raises(ConversionError, match="leave signature"):
        edgekit.load(path, signature="serving_default")


def test_a_fixed_dimension_takes_no_range(tmp_path: Path) -> None:
    path = save(dense().graph(), tmp_path)
    with pytest.raises(MalformedModelError, match=r"fixed shape .*; the range 1\.\.8 does not fit"):
        edgekit.load(path, shapes={"x": (2, (1, 8))})
    assert edgekit.load(path, shapes={"x": (2, (4, 4))}).outputs[0].shape == (2, 3)


def test_shapes_can_be_given_where_the_file_has_none(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", None)
    m.add("Relu", "x", name="y")
    m.add("StrangeOp", "y", name="z")
    with pytest.raises(UnsupportedOpError, match="--shape x") as e:
        load(m.graph(), tmp_path)
    assert {b.reason for b in e.value.blockers} == {"unknown-shape", "unsupported-op"}
    m.nodes.pop()
    assert load(m.graph(), tmp_path, shapes={"x": (2, 3)}).outputs[0].shape == (2, 3)


def test_functions_are_put_in_place_whatever_they_are_called_by(tmp_path: Path) -> None:
    inner = Maker()
    inner.add("Mul", "a", "b", name="p", T=Type("float32"))
    inner.add("Identity", "p:z:0", name="i")
    twice = inner.function("Scale", ["a", "b"], {"out": "i:output:0"})
    outer = Maker()
    outer.add("PartitionedCall", "v", "v", name="call", f=Function("Scale"), Tout=[Type("float32")])
    square = outer.function("Square2", ["v"], {"out": "call:output:0"})
    m = Maker()
    m.input("x", (2,))
    m.add("StatefulPartitionedCall", "x", name="s", f=Function("Square2"), Tout=[Type("float32")])
    m.add("Scale", "s", "x", name="y")
    x = np.array([2, -3], np.float32)
    np.testing.assert_allclose(compute(load(m.graph([twice, square]), tmp_path), x)[0], x**3)


def test_functions_that_call_themselves_are_refused(tmp_path: Path) -> None:
    f = Maker()
    f.add("PartitionedCall", "a", name="c", f=Function("F"), Tout=[Type("float32")])
    m = Maker()
    m.input("x", (2,))
    m.add("PartitionedCall", "x", name="y", f=Function("F"), Tout=[Type("float32")])
    with pytest.raises(MalformedModelError, match="deeper than"):
        load(m.graph([f.function("F", ["a"], {"out": "c:output:0"})]), tmp_path)


def test_checks_and_prints_are_left_out_with_what_they_read(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (2,))
    m.add("RegexFullMatch", "x", name="match")
    m.add("Assert", "match", name="check")
    m.add("Relu", "x", "^check", name="y")
    assert [n.op for n in load(m.graph(), tmp_path).nodes] == ["Relu"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": ["x", "missing"]}, "named but not there"),
        ({"input": ["x", "y"]}, "no node that could be its output"),
        ({"input": ["x", "w:7"]}, "nothing gives"),
        ({"input": ["x", ":"]}, "names no output"),
        ({"name": "x"}, "two nodes"),
        ({"input": ["x", "sum"]}, "cycle"),
        ({"op": ""}, "no operator"),
        ({"input": ["x"]}, "input 1 is missing"),
    ],
)
def test_broken_graphs_are_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    m = dense()
    node = m.nodes[2]
    m.nodes[-1].name = "y"
    if change.get("input"):
        del node.input[:]
    for k, v in change.items():
        node.input.extend(v) if k == "input" else setattr(node, k, v)  # type: ignore[call-overload]
    with pytest.raises(ConversionError, match=message):
        load(m.graph(), tmp_path)


def test_every_truncation_is_a_clear_error(tmp_path: Path) -> None:
    data = dense().graph().SerializeToString()
    for n in range(0, len(data), 3):
        path = tmp_path / "cut.pb"
        path.write_bytes(data[:n])
        try:
            edgekit.load(path)
        except ConversionError as e:
            assert "cut.pb" in str(e)


def test_damaged_bytes_give_a_model_or_a_conversion_error(tmp_path: Path) -> None:
    data = dense().graph().SerializeToString()
    assert refusals(damaged(data, 400, seed=3), lambda broken: edgekit.load(save_bytes(tmp_path, broken)))


def save_bytes(folder: Path, data: bytes) -> Path:
    path = folder / "damaged.pb"
    path.write_bytes(data)
    return path


def test_the_file_is_found_by_its_content(tmp_path: Path) -> None:
    assert edgekit.load(save(dense().graph(), tmp_path, "whatever.bin")).output_names == ["y"]


def test_what_depends_on_no_input_is_no_output(tmp_path: Path) -> None:
    m = dense()
    m.add("Identity", "w", name="left/over", T=Type("float32"))
    assert load(m.graph(), tmp_path).output_names == ["y"]


def test_absurd_numbers_of_parts_are_refused(tmp_path: Path) -> None:
    m = Maker()
    m.input("x", (None, 4))
    m.add("Unpack", "x", name="parts", num=1 << 40, axis=0, T=Type("float32"))
    m.add("Relu", "parts", name="y", T=Type("float32"))
    with pytest.raises(ConversionError, match="parts"):
        load(m.graph(), tmp_path)


def test_every_blocker_is_named_at_once(tmp_path: Path) -> None:
    """What text and tables need, random numbers, a type EdgeKit lacks; and what lies behind them is checked, too."""
    m = Maker()
    m.input("text", (None,), "object")
    m.add("StringSplitV2", "text", "text", name="words")
    m.add("HashTableV2", name="table")
    m.add("LookupTableFindV2", "table", m.ints(1), m.const(np.int64(0)), name="ids")
    m.add("RandomUniform", m.ints(2, 3), name="noise")
    m.add("AddV2", "ids", "noise", name="sum", T=Type("float32"))
    m.add("Pack", "words", "sum", name="both", axis=0, N=2)
    m.add("StrangeOp", "both", name="strange")
    with pytest.raises(UnsupportedOpError) as e:
        load(m.graph(), tmp_path)
    assert {b.op for b in e.value.blockers} == {"input", "LookupTableFindV2", "StringSplitV2", "RandomUniform", "StrangeOp"}
    assert all(b.hint for b in e.value.blockers)
