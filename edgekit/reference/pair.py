"""Runs two graphs on the same inputs at the same time, each on its half of the processors."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from edgekit.ir import Graph, Value
from edgekit.reference.interpreter import Observer, ReferenceSession
from edgekit.types import Array

Feeds = Mapping[str, Array]
Results = list[dict[str, Array]]


class _Stopped(Exception):
    """The other run failed: nobody wants this one's results."""


def run_pair(a: Graph, b: Graph, samples: Sequence[Feeds]) -> tuple[Results, Results]:
    """The outputs of both graphs for every sample, run one after the other, states going on.

    The time goes into matrix products of moderate size: those of two graphs fill two processors better than one product fills both.

    Raises:
        Exception: what either run raises; that of ``b`` first.
    """
    from threadpoolctl import threadpool_limits

    stop = threading.Event()

    def give_way(value: Value, array: Array) -> None:
        if stop.is_set():
            raise _Stopped

    with threadpool_limits(max(1, _processors() // 2), user_api="blas"), ThreadPoolExecutor(1) as beside:
        try:
            of_a = beside.submit(copy_context().run, _run, a, samples, give_way)
            of_b = _run(b, samples)
            return of_a.result(), of_b
        finally:
            stop.set()


def _run(graph: Graph, samples: Sequence[Feeds], observer: Observer | None = None) -> Results:
    session = ReferenceSession(graph)
    return [session.run(feeds, observer) for feeds in samples]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__all__ = ["run_pair"]
