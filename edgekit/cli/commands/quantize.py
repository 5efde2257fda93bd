"""Quantize a model: int8, float16 or int8-weight-only.

Takes any supported format, or a float .ekm. int8 needs typical inputs: a folder of .npy, .npz or image files; 50 to 500 are a good number.

Examples:
  edgekit quantize model.onnx -o model-int8.ekm --calibration photos/
  edgekit quantize model.ekm -o model-f16.ekm --recipe float16
  edgekit quantize model.ekm -o model-int8.ekm --recipe int8:percentile:99.99 --calibration samples/
"""

from __future__ import annotations

from typing import Annotated

import typer

from edgekit import api
from edgekit.cli import options as o
from edgekit.cli.conversion import pictures, run_conversion, show_conversion


def command(
    source: o.Source,
    output: o.Output,
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="int8, int8:min-max, int8:percentile[:NUMBER], int8:mse, float16, int8-weight-only.")
    ] = "int8",
    calibration: o.Calibration = None,
    shape: o.Shape = [],  # noqa: B006  (typer copies it)
    samples: o.Samples = None,
    mean: o.Mean = "0",
    std: o.Std = "1",
    bgr: o.Bgr = False,
    signature: o.Signature = None,
    json: o.Json = False,
) -> None:
    options = api.ConvertOptions(images=pictures(mean, std, bgr), calibration_limit=samples, signature=signature)
    show_conversion(run_conversion(source, output, recipe, calibration, shape, options, json), json)
