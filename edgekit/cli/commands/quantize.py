"""Quantize a model: int8, float16 or int8-weight-only.

Takes any supported format, or a float .ekm. int8 needs typical inputs: a folder of .npy, .npz or image files; 50 to 500 are a good number.

Examples:
  edgekit quantize model.onnx -o model-int8.ekm --calibration photos/
  edgekit quantize model.ekm -o model-f16.ekm --recipe float16
  edgekit quantize model.ekm -o model-int8.ekm --recipe int8:percentile:99.99 --calibration samples/
"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli import options as o
from edgekit.cli.command import Command


@click.command("quantize", cls=Command, help=__doc__)
@o.source
@o.output
@click.option("--recipe", "-r", default="int8", help="int8, int8:min-max, int8:percentile[:NUMBER], int8:mse, float16, int8-weight-only.")
@o.calibration
@o.shape
@o.samples
@o.mean
@o.std
@o.bgr
@o.signature
@o.json
def command(
    source: Path,
    output: Path,
    recipe: str,
    calibration: Path | None,
    shape: tuple[str, ...],
    samples: int | None,
    mean: str,
    std: str,
    bgr: bool,
    signature: str | None,
    json: bool,
) -> None:
    from edgekit import api
    from edgekit.cli.conversion import pictures, run_conversion, show_conversion

    options = api.ConvertOptions(images=pictures(mean, std, bgr), calibration_limit=samples, signature=signature)
    show_conversion(run_conversion(source, output, recipe, calibration, shape, options, json), json)
