"""ncnn; the timed part is extractor creation, input and extract, as its users write it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped
from benchmarks.peers.suite import Array, Model


class Ncnn(Adapter):
    """``ncnn`` with float32 storage and arithmetic."""

    files: ClassVar[Mapping[str, str]] = {"fp32": "ncnn.param", "int8": "ncnn_int8.param"}

    def start(self, threads: int) -> None:
        """Import the runtime."""
        import ncnn

        self._ncnn: Untyped = ncnn

    def sizes(self, path: Path) -> int:
        """The weights lie beside the .param file."""
        return path.stat().st_size + path.with_suffix(".bin").stat().st_size

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Load both files."""
        self._net = self._ncnn.Net()
        options = self._net.opt
        options.num_threads = threads
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        if self._net.load_param(str(path)) or self._net.load_model(str(path.with_suffix(".bin"))):
            raise RuntimeError(f"ncnn could not load {path}")
        self._input, self._output = self._net.input_names()[0], self._net.output_names()[0]

    def set_input(self, x: Array) -> None:
        """Wrap the input without its batch dimension."""
        x = x[0].astype(np.int32) if x.dtype == np.int64 else x[0]
        self._x = np.ascontiguousarray(x)
        self._mat = self._ncnn.Mat(self._x)

    def run(self) -> None:
        """Extract the output."""
        extractor = self._net.create_extractor()
        extractor.input(self._input, self._mat)
        code, self._y = extractor.extract(self._output)
        if code:
            raise RuntimeError(f"ncnn extract gave {code}")

    def output(self) -> Array:
        """A copy of the output."""
        return np.array(self._y)
