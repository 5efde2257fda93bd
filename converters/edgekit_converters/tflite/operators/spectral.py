"""Fourier transforms of images and sound, and what makes real numbers of complex ones.

Complex tensors are held as real ones with one more dimension of two at the end; no other operator takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.tflite.context import NodeContext
from edgekit_converters.tflite.registry import converts


@converts("RFFT2D")
def rfft2d(ctx: NodeContext) -> Sequence[Value]:
    """The transform of the last two dimensions, cut or padded to the given lengths; of the last one, the bins up to the middle."""
    x = ctx.real(0)
    lengths = ctx.constant_ints(1, "the lengths of the transform")
    if len(x.shape) < 2 or len(lengths) != 2 or min(lengths) < 1:
        raise MalformedModelError(f"a transform of {lengths} over a tensor of rank {len(x.shape)}")
    y = ctx.call("Dft", ctx.unsqueeze(x, len(x.shape)), length=lengths[1], onesided=True)  # [..., h, w // 2 + 1, 2]
    if lengths[0] != 1 or x.shape[-2] != 1:
        rank = len(y.shape)
        swapped = (*range(rank - 3), rank - 2, rank - 3, rank - 1)
        y = ctx.call("Transpose", ctx.call("Dft", ctx.call("Transpose", y, perm=swapped), length=lengths[0]), perm=swapped)
    return ctx.give_complex(y)


@converts("REAL", "IMAG")
def part(ctx: NodeContext) -> Value:
    """The real or the imaginary part."""
    z = ctx.complex_input(0)
    return ctx.call("Gather", z, ctx.const(np.asarray(0 if ctx.op == "REAL" else 1, np.int64)), axis=len(z.shape) - 1)


@converts("COMPLEX_ABS")
def absolute(ctx: NodeContext) -> Value:
    """The absolute value."""
    return ctx.call("ReduceL2", ctx.complex_input(0), axes=(-1,), keepdims=False)
