"""The report as one offline HTML page, as Markdown, and as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from edgekit.report import formatting, plots
from edgekit.report.model import Report

#: rows of long tables that the page shows; the JSON form has all of them
TABLE_ROWS = 400


def _environment(html: bool) -> Environment:
    env = Environment(
        loader=PackageLoader("edgekit.report"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update(size=formatting.size, time=formatting.duration, db=formatting.decibel, percent=formatting.percent)
    env.globals.update(memory_plot=plots.memory_plot, bars=plots.bars, times_by_operator=plots.times_by_operator, rows=TABLE_ROWS)
    return env


def render_html(report: Report) -> str:
    """One page with no outside reference."""
    return _environment(True).get_template("report.html").render(r=report)


def render_markdown(report: Report) -> str:
    """The same facts as text."""
    return _environment(False).get_template("report.md").render(r=report)


def render_json(report: Report) -> str:
    """The whole data model; infinities become null."""
    return json.dumps(_finite(report.to_dict()), indent=1) + "\n"


def _finite(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _finite(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [_finite(v) for v in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x
