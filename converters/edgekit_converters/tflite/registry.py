"""The table of operator converters, by TensorFlow Lite's name; custom operators stand as ``CUSTOM:name``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from edgekit.ir import Value

if TYPE_CHECKING:
    from edgekit_converters.tflite.context import NodeContext

Result = Value | Sequence[Value]
ConvertFunction = Callable[["NodeContext"], Result]
F = TypeVar("F", bound=ConvertFunction)

_TABLE: dict[str, ConvertFunction] = {}


def converts(*ops: str) -> Callable[[F], F]:
    """Enter a function that imports the named operators."""

    def enter(function: F) -> F:
        for op in ops:
            if op in _TABLE:
                raise ValueError(f"{op} is entered twice")
            _TABLE[op] = function
        return function

    return enter


def find(op: str) -> ConvertFunction | None:
    """The converter of an operator, None if there is none."""
    return _TABLE.get(op)


def supported() -> list[str]:
    """Every operator with a converter, sorted."""
    return sorted(_TABLE)


def load_all() -> None:
    """Import every module of the ``operators`` package, which enters its converters."""
    package = importlib.import_module("edgekit_converters.tflite.operators")
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
