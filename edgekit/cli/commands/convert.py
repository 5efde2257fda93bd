"""Convert a trained model to .ekm.

Any supported format; with --quantize the model is made smaller on the way. Prints the file's size and hash and the exact peak memory of the
activations. The same input and options give the same bytes. Inputs and outputs keep the source's names, order, layouts and element types
unless asked otherwise.

Examples:
  edgekit convert model.onnx -o model.ekm
  edgekit convert model.onnx -o model.ekm --shape x:1,3,224,224
  edgekit convert voice.onnx -o voice.ekm --shape input:1,512 --freeze rate=16000
  edgekit convert model.onnx -o model.ekm --input-layout nhwc --preprocess scale=1/255,mean=0.485:0.456:0.406,input=uint8
  edgekit convert model.onnx -o model-int8.ekm --quantize int8 --calibration photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
"""

from __future__ import annotations

from edgekit import api
from edgekit.cli import options as o
from edgekit.cli.console import parse_freeze
from edgekit.cli.conversion import pictures, run_conversion, show_conversion
from edgekit.cli.interface import parse_interface


def command(
    source: o.Source,
    output: o.Output,
    quantize: o.Quantize = None,
    calibration: o.Calibration = None,
    shape: o.Shape = [],  # noqa: B006  (typer copies it)
    freeze: o.Freeze = [],  # noqa: B006
    samples: o.Samples = None,
    mean: o.Mean = "0",
    std: o.Std = "1",
    bgr: o.Bgr = False,
    signature: o.Signature = None,
    capacity: o.Capacity = None,
    input_layout: o.InputLayout = [],  # noqa: B006
    output_layout: o.OutputLayout = [],  # noqa: B006
    input_dtype: o.InputDtype = [],  # noqa: B006
    preprocess: o.Preprocess = [],  # noqa: B006
    rename: o.Rename = [],  # noqa: B006
    json: o.Json = False,
) -> None:
    interface = parse_interface(input_layout, output_layout, input_dtype, preprocess, rename)
    options = api.ConvertOptions(
        images=pictures(mean, std, bgr),
        calibration_limit=samples,
        freeze=parse_freeze(freeze),
        signature=signature,
        capacity=capacity,
        interface=interface,
    )
    show_conversion(run_conversion(source, output, quantize, calibration, shape, options, json), json)
