"""EdgeKit through its public Python interface."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.peers.adapters.base import Adapter, Untyped, dequantize, quantize
from benchmarks.peers.suite import Array, Model, to_nchw


class EdgeKit(Adapter):
    """``edgekit.Session``; options: ``backend`` (default "cpu") and ``isa``.

    A converted model keeps the layout and the data type of its source, so both are read from the session: a file made
    from ONNX takes NCHW, one made from TFLite takes NHWC and perhaps int8.
    """

    files: ClassVar[Mapping[str, str]] = {"fp32": "fp32.ekm", "fp16": "fp16.ekm", "int8": "int8.ekm", "wq8": "wq8.ekm"}

    def start(self, threads: int) -> None:
        """Import the package."""
        import edgekit

        self._edgekit: Untyped = edgekit

    def load(self, path: Path, model: Model, threads: int) -> None:
        """Map the model and prepare the session."""
        options = {key: self.options[key] for key in ("isa",) if key in self.options}
        backend = self.options.get("backend", "cpu")
        self._session = self._edgekit.Session(str(path), backend=backend, threads=threads, **options)
        self._input, self._output = self._session.inputs[0], self._session.outputs[0]
        self.nchw = tuple(self._input.shape) != model.shape

    def native(self, model: Model, x: Array) -> Array:
        """A canonical input in the layout and data type of the session."""
        x = to_nchw(model, x) if self.nchw else np.ascontiguousarray(x)
        if _name(self._input.dtype) == "int8" and x.dtype == np.float32:
            return quantize(x, *_quantization(self._input))
        return x

    def set_input(self, x: Array) -> None:
        """Keep the feed."""
        self._feed = {self._input.name: x}

    def run(self) -> None:
        """Run the session."""
        self._result = self._session.run(self._feed)

    def output(self) -> Array:
        """The first output as float32."""
        y: Array = np.asarray(self._result[self._output.name])
        return dequantize(y, *_quantization(self._output)) if y.dtype == np.int8 else y


def _name(dtype: Untyped) -> str:
    """The numpy name of a data type, however the session gives it."""
    return str(np.dtype(dtype.numpy if hasattr(dtype, "numpy") else dtype))


def _quantization(port: Untyped) -> tuple[float, int]:
    """Scale and zero point of an int8 input or output."""
    quant = getattr(port, "quant", None)
    if quant is None:
        raise RuntimeError(f"{port.name!r} is int8 and the session does not give its scale")
    return float(quant.scale[0]), int(quant.zero_point[0])
