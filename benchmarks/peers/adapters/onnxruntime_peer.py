"""ONNX Runtime, CPU provider, all graph optimisations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped
from benchmarks.peers.suite import Array, Model


class OnnxRuntime(Adapter):
    """``onnxruntime``; int8 is static QDQ with unsigned activations."""

    files: ClassVar[Mapping[str, str]] = {"fp32": "fp32.onnx", "int8": "int8.onnx", "dyn8": "dyn8.onnx"}

    def start(self, threads: int) -> None:
        """Import the runtime."""
        import onnxruntime

        self._runtime: Untyped = onnxruntime

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Build the session."""
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = self._runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self._outputs = [self._session.get_outputs()[0].name]

    def set_input(self, x: Array) -> None:
        """Keep the feed."""
        self._feed = {self._name: x}

    def run(self) -> None:
        """Run the session."""
        self._result = self._session.run(self._outputs, self._feed)

    def output(self) -> Array:
        """The first output."""
        return np.asarray(self._result[0])
