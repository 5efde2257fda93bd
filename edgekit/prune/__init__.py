"""Pruning: criteria, masks and their application to graphs."""

from __future__ import annotations

from edgekit.prune.criteria import global_magnitude_masks
from edgekit.prune.magnitude import LayerSparsity, Pruned, prune_graph

__all__ = ["LayerSparsity", "Pruned", "global_magnitude_masks", "prune_graph"]
