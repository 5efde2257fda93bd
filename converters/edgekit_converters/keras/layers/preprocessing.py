"""Preprocessing layers: scaling and resizing of images, encodings of numbers; augmentation does nothing at inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F32, I64, DType
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.config import Layer
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.layers.normalization import numbers_of
from edgekit_converters.keras.layers.reshaping import resized
from edgekit_converters.keras.registry import Variable, layer
from edgekit_converters.keras.tensors import element_type


@layer("Rescaling", keeps_mask=True)
def rescaling(ctx: LayerContext) -> Value:
    """``x * scale + offset``, numbers or one for each channel."""
    x = ctx.real(ctx.x)
    scale, offset = numbers_of(ctx.get("scale")), numbers_of(ctx.get("offset", default=0.0))
    y = ctx.call("Mul", x, ctx.parameter(scale, "scale"))
    return ctx.call("Add", y, ctx.parameter(offset, "offset")) if np.any(offset) else y


@layer("Resizing")
def resizing(ctx: LayerContext) -> Value:
    """As tf.image.resize of TensorFlow 2; integers are rounded back."""
    x, layout = ctx.tensors[0].value, ctx.layout
    assert x is not None
    want = [ctx.integer("height"), ctx.integer("width")]
    kind = x.dtype
    mode = str(ctx.get("interpolation", default="bilinear")).lower()
    if ctx.flag("pad_to_aspect_ratio"):
        raise Unsupported("pad_to_aspect_ratio=True is not supported.", "Resize outside of the model.")
    if ctx.flag("crop_to_aspect_ratio"):
        x = _cropped_to_ratio(ctx, x, layout, want)
    real = x if mode == "nearest" else ctx.cast(x, F32)
    y = resized(ctx, real, layout, want, mode, ctx.flag("antialias"))
    if ctx.layer.version < 3:
        return ctx.real(y)
    if kind.is_integer and mode != "nearest":
        info = np.iinfo(kind.numpy)
        y = ctx.clip(ctx.call("Round", y), float(info.min), float(info.max))
    return ctx.cast(y, kind) if kind.is_integer else ctx.real(y)


def _cropped_to_ratio(ctx: LayerContext, x: Value, layout: str, want: Sequence[int]) -> Value:
    """The largest part in the middle with the target's ratio (keras/src/backend/tensorflow/image.py)."""
    at = len(x.shape) - (3 if layout == "NHWC" else 2)
    height, width = (ctx.static(d, "crop_to_aspect_ratio needs a size which") for d in x.shape[at : at + 2])
    crop_h = min(int(float(width * want[0]) / want[1]), height)
    crop_w = min(int(float(height * want[1]) / want[0]), width)
    top, left = int(float(height - crop_h) / 2), int(float(width - crop_w) / 2)
    return ctx.slice(ctx.slice(x, at, top, top + crop_h), at + 1, left, left + crop_w)


@layer("CenterCrop")
def center_crop(ctx: LayerContext) -> Value:
    """The middle of the image; a smaller one is enlarged with its middle of the right ratio."""
    x, layout = ctx.real(ctx.x), ctx.layout
    want = [ctx.integer("height"), ctx.integer("width")]
    at = len(x.shape) - (3 if layout == "NHWC" else 2)
    have = [ctx.static(d, "cropping needs a size which") for d in x.shape[at : at + 2]]
    if any(h < w for h, w in zip(have, want, strict=True)):
        return resized(ctx, _cropped_to_ratio(ctx, x, layout, want), layout, want, "bilinear")
    for i, (h, w) in enumerate(zip(have, want, strict=True)):
        if h != w:
            x = ctx.slice(x, at + i, (h - w) // 2, (h - w) // 2 + w)
    return x


RANDOM = (
    "AugMix", "CutMix", "MixUp", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
    "RandomContrast", "RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale",
    "RandomHeight", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation",
    "RandomSharpness", "RandomShear", "RandomTranslation", "RandomWidth", "RandomZoom",
)  # fmt: skip


@layer(*RANDOM, keeps_mask=False)
def augmentation(ctx: LayerContext) -> Value:
    """Acts in training only."""
    if ctx.op == "RandomCrop" and ctx.layer.version < 3:
        raise Unsupported("RandomCrop of Keras 2 crops and resizes at inference too.", "Put CenterCrop or Resizing in its place.")
    return ctx.x


# -- numbers ----------------------------------------------------------------------------------------------------------------


def _output_type(ctx: LayerContext, mode: str) -> DType:
    name = ctx.get("dtype", default=None)
    if mode == "int":
        return I64 if name is None or not isinstance(name, str) or not name.startswith("int") else element_type(name)
    return ctx.dtype


def encoded(ctx: LayerContext, numbers: Value, mode: str, depth: int, weights: Value | None = None) -> Value:
    """Numbers as one-hot, multi-hot or counts over ``depth`` classes."""
    if mode == "int":
        return ctx.cast(numbers, _output_type(ctx, mode))
    numbers = ctx.cast(numbers, I64)
    dtype = ctx.dtype
    if mode == "one_hot" and len(numbers.shape) > 1 and numbers.shape[-1] == 1:
        numbers = ctx.drop(numbers, -1)
    hot = ctx.call("OneHot", numbers, ctx.const(np.asarray(depth, np.int64)), ctx.const(np.asarray([0, 1], dtype.numpy)), axis=-1)
    if mode == "one_hot":
        return hot
    if weights is not None:
        hot = ctx.call("Mul", hot, ctx.unsqueeze(ctx.cast(weights, dtype), [len(weights.shape)]))
    rank = len(numbers.shape)
    if mode == "multi_hot":
        return ctx.call("ReduceMax", hot, axes=(max(rank - 1, 0),), keepdims=False)
    if mode == "count":
        return ctx.call("ReduceSum", hot, axes=(1 if rank > 1 else 0,), keepdims=False)
    raise Unsupported(f"output_mode={mode!r} is not supported.")


@layer("CategoryEncoding")
def category_encoding(ctx: LayerContext) -> Value:
    weights = ctx.tensor_argument(1, "count_weights")
    depth = ctx.get("num_tokens", "max_tokens", default=None)
    if not isinstance(depth, int):
        raise MalformedModelError("num_tokens is missing")
    mode = {"binary": "multi_hot"}.get(str(ctx.get("output_mode", default="multi_hot")), str(ctx.get("output_mode", default="multi_hot")))
    x = ctx.tensors[0].value
    assert x is not None
    return encoded(ctx, x, mode, depth, None if weights is None else weights.value)


@layer("Discretization")
def discretization(ctx: LayerContext) -> Value:
    """The number of boundaries that are not above each value."""
    boundaries = ctx.get("bin_boundaries", "bins", default=None)
    if boundaries is None:
        raise Unsupported("adapted boundaries are kept outside of the configuration.", "Give bin_boundaries when the layer is made.")
    bounds = numbers_of(boundaries).reshape(-1)
    x = ctx.tensors[0].value
    assert x is not None
    x = ctx.cast(x, F32)
    above = ctx.call("GreaterOrEqual", ctx.unsqueeze(x, [len(x.shape)]), ctx.const(bounds))
    numbers = ctx.call("ReduceSum", ctx.cast(above, I64), axes=(len(x.shape),), keepdims=False)
    return encoded(ctx, numbers, str(ctx.get("output_mode", default="int")), len(bounds) + 1)


@layer("IntegerLookup")
def integer_lookup(ctx: LayerContext) -> Value:
    """Integers by their place in a vocabulary of the configuration."""
    words = ctx.get("vocabulary", default=None)
    words = words.get("config", {}).get("value") if isinstance(words, dict) else words
    if not isinstance(words, list) or not words or ctx.flag("invert") or ctx.integer("num_oov_indices", default=1) != 1:
        raise Unsupported("only a vocabulary given when the layer is made, with one place for unknown numbers, is supported.")
    mask = ctx.get("mask_token", default=None)
    known = [int(w) for w in words]
    first = (1 if mask is not None else 0) + 1
    x = ctx.tensors[0].value
    assert x is not None
    x = ctx.cast(x, I64)
    equal = ctx.cast(ctx.call("Equal", ctx.unsqueeze(x, [len(x.shape)]), ctx.const(np.asarray(known, np.int64))), I64)
    places = ctx.const(np.arange(first, first + len(known), dtype=np.int64) - (first - 1))
    found = ctx.call("ReduceSum", ctx.call("Mul", equal, places), axes=(len(x.shape),), keepdims=False)
    numbers = ctx.call("Add", found, ctx.const(np.asarray(first - 1, np.int64)))
    if mask is not None:
        hidden = ctx.call("Equal", x, ctx.const(np.asarray(int(mask), np.int64)))
        numbers = ctx.call("Where", hidden, ctx.const(np.asarray(0, np.int64)), numbers)
    return encoded(ctx, numbers, str(ctx.get("output_mode", default="int")), len(known) + first)


def _any(layer_: Layer) -> Sequence[Variable]:
    return ()


@layer("StringLookup", "TextVectorization", "Hashing", "HashedCrossing", counted=False, variables=_any)
def strings(ctx: LayerContext) -> Any:
    """Work on text, which a graph of numbers does not hold."""
    raise Unsupported(
        "it works on text, which EdgeKit's graphs do not hold.",
        "Cut the model behind it and feed the numbers it gives: keras.Model(layer.output, model.output).",
        "text",
    )
