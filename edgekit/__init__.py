"""EdgeKit: from a trained model to fast, small, correct inference on a phone or a board.

>>> import edgekit
>>> sorted(set(edgekit.__all__) - {"errors"})[:4]
['Conversion', 'ConvertOptions', 'Graph', 'Interface']
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # typing's own takes longer to import than all that is here
if TYPE_CHECKING:
    from typing import Any

    from edgekit import errors
    from edgekit.api import Conversion, ConvertOptions, ReportSettings, convert, load, prune, quantize, report, simulate
    from edgekit.interface import Interface
    from edgekit.ir import Graph
    from edgekit.preprocessing import Preprocessing
    from edgekit.quantize import Recipe
    from edgekit.runtime import Session
    from edgekit.version import __version__

#: public name -> the module it comes from; imported when first asked for, so that every command starts quickly
_HOMES = {
    **dict.fromkeys(
        ["Conversion", "ConvertOptions", "ReportSettings", "convert", "load", "prune", "quantize", "report", "simulate"], "edgekit.api"
    ),
    "Graph": "edgekit.ir",
    "Interface": "edgekit.interface",
    "Preprocessing": "edgekit.preprocessing",
    "Recipe": "edgekit.quantize",
    "Session": "edgekit.runtime",
    "__version__": "edgekit.version",
}


class _Package(ModuleType):
    """This package: names on demand, and functions that are not hidden by the subpackages of the same name."""

    def __getattr__(self, name: str) -> Any:
        if name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        elif name == "errors":
            value = import_module("edgekit.errors")
        else:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            return  # ``import edgekit.report`` leaves the function ``edgekit.report`` in its place
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package

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
