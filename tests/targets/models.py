"""The two int8 models whose bits every target must agree on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from edgekit import ConvertOptions, convert
from edgekit.ir import Graph
from edgekit.preprocessing import Preprocessing
from edgekit.types import Array
from samples import digits_data
from tests.require import require_folder, require_module

ROOT = Path(__file__).resolve().parents[2]
#: photos used to calibrate UltraFace
PHOTOS = 50
#: UltraFace takes (pixel - 127) / 128
ULTRAFACE_IMAGES = Preprocessing(mean=(127 / 255,), std=(128 / 255,))


@cache
def digits_int8(folder: Path) -> tuple[Path, Graph, dict[str, Array]]:
    """The digits classifier on one held-out image."""
    require_module("sklearn", "sklearn", "pip install scikit-learn")
    data = digits_data.load()
    path = folder / "digits_int8.ekm"
    done = convert(ROOT / "samples/models/digits.onnx", path, quantize="int8", calibration=list(data.calibration()))
    return path, done.graph, {"image": data.held_out()[0][:1]}


@cache
def ultraface_int8(folder: Path) -> tuple[Path, Graph, dict[str, Array]]:
    """UltraFace slim 320, calibrated on photos, on its golden input."""
    zoo = require_folder("zoo", "EDGEKIT_MODEL_ZOO")
    source = zoo / "ultraface_slim320" / "version-slim-320_simplified.onnx"
    photos = folder / "photos"
    photos.mkdir()
    for p in sorted((zoo / "imagenet_samples").iterdir()):
        if p.suffix.lower() in (".jpg", ".jpeg", ".png") and len(list(photos.iterdir())) < PHOTOS:
            (photos / p.name).symlink_to(p)
    path = folder / "ultraface_int8.ekm"
    done = convert(source, path, quantize="int8", calibration=photos, options=ConvertOptions(images=ULTRAFACE_IMAGES))
    with np.load(f"{source}.golden.npz") as golden:
        return path, done.graph, {"input": golden["in0"]}
