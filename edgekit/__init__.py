"""EdgeKit: from a trained model to fast, small, correct inference on a phone or a board.

>>> import edgekit
>>> sorted(set(edgekit.__all__) - {"errors"})[:4]
['Conversion', 'ConvertOptions', 'Graph', 'Interface']
"""

from __future__ import annotations

from edgekit import errors
from edgekit.api import Conversion, ConvertOptions, ReportSettings, convert, load, prune, quantize, report, simulate
from edgekit.interface import Interface
from edgekit.ir import Graph
from edgekit.preprocessing import Preprocessing
from edgekit.quantize import Recipe
from edgekit.runtime import Session
from edgekit.version import __version__

__all__ = [
    "Conversion",
    "ConvertOptions",
    "Graph",
    "Interface",
    "Preprocessing",
    "Recipe",
    "ReportSettings",
    "Session",
    "__version__",
    "convert",
    "errors",
    "load",
    "prune",
    "quantize",
    "report",
    "simulate",
]
