"""Matrix products and convolutions (pytensor/tensor/math.py, blas.py, blockwise.py, signal/conv.py)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgekit.ir import Value
from edgekit.types import F16, F32
from edgekit_converters.importing.layers import Sliding, convolution, pool
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytensor.context import ApplyContext, converts
from edgekit_converters.pytensor.operators.scalars import scalar

START = -(1 << 31) + 1
MODES = {"max": "max", "sum": "sum", "average_inc_pad": "avg", "average_exc_pad": "avg"}


def product(ctx: ApplyContext, a: Value, b: Value) -> Value:
    """The matrix product in the output's type; a constant matrix on the right makes a fully connected layer."""
    a, b = ctx.matched(a, b)
    if b.const is not None and len(b.shape) == 2 and a.shape:
        return ctx.call("FullyConnected", a, ctx.transpose(b, (1, 0)))
    if not a.dtype.is_float:
        if not a.dtype.is_integer:
            raise Unsupported(f"a matrix product of {a.dtype.label} is not supported.")
        raise Unsupported("a matrix product of integers is not supported.", "Cast the operands to float32.", "unsupported-type")
    return ctx.call("MatMul", a, b)


@converts("Dot", "Dot22", "BatchedDot", "MatMul")
def dot(ctx: ApplyContext) -> Value:
    a, b = ctx.input(0), ctx.input(1)
    if not a.shape or not b.shape:
        return ctx.call("Mul", *ctx.matched(a, b))
    return product(ctx, a, b)


@converts("Dot22Scalar")
def dot_scalar(ctx: ApplyContext) -> Value:
    y = product(ctx, ctx.input(0), ctx.input(1))
    return ctx.call("Mul", y, ctx.cast(ctx.input(2), y.dtype))


def combined(ctx: ApplyContext, y: Value, alpha: Value, z: Value, beta: Value | None) -> Value:
    """``beta * z + alpha * y`` without the factors that change nothing."""
    for factor, name in ((alpha, "y"), (beta, "z")):
        if factor is None:
            continue
        k = ctx.numbers(factor)
        if k is not None and float(k) == 1:
            continue
        if name == "y":
            y = ctx.call("Mul", y, ctx.cast(factor, y.dtype))
        elif k is not None and float(k) == 0:
            return y
        else:
            z = ctx.call("Mul", z, ctx.cast(factor, z.dtype))
    return ctx.call("Add", z, y)


@converts("Gemm", "Gemv", "BatchedGemm")
def gemm(ctx: ApplyContext) -> Value:
    """``(z, alpha, x, y, beta)``."""
    z, alpha, x, y, beta = ctx.present()
    return combined(ctx, product(ctx, x, y), alpha, z, beta)


@converts("Ger")
def ger(ctx: ApplyContext) -> Value:
    """``A + alpha * x y^T``."""
    a, alpha, x, y = ctx.present()
    return combined(ctx, ctx.call("Mul", ctx.unsqueeze(x, [1]), ctx.unsqueeze(y, [0])), alpha, a, None)


@converts("Blockwise")
def blockwise(ctx: ApplyContext) -> Value | list[Value]:
    """An operator over the last dimensions, the others broadcast."""
    core = ctx.kernel.core_op
    kind = type(core).__name__
    if kind in ("Dot", "Dot22", "MatMul"):
        return product(ctx, ctx.input(0), ctx.input(1))
    if kind in ("Convolve1d", "Convolve2d"):
        return convolved(ctx, 1 if kind == "Convolve1d" else 2)
    if hasattr(core, "scalar_op"):
        return scalar(ctx, core.scalar_op, ctx.present(), ctx.out_dtype)
    raise Unsupported(f"{kind} over further dimensions is not supported.", reason="unsupported-op")


@converts("Convolve1d", "Convolve2d")
def convolve(ctx: ApplyContext) -> Value:
    return convolved(ctx, 1 if type(ctx.kernel).__name__ == "Convolve1d" else 2)


def turned(ctx: ApplyContext, w: Value, axes: Sequence[int]) -> Value:
    """A kernel the other way round."""
    count = len(axes)
    return ctx.call("Slice", w, ctx.i64(*[-1] * count), ctx.i64(*[START] * count), ctx.i64(*axes), ctx.i64(*[-1] * count))


def convolved(ctx: ApplyContext, rank: int) -> Value:
    """A true convolution (the kernel is turned) of the last ``rank`` dimensions, ``full`` or ``valid``; those before them broadcast.

    A dimension that only the data have is a batch, one that only the kernel has makes output channels, one that both have makes groups.
    """
    kind = ctx.out_dtype if ctx.out_dtype in (F32, F16) else F32
    x, k = (ctx.cast(v, kind) for v in (ctx.input(0), ctx.input(1)))
    full = bool(ctx.constant_input(2, "the mode of a convolution").reshape(-1)[0])
    lead = max(len(x.shape), len(k.shape)) - rank
    x, k = (ctx.unsqueeze(v, range(lead + rank - len(v.shape))) if len(v.shape) < lead + rank else v for v in (x, k))
    data, taps = ctx.static_shape(x, "data to convolve"), ctx.static_shape(k, "a kernel")
    if not full and any(t > n for t, n in zip(taps[lead:], data[lead:], strict=True)):
        raise Unsupported("a kernel larger than the data is not supported.")
    groups = [i for i in range(lead) if data[i] == taps[i] and data[i] != 1]
    outs = [i for i in range(lead) if data[i] == 1 and taps[i] != 1]
    batch = [i for i in range(lead) if i not in groups and i not in outs]
    count, wide = math.prod(data[i] for i in groups), math.prod(taps[i] for i in outs)
    spatial = range(lead, lead + rank)
    x = ctx.transpose(x, [*batch, *outs, *groups, *spatial])
    x = ctx.reshape(x, (math.prod(data[i] for i in batch), count, *data[lead:]))
    w = ctx.transpose(turned(ctx, k, spatial), [*groups, *outs, *batch, *spatial])
    w = ctx.reshape(w, (count * wide, 1, *taps[lead:]))
    pads = tuple(t - 1 if full else 0 for t in taps[lead:])
    y = convolution(ctx, x, w, None, Sliding((1,) * rank, pads, (1,) * rank), count)
    order = [*batch, *groups, *outs]
    y = ctx.reshape(y, (*(max(data[i], taps[i]) for i in order), *ctx.static_shape(y, "a convolution")[2:]))
    return ctx.cast(ctx.transpose(y, [*(order.index(i) for i in range(lead)), *spatial]), ctx.out_dtype)


@converts("BaseAbstractConv", "AbstractConv", "AbstractConv2d", "AbstractConv3d", "BaseCorrMM", "CorrMM", "Corr3dMM")
def abstract_conv(ctx: ApplyContext) -> Value:
    """``conv2d`` of Theano and earlier PyTensor: [N, C, H, W] and [O, C, h, w], the kernel turned unless told otherwise."""
    kind = ctx.out_dtype if ctx.out_dtype in (F32, F16) else F32
    x, w = (ctx.cast(v, kind) for v in (ctx.input(0), ctx.input(1)))
    rank = len(x.shape) - 2
    kernel = [ctx.static(d, "the kernel's size") for d in w.shape[2:]]
    dilations = tuple(int(d) for d in ctx.attribute("filter_dilation", (1,) * rank))
    mode = ctx.attribute("border_mode", "valid")
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if mode == "valid":
        pads = [0] * rank
    elif mode == "full":
        pads = [e - 1 for e in extents]
    elif mode == "half":
        pads = [e // 2 for e in extents]
    elif isinstance(mode, int):
        pads = [mode] * rank
    elif isinstance(mode, tuple) and len(mode) == rank and all(isinstance(p, int) for p in mode):
        pads = list(mode)
    else:
        raise Unsupported(f"border_mode={mode!r} is not supported.")
    if ctx.attribute("unshared", False):
        raise Unsupported("a convolution with weights of its own at each position is not supported.")
    if not type(ctx.kernel).__name__.startswith("Corr") and ctx.attribute("filter_flip", True):
        w = turned(ctx, w, range(2, rank + 2))
    slide = Sliding(tuple(int(s) for s in ctx.attribute("subsample", (1,) * rank)), tuple(pads), dilations)
    return ctx.cast(convolution(ctx, x, w, None, slide, int(ctx.attribute("num_groups", 1))), ctx.out_dtype)


@converts("Pool")
def pooling(ctx: ApplyContext) -> Value:
    """Over the last dimensions of [N, C, spatial...], as Theano's ``pool_2d``."""
    x, mode = ctx.input(0), ctx.attribute("mode", "max")
    rank = int(ctx.attribute("ndim", 2))
    if mode not in MODES or len(x.shape) != rank + 2:
        raise Unsupported(f"mode={mode!r} over {rank} of {len(x.shape)} dimensions is not supported.")
    kernel = ctx.constant_ints(1, "the window of a pooling")
    strides = ctx.constant_ints(2, "the stride of a pooling") if ctx.optional(2) is not None else kernel
    pads = ctx.constant_ints(3, "the padding of a pooling") if ctx.optional(3) is not None else [0] * rank
    if not ctx.attribute("ignore_border", True):
        sizes = [ctx.static(d, "the size that is pooled") for d in x.shape[2:]]
        if any((n - k) % s for n, k, s in zip(sizes, kernel, strides, strict=True)):
            raise Unsupported("windows that reach over the border (ignore_border=False) are not supported.", "Pad the input instead.")
    y = ctx.cast(x, F32) if x.dtype not in (F32, F16) else x
    slide = Sliding(tuple(strides), tuple(pads), (1,) * rank)
    y = pool(ctx, y, MODES[mode], kernel, slide, ceil=False, count_pads=mode == "average_inc_pad")
    return ctx.cast(y, x.dtype)
