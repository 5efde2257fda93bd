"""ExecuTorch with the XNNPACK back end."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped
from benchmarks.peers.suite import Array, Model


class ExecuTorch(Adapter):
    """``executorch``; the thread pool follows the CPUs the process is pinned to where it cannot be set."""

    files: ClassVar[Mapping[str, str]] = {"fp32": "fp32.pte", "int8": "int8.pte"}

    def start(self, threads: int) -> None:
        """Import torch and the runtime."""
        import torch
        from executorch.runtime import Runtime

        torch.set_num_threads(threads)
        self._torch: Untyped = torch
        self._runtime: Untyped = Runtime.get()

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Load the program's forward method."""
        with contextlib.suppress(ImportError, AttributeError):
            from executorch.extension.pybindings import portable_lib

            portable_lib._unsafe_reset_threadpool(threads)
        self._program = self._runtime.load_program(str(path))
        self._method = self._program.load_method("forward")

    def set_input(self, x: Array) -> None:
        """Wrap the input as a tensor."""
        self._x = [self._torch.from_numpy(x)]

    def run(self) -> None:
        """Execute."""
        self._y = self._method.execute(self._x)

    def output(self) -> Array:
        """The first output."""
        return np.asarray(self._y[0].numpy())
