"""What every pass promises, on generated graphs: idempotent, honest about changes, same interface, deterministic, same numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from edgekit.ir import Graph, verify
from edgekit.ir.hash import graph_hash
from edgekit.passes import Pass, PassManager, all_passes, optimize
from edgekit.passes.layout.assign_layout import transposes
from edgekit.reference import run_graph
from edgekit.types import Array
from tests.passes.strategies import graphs

RELAXED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def interface(g: Graph) -> list[str]:
    return [f"{v.name} {v.type}" for v in g.inputs] + [f"{n} {v.type}" for v, n in zip(g.outputs, g.output_names, strict=True)]


def assert_same_numbers(a: Graph, b: Graph, feeds: Mapping[str, Array]) -> None:
    want, got = run_graph(a, feeds), run_graph(b, feeds)
    assert list(want) == list(got)
    for k, w in want.items():
        assert got[k].shape == w.shape and got[k].dtype == w.dtype
        if w.dtype.kind == "f":
            scale = float(np.max(np.abs(w), initial=1.0))
            np.testing.assert_allclose(got[k], w, rtol=2e-5, atol=2e-5 * scale)
        else:
            np.testing.assert_array_equal(got[k], w)


def _stable(g: Graph, p: Pass) -> None:
    """Run a pass twice; it must leave its own result alone."""
    manager = PassManager()
    before = graph_hash(g)
    modified = manager.run(g, [p])
    verify(g)
    once = graph_hash(g)
    assert modified == (once != before), f"{p.name} says modified={modified}"
    assert not manager.run(g, [p]), f"{p.name} changed its own result: {manager.log.lines()}"
    assert graph_hash(g) == once


@pytest.mark.parametrize("p", all_passes(), ids=lambda p: p.name)
@given(case=graphs())
@RELAXED
def test_one_pass(p: Pass, case: tuple[Graph, dict[str, Array]]) -> None:
    original, feeds = case
    g, twin = original.clone(), original.clone()
    _stable(g, p)
    assert interface(g) == interface(original)
    assert_same_numbers(original, g, feeds)
    PassManager().run(twin, [p])
    assert graph_hash(twin) == graph_hash(g)


@given(case=graphs(max_steps=20))
@settings(RELAXED, max_examples=200)
def test_pipeline(case: tuple[Graph, dict[str, Array]]) -> None:
    original, feeds = case
    before = graph_hash(original)
    g, log = optimize(original)
    assert graph_hash(original) == before
    assert interface(g) == interface(original)
    assert not any(n.attrs.get("layout") == "NCHW" for n in g.nodes)
    assert_same_numbers(original, g, feeds)
    again, second = optimize(original)
    assert graph_hash(again) == graph_hash(g) and second.lines() == log.lines()


@given(case=graphs(max_steps=20))
@settings(RELAXED, max_examples=60)
def test_pipeline_twice_is_once(case: tuple[Graph, dict[str, Array]]) -> None:
    g, _ = optimize(case[0])
    again, log = optimize(g)
    assert not log.modified, log.lines()
    assert len(transposes(again)) == len(transposes(g))
