"""Graph to graph: passes, the manager that runs them, and the pipelines that order them."""

from __future__ import annotations

from edgekit.passes.base import Pass, PassLog, PassManager, PassRecord, PassResult
from edgekit.passes.canonicalize.bind_shapes import BoundShapes, bind_shapes
from edgekit.passes.pipelines import all_passes, optimize

__all__ = ["BoundShapes", "Pass", "PassLog", "PassManager", "PassRecord", "PassResult", "all_passes", "bind_shapes", "optimize"]
