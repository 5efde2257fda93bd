"""OpenVINO's CPU plugin; arithmetic is kept at float32, its default on some CPUs would be bfloat16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped
from benchmarks.peers.suite import Array, Model


class OpenVINO(Adapter):
    """``openvino``; int8 is NNCF's. The option ``precision`` overrides "f32"."""

    files: ClassVar[Mapping[str, str]] = {
        "fp32": "fp32.onnx",
        "int8": "ov_int8.xml",
        "int8_qdq": "int8.onnx",
        "bf16": "fp32.onnx",
    }

    def start(self, threads: int) -> None:
        """Import the runtime."""
        import openvino

        self._openvino: Untyped = openvino
        self._core = openvino.Core()

    def sizes(self, path: Path) -> int:
        """An .xml file has its weights beside it."""
        weights = path.with_suffix(".bin")
        return path.stat().st_size + (weights.stat().st_size if path.suffix == ".xml" else 0)

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Compile the model."""
        config = {
            "INFERENCE_NUM_THREADS": str(threads),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "ENABLE_CPU_PINNING": "NO",
            "INFERENCE_PRECISION_HINT": self.options.get("precision", "f32"),
        }
        self._request = self._core.compile_model(str(path), "CPU", config).create_infer_request()

    def set_input(self, x: Array) -> None:
        """Share the input's memory with the request."""
        self._x = x
        self._request.set_input_tensor(self._openvino.Tensor(x))

    def run(self) -> None:
        """Infer."""
        self._request.infer()

    def output(self) -> Array:
        """A copy of the output."""
        return np.array(self._request.get_output_tensor(0).data)
