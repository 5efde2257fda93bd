"""Global magnitude pruning drops exactly the smallest weights, over all layers together."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import GraphError
from edgekit.ir import Graph, GraphBuilder, verify
from edgekit.prune import global_magnitude_masks, prune_graph
from edgekit.types import F32


def _two_layers() -> Graph:
    r = np.random.default_rng(0)
    b = GraphBuilder("m")
    x = b.input("x", F32, (1, 8))
    h = b.call("FullyConnected", x, b.constant(r.standard_normal((16, 8)).astype(np.float32), "w1"), name="first")
    b.output(b.call("FullyConnected", h, b.constant(10 * r.standard_normal((4, 16)).astype(np.float32), "w2"), name="second"))
    return b.graph


def test_masks_drop_the_smallest_across_tensors() -> None:
    masks = global_magnitude_masks([np.array([1.0, -5.0]), np.array([[0.5, 3.0], [-0.1, 9.0]])], 0.5)
    assert [m.tolist() for m in masks] == [[False, True], [[False, True], [False, True]]]


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.95])
def test_pruned_share_is_exact_and_the_small_layer_loses_more(sparsity: float) -> None:
    graph = _two_layers()
    done = prune_graph(graph, sparsity)
    verify(done.graph)
    total = 16 * 8 + 4 * 16
    assert sum(x.zeros_after for x in done.layers) == int(sparsity * total)
    if sparsity == 0.3:
        assert done.layers[0].zeros_after > done.layers[1].zeros_after
    assert all((n.input(1).const != 0).all() for n in graph.nodes), "the source graph must not change"


def test_nothing_to_prune_is_an_error() -> None:
    b = GraphBuilder("m")
    b.output(b.call("Add", b.input("x", F32, (2,)), b.constant(np.ones(2, np.float32))))
    with pytest.raises(GraphError, match="no float weights"):
        prune_graph(b.graph, 0.5)
    with pytest.raises(GraphError, match=r"\[0, 1\)"):
        prune_graph(_two_layers(), 1.0)
