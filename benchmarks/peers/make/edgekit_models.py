"""Make ``fp32.ekm`` and ``int8.ekm`` from ``fp32.onnx`` with EdgeKit, calibrated on the inputs the peers' tools get.

Run ``python -m benchmarks.peers.make.edgekit_models [--models-dir DIR] [NAME...]`` after ``torch_twin``.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import suite
from benchmarks.peers.make import common


def convert(spec: suite.Model, folder: Path) -> list[Path]:
    """Write both files."""
    edgekit: Any = importlib.import_module("edgekit")
    source, plain, quantized = folder / "fp32.onnx", folder / "fp32.ekm", folder / "int8.ekm"
    edgekit.convert(str(source), str(plain))
    with tempfile.TemporaryDirectory() as temporary:
        for index, x in enumerate(suite.calibration(spec.name)):
            np.save(Path(temporary) / f"{index:04d}.npy", suite.to_nchw(spec, x))
        edgekit.convert(str(source), str(quantized), quantize="int8", calibration=temporary)
    return [plain, quantized]


def main() -> None:
    """Convert the models named on the command line."""
    for spec, folder in common.folders("Make EdgeKit models.", common.keras_models()):
        for path in convert(spec, folder):
            print(f"{path}: {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
