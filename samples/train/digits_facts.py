"""Measure the four digits models in their own frameworks and write the facts to ``samples/models/README.md``.

Run ``python -m samples.train.digits_facts`` after the two training scripts, in the same environment.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import platform
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np

from samples import digits_data
from samples.train.digits_sources import SOURCES

MODELS = Path(__file__).resolve().parent.parent / "models"
_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "tensorflow-cpu", "keras", "scikit-learn", "numpy")
_PAGE = """\
# The trained models of the samples

One classifier of handwritten digits, trained once in PyTorch on scikit-learn's `load_digits` and written in four
formats with the same weights. `samples/train` holds the scripts, `samples/digits_data.py` the data and its split. This
page is written by `python -m samples.train.digits_facts`.

* Input `image`: float32 in 0..1, (batch, 1, 8, 8) for ONNX and PyTorch, (batch, 8, 8, 1) for Keras and TensorFlow.
* Output `logits`: float32 (batch, 10). The batch size is open in every format.
* Network: 3x3 convolution, two depthwise-separable blocks, max pool, inverted residual with ReLU6, depthwise-separable
  block with stride 2, global average pool, dense layer; {parameters} trained parameters. Batch norm is apart in .pt2,
  .keras and SavedModel, folded into the convolutions in ONNX (by PyTorch's exporter).
* Trained on {trained} images with small turns, shifts and changes of size; {held_out} images were held out, and nothing
  was chosen by them. No image of one part is in the other. An accuracy this near to 1 says that these digits are easy.

| model | bytes | held-out accuracy | largest difference of a logit to ONNX Runtime on digits.onnx |
|---|---:|---:|---:|
{models}

{made}

| file | sha256 |
|---|---|
{files}

The training scripts give the same bytes again with these versions on the same kind of machine, except the SavedModel:
TensorFlow orders its variables by memory address, so only the weights are the same.
"""


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else (path,)


def page(folder: Path) -> str:
    """The text of the page for the models in ``folder``; runs every model."""
    import torch

    digits = digits_data.load()
    images, labels = digits.held_out()
    reference = SOURCES["digits.onnx"][1](folder / "digits.onnx", images)
    models, files = [], []
    for name, (_, run) in SOURCES.items():
        logits = run(folder / name, images)
        right = int((logits.argmax(axis=1) == labels).sum())
        size = sum(p.stat().st_size for p in _files(folder / name))
        difference = float(np.abs(logits - reference).max())
        models.append(f"| {name} | {size} | {right} of {len(labels)} | {difference:.1e} |")
        for path in _files(folder / name):
            files.append(f"| {path.relative_to(folder)} | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |")
    parameters = torch.export.load(folder / "digits.pt2").parameters()
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return _PAGE.format(
        parameters=sum(p.numel() for p in parameters),
        trained=len(digits.train_labels),
        held_out=len(labels),
        models="\n".join(models),
        files="\n".join(files),
        made=textwrap.fill(f"Made with Python {platform.python_version()}, {packages}.", 120),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page and say where."""
    parser = argparse.ArgumentParser(description="Measure the digits models and write README.md beside them.")
    parser.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="the models (default: %(default)s)")
    options = parser.parse_args(arguments)
    path = options.models / "README.md"
    path.write_text(page(options.models), encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
