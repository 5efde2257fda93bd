"""LiteRT (TFLite) through its Python interpreter, XNNPACK on by default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped, dequantize, quantize
from benchmarks.peers.suite import Array, Model


class LiteRT(Adapter):
    """``ai-edge-litert``, or ``tflite-runtime`` where only that is installed."""

    files: ClassVar[Mapping[str, str]] = {"fp32": "fp32.tflite", "int8": "int8.tflite", "dyn8": "dyn8.tflite"}
    nchw = False

    def start(self, threads: int) -> None:
        """Import the interpreter."""
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            from tflite_runtime.interpreter import Interpreter
        self._interpreter_class: Untyped = Interpreter

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Build the interpreter and its tensors."""
        self._interpreter = self._interpreter_class(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def set_input(self, x: Array) -> None:
        """Copy the input in, quantized where the model takes int8."""
        if self._input["dtype"] == np.int8:
            x = quantize(x, *self._input["quantization"])
        self._interpreter.set_tensor(self._input["index"], x.astype(self._input["dtype"]))

    def run(self) -> None:
        """Invoke."""
        self._interpreter.invoke()

    def output(self) -> Array:
        """Copy the output out."""
        y: Array = self._interpreter.get_tensor(self._output["index"])
        return dequantize(y, *self._output["quantization"]) if self._output["dtype"] == np.int8 else y
