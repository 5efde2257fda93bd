"""The check every conversion makes of itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit import self_check
from edgekit.errors import ConversionError
from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.passes import optimize
from edgekit.report.compare import ErrorSums
from edgekit.self_check import SelfCheck
from edgekit.types import F32, Array, DType

WINDOW = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NCHW", "groups": 1}


def network(fixed: bool = False, side: int = 160) -> Graph:
    """Two convolutions, large enough to be checked on smaller pictures; with ``fixed`` two Reshapes allow no other size."""
    r = np.random.default_rng(0)
    b = GraphBuilder("net")
    x = b.input("x", F32, (1, 3, side, side))
    y = b.call("Conv", x, b.constant(r.standard_normal((64, 3, 3, 3)).astype(np.float32)), **WINDOW)
    y = b.call("Conv", y, b.constant(r.standard_normal((64, 3, 3, 64)).astype(np.float32)), **WINDOW)
    if fixed:
        for shape in ([1, 64, side * side], [1, 64, side, side]):
            y = b.call("Reshape", y, b.constant(np.asarray(shape, np.int64)))
    b.output(b.call("Relu", y), "y")
    return b.graph


def broken(graph: Graph) -> Graph:
    """The optimized graph with one weight that is wrong."""
    new = optimize(graph)[0]
    w = next(n for n in new.nodes if n.op == "Conv").input(1)
    assert w.const is not None
    w.const = w.const * np.float32(1.1)
    return new


def test_large_pictures_are_shrunk() -> None:
    with SelfCheck(network()) as check:
        (error,) = check.compare(optimize(network())[0])
        assert check.shapes == {"x": (1, 3, 64, 64)}
        assert error.range > 1 and error.max_abs < 1e-5 * error.range
        assert check.facts() == {"check.shape.x": "[1, 3, 64, 64]"}


@pytest.mark.parametrize("make", [lambda: network(fixed=True), lambda: network(side=32)])
def test_what_cannot_or_need_not_be_shrunk_is_checked_in_full(make: Callable[[], Graph]) -> None:
    with SelfCheck(make()) as check:
        (error,) = check.compare(optimize(make())[0])
        assert check.shapes == {} and check.facts() == {}
        assert error.max_abs < 1e-5 * error.range


@pytest.mark.parametrize("fixed", [False, True])
def test_a_wrong_pass_is_found(fixed: bool) -> None:
    with SelfCheck(network(fixed)) as check:
        with pytest.raises(ConversionError, match="bug in EdgeKit"):
            check.compare(broken(network(fixed)))
        assert check.shapes == {}  # the verdict is that of the full size


def test_graphs_that_agree_at_their_own_size_only_pass() -> None:
    """A pass may use the shapes that are declared: then only the full size counts."""
    with SelfCheck(network()) as check:
        (error,) = check.compare(network(fixed=True))
        assert error.max_abs < 1e-5 * error.range and check.shapes == {}


def test_the_graph_is_as_it_was() -> None:
    graph = network()
    with SelfCheck(graph) as check:
        optimized = optimize(network())[0]
        check.compare(optimized)
        assert [g.inputs[0].shape for g in (graph, check.before, optimized)] == [(1, 3, 160, 160)] * 3


def test_a_failed_conversion_ends_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[bool] = []

    class Slow:
        """Would run for 20 seconds."""

        def __init__(self, graph: Graph) -> None:
            self.value = graph.inputs[0]

        def run(self, feeds: dict[str, Array], observer: Callable[[Value, Array], None]) -> None:
            for _ in range(2000):
                observer(self.value, feeds[self.value.name])
                time.sleep(0.01)
            finished.append(True)

    monkeypatch.setattr(self_check, "ReferenceSession", Slow)
    with pytest.raises(KeyboardInterrupt), SelfCheck(network()):
        raise KeyboardInterrupt
    assert not finished


def test_the_file_says_how_it_was_checked(tmp_path: Path) -> None:
    done = edgekit.convert(network(), tmp_path / "m.ekm")
    assert done.graph.metadata["check.shape.x"] == "[1, 3, 64, 64]" and "check.max_abs_error.y" in done.graph.metadata
    unchecked = edgekit.convert(network(), tmp_path / "u.ekm", options=edgekit.ConvertOptions(check=False))
    assert not any(k.startswith("check.") for k in unchecked.graph.metadata) and unchecked.errors == ()


def test_inputs_that_random_numbers_cannot_be() -> None:
    b = GraphBuilder("pick")
    x = b.input("x", F32, (2,))
    index = b.call("Cast", b.call("Mul", x, b.constant(np.asarray(1e6, np.float32))), to=DType.I64)
    b.output(b.call("Gather", b.constant(np.zeros(3, np.float32)), index, axis=0), "y")
    with SelfCheck(b.graph) as check:
        assert check.compare(b.graph) == ()


@pytest.mark.parametrize("spread", [0.0, 1e-9])
def test_a_single_score_is_held_against_its_magnitude(spread: float) -> None:
    """Outputs of one element have no range; their rounding is no bug."""
    sums = ErrorSums()
    sums.add(np.asarray([0.75, 0.75 + spread]), np.asarray([0.75 + 6e-8, 0.75]))
    assert sums.figures("score", "").range == pytest.approx(0.75)
    sums.add(np.asarray([-0.25]), np.asarray([-0.25]))
    assert sums.figures("score", "").range == pytest.approx(1.0)
