"""Give the weights trained by ``samples.train.digits_torch`` to the same network in Keras; write .keras and SavedModel.

Images are NHWC here, float32 (batch, 8, 8, 1) in 0..1. Run ``python -m samples.train.digits_keras`` after the PyTorch
script; it reads the weights that one left in ``build/``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from samples import digits_data
from samples.train import archive

MODELS = Path(__file__).resolve().parent.parent / "models"
WEIGHTS = Path("build") / "digits_weights.npz"
_EPSILON = 1e-5  # PyTorch's batch norm; the default of Keras is 1e-3


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_norm")(x)


def _convolution(x: Any, channels: int, size: int, name: str) -> Any:
    x = layers.Conv2D(channels, size, padding="same", use_bias=False, name=name)(x)
    return _norm(x, name)


def _depthwise(x: Any, stride: int, name: str) -> Any:
    padding = "same"
    if stride > 1:  # "same" would pad below and to the right only, PyTorch pads all round
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        padding = "valid"
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=name)(x)
    return _norm(x, name)


def _separable(x: Any, channels: int, name: str, stride: int = 1) -> Any:
    x = layers.ReLU(name=f"{name}_depthwise_relu")(_depthwise(x, stride, f"{name}_depthwise"))
    return layers.ReLU(name=f"{name}_pointwise_relu")(_convolution(x, channels, 1, f"{name}_pointwise"))


def _inverted_residual(x: Any, expansion: int, name: str) -> Any:
    channels = x.shape[-1]
    y = _convolution(x, channels * expansion, 1, f"{name}_expand")
    y = layers.ReLU(6.0, name=f"{name}_expand_relu")(y)
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(_depthwise(y, 1, f"{name}_depthwise"))
    return layers.Add(name=f"{name}_add")([x, _convolution(y, channels, 1, f"{name}_project")])


def build() -> keras.Model:
    """The network of ``digits_torch.DigitsNet``, without its weights."""
    image = keras.Input((8, 8, 1), name="image")
    x = layers.ReLU(name="stem_relu")(_convolution(image, 32, 3, "stem"))
    x = _separable(_separable(x, 64, "block1"), 64, "block2")
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = _separable(_inverted_residual(x, 2, "block3"), 128, "block4", stride=2)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(10, name="logits")(x), name="digits")


def transfer(model: keras.Model, weights: dict[str, NDArray[np.float32]]) -> None:
    """Copy PyTorch's weights: a layer ``block1_depthwise`` takes those of the module ``block1.depthwise``."""
    for layer in model.layers:
        if not layer.weights:
            continue
        name = "classifier" if layer.name == "logits" else layer.name
        if name.startswith("block"):
            name = name.replace("_", ".", 1)
        kernel = weights[f"{name}.weight"]
        if isinstance(layer, layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([weights[f"{name}.{part}"] for part in parts])
        elif isinstance(layer, layers.Dense):
            layer.set_weights([kernel.T, weights[f"{name}.bias"]])
        elif isinstance(layer, layers.DepthwiseConv2D):
            layer.set_weights([kernel.transpose(2, 3, 0, 1)])
        else:
            layer.set_weights([kernel.transpose(2, 3, 1, 0)])


def write_keras(model: keras.Model, path: Path) -> None:
    """Write a Keras 3 archive whose bytes depend on the model and the version of Keras only."""
    model.save(path)
    metadata = json.dumps({"keras_version": keras.__version__, "date_saved": "1980-01-01@00:00:00"})
    config = json.dumps(_number_shared_objects(json.loads(archive.read(path, "config.json")), {}))
    archive.normalize(path, replace={"metadata.json": metadata.encode(), "config.json": config.encode()})


def _number_shared_objects(config: Any, numbers: dict[int, int]) -> Any:
    """Put small numbers in place of the memory addresses by which Keras marks objects that are used twice."""
    if isinstance(config, list):
        return [_number_shared_objects(item, numbers) for item in config]
    if not isinstance(config, dict):
        return config
    result = {key: _number_shared_objects(value, numbers) for key, value in config.items()}
    if "shared_object_id" in result:
        result["shared_object_id"] = numbers.setdefault(result["shared_object_id"], len(numbers))
    return result


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Write a TensorFlow SavedModel; its ``serving_default`` takes ``image`` and gives ``logits``.

    TensorFlow orders variables by memory address and stamps the file with a random number: the weights are the same
    every time, the bytes are not.
    """
    shutil.rmtree(folder, ignore_errors=True)
    exported = keras.export.ExportArchive()
    exported.track(model)
    exported.add_endpoint(
        name="serving_default",
        fn=lambda image: {"logits": model(image, training=False)},
        input_signature=[tf.TensorSpec((None, 8, 8, 1), tf.float32, name="image")],
    )
    exported.write_out(folder, verbose=False)
    # Source lines of the machine that wrote it; loading does not need them.
    (folder / "debug" / "saved_model_debug_info.pb").unlink(missing_ok=True)
    for empty in (folder / "debug", folder / "assets"):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, take the weights over, report the held-out accuracy and write the files."""
    parser = argparse.ArgumentParser(description="Write digits.keras and digits_saved_model/ from trained weights.")
    parser.add_argument("--output", type=Path, default=MODELS, metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, metavar="NPZ", help="weights (default: %(default)s)")
    options = parser.parse_args(arguments)
    if not options.weights.is_file():
        parser.error(f"no weights at {options.weights}: run python -m samples.train.digits_torch first")
    keras.utils.set_random_seed(0)
    model = build()
    with np.load(options.weights) as weights:
        transfer(model, dict(weights))
    images, labels = digits_data.load().held_out()
    logits = np.asarray(model(images.transpose(0, 2, 3, 1), training=False))
    print(f"held-out accuracy {digits_data.accuracy(logits, labels):.3f} on {len(labels)} images")
    options.output.mkdir(parents=True, exist_ok=True)
    keras_path, folder = options.output / "digits.keras", options.output / "digits_saved_model"
    write_keras(model, keras_path)
    write_saved_model(model, folder)
    print(f"wrote {keras_path}: {keras_path.stat().st_size} bytes")
    print(f"wrote {folder}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file())} bytes")


if __name__ == "__main__":
    main()
