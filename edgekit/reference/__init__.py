"""The numpy interpreter over the operator table."""

from __future__ import annotations

from edgekit.reference.interpreter import ReferenceSession, run_graph, run_node

__all__ = ["ReferenceSession", "run_graph", "run_node"]
