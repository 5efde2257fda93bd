"""The digit classifier as the tests of the product use it: converted once a test run, by worker."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgekit
from tests.require import require_module

MODEL = Path(__file__).resolve().parents[1] / "samples" / "models" / "digits.onnx"


@dataclass(frozen=True)
class DigitsFiles:
    """Where things lie.

    Attributes:
        folder: of everything here.
        calibration: 20 PNG images.
        images: 20 held-out digits, float32 (20, 1, 8, 8).
        labels: int64 (20,).
        floats, int8: the conversions.
    """

    folder: Path
    calibration: Path
    images: np.ndarray
    labels: np.ndarray
    floats: edgekit.Conversion
    int8: edgekit.Conversion


@functools.cache
def digits_files() -> DigitsFiles:
    """Convert the sample model to float32 and int8 in a temporary folder that goes with the process."""
    require_module("sklearn", "sklearn", "pip install scikit-learn")
    from samples import digits_data

    folder = Path(_keep_until_exit().name)
    digits = digits_data.load()
    digits_data.write_calibration(folder / "calibration", digits=digits, count=20)
    images, labels = digits.held_out()
    floats = edgekit.convert(MODEL, folder / "digits.ekm")
    int8 = edgekit.convert(MODEL, folder / "digits-int8.ekm", quantize="int8", calibration=folder / "calibration")
    np.save(folder / "digit.npy", images[:1])
    return DigitsFiles(folder, folder / "calibration", images[:20], labels[:20], floats, int8)


@functools.cache
def _keep_until_exit() -> tempfile.TemporaryDirectory[str]:
    import atexit

    folder = tempfile.TemporaryDirectory(prefix="edgekit-digits-")
    atexit.register(folder.cleanup)
    return folder
