"""Work counted from graphs, memory against limits, and estimates that add up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgekit.errors import EdgekitError
from edgekit.ir import Graph, GraphBuilder
from edgekit.ir.macs import graph_macs
from edgekit.plan import plan_memory
from edgekit.simulate import list_devices, load_profile, simulate_graph
from edgekit.simulate.work import node_work
from edgekit.types import F32

CONV = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "layout": "NHWC"}


def _graph() -> Graph:
    b = GraphBuilder("m")
    x = b.input("x", F32, (1, 10, 12, 4))
    h = b.call("Conv", x, b.constant(np.ones((8, 3, 3, 4), np.float32)), name="dense", **CONV)
    h = b.call("Conv", h, b.constant(np.ones((8, 3, 3, 1), np.float32)), name="dw", groups=8, **CONV)
    h = b.call("Conv", h, b.constant(np.ones((16, 1, 1, 8), np.float32)), name="pw", **(CONV | {"pads": (0, 0, 0, 0)}))
    b.output(b.call("Relu", h, name="relu"), "y")
    return b.graph


def test_macs_and_families() -> None:
    g = _graph()
    positions = 10 * 12
    works = [node_work(n)[0] for n in g.nodes]
    assert [w.family for w in works] == ["dense", "depthwise", "pointwise", "memory"]
    assert [w.macs for w in works] == [positions * 8 * 36, positions * 8 * 9, positions * 16 * 8, 0]
    assert graph_macs(g) == sum(w.macs for w in works)


def test_transposed_convolution_macs() -> None:
    b = GraphBuilder("m")
    x = b.input("x", F32, (1, 5, 5, 6))
    attrs = {"strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1), "output_padding": (0, 0), "layout": "NHWC"}
    b.output(b.call("ConvTranspose", x, b.constant(np.ones((4, 3, 3, 6), np.float32)), **attrs))
    assert graph_macs(b.graph) == 25 * 6 * 9 * 4


@pytest.mark.parametrize("device", list_devices())
def test_every_device(device: str) -> None:
    g = _graph()
    s = simulate_graph(g, device)
    assert s.arena_bytes == plan_memory(g).arena_bytes and s.fits
    assert s.low < s.seconds < s.high
    assert sum(n.seconds for n in s.nodes) == pytest.approx(s.seconds)
    assert bool(s.warning) == (not s.calibrated or s.calibration == "derived")


def test_memory_limit_is_exact() -> None:
    g = _graph()
    profile = load_profile("raspberry-pi-4b") if "raspberry-pi-4b" in list_devices() else load_profile(list_devices()[0])
    s = simulate_graph(g, profile)
    need = s.arena_bytes + s.weight_bytes
    assert simulate_graph(g, dataclasses.replace(profile, arena_limit_bytes=need)).fits
    assert not simulate_graph(g, dataclasses.replace(profile, arena_limit_bytes=need - 1)).fits


def test_unknown_device_names_near_ones() -> None:
    with pytest.raises(EdgekitError, match="edgekit devices"):
        simulate_graph(_graph(), "raspbery-pi")
