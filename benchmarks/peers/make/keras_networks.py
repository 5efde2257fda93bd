"""The networks of the suite whose weights come from Keras: five of ``keras.applications`` and four own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
from keras import layers

from benchmarks.peers import suite

Tensor = Any


def _conv(x: Tensor, channels: int, size: int | tuple[int, int], stride: int = 1, act: str = "relu") -> Tensor:
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False)(x)
    return layers.Activation(act)(layers.BatchNormalization()(x))


def _plain_conv(x: Tensor, channels: int, size: int, stride: int = 1, padding: str = "valid") -> Tensor:
    make = layers.Conv2D(channels, size, stride, padding, activation="relu", kernel_initializer="he_normal")
    return make(x)


def squeezenet() -> keras.Model:
    """SqueezeNet 1.1 (arXiv:1602.07360)."""

    def fire(x: Tensor, squeeze: int, expand: int) -> Tensor:
        s = _plain_conv(x, squeeze, 1)
        return layers.Concatenate()([_plain_conv(s, expand, 1), _plain_conv(s, expand, 3, 1, "same")])

    image = layers.Input((224, 224, 3))
    x = layers.MaxPooling2D(3, 2)(_plain_conv(image, 64, 3, 2))
    x = layers.MaxPooling2D(3, 2)(fire(fire(x, 16, 64), 16, 64))
    x = layers.MaxPooling2D(3, 2)(fire(fire(x, 32, 128), 32, 128))
    for squeeze, expand in ((48, 192), (48, 192), (64, 256), (64, 256)):
        x = fire(x, squeeze, expand)
    x = layers.Conv2D(1000, 1, kernel_initializer="he_normal")(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x))


def ds_cnn() -> keras.Model:
    """The keyword spotter of MLPerf Tiny (arXiv:1711.07128)."""
    features = layers.Input((49, 10, 1))
    x = _conv(features, 64, (10, 4), 2)
    for _ in range(4):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = _conv(x, 64, 1)
    return keras.Model(features, layers.Dense(12)(layers.GlobalAveragePooling2D()(x)))


def _c3(x: Tensor, channels: int, depth: int, add: bool = True) -> Tensor:
    """A cross-stage partial block."""
    a, b = _conv(x, channels // 2, 1, act="silu"), _conv(x, channels // 2, 1, act="silu")
    for _ in range(depth):
        y = _conv(_conv(a, channels // 2, 1, act="silu"), channels // 2, 3, act="silu")
        a = layers.Add()([a, y]) if add else y
    return _conv(layers.Concatenate()([a, b]), channels, 1, act="silu")


def yolo_nano() -> keras.Model:
    """A detector of YOLOv5n's shape at 320 x 320: (1, 320, 320, 3) to (1, 6300, 85)."""

    def up(x: Tensor) -> Tensor:
        return layers.UpSampling2D(2, interpolation="nearest")(x)

    image = layers.Input((320, 320, 3))
    x = _conv(image, 16, 6, 2, "silu")
    x = _c3(_conv(x, 32, 3, 2, "silu"), 32, 1)
    p3 = _c3(_conv(x, 64, 3, 2, "silu"), 64, 2)
    p4 = _c3(_conv(p3, 128, 3, 2, "silu"), 128, 3)
    x = _conv(_c3(_conv(p4, 256, 3, 2, "silu"), 256, 1), 128, 1, act="silu")
    pools = [x]
    for _ in range(3):
        pools.append(layers.MaxPooling2D(5, 1, "same")(pools[-1]))
    t5 = _conv(_conv(layers.Concatenate()(pools), 256, 1, act="silu"), 128, 1, act="silu")
    t4 = _conv(_c3(layers.Concatenate()([up(t5), p4]), 128, 1, False), 64, 1, act="silu")
    o3 = _c3(layers.Concatenate()([up(t4), p3]), 64, 1, False)
    o4 = _c3(layers.Concatenate()([_conv(o3, 64, 3, 2, "silu"), t4]), 128, 1, False)
    o5 = _c3(layers.Concatenate()([_conv(o4, 128, 3, 2, "silu"), t5]), 256, 1, False)
    heads = [layers.Reshape((-1, 85))(layers.Conv2D(255, 1)(o)) for o in (o3, o4, o5)]
    return keras.Model(image, layers.Activation("sigmoid")(layers.Concatenate(axis=1)(heads)))


def unet() -> keras.Model:
    """A small U-Net (arXiv:1505.04597) with 8 classes."""
    image = layers.Input((256, 256, 3))
    x, skips = image, []
    for channels in (16, 32, 64, 128):
        x = _conv(_conv(x, channels, 3), channels, 3)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = _conv(_conv(x, 256, 3), 256, 3)
    for channels, skip in zip((128, 64, 32, 16), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(channels, 2, 2, padding="same")(x)
        x = layers.Concatenate()([x, skip])
        x = _conv(_conv(x, channels, 3), channels, 3)
    return keras.Model(image, layers.Conv2D(8, 1)(x))


def build(name: str) -> keras.Model:
    """A network of the suite with its random weights, the same ones every time."""
    keras.utils.set_random_seed(suite.seed_of(name) % 2**31)
    applications, options = keras.applications, {"weights": None, "classifier_activation": None}
    images = {**options, "input_shape": (224, 224, 3)}
    makers: dict[str, Callable[[], keras.Model]] = {
        "mobilenet_v1": lambda: applications.MobileNet(**images),
        "mobilenet_v2": lambda: applications.MobileNetV2(**images),
        "mobilenet_v3_small": lambda: applications.MobileNetV3Small(**images, include_preprocessing=False),
        "efficientnet_b0": lambda: applications.EfficientNetB0(**images),
        "resnet50": lambda: applications.ResNet50(**images),
        "squeezenet_1_1": squeezenet,
        "ds_cnn": ds_cnn,
        "yolo_nano_320": yolo_nano,
        "unet_256": unet,
    }
    model = makers[name]()
    _settle(model, name)
    return model


def _settle(model: keras.Model, name: str) -> None:
    """Random affine batch-norm parameters, statistics measured on data, and outputs of a sane spread."""
    rng = np.random.default_rng(7)
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
        norm.gamma.assign(rng.uniform(0.6, 1.4, norm.gamma.shape))
        norm.beta.assign(rng.normal(0, 0.25, norm.beta.shape))
    x = np.concatenate([suite.make_input(name, 20_000 + i) for i in range(8)])
    if norms:
        model(x, training=True)
    y = np.asarray(model(x, training=False))
    if suite.MODELS[name].task == "classify":
        last = [a for a in model.layers if isinstance(a, (layers.Dense, layers.Conv2D)) and a.weights][-1]
        gain = 3.0 / max(float((y - y.mean(0)).std()), 1e-6)
        last.kernel.assign(last.kernel * gain)
        if last.bias is not None:
            last.bias.assign(-y.mean(0) * gain)
