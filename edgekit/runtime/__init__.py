"""The binding to the C runtime: the only package that touches C."""

from __future__ import annotations

from edgekit.runtime.library import cpu_features, devices, library_path, library_version
from edgekit.runtime.session import MemoryReport, NodeReport, Session, TensorSpec

__all__ = ["MemoryReport", "NodeReport", "Session", "TensorSpec", "cpu_features", "devices", "library_path", "library_version"]
