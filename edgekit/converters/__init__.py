"""The facade of the importers: what a converter is, how one is found, and ``load``.

EdgeKit's own converters are the packages below ``edgekit_converters``; they are asked first. Any distribution can bring more: classes named
by entry points of the group ``edgekit.converters``.
"""

from __future__ import annotations

from edgekit.converters.catalogue import FormatInfo, Need, coverage, formats, needs
from edgekit.converters.loading import check, check_sizes, load, unbounded_inputs
from edgekit.converters.protocol import Converter, Example, LoadOptions, ShapeSpec
from edgekit.converters.registry import ENTRY_POINT_GROUP, converters, find_converter

__all__ = [
    "ENTRY_POINT_GROUP",
    "Converter",
    "Example",
    "FormatInfo",
    "LoadOptions",
    "Need",
    "ShapeSpec",
    "check",
    "check_sizes",
    "converters",
    "coverage",
    "find_converter",
    "formats",
    "load",
    "needs",
    "unbounded_inputs",
]
