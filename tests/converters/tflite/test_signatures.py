"""The choice of a signature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.cli.app import run
from edgekit.errors import ConversionError
from edgekit.ir import Graph
from edgekit.reference import run_graph
from tests.converters.tflite.models import Op, Subgraph, Tensor, model


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Subgraph 0 negates, subgraph 1 takes the absolute value."""
    graphs = [Subgraph([Tensor(f"x{k}", (3,)), Tensor(f"y{k}", (3,))], [Op(op, [f"x{k}"], [f"y{k}"])], [f"x{k}"], [f"y{k}"])
              for k, op in enumerate(("NEG", "ABS"))]  # fmt: skip
    found = tmp_path / "two.tflite"
    signatures = [("negate", 0, {"x": "x0"}, {"y": "y0"}), ("size", 1, {"value": "x1"}, {"magnitude": "y1"}), ("lost", 0, {}, {})]
    found.write_bytes(model(*graphs, signatures=signatures))
    return found


X = np.array([-1, 2, -3], np.float32)


def test_the_first_subgraph_with_its_own_names_without_a_signature(path: Path) -> None:
    graph = converters.load(path)
    assert run_graph(graph, {"x0": X})["y0"].tolist() == [1, -2, 3]
    assert graph.metadata["source.signatures"] == "negate, size, lost"


def test_a_signature_picks_its_subgraph_and_names(path: Path) -> None:
    graph = edgekit.load(path, signature="size")
    assert run_graph(graph, {"value": X})["magnitude"].tolist() == [1, 2, 3]
    assert graph.metadata["source.signature.size.input.value"] == "x1"
    assert list(run_graph(edgekit.load(path, signature="negate"), {"x": X})) == ["y"]
    assert edgekit.load(path, signature="lost").output_names == ["y0"]


def test_an_unknown_signature_lists_those_there_are(path: Path) -> None:
    with pytest.raises(ConversionError, match="no signature 'abs'; its signatures: 'negate', 'size', 'lost'"):
        converters.check(path, signature="abs")


def test_formats_without_signatures_say_so(path: Path, tmp_path: Path) -> None:
    done = edgekit.convert(path, tmp_path / "size.ekm", options=edgekit.ConvertOptions(signature="size"))
    with pytest.raises(ConversionError, match="one signature"):
        edgekit.load(done.path, signature="size")
    with pytest.raises(ConversionError, match="one signature"):
        edgekit.convert(Graph(), tmp_path / "none.ekm", options=edgekit.ConvertOptions(signature="size"))


def test_the_command_line_takes_a_signature(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", str(path), "-o", str(tmp_path / "m.ekm"), "--signature", "size"]) == 0
    assert [v.name for v in edgekit.load(tmp_path / "m.ekm").inputs] == ["value"]
    assert run(["check", str(path), "--signature", "size"]) == 0
    assert run(["check", str(path), "--signature", "abs"]) == 1
    assert "no signature 'abs'" in capsys.readouterr().err
