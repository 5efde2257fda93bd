"""Options and arguments that several commands share, as decorators, so that they read the same everywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from edgekit.cli.command import Argument


class _Path(click.Path):
    """A path that is not empty: ``""``, an unset variable of the shell most of the time, would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


#: a path that click leaves unchecked: what cannot be read is said by the code that reads it, with the same words from Python
PATH = _Path(path_type=Path, readable=False)
COUNT = click.IntRange(min=1)

json = click.option("--json", is_flag=True, help="Print one JSON document instead of text; no progress bar.")
shape = click.option(
    "--shape",
    multiple=True,
    help="Fix or bound a dynamic input: NAME:DIM,DIM,... with numbers, ranges (1..8) or ? for as it is. Repeat for several inputs.",
)
freeze = click.option(
    "--freeze",
    multiple=True,
    help="Make an input a constant: NAME=NUMBER, NAME=NUMBER,NUMBER,... or NAME=FILE.npy. Repeat for several.",
)
signature = click.option("--signature", help="Which named entry point of the model to take (TensorFlow Lite, SavedModel).")
outputs = click.option(
    "--outputs", multiple=True, help="Tensors that become the outputs, inner ones too: NAME[,NAME...]; what they do not need is left out."
)
inputs = click.option(
    "--inputs", multiple=True, help="Tensors that become the inputs: NAME[,NAME...]; what is before is left out. --shape gives open sizes."
)
capacity = click.option(
    "--capacity", type=COUNT, help="Elements to provide for tensors whose size only the data decide and nothing limits [65536]."
)
output = click.option("--output", "-o", type=PATH, required=True, help="The .ekm file to write. It appears whole or not at all.")
source = click.argument("source", cls=Argument, type=PATH, help="The model: a file or folder of any supported format, or an .ekm file.")
model = click.argument("model", cls=Argument, type=PATH, help="An .ekm file.")
quantize = click.option("--quantize", "-q", help="int8, int8:min-max, int8:percentile[:NUMBER], int8:mse, float16 or int8-weight-only.")
calibration = click.option("--calibration", "-c", type=PATH, help="Folder of typical inputs (.npy .npz .png .jpg .bmp); int8 needs one.")
samples = click.option("--samples", type=COUNT, help="Use at most that many calibration samples.")
mean = click.option(
    "--mean",
    default="0",
    help="Subtracted from pixel / 255 of calibration images; one number, or one a channel: 0.485,0.456,0.406.",
)
std = click.option("--std", default="1", help="Divides pixel / 255 - mean; one number, or one a channel.")
bgr = click.option("--bgr", is_flag=True, help="Calibration images are fed blue-green-red.")
input_layout = click.option(
    "--input-layout",
    multiple=True,
    help="Layout of inputs: NAME:nhwc, or nhwc for all images; NAME:nchw-nhwc where the source's own cannot be told.",
)
output_layout = click.option("--output-layout", multiple=True, help="Layout of outputs: NAME:nhwc, or nhwc for all images.")
input_dtype = click.option("--input-dtype", multiple=True, help="Element type of an input: NAME:uint8, or uint8 for the only one.")
rename = click.option("--rename", multiple=True, help="Another name for an input or output: OLD=NEW.")
preprocess = click.option(
    "--preprocess",
    multiple=True,
    help="Let the model prepare its pictures itself: [NAME:]size=HxW,scale=1/255,mean=N:N:N,std=N:N:N,order=rgb|bgr,input=uint8.",
)
backend = click.option("--backend", "-b", default="cpu", help="cpu or opencl; the CPU takes what the device declines.")
threads = click.option("--threads", "-t", type=COUNT, default=1, help="CPU threads.")
isa = click.option("--isa", help="Highest instruction set to use: scalar, avx2, avx512, avx512vnni, neon, neondot ...")
