"""``PytensorConverter``: tells compiled functions apart."""

from __future__ import annotations

from typing import Any

from edgekit_converters.importing.lazy import LazyConverter

PACKAGES = ("pytensor", "aesara", "theano")
CLASSES = ("Function", "FunctionGraph")


class PytensorConverter(LazyConverter):
    """Reads compiled functions and function graphs of PyTensor (and of its forerunners Theano and Aesara, which name things alike)."""

    name = "pytensor"
    description = "PyTensor (a compiled function or a FunctionGraph in memory)"
    suffixes: tuple[str, ...] = ()
    needs = ("pytensor",)
    importer = "edgekit_converters.pytensor.loading"

    def detects(self, source: Any, head: bytes) -> bool:
        """True for a ``Function`` or ``FunctionGraph``; the package itself is not imported."""
        kind = type(source)
        return kind.__name__ in CLASSES and kind.__module__.split(".")[0] in PACKAGES
