"""The numpy interpreter over the operator table."""

from __future__ import annotations

from edgekit.reference.interpreter import ReferenceSession, explaining_failures, run_graph, run_node, watching_bodies
from edgekit.reference.sequences import SequenceStart

__all__ = ["ReferenceSession", "SequenceStart", "explaining_failures", "run_graph", "run_node", "watching_bodies"]
