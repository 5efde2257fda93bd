"""Unstructured pruning of a whole graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.errors import GraphError
from edgekit.ir import Graph, Node, Value
from edgekit.ops.traits import Accumulate
from edgekit.prune.criteria import global_magnitude_masks
from edgekit.types import F16, F32


@dataclass(frozen=True)
class LayerSparsity:
    """How much of one layer's weights is zero.

    Attributes:
        node: name of the layer.
        weights: number of weights.
        zeros_before, zeros_after: number of zeros among them.
    """

    node: str
    weights: int
    zeros_before: int
    zeros_after: int


@dataclass(frozen=True)
class Pruned:
    """A pruned graph and what was done to each layer."""

    graph: Graph
    layers: tuple[LayerSparsity, ...]

    @property
    def sparsity(self) -> float:
        """Zeros among all prunable weights, from 0 to 1."""
        total = sum(x.weights for x in self.layers)
        return sum(x.zeros_after for x in self.layers) / total if total else 0.0


def prune_graph(graph: Graph, sparsity: float) -> Pruned:
    """Zero the smallest weights of all convolutions and matrix products together.

    Biases, normalization parameters and anything that is not a float weight stay. The shapes stay too: the file gets smaller only
    where it is compressed.

    Args:
        graph: a float graph.
        sparsity: share of the weights to zero, in [0, 1).

    Raises:
        GraphError: the share is out of range, or the graph has no float weights.
    """
    if not 0 <= sparsity < 1:
        raise GraphError(f"sparsity must lie in [0, 1), got {sparsity}")
    out = graph.clone()
    found: dict[int, tuple[Graph, Node, Value]] = {}
    for g in out.walk():
        for n in g.nodes:
            trait = n.definition.quant
            if isinstance(trait, Accumulate) and n.has_input(trait.weight):
                w = n.input(trait.weight)
                if w.const is not None and w.dtype in (F32, F16) and w.const.ndim >= 2:
                    found.setdefault(id(w), (g, n, w))
    if not found:
        raise GraphError(f"graph {graph.name!r} has no float weights to prune; prune before quantizing")
    arrays = [w.const for _, _, w in found.values() if w.const is not None]
    layers = []
    for (g, n, w), mask in zip(found.values(), global_magnitude_masks(arrays, sparsity), strict=True):
        assert w.const is not None
        left = np.where(mask, w.const, w.const.dtype.type(0))
        pruned = g.add_constant(left, w.name, w.quant)
        layers.append(LayerSparsity(n.name, w.const.size, int((w.const == 0).sum()), int((left == 0).sum())))
        g.replace_all_uses(w, pruned)
    out.metadata["edgekit.sparsity"] = repr(float(sparsity))
    return Pruned(out, tuple(layers))
