"""Convert a trained model to .ekm.

Any supported format; with --quantize the model is made smaller on the way. Prints the file's size and hash and the exact peak memory of the
activations. The same input and options give the same bytes.

Examples:
  edgekit convert model.onnx -o model.ekm
  edgekit convert model.onnx -o model.ekm --shape x:1,3,224,224
  edgekit convert model.onnx -o model-int8.ekm --quantize int8 --calibration photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
"""

from __future__ import annotations

from edgekit.cli import options as o
from edgekit.cli.conversion import numbers, run_conversion, show_conversion
from edgekit.quantize import ImageOptions


def command(
    source: o.Source,
    output: o.Output,
    quantize: o.Quantize = None,
    calibration: o.Calibration = None,
    shape: o.Shape = [],  # noqa: B006  (typer copies it)
    samples: o.Samples = None,
    mean: o.Mean = "0",
    std: o.Std = "1",
    bgr: o.Bgr = False,
    signature: o.Signature = None,
    capacity: o.Capacity = None,
    json: o.Json = False,
) -> None:
    images = ImageOptions(numbers(mean, "--mean"), numbers(std, "--std"), bgr)
    show_conversion(run_conversion(source, output, quantize, calibration, shape, images, samples, json, signature, capacity), json)
