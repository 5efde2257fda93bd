"""MNN's session API, CPU back end, precision normal (float32)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped
from benchmarks.peers.suite import Array, Model


class Mnn(Adapter):
    """``MNN``; "dyn8" has 8-bit weights and quantizes activations while it runs."""

    files: ClassVar[Mapping[str, str]] = {"fp32": "fp32.mnn", "int8": "int8.mnn", "dyn8": "wq8.mnn"}

    def start(self, threads: int) -> None:
        """Import the runtime."""
        import MNN

        self._mnn: Untyped = MNN

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Build the session."""
        config = {"backend": "CPU", "numThread": threads, "precision": "normal"}
        if path.name == self.files["dyn8"]:
            config["memory"] = "low"
        self._net = self._mnn.Interpreter(str(path))
        self._session = self._net.createSession(config)
        self._input = self._net.getSessionInput(self._session)

    def set_input(self, x: Array) -> None:
        """Copy the input in."""
        mnn = self._mnn
        x, kind = (x.astype(np.int32), mnn.Halide_Type_Int) if x.dtype == np.int64 else (x, mnn.Halide_Type_Float)
        self._input.copyFrom(mnn.Tensor(x.shape, kind, np.ascontiguousarray(x), mnn.Tensor_DimensionType_Caffe))

    def run(self) -> None:
        """Run the session."""
        self._net.runSession(self._session)

    def output(self) -> Array:
        """Copy the output out."""
        mnn = self._mnn
        output = self._net.getSessionOutput(self._session)
        shape = output.getShape()
        host = mnn.Tensor(shape, mnn.Halide_Type_Float, np.zeros(shape, np.float32), mnn.Tensor_DimensionType_Caffe)
        output.copyToHostTensor(host)
        return np.array(host.getNumpyData(), np.float32).reshape(shape)
