"""A table of operator (or layer) converters by the source's own names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Generic, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Registry(Generic[F]):
    """Converters by name. Modules of one package enter theirs with the ``converts`` decorator; ``load_all`` imports them.

    Args:
        package: the package whose modules hold the converters, e.g. ``"edgekit_converters.tflite.operators"``.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self._table: dict[str, F] = {}

    def converts(self, *names: str) -> Callable[[F], F]:
        """Enter a function that imports the named operators.

        Raises:
            ValueError: a name is entered twice.
        """

        def enter(function: F) -> F:
            for name in names:
                if name in self._table:
                    raise ValueError(f"{name} is entered twice")
                self._table[name] = function
            return function

        return enter

    def find(self, name: str) -> F | None:
        """The converter of an operator, None if there is none."""
        return self._table.get(name)

    def functions(self, name: str) -> list[F]:
        """The converter of an operator in a list, as the reference pages want it; empty if there is none."""
        self.load_all()
        return [self._table[name]] if name in self._table else []

    def supported(self) -> list[str]:
        """Every name with a converter, sorted."""
        self.load_all()
        return sorted(self._table)

    def load_all(self) -> None:
        """Import every module of the package, which enters its converters."""
        package = importlib.import_module(self.package)
        for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{package.__name__}.{module}")
