"""Run each digits model in the framework it came from: the reference that conversions are compared with.

Every function takes the model's path and images, float32 (N, 1, 8, 8) in 0..1, and gives logits, float32 (N, 10). Each
imports its framework when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Logits = NDArray[np.float32]


def run_onnx(path: Path, images: Images) -> Logits:
    """ONNX Runtime, one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"image": images})[0], np.float32)


def run_pt2(path: Path, images: Images) -> Logits:
    """PyTorch, the exported program as a module."""
    import torch

    with torch.no_grad():
        logits = torch.export.load(path).module()(torch.from_numpy(images))
    return np.asarray(logits.numpy(), np.float32)


def run_keras(path: Path, images: Images) -> Logits:
    """Keras, the whole archive."""
    import keras

    model = keras.saving.load_model(path, compile=False)
    return np.asarray(model(images.transpose(0, 2, 3, 1), training=False), np.float32)


def run_saved_model(path: Path, images: Images) -> Logits:
    """TensorFlow, the default signature."""
    import tensorflow

    signature = tensorflow.saved_model.load(str(path)).signatures["serving_default"]
    logits = signature(image=tensorflow.constant(images.transpose(0, 2, 3, 1)))["logits"]
    return np.asarray(logits.numpy(), np.float32)


#: File or folder in ``samples/models`` -> (package that runs it, function).
SOURCES: Mapping[str, tuple[str, Callable[[Path, Images], Logits]]] = MappingProxyType(
    {
        "digits.onnx": ("onnxruntime", run_onnx),
        "digits.pt2": ("torch", run_pt2),
        "digits.keras": ("keras", run_keras),
        "digits_saved_model": ("tensorflow", run_saved_model),
    }
)
