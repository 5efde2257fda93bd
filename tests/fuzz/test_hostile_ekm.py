"""Broken .ekm files: what reads them in Python, and the commands that take them, give errors of EdgeKit's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.cli.app import run as run_command
from edgekit.errors import EdgekitError, FormatError, GraphError
from edgekit.format import read_model, write_model
from edgekit.ir import Graph, GraphBuilder
from edgekit.report.compare import compare_graphs
from edgekit.types import BOOL, F32, I64
from tests.fuzz.mutations import NUMBERS
from tests.fuzz.seeds import SAMPLES, seeds

SECONDS = 20
RUNS = 150


def branches(inner: Graph | None) -> GraphBuilder:
    """``Relu``, or an If both of whose branches are ``inner``."""
    b = GraphBuilder("g")
    x, c = b.input("x", F32, (2,)), b.input("c", BOOL, ())
    b.output(b.call("Relu", x) if inner is None else b.call("If", c, x, c, then_graph=inner, else_graph=inner), "y")
    return b


def chain(depth: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of ``depth`` graphs, each of which stands in the one before twice: written as no graph of EdgeKit's is."""
    graphs = [branches(None).graph]
    for _ in range(depth):
        graphs.append(branches(graphs[-1]).graph)

    def once(_: Graph) -> Iterator[Graph]:
        return iter(graphs[::-1])

    with monkeypatch.context() as patch:
        patch.setattr(Graph, "walk", once)
        patch.setattr("edgekit.format.writer.verify", lambda _: None)
        write_model(graphs[-1], path)
    return path


@pytest.mark.parametrize("depth", [40, 300])
def test_subgraphs_that_stand_in_several_places(depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by eye: 40 of them are 10 KB, and 2**40 graphs when each is copied. The C runtime has one of each."""
    path = chain(depth, tmp_path / "m.ekm", monkeypatch)
    start = time.process_time()
    with pytest.raises(FormatError, match=r"unfold into more|nested too deeply"):
        read_model(path)
    assert time.process_time() - start < SECONDS
    y = edgekit.Session(path).run({"x": np.asarray([-1, 2], np.float32), "c": np.asarray(True)})["y"]
    assert y.tolist() == [0, 2]


def test_a_few_copies_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(list(read_model(chain(5, tmp_path / "m.ekm", monkeypatch)).walk())) == 63


def small_models(folder: Path) -> list[bytes]:
    """A few .ekm files of different kinds."""
    found = []
    for source in (SAMPLES / "digits.tflite", *(s for s in seeds("tflite") if len(s.files) == 1)):
        if not isinstance(source, Path):
            (folder / source.entry).write_bytes(source.files[source.entry])
            source = folder / source.entry
        elif not source.exists():
            continue
        edgekit.convert(source, folder / "s.ekm", options=edgekit.ConvertOptions(check=False))
        found.append((folder / "s.ekm").read_bytes())
    return found


def damaged(r: np.random.Generator, data: bytes) -> bytes:
    """One to three numbers of the first few kilobytes changed."""
    out = bytearray(data)
    for _ in range(int(r.integers(1, 4))):
        size = int(r.choice([1, 2, 4, 8]))
        at = int(r.integers(8, min(len(out), 4096) - size)) & ~(size - 1)
        value = NUMBERS[int(r.integers(len(NUMBERS)))] if r.integers(2) else int(r.integers(300))
        out[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return bytes(out)


def test_damaged_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    r = np.random.default_rng(0)
    models = small_models(tmp_path)
    path = tmp_path / "m.ekm"
    commands: tuple[Callable[[], int], ...] = (
        lambda: run_command(["inspect", str(path)]),
        lambda: run_command(["compare", str(path), str(path), "--json"]),
        lambda: run_command(["inspect", str(path), "--json"]),
    )
    read = 0
    for k in range(RUNS):
        path.write_bytes(damaged(r, models[k % len(models)]))
        try:
            read_model(path)
            read += 1
        except EdgekitError:
            pass
        assert commands[k % len(commands)]() in (0, 1, 3)
    assert 5 < read < RUNS
    said = capfd.readouterr()
    assert "This is a bug" not in said.err + said.out


def test_inputs_that_no_node_can_work_on() -> None:
    """Found in a damaged file, whose window did not fit its input: it is no bug of EdgeKit's, says the error."""
    b = GraphBuilder("g")
    x, i = b.input("x", F32, (4,)), b.input("i", I64, (1,))
    b.output(b.call("Gather", x, i, axis=0), "y")
    with pytest.raises(GraphError, match=r"cannot be run on this input: IndexError: .*out of bounds"):
        compare_graphs(b.graph, b.graph, [{"x": np.zeros(4, np.float32), "i": np.asarray([7])}])
