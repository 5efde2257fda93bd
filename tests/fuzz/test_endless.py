"""Loops that random inputs never end: the check of a conversion gives up, and says so."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import edgekit
from edgekit.ir import Graph, GraphBuilder
from edgekit.types import BOOL, F32, I64, TensorType

SECONDS = 60


def endless() -> Graph:
    """Adds 1 for ever."""
    body = GraphBuilder("body")
    body.input("i", I64, ())
    go_on = body.input("go_on", BOOL, ())
    x = body.input("x", F32, (2,))
    body.output(body.call("Identity", go_on), "still")
    body.output(body.call("Add", x, body.constant(np.ones(2, np.float32))), "more")
    b = GraphBuilder("endless")
    first = b.input("x", F32, (2,))
    body.graph.inputs[2].type = TensorType(F32, (2,))
    b.output(b.call("While", None, b.constant(np.asarray(True)), first, body=body.graph, carried=1), "y")
    return b.graph


def test_a_loop_without_end_is_converted(tmp_path: Path) -> None:
    start = time.process_time()
    done = edgekit.convert(endless(), tmp_path / "m.ekm")
    assert time.process_time() - start < SECONDS
    assert done.path.stat().st_size > 0
    assert done.errors == ()
