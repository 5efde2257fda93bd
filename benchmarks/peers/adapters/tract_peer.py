"""tract (Rust) through its Python binding; single-threaded by design."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped
from benchmarks.peers.suite import Array, Model


class Tract(Adapter):
    """``tract``, on ONNX files."""

    files: ClassVar[Mapping[str, str]] = {"fp32": "fp32.onnx", "int8": "int8.onnx"}

    def start(self, threads: int) -> None:
        """Import the runtime."""
        import tract

        if threads != 1:
            raise RuntimeError("tract runs one thread only")
        self._tract: Untyped = tract

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Optimise and plan the model."""
        self._model = self._tract.onnx().load(str(path)).into_model().into_runnable()

    def set_input(self, x: Array) -> None:
        """Keep the input."""
        self._x = x

    def run(self) -> None:
        """Run the plan."""
        self._y = self._model.run([self._x])

    def output(self) -> Array:
        """The first output."""
        return np.asarray(self._y[0].to_numpy())
