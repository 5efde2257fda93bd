"""What ``edgekit check`` prints, returns and writes as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import converters
from edgekit.cli.app import run
from edgekit.errors import UnsupportedOpError
from tests.converters.onnx.models import model, node, save

Capture = pytest.CaptureFixture[str]
X = {"x": (np.float32, [1, 4])}


def fine(folder: Path) -> Path:
    return save(model([node("Relu", ["x"], ["y"])], X, ["y"]), folder, "fine.onnx")


def blocked(folder: Path) -> Path:
    nodes = [
        node("Frobnicate", ["x"], ["a"], "first"),
        node("Relu", ["a"], ["b"]),
        node("Frobnicate", ["x"], ["c"], "second"),
        node("Twiddle", ["x"], ["d"], "third"),
        node("Sum", ["b", "c", "d"], ["y"]),
    ]
    return save(model(nodes, X, ["y"]), folder, "blocked.onnx")


def broken(folder: Path) -> Path:
    path = folder / "broken.onnx"
    path.write_bytes(fine(folder).read_bytes()[:-20])
    return path


def test_several_models_in_one_go(tmp_path: Path, capsys: Capture) -> None:
    paths = [str(p) for p in (blocked(tmp_path), broken(tmp_path), fine(tmp_path))]
    assert run(["check", *paths]) == 1
    out, err = capsys.readouterr()
    assert f"{paths[0]}: does not convert, for 2 reasons" in out
    assert "Frobnicate (unsupported-op) at 'first' in graph.node[0], 'second' in graph.node[2]" in out
    assert "Twiddle (unsupported-op) at 'third' in graph.node[3]" in out
    assert f"{paths[2]}: converts" in out
    assert err.startswith("error: ") and "broken.onnx" in err


def test_json(tmp_path: Path, capsys: Capture) -> None:
    paths = [str(p) for p in (blocked(tmp_path), broken(tmp_path), fine(tmp_path))]
    assert run(["check", "--json", *paths]) == 1
    found = json.loads(capsys.readouterr().out)["models"]
    assert [found[p]["converts"] for p in paths] == [False, False, True]
    first = found[paths[0]]["blockers"][0]
    assert (first["op"], first["nodes"], first["reason"]) == ("Frobnicate", ["first", "second"], "unsupported-op")
    assert first["locations"] == ["graph.node[0]", "graph.node[2]"] and first["hint"]
    assert found[paths[1]]["error"]["kind"] == "MalformedModelError" and found[paths[1]]["blockers"] == []
    assert found[paths[2]] == {"converts": True, "blockers": [], "error": None}


def test_exit_codes(tmp_path: Path) -> None:
    assert run(["check", str(fine(tmp_path))]) == 0
    assert run(["check", str(blocked(tmp_path)), str(fine(tmp_path))]) == 3
    assert run(["check", str(tmp_path / "missing.onnx")]) == 1
    assert run(["check", str(fine(tmp_path)), "--shape", "x"]) == 2


def test_what_check_accepts_convert_accepts(tmp_path: Path, capsys: Capture) -> None:
    """A dimension without a bound stops the conversion, so ``check`` names it too, with what to pass."""
    path = save(model([node("Relu", ["x"], ["y"])], {"x": (np.float32, ["batch", "time"])}, ["y"]), tmp_path)
    assert run(["check", str(path)]) == 3
    out = capsys.readouterr().out
    assert "graph input (dynamic-shape) at 'x'" in out and "--shape x:1,1..SIZE" in out
    with pytest.raises(UnsupportedOpError, match="upper bound"):
        import edgekit

        edgekit.convert(path, tmp_path / "m.ekm")
    assert run(["check", str(path), "--shape", "x:1,1..50"]) == 0


@pytest.mark.parametrize("newer", [True, False])
def test_the_line_of_pytorch_code_is_named(newer: bool) -> None:
    bad = node("Frobnicate", ["x"], ["y"], "n")
    if newer:
        entry = bad.metadata_props.add()
        entry.key = "pkg.torch.onnx.stack_trace"
        entry.value = 'File "outer.py", line 3\n  y = inner(x)\nFile "net.py", line 12, in inner\n'
    else:
        bad.doc_string = "net.py(12): inner\nouter.py(3): forward\n"
    (blocker,) = converters.check(model([bad], X, ["y"]))
    assert blocker.locations == ("graph.node[0] (net.py:12)",)


def test_nodes_inside_a_body_are_located() -> None:
    from onnx import TensorProto, helper

    def branch(op: str) -> Any:
        result = helper.make_tensor_value_info("r", TensorProto.FLOAT, [1, 4])
        return helper.make_graph([node(op, ["x"], ["r"], op.lower())], "b", [], [result])

    choose = node("If", ["c"], ["y"], "choose", then_branch=branch("Relu"), else_branch=branch("Frobnicate"))
    found = converters.check(model([node("Neg", ["x"], ["z"]), choose], {**X, "c": (np.bool_, [])}, ["y"]))
    assert ("Frobnicate", ("frobnicate",), ("graph.node[1].node[0]",)) in [(b.op, b.nodes, b.locations) for b in found]
