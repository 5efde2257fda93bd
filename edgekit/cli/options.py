"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text; no progress bar.")]
Shape = Annotated[
    list[str],
    typer.Option(
        "--shape",
        help="Fix or bound a dynamic input: NAME:DIM,DIM,... with numbers, ranges (1..8) or ? for as it is. Repeat for several inputs.",
    ),
]
Freeze = Annotated[
    list[str],
    typer.Option("--freeze", help="Make an input a constant: NAME=NUMBER, NAME=NUMBER,NUMBER,... or NAME=FILE.npy. Repeat for several."),
]
Signature = Annotated[
    str | None, typer.Option("--signature", help="Which named entry point of the model to take (TensorFlow Lite, SavedModel).")
]
Capacity = Annotated[
    int | None,
    typer.Option("--capacity", min=1, help="Elements to provide for tensors whose size only the data decide and nothing limits [65536]."),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The .ekm file to write. It appears whole or not at all.")]
Source = Annotated[Path, typer.Argument(help="The model: a file or folder of any supported format, or an .ekm file.")]
Model = Annotated[Path, typer.Argument(help="An .ekm file.")]
Quantize = Annotated[
    str | None,
    typer.Option("--quantize", "-q", help="int8, int8:min-max, int8:percentile[:NUMBER], int8:mse, float16 or int8-weight-only."),
]
Calibration = Annotated[
    Path | None, typer.Option("--calibration", "-c", help="Folder of typical inputs (.npy .npz .png .jpg .bmp); int8 needs one.")
]
Samples = Annotated[int | None, typer.Option("--samples", min=1, help="Use at most that many calibration samples.")]
Mean = Annotated[
    str, typer.Option("--mean", help="Subtracted from pixel / 255 of calibration images; one number, or one a channel: 0.485,0.456,0.406.")
]
Std = Annotated[str, typer.Option("--std", help="Divides pixel / 255 - mean; one number, or one a channel.")]
Bgr = Annotated[bool, typer.Option("--bgr", help="Calibration images are fed blue-green-red.")]
InputLayout = Annotated[
    list[str],
    typer.Option(
        "--input-layout", help="Layout of inputs: NAME:nhwc, or nhwc for all images; NAME:nchw-nhwc where the source's own cannot be told."
    ),
]
OutputLayout = Annotated[list[str], typer.Option("--output-layout", help="Layout of outputs: NAME:nhwc, or nhwc for all images.")]
InputDtype = Annotated[list[str], typer.Option("--input-dtype", help="Element type of an input: NAME:uint8, or uint8 for the only one.")]
Rename = Annotated[list[str], typer.Option("--rename", help="Another name for an input or output: OLD=NEW.")]
Preprocess = Annotated[
    list[str],
    typer.Option(
        "--preprocess",
        help="Let the model prepare its pictures itself: [NAME:]size=HxW,scale=1/255,mean=N:N:N,std=N:N:N,order=rgb|bgr,input=uint8.",
    ),
]
Backend = Annotated[str, typer.Option("--backend", "-b", help="cpu or opencl; the CPU takes what the device declines.")]
Threads = Annotated[int, typer.Option("--threads", "-t", min=1, help="CPU threads.")]
Isa = Annotated[
    str | None, typer.Option("--isa", help="Highest instruction set to use: scalar, avx2, avx512, avx512vnni, neon, neondot ...")
]
