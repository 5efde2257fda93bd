"""Quantize a model (any source format, or a float .ekm) by a recipe: int8, float16 or int8-weight-only."""

from __future__ import annotations

from typing import Annotated

import typer

from edgekit.cli import options as o
from edgekit.cli.conversion import numbers, run_conversion, show_conversion
from edgekit.quantize import ImageOptions


def command(
    source: o.Source,
    output: o.Output,
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="int8, int8:min-max, int8:percentile[:NUMBER], int8:mse, float16, int8-weight-only.")] = "int8",
    calibration: o.Calibration = None,
    shape: o.Shape = [],  # noqa: B006  (typer copies it)
    samples: o.Samples = None,
    mean: o.Mean = "0",
    std: o.Std = "1",
    bgr: o.Bgr = False,
    json: o.Json = False,
) -> None:
    images = ImageOptions(numbers(mean, "--mean"), numbers(std, "--std"), bgr)
    show_conversion(run_conversion(source, output, recipe, calibration, shape, images, samples, json), json)
