"""Converters that load their importer when it is used: asking every format whether a file is its own stays quick."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.ir import Graph
from edgekit_converters.importing.files import files_read


class LazyConverter:
    """What the converters share: the functions ``load``, ``coverage`` and ``functions`` of the module that ``importer`` names.

    A subclass tells its format apart by little code of its own, and imports nothing heavy for that.
    """

    #: the module with the three functions
    importer: str

    def load(self, source: Any, options: LoadOptions) -> Graph:
        """Import a model; where it consists of several files, they are named in the metadata (``source.files``).

        Args:
            source: a path, or an object that the converter detects.
            options: shapes to bind, inputs to freeze.

        Raises:
            UnsupportedOpError: lists every blocker.
            MalformedModelError: the model is broken.
        """
        with files_read() as files:
            graph: Graph = import_module(self.importer).load(source, options)
        if isinstance(source, Path) and source.is_file():
            own = source.resolve()
            # what lies elsewhere (a folder of links) is known by its name alone
            names = [p.relative_to(own.parent).as_posix() if p.is_relative_to(own.parent) else p.name for p in files | {own}]
            if len(names) > 1 and not any("\n" in n for n in names):
                graph.metadata["source.files"] = "\n".join(sorted(names))
        return graph

    def coverage(self) -> list[str]:
        """The source operators (or layers) with a converter, by the names of the source."""
        names: list[str] = import_module(self.importer).coverage()
        return names

    def functions(self, operator: str) -> list[Callable[..., Any]]:
        """The code that imports one of them."""
        found: list[Callable[..., Any]] = import_module(self.importer).functions(operator)
        return found


__all__ = ["LazyConverter"]
