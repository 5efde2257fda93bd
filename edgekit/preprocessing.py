"""How pictures become a model's input: one description for calibration, for running, and for putting the work into the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.errors import EdgekitError
from edgekit.types import Array, Dim, DType

ORDERS = ("rgb", "bgr")
PIXEL_SCALE = 1 / 255
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MODEL, CALLER = "model", "caller"
_KEY = "preprocessing"
_INPUT_TYPES = {d.label: d for d in (DType.U8, DType.I8, DType.F32)}


@dataclass(frozen=True)
class Preprocessing:
    """``(pixel * scale - mean) / std``, in the order of channels that the model wants, at the size it wants (bilinear).

    Attributes:
        mean, std: one number, or one a channel in the model's order, in units of ``pixel * scale``.
        scale: of the pixels, which are 0 to 255.
        order: the channels the model wants: ``"rgb"`` or ``"bgr"``; pictures come red-green-blue.
        size: height and width of the pictures where the model itself brings them to its own; None: pictures come in the model's size.
        dtype: element type of the pictures where the model does the work; None leaves the input's own.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = PIXEL_SCALE
    order: str = "rgb"
    size: tuple[int, int] | None = None
    dtype: DType | None = None

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std, self.scale)
        if not self.mean or not self.std or not all(np.isfinite(n) for n in numbers) or 0 in self.std:
            raise EdgekitError(f"preprocessing needs finite numbers, and no 0 in std: mean {self.mean}, std {self.std}, scale {self.scale}")
        if self.order not in ORDERS:
            raise EdgekitError(f"the order of channels is rgb or bgr, not {self.order!r}")
        if self.size is not None and min(self.size) < 1:
            raise EdgekitError(f"pictures of {self.size[0]} x {self.size[1]} pixels cannot be")

    @classmethod
    def parse(cls, text: str) -> Preprocessing:
        """From ``"size=256x256,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,order=bgr,input=uint8"``; all parts optional.

        ``size`` is height x width, a number may be a fraction.

        Raises:
            EdgekitError: a part is not one of these.
        """
        out, known = cls(), set()
        for part in filter(None, (p.strip() for p in text.split(","))):
            key, equals, value = part.partition("=")
            if key in known:
                raise EdgekitError(f"preprocessing {text!r}: {key}= is there twice")
            known.add(key)
            try:
                if key in ("mean", "std") and equals:
                    numbers = tuple(_number(n) for n in value.split(":"))
                    out = replace(out, mean=numbers) if key == "mean" else replace(out, std=numbers)
                elif key == "scale":
                    out = replace(out, scale=_number(value))
                elif key == "order":
                    out = replace(out, order=value.lower())
                elif key == "size":
                    height, _, width = value.partition("x")
                    out = replace(out, size=(int(height), int(width or height)))
                elif key == "input" and value in _INPUT_TYPES:
                    out = replace(out, dtype=_INPUT_TYPES[value])
                else:
                    raise ValueError(part)
            except (ValueError, ZeroDivisionError) as e:
                apart = "numbers have : between; " if not equals and known & {"mean", "std"} else ""
                raise EdgekitError(
                    f"preprocessing {text!r}: {apart}{part!r} is none of size=HEIGHTxWIDTH, scale=NUMBER, mean=N:N:N, std=N:N:N, "
                    f"order=rgb|bgr, input={'|'.join(_INPUT_TYPES)}"
                ) from e
        return out

    def __str__(self) -> str:
        """The text that ``parse`` reads."""
        parts = [] if self.size is None else [f"size={self.size[0]}x{self.size[1]}"]
        parts += ["scale=1/255" if self.scale == PIXEL_SCALE else f"scale={self.scale:.9g}"]
        parts += [f"{k}=" + ":".join(f"{n:.9g}" for n in v) for k, v in (("mean", self.mean), ("std", self.std))]
        parts += [f"order={self.order}"] + ([] if self.dtype is None else [f"input={self.dtype.label}"])
        return ",".join(parts)

    def outside(self) -> Preprocessing:
        """What is left for the caller when the model does this itself: pixels as they are."""
        return Preprocessing(scale=1.0)

    def affine(self, channels: int) -> tuple[Array, Array]:
        """``(a, b)``, float32 of one number a channel, so that the result is ``a * pixel + b``.

        Raises:
            EdgekitError: mean or std has another number of channels.
        """
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (1, channels):
                raise EdgekitError(f"{name} has {len(numbers)} numbers, the input {channels} channels")
        mean, std = (np.broadcast_to(np.asarray(n, np.float64), (channels,)) for n in (self.mean, self.std))
        return (self.scale / std).astype(np.float32), (-mean / std).astype(np.float32)


def _number(text: str) -> float:
    top, slash, bottom = text.partition("/")
    return float(top) / float(bottom) if slash else float(top)


def record(metadata: dict[str, str], name: str, preprocessing: Preprocessing, done_by: str) -> None:
    """Note in a model's metadata what is done to an input.

    Args:
        metadata: of the graph.
        name: of the input.
        preprocessing: what is done.
        done_by: ``MODEL``, or ``CALLER`` where the application has to.
    """
    metadata[f"{_KEY}.{name}"] = f"done by the {done_by}: {preprocessing}"


def copy_records(source: Mapping[str, str], target: dict[str, str]) -> None:
    """Take over what is recorded about inputs, where ``target`` says nothing itself."""
    for key, text in source.items():
        if key.startswith(f"{_KEY}."):
            target.setdefault(key, text)


def recorded(metadata: Mapping[str, str], name: str) -> tuple[Preprocessing, str] | None:
    """What ``record`` wrote about an input, and who does it; None where nothing is known."""
    head, colon, text = metadata.get(f"{_KEY}.{name}", "").partition(": ")
    who = head.removeprefix("done by the ")
    if not colon or who not in (MODEL, CALLER):
        return None
    return Preprocessing.parse(text), who


def for_caller(metadata: Mapping[str, str], name: str, asked: Preprocessing | None) -> Preprocessing:
    """How pictures become the input ``name``: as asked, else as recorded, else pixels from 0 to 1.

    Raises:
        EdgekitError: something is asked that the model does itself.
    """
    known = recorded(metadata, name)
    if known is not None and known[1] == MODEL:
        if asked is not None and asked != Preprocessing():
            raise EdgekitError(f"input {name!r}: the model does its preprocessing itself ({known[0]}); leave mean, std and order out")
        return known[0].outside()
    if asked is not None and (known is None or asked != Preprocessing()):
        return asked
    return known[0] if known is not None else Preprocessing()


def picture_channels(shape: Sequence[Dim]) -> tuple[int, bool] | None:
    """The channels of an input that takes pictures, 1 or 3, and whether they come before height and width; None for other inputs."""
    if len(shape) != 4:
        return None
    found = [(d, i == 1) for i in (1, 3) if isinstance(d := shape[i], int) and d in (1, 3)]
    return found[0] if found else None


def read_image(path: Path, shape: Sequence[Dim], dtype: DType, preprocessing: Preprocessing) -> Array:
    """A picture as an input without its batch dimension.

    Args:
        path: a .png, .jpg or .bmp file.
        shape: of the input: [N, C, H, W] or [N, H, W, C] with 1 or 3 channels.
        dtype: element type; integers are rounded and clamped.
        preprocessing: what to do to the pixels; its size and dtype do not matter here.

    Raises:
        EdgekitError: pictures do not fit such an input, or the file cannot be read.
    """
    from PIL import Image

    if len(shape) != 4 or not all(isinstance(d, int) for d in shape[1:]):
        raise EdgekitError(f"{path}: images need an input of shape [N, C, H, W] or [N, H, W, C], this model takes {list(shape)}")
    sizes = [int(d) if isinstance(d, int) else 1 for d in shape]
    first = sizes[1] in (1, 3)
    channels, height, width = (sizes[1], sizes[2], sizes[3]) if first else (sizes[3], sizes[1], sizes[2])
    if channels not in (1, 3):
        raise EdgekitError(f"{path}: images have 1 or 3 channels, this model takes {channels}")
    try:
        with Image.open(path) as image:
            fitted = image.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
            pixels: Array = np.asarray(fitted, np.float32)
    except (OSError, ValueError, Image.DecompressionBombError) as e:
        raise EdgekitError(f"{path} is no readable image: {e}") from e
    pixels = pixels.reshape(height, width, channels)
    if preprocessing.order == "bgr":
        pixels = pixels[..., ::-1]
    preprocessing.affine(channels)  # refuses other numbers of channels
    if preprocessing.scale == PIXEL_SCALE:
        pixels = pixels / np.float32(255)
    elif preprocessing.scale != 1:
        pixels = pixels * np.float32(preprocessing.scale)
    pixels = (pixels - np.asarray(preprocessing.mean, np.float32)) / np.asarray(preprocessing.std, np.float32)
    if not dtype.is_float:
        info = np.iinfo(dtype.numpy)
        pixels = np.clip(np.rint(pixels), info.min, info.max)
    return np.ascontiguousarray(np.transpose(pixels, (2, 0, 1)) if first else pixels, dtype.numpy)
