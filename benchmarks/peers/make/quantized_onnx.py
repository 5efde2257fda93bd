"""Make ``int8.onnx`` from ``fp32.onnx``: static QDQ by ONNX Runtime, unsigned activations, per-channel int8 weights.

Run ``python -m benchmarks.peers.make.quantized_onnx [--models-dir DIR] [NAME...]`` where onnx and onnxruntime are
installed, after ``torch_twin``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.peers import suite
from benchmarks.peers.make import common


def quantize(spec: suite.Model, folder: Path) -> Path:
    """Calibrate on the suite's 32 inputs and write the file."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source, target = folder / "fp32.onnx", folder / "int8.onnx"
    name = onnx.load(source, load_external_data=False).graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]  # untyped
        def __init__(self) -> None:
            self._feeds = ({name: suite.to_nchw(spec, x)} for x in suite.calibration(spec.name))

        def get_next(self) -> dict[str, suite.Array] | None:
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as temporary:
        prepared = Path(temporary) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return target


def main() -> None:
    """Quantize the models named on the command line."""
    for spec, folder in common.folders("Make static int8 ONNX models.", common.keras_models()):
        target = quantize(spec, folder)
        print(f"{target}: {target.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
