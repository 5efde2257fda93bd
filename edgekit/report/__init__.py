"""What a conversion gained and lost: comparisons and reports."""

from __future__ import annotations

from edgekit.report.compare import Comparison, ErrorFigures, compare_graphs

__all__ = ["Comparison", "ErrorFigures", "compare_graphs"]
