"""Columns of blocks added up to an image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from edgekit.ops.definition import Arg, Ints, Port, T, op
from edgekit.ops.shapes import element_count, int_list, known_length, unknown_dim
from edgekit.ops.traits import FloatOnly
from edgekit.types import F32, I64, Array, Dim, TensorType

MAX_SPATIAL = 6


def _blocks(image: Sequence[int], block: Sequence[int], dilations: Sequence[int], pads: Sequence[int], strides: Sequence[int]) -> list[int]:
    """How many blocks lie along each dimension."""
    n = len(image)
    return [(image[i] + pads[i] + pads[n + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(n)]


@op(id=213, category="spatial")
class Col2Im:
    """Overlapping blocks, one a column, added up to an image (https://onnx.ai/onnx/operators/onnx__Col2Im.html).

    ``x`` [N, C * product of ``block_shape``, L] holds in column l the block that begins at place l, in row-major order of places; the
    result is [N, C, *``image_shape``]. What lies in the pads is dropped.
    """

    inputs = (Port("x", T), Port("image_shape", I64), Port("block_shape", I64))
    outputs = (Port("y", T),)
    attrs = (Ints("dilations", ()), Ints("pads", ()), Ints("strides", ()))
    types = {T: (F32,)}
    quant = FloatOnly()

    @staticmethod
    def infer(
        x: Arg, image_shape: Arg, block_shape: Arg, *, dilations: Sequence[int], pads: Sequence[int], strides: Sequence[int]
    ) -> TensorType:
        n = known_length(image_shape)
        if x.rank != 3 or not 1 <= n <= MAX_SPATIAL or known_length(block_shape) != n:
            raise ValueError("columns [N, C * block, L] and as many image as block dimensions (1 to 6) are needed")
        if len(dilations) not in (0, n) or len(strides) not in (0, n) or len(pads) not in (0, 2 * n):
            raise ValueError(f"{n} dimensions need as many dilations and strides and twice the pads")
        if any(v < 1 for v in (*dilations, *strides)) or any(p < 0 for p in pads):
            raise ValueError("dilations and strides must be positive, pads not negative")
        image, block = int_list(image_shape), int_list(block_shape)
        sizes: list[Dim] = [unknown_dim(f"size{i}") for i in range(n)] if image is None else list(image)
        depth: Dim = x.shape[1]
        if block is None:
            return TensorType(x.dtype, (x.shape[0], unknown_dim("channels", depth), *sizes))
        taps = element_count(block)
        if any(isinstance(b, int) and b < 1 for b in block):
            raise ValueError(f"blocks of {block} are not possible")
        if not isinstance(taps, int):
            return TensorType(x.dtype, (x.shape[0], unknown_dim("channels", depth), *sizes))
        if isinstance(depth, int) and depth % taps:
            raise ValueError(f"{depth} channels do not hold blocks of {taps}")
        numbers = [s for s in sizes if isinstance(s, int)]
        if len(numbers) == n and isinstance(x.shape[2], int):
            places = _blocks(
                numbers, [int(b) for b in block if isinstance(b, int)], dilations or [1] * n, pads or [0] * (2 * n), strides or [1] * n
            )
            if min(places) < 0 or prod(places) != x.shape[2]:
                raise ValueError(f"{x.shape[2]} columns, but {places} blocks fit the image")
        return TensorType(x.dtype, (x.shape[0], depth // taps, *sizes))

    @staticmethod
    def reference(
        x: Array, image_shape: Array, block_shape: Array, *, dilations: Sequence[int], pads: Sequence[int], strides: Sequence[int]
    ) -> Array:
        image, block = [int(v) for v in image_shape], [int(v) for v in block_shape]
        n = len(image)
        step, dilation, pad = strides or (1,) * n, dilations or (1,) * n, pads or (0,) * (2 * n)
        if min(block) < 1:
            raise ValueError(f"blocks of {block} are not possible")
        places = _blocks(image, block, dilation, pad, step)
        if min(places) < 0 or prod(places) != x.shape[2] or x.shape[1] % prod(block):
            raise ValueError(f"{x.shape[1]} channels of {x.shape[2]} columns do not fit blocks of {block} over {image}")
        columns = x.reshape(x.shape[0], -1, *block, *places)
        y = np.zeros((x.shape[0], columns.shape[1], *(image[i] + pad[i] + pad[n + i] for i in range(n))), x.dtype)
        for tap in product(*(range(b) for b in block)):
            where: tuple[Any, ...] = tuple(
                slice(t * d, t * d + (p - 1) * s + 1 if p else t * d, s) for t, d, p, s in zip(tap, dilation, places, step, strict=True)
            )
            at: tuple[Any, ...] = (slice(None), slice(None), *tap)
            y[(slice(None), slice(None), *where)] += columns[at]
        inner: tuple[Any, ...] = tuple(slice(pad[i], pad[i] + image[i]) for i in range(n))
        return np.ascontiguousarray(y[(slice(None), slice(None), *inner)])
