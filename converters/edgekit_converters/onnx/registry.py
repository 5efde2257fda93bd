"""The table of operator converters, keyed by domain, operator and the opset that introduced the meaning."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from edgekit_converters.onnx.sequences import AnyValue

if TYPE_CHECKING:
    from edgekit_converters.onnx.context import NodeContext

Result = AnyValue | Sequence[AnyValue | None]
ConvertFunction = Callable[["NodeContext"], Result]
DEFAULT_DOMAINS = ("", "ai.onnx")

_TABLE: dict[tuple[str, str], list[tuple[int, ConvertFunction]]] = {}


F = TypeVar("F", bound=ConvertFunction)


def converts(op: str, since: int = 1, domain: str = "") -> Callable[[F], F]:
    """Enter a function that imports ``op`` from opset ``since`` on, until a later entry takes over."""

    def enter(function: F) -> F:
        rows = _TABLE.setdefault((domain, op), [])
        if any(s == since for s, _ in rows):
            raise ValueError(f"{domain or 'ai.onnx'}.{op} since opset {since} is entered twice")
        rows.append((since, function))
        rows.sort(key=lambda r: r[0])
        return function

    return enter


def canonical_domain(domain: str) -> str:
    """The empty string for every spelling of the default domain."""
    return "" if domain in DEFAULT_DOMAINS else domain


def find(domain: str, op: str, opset: int) -> ConvertFunction | None:
    """The converter of an operator at an opset, None if there is none."""
    found = None
    for since, function in _TABLE.get((canonical_domain(domain), op), ()):
        if since <= opset:
            found = function
    return found


def supported() -> list[tuple[str, str]]:
    """Every (domain, operator) with a converter, sorted."""
    return sorted(_TABLE)


def entries(domain: str, op: str) -> tuple[tuple[int, ConvertFunction], ...]:
    """The (since, converter) rows of an operator, by opset."""
    return tuple(_TABLE.get((canonical_domain(domain), op), ()))


def load_all() -> None:
    """Import every module of the ``operators`` package, which enters its converters."""
    package = importlib.import_module("edgekit_converters.onnx.operators")
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
