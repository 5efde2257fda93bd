"""Convert a trained model to .ekm, and quantize it on the way if asked."""

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
    json: o.Json = False,
) -> None:
    images = ImageOptions(numbers(mean, "--mean"), numbers(std, "--std"), bgr)
    show_conversion(run_conversion(source, output, quantize, calibration, shape, images, samples, json), json)
