"""The C runtime computes generated graphs in the planned memory: in place, with shared blocks, twice in a row."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from edgekit.errors import RuntimeLibraryError
from edgekit.format import write_bytes
from edgekit.ir import Graph
from edgekit.passes import optimize
from edgekit.plan import plan_memory
from edgekit.reference import run_graph
from edgekit.runtime import Session
from edgekit.types import Array
from tests.passes.strategies import graphs
from tests.passes.test_contract import RELAXED
from tests.require import require


def _check(graph: Graph, feeds: dict[str, Array]) -> None:
    want = run_graph(graph, feeds)
    try:
        session = Session(write_bytes(graph))
    except RuntimeLibraryError as e:
        require("library", e.status is not None, f"the C library is not built ({e})")
        raise
    assert session.peak_memory_bytes == plan_memory(graph).arena_bytes
    for _ in range(2):
        got = session.run(feeds)
        for name, w in want.items():
            scale = max(1.0, float(np.max(np.abs(w), initial=0.0)))
            np.testing.assert_allclose(got[name], w, rtol=1e-4, atol=1e-4 * scale)


@given(case=graphs(max_steps=20))
@settings(RELAXED, max_examples=80)
def test_generated_graphs(case: tuple[Graph, dict[str, Array]]) -> None:
    graph, feeds = case
    _check(graph, feeds)
    _check(optimize(graph)[0], feeds)
