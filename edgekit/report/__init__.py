"""What a conversion gained and lost: comparisons, the report's data model, and its HTML, Markdown and JSON forms."""

from __future__ import annotations

from edgekit.report.build import ReportOptions, build_report, samples_list
from edgekit.report.compare import Comparison, ErrorFigures, compare_graphs
from edgekit.report.model import Report, VariantRecord
from edgekit.report.render import render_html, render_json, render_markdown

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
