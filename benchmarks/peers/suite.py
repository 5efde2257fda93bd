"""The model suite: names, shapes and deterministic inputs.

Inputs are canonical (NHWC for images). An adapter whose model takes NCHW transposes on its own. Only numpy is needed
here, so that every peer's environment can import this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Model:
    """One network of the suite.

    Attributes:
        name: Its folder's name.
        shape: Canonical input shape, batch 1.
        kind: "image", "feature", "tokens" or "sequence".
        task: "classify", "detect", "segment" or "encode".
        source: The framework its weights come from, "keras" or "torch".
        scale: Images are in ``[-1, 1] * scale + shift``.
        shift: See ``scale``.
        n_ref: How many inputs have a stored output of the source framework.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    task: str
    source: str
    scale: float = 1.0
    shift: float = 0.0
    n_ref: int = 200

    @property
    def image_out(self) -> bool:
        """Whether the output is an image, so that its layout follows the input's."""
        return self.task == "segment"


_ALL = (
    Model("mobilenet_v1", (1, 224, 224, 3), "image", "classify", "keras"),
    Model("mobilenet_v2", (1, 224, 224, 3), "image", "classify", "keras"),
    Model("mobilenet_v3_small", (1, 224, 224, 3), "image", "classify", "keras"),
    Model("efficientnet_b0", (1, 224, 224, 3), "image", "classify", "keras", 127.5, 127.5),
    Model("resnet50", (1, 224, 224, 3), "image", "classify", "keras"),
    Model("squeezenet_1_1", (1, 224, 224, 3), "image", "classify", "keras"),
    Model("yolo_nano_320", (1, 320, 320, 3), "image", "detect", "keras", n_ref=20),
    Model("ds_cnn", (1, 49, 10, 1), "feature", "classify", "keras"),
    Model("unet_256", (1, 256, 256, 3), "image", "segment", "keras", n_ref=10),
    Model("minilm_6_384", (1, 128), "tokens", "encode", "torch", n_ref=50),
    Model("lstm_2x128", (1, 100, 64), "sequence", "classify", "torch"),
)
MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in _ALL})

CALIBRATION_FIRST = 10_000  # calibration inputs are numbered from here: never among the reference inputs
CALIBRATION_COUNT = 32


def seed_of(name: str) -> int:
    """The 32-bit FNV-1a hash of a name."""
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def _smooth_image(rng: np.random.Generator, height: int, width: int, channels: int) -> NDArray[np.float32]:
    """A random image with energy at several scales, in [-1, 1]; closer to a photo than white noise."""
    image = np.zeros((height, width, channels), np.float32)
    for cells, gain in ((3, 1.0), (8, 0.7), (24, 0.4), (64, 0.25)):
        grid = rng.standard_normal((cells + 1, cells + 1, channels)).astype(np.float32)
        ys, xs = np.linspace(0, cells - 1e-3, height), np.linspace(0, cells - 1e-3, width)
        y0, x0 = ys.astype(int), xs.astype(int)
        fy, fx = (ys - y0)[:, None, None].astype(np.float32), (xs - x0)[None, :, None].astype(np.float32)
        top = grid[y0][:, x0] * (1 - fx) + grid[y0][:, x0 + 1] * fx
        bottom = grid[y0 + 1][:, x0] * (1 - fx) + grid[y0 + 1][:, x0 + 1] * fx
        image += gain * (top * (1 - fy) + bottom * fy)
    shaded: NDArray[np.float32] = np.tanh(image * rng.uniform(0.4, 1.2)).astype(np.float32)
    return shaded


def make_input(name: str, index: int) -> Array:
    """Input number ``index`` of a model, float32 or int64 (tokens); the same everywhere but for tanh's last bits."""
    model = MODELS[name]
    rng = np.random.default_rng([seed_of(name), index])
    if model.kind in ("image", "feature"):
        height, width, channels = model.shape[1:]
        image = _smooth_image(rng, height, width, channels)
        image = image * model.scale + model.shift if model.kind == "image" else image * 2.0
        return image[None].astype(np.float32)
    if model.kind == "tokens":
        return rng.integers(1000, 30000, model.shape).astype(np.int64)
    steps = np.cumsum(rng.standard_normal(model.shape), axis=1) * 0.3
    return np.tanh(steps).astype(np.float32)


def calibration(name: str, count: int = CALIBRATION_COUNT) -> Iterator[Array]:
    """Inputs to calibrate a model's quantization with."""
    for index in range(count):
        yield make_input(name, CALIBRATION_FIRST + index)


def to_nchw(model: Model, x: Array) -> Array:
    """A canonical input as an NCHW model takes it; other kinds unchanged."""
    if model.source == "keras" and x.ndim == 4:
        x = x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(x)
