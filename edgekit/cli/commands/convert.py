"""Convert a trained model to .ekm.

Any supported format; with --quantize the model is made smaller on the way. Prints the file's size and hash and the exact peak memory of the
activations. The same input and options give the same bytes. Inputs and outputs keep the source's names, order, layouts and element types
unless asked otherwise.

Examples:
  edgekit convert model.onnx -o model.ekm
  edgekit convert model.onnx -o model.ekm --shape x:1,3,224,224
  edgekit convert voice.onnx -o voice.ekm --shape input:1,512 --freeze rate=16000
  edgekit convert training.pb -o model.ekm --outputs logits --inputs image
  edgekit convert model.onnx -o model.ekm --input-layout nhwc --preprocess scale=1/255,mean=0.485:0.456:0.406,input=uint8
  edgekit convert model.onnx -o model-int8.ekm --quantize int8 --calibration photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command


@click.command("convert", cls=Command, help=__doc__)
@o.source
@o.output
@o.quantize
@o.calibration
@o.shape
@o.freeze
@o.samples
@o.mean
@o.std
@o.bgr
@o.signature
@o.outputs
@o.inputs
@o.capacity
@o.input_layout
@o.output_layout
@o.input_dtype
@o.preprocess
@o.rename
@o.json
def command(
    source: Path,
    output: Path,
    quantize: str | None,
    calibration: Path | None,
    shape: tuple[str, ...],
    freeze: tuple[str, ...],
    samples: int | None,
    mean: str,
    std: str,
    bgr: bool,
    signature: str | None,
    outputs: tuple[str, ...],
    inputs: tuple[str, ...],
    capacity: int | None,
    input_layout: tuple[str, ...],
    output_layout: tuple[str, ...],
    input_dtype: tuple[str, ...],
    preprocess: tuple[str, ...],
    rename: tuple[str, ...],
    json: bool,
) -> None:
    from edgekit import api
    from edgekit.cli.conversion import pictures, run_conversion, show_conversion
    from edgekit.cli.interface import parse_interface
    from edgekit.cli.parsing import parse_freeze, parse_names

    if quantize is None and (calibration is not None or samples is not None):
        raise click.UsageError("--calibration and --samples are for --quantize, which is not given: add --quantize int8, say")
    interface = parse_interface(input_layout, output_layout, input_dtype, preprocess, rename)
    options = api.ConvertOptions(
        images=pictures(mean, std, bgr),
        calibration_limit=samples,
        freeze=parse_freeze(freeze),
        signature=signature,
        outputs=parse_names(outputs),
        inputs=parse_names(inputs),
        capacity=capacity,
        interface=interface,
    )
    show_conversion(run_conversion(source, output, quantize, calibration, shape, options, json), json)
