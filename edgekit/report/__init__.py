"""What a conversion gained and lost: comparisons, the report's data model, and its HTML, Markdown and JSON forms."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.report.build import ReportOptions, build_report, samples_list
    from edgekit.report.compare import Comparison, ErrorFigures, compare_graphs
    from edgekit.report.model import Report, VariantRecord
    from edgekit.report.render import render_html, render_json, render_markdown

_HOMES = {
    **dict.fromkeys(["ReportOptions", "build_report", "samples_list"], "build"),
    **dict.fromkeys(["Comparison", "ErrorFigures", "compare_graphs"], "compare"),
    **dict.fromkeys(["Report", "VariantRecord"], "model"),
    **dict.fromkeys(["render_html", "render_json", "render_markdown"], "render"),
}

__all__ = [
    "Comparison",
    "ErrorFigures",
    "Report",
    "ReportOptions",
    "VariantRecord",
    "build_report",
    "compare_graphs",
    "render_html",
    "render_json",
    "render_markdown",
    "samples_list",
]


def __getattr__(name: str) -> Any:
    """Names on demand: most conversions write no report."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
