"""The numpy interpreter over the operator table."""

from __future__ import annotations

from edgekit.reference.interpreter import ReferenceSession, run_graph, run_node, watching_bodies
from edgekit.reference.sequences import SequenceStart

__all__ = ["ReferenceSession", "SequenceStart", "run_graph", "run_node", "watching_bodies"]
