"""The inverse of gathering sliding windows into columns."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.ops.definition import Arg, Ints, Port, T, op
from edgekit.ops.traits import FloatOnly
from edgekit.types import F32, I64, Array, TensorType


def _counts(image: tuple[int, ...], block: tuple[int, ...], strides: tuple[int, ...], pads: tuple[int, ...], dilations: tuple[int, ...]) -> tuple[int, ...]:
    """Windows along each dimension."""
    rank = len(image)
    spans = [dilations[i] * (block[i] - 1) + 1 for i in range(rank)]
    return tuple((image[i] + pads[i] + pads[rank + i] - spans[i]) // strides[i] + 1 for i in range(rank))


@op(id=164, category="layout")
class Col2Im:
    """Sum columns of sliding windows back into an image: each element goes to the position its window took it from.

    ``x`` is [N, C * prod(block_shape), windows], windows in row-major order of their positions; ``y`` is [N, C, image_shape...].
    Elements that fall on padding are dropped. ``pads`` holds the begins of all dimensions, then the ends. Semantics of ONNX ``Col2Im``.
    """

    inputs = (Port("x", T), Port("image_shape", I64), Port("block_shape", I64))
    outputs = (Port("y", T),)
    attrs = (Ints("strides"), Ints("pads"), Ints("dilations"))
    types = {T: (F32,)}
    quant = FloatOnly()

    @staticmethod
    def infer(x: Arg, image_shape: Arg, block_shape: Arg, *, strides: tuple[int, ...], pads: tuple[int, ...], dilations: tuple[int, ...]) -> TensorType:
        if image_shape.value is None or block_shape.value is None:
            raise ValueError("the shapes of image and block must be known")
        image, block = tuple(int(v) for v in image_shape.value), tuple(int(v) for v in block_shape.value)
        rank = len(image)
        if x.rank != 3 or not rank or not len(block) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
            raise ValueError("x of rank 3, and as many strides and dilations as image dimensions (twice as many pads) are needed")
        if min((*image, *block, *strides, *dilations)) < 1 or min(pads) < 0:
            raise ValueError("sizes, strides and dilations are 1 or more, pads 0 or more")
        columns, windows = prod(block), prod(_counts(image, block, strides, pads, dilations))
        if x.shape[1] % columns or x.shape[2] != windows:
            raise ValueError(f"x [N, C * {columns}, {windows}] is needed")
        return TensorType(x.dtype, (x.shape[0], x.shape[1] // columns, *image))

    @staticmethod
    def reference(
        x: Array, image_shape: Array, block_shape: Array, *, strides: tuple[int, ...], pads: tuple[int, ...], dilations: tuple[int, ...]
    ) -> Array:
        image, block = tuple(image_shape.tolist()), tuple(block_shape.tolist())
        counts = _counts(image, block, strides, pads, dilations)
        columns = x.reshape(x.shape[0], -1, *block, *counts)
        padded = np.zeros((*columns.shape[:2], *(d + pads[i] + pads[len(image) + i] for i, d in enumerate(image))), x.dtype)
        for tap in np.ndindex(*block):
            at = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilations, counts, strides, strict=True))
            padded[(slice(None), slice(None), *at)] += columns[(slice(None), slice(None), *tap)]
        inner = tuple(slice(pads[i], pads[i] + d) for i, d in enumerate(image))
        return np.ascontiguousarray(padded[(slice(None), slice(None), *inner)])
