"""``.pt2`` files without torch: signature, names, symbols, state, errors, and broken files."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError, EdgekitError, MalformedModelError, UnsupportedOpError
from edgekit.reference import run_graph
from edgekit.symbolic import SymDim
from tests.converters.pytorch.models import ProgramFile, meta, perceptron

X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def _expected(p: ProgramFile, x: Any) -> Any:
    w = p.weights
    return np.maximum(x @ w["first.weight"].T + w["first.bias"], 0) @ w["second.weight"].T


def test_a_file_is_read_with_no_torch(tmp_path: Path) -> None:
    p = perceptron()
    path = p.save(tmp_path / "net.pt2")
    before = "torch" in sys.modules
    graph = converters.load(path)
    assert ("torch" in sys.modules) is before
    assert converters.find_converter(path).name == "pytorch"
    (x,) = graph.inputs
    assert x.name == "x" and isinstance(x.shape[0], SymDim) and x.shape[0].limits() == (2, 16) and x.shape[1] == 4
    assert graph.output_names == ["out0"]
    assert graph.metadata["source.format"] == "pytorch" and graph.metadata["source.producer"] == "torch 2.9.0"
    np.testing.assert_allclose(run_graph(graph, {"x": X})["out0"], _expected(p, X), rtol=1e-5, atol=1e-5)


def test_shapes_bind_symbols(tmp_path: Path) -> None:
    path = perceptron().save(tmp_path / "net.pt2")
    assert edgekit.load(path, shapes={"x": (3, 4)}).outputs[0].shape == (3, 3)
    with pytest.raises(MalformedModelError, match="fixed shape"):
        edgekit.load(path, shapes={"x": (3, 5)})
    with edgekit.Session(edgekit.convert(path, tmp_path / "net.ekm", shapes={"x": ((1, 8), 4)}).path) as session:
        assert session.run({"x": X})["out0"].shape == (5, 3)


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ('[1, {"type": "builtins.dict", "context": "[\\"a\\", \\"b\\"]", "children_spec": [LEAF, LEAF]}]', ["a", "b"]),
        ('[1, {"type": "builtins.tuple", "context": "null", "children_spec": [LEAF, LEAF]}]', ["out0", "out1"]),
        (
            '[1, {"type": "builtins.tuple", "context": "null", "children_spec": [LEAF, {"type": "builtins.dict", "context": "[\\"k\\"]", '
            '"children_spec": [LEAF]}]}]',
            ["out0", "out1.k"],
        ),
        ("nonsense", ["out0", "out1"]),
    ],
)
def test_output_names_follow_the_structure(tmp_path: Path, spec: str, names: list[str]) -> None:
    p = perceptron()
    p.outputs.append("relu_")
    p.out_spec = spec.replace("LEAF", '{"type": null, "context": null, "children_spec": []}')
    assert converters.load(p.save(tmp_path / "net.pt2")).output_names == names


def test_a_mutated_buffer_is_state(tmp_path: Path) -> None:
    p = ProgramFile()
    total = p.weight("total", np.full(3, 10, np.float32), buffer=True)
    x = p.input("x", "float32", (3,))
    y = p.node("aten.add.Tensor", "add", {"self": total, "other": x})
    p.node("aten.mul.Tensor", "mul", {"self": y, "other": 2.0})
    p.outputs.append("mul")
    p.mutations["total"] = "add"
    done = edgekit.convert(p.save(tmp_path / "net.pt2"), tmp_path / "net.ekm")
    with edgekit.Session(done.path) as session:
        one = np.ones(3, np.float32)
        assert [session.run({"x": one})["out0"][0] for _ in range(3)] == [22.0, 24.0, 26.0]


def test_sizes_are_computed(tmp_path: Path) -> None:
    p = ProgramFile()
    p.ranges["s0"] = (1, 12)
    x = p.input("x", "float32", ("s0", 4))
    p.node("aten.sym_size.int", "$sym_size", {"self": x, "dim": 0})
    p.node("_operator.mul", "$twice", {"#0": "$sym_size", "#1": 2})
    p.node("aten.view.default", "view", {"self": x, "size": ["$twice", 2]})
    p.outputs.append("view")
    graph = converters.load(p.save(tmp_path / "net.pt2"))
    assert str(graph.outputs[0].shape[0]) == "2*s0"
    np.testing.assert_array_equal(run_graph(graph, {"x": X})["out0"], X.reshape(10, 2))


def test_every_blocker_names_module_and_line(tmp_path: Path) -> None:
    p = perceptron()
    place = {
        "nn_module_stack": "L__self__,,net.Net;L__self___head,head,net.Head",
        "stack_trace": 'File "/me/net.py", line 31, in forward\n    self.head(x)\n  File "/me/net.py", line 12, in f\n    y = odd(x)',
    }
    p.node("mylib.odd.default", "odd", {"self": "%linear_1"}, **place)
    p.node("aten.rand.default", "noise", {"size": [2]}, **place)
    p.node("aten.relu.default", "after", {"self": "%odd"})
    p.outputs = ["after", "fft"]
    with pytest.raises(UnsupportedOpError) as e:
        converters.load(p.save(tmp_path / "net.pt2"))
    assert [b.op for b in e.value.blockers] == ["mylib.odd.default", "aten.rand.default"]
    assert "odd in head (Head) at net.py:12: y = odd(x)" in str(e.value)
    assert e.value.blockers[0].reason == "unsupported-op" and "run_decompositions" in e.value.blockers[0].hint


def test_what_was_exported_for_training_is_refused(tmp_path: Path) -> None:
    p = perceptron()
    p.node("aten.dropout.default", "drop", {"input": "%linear_1", "p": 0.5, "train": True})
    p.outputs = ["drop"]
    with pytest.raises(UnsupportedOpError, match=r"module\.eval\(\)"):
        converters.load(p.save(tmp_path / "net.pt2"))


def _changed(change: Any) -> Any:
    document = perceptron().document()
    change(document)
    return document


def _set(path: str, value: Any) -> Any:
    def change(document: Any) -> None:
        *owners, last = path.split("/")
        for o in owners:
            document = document[int(o) if o.isdigit() else o]
        document[int(last) if last.isdigit() else last] = value

    return change


GRAPH = "graph_module/graph"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("graph_module", 3), "dict expected"),
        (_set(f"{GRAPH}/nodes", {}), "list expected"),
        (_set(f"{GRAPH}/nodes/0/inputs/0/arg", {"as_tensor": {"name": "ghost"}}), "'ghost' is read, but nothing computes it"),
        (_set(f"{GRAPH}/nodes/0/inputs/0/arg", {"as_everything": 1}), "'as_everything' is not known"),
        (_set(f"{GRAPH}/nodes/0/inputs/0/arg", {"as_int": 1 << 80}), "64-bit"),
        (_set(f"{GRAPH}/nodes/0/inputs", []), "'input' is missing"),
        (_set(f"{GRAPH}/tensor_values/x/dtype", 99), "element type 99"),
        (_set(f"{GRAPH}/tensor_values/x/sizes", [{"as_int": -3}, {"as_int": 4}]), "-3"),
        (_set(f"{GRAPH}/tensor_values/linear", meta("float32", (9, 9, 9))), "declares float32"),
        (_set(f"{GRAPH}/tensor_values/p_first_weight", meta("float32", (6, 5))), "stored as float32"),
        (_set("graph_module/signature/output_specs/0/user_output/arg", {"as_tensor": {"name": "ghost"}}), "'ghost'"),
        (_set("graph_module/signature/output_specs", []), "no outputs"),
        (_set("schema_version/major", 77), "77"),
        (_set("range_constraints/s0/max_val", 1), "empty"),
    ],
)
def test_broken_documents(tmp_path: Path, change: Any, message: str) -> None:
    path = perceptron().save(tmp_path / "net.pt2", _changed(change))
    with pytest.raises(MalformedModelError, match=message) as e:
        converters.load(path)
    assert str(path) in str(e.value)


def test_broken_weights(tmp_path: Path) -> None:
    path = perceptron().save(tmp_path / "net.pt2")
    entries = {}
    with zipfile.ZipFile(path) as z:
        entries = {n: z.read(n) for n in z.namelist()}

    def write(**changes: bytes | None) -> None:
        with zipfile.ZipFile(path, "w") as z:
            for n, data in entries.items():
                key = n.rsplit("/", 1)[-1].split(".")[0]
                if key not in changes:
                    z.writestr(n, data)
                elif (new := changes[key]) is not None:
                    z.writestr(n, new)

    write(weight_0=None)
    with pytest.raises(MalformedModelError, match="does not hold"):
        converters.load(path)
    write(weight_0=b"short")
    with pytest.raises(MalformedModelError, match="does not fit"):
        converters.load(path)
    config = json.loads(entries["net/data/weights/model_weights_config.json"])
    config["config"]["first.weight"]["tensor_meta"]["sizes"] = [{"as_int": 1 << 40}, {"as_int": 1 << 22}]
    write(model_weights_config=json.dumps(config).encode())
    with pytest.raises(MalformedModelError, match="does not fit"):
        converters.load(path)
    config["config"]["first.weight"]["use_pickle"] = True
    write(model_weights_config=json.dumps(config).encode())
    with pytest.raises(MalformedModelError, match="no zip archive"):
        converters.load(path)
    write(model=b'{"a": ' * 100_000)
    with pytest.raises(MalformedModelError, match="no valid JSON"):
        converters.load(path)
    write(byteorder=b"big")
    with pytest.raises(ConversionError, match="big-endian"):
        converters.load(path)


def test_truncations_and_flips(tmp_path: Path) -> None:
    good = perceptron().save(tmp_path / "net.pt2").read_bytes()
    document = json.dumps(perceptron().document())
    r = np.random.default_rng(7)
    path = tmp_path / "bad.pt2"
    refused = 0
    for k in range(300):
        if k % 3 == 0:
            data = bytearray(good[: int(r.integers(1, len(good)))])
        elif k % 3 == 1:
            data = bytearray(good)
            for _ in range(int(r.integers(1, 5))):
                data[int(r.integers(0, len(data)))] = int(r.integers(0, 256))
        else:  # flips in the document, with a valid checksum
            text = list(document)
            for _ in range(int(r.integers(1, 4))):
                text[int(r.integers(0, len(text)))] = '0123456789[]{}":,abcx-'[int(r.integers(0, 22))]
            perceptron().save(path)
            with zipfile.ZipFile(path) as z:
                entries = {n: z.read(n) for n in z.namelist()}
            entries["net/models/model.json"] = "".join(text).encode()
            with zipfile.ZipFile(path, "w") as z:
                for n, b in entries.items():
                    z.writestr(n, b)
            data = bytearray(path.read_bytes())
        path.write_bytes(data)
        try:
            converters.load(path)
        except EdgekitError:
            refused += 1
    assert refused > 150
