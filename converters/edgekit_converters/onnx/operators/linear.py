"""Convolutions and matrix products. Weights are brought into the table's order: output channels first, input channels last."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F16, F32, F64
from edgekit_converters.importing.composer import is_weight
from edgekit_converters.importing.einsum import contract
from edgekit_converters.importing.windows import SPATIAL_NAMES
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.windows import SpatialAttributes, slide

#: float64 products of more terms are computed in float32: term by term they would take that much memory
MAX_EXACT_TERMS = 1 << 16


@converts("Conv")
def conv(ctx: NodeContext) -> Value:
    return convolution(ctx, ctx.input(0), ctx.input(1), ctx.optional(2))


def convolution(ctx: NodeContext, x: Value, w: Value, b: Value | None) -> Value:
    """``Conv`` with the node's attributes; ``w`` is [O, I / groups, kernel...]."""
    rank = len(x.shape) - 2
    if rank < 1 or len(w.shape) != rank + 2:
        raise MalformedModelError(
            f"an input of rank 3 or more and weights of the same rank are needed, got {len(x.shape)} and {len(w.shape)}"
        )
    kernel = [ctx.static(d, "the kernel's size") for d in w.shape[2:]]
    x, window = slide(ctx, x, kernel)
    weights = ctx.transpose_weights(w, (0, *range(2, rank + 2), 1))
    return ctx.call(
        "Conv", x, weights, b, strides=window.strides, pads=window.pads, dilations=window.dilations,
        groups=ctx.get_int("group", 1), layout="NCHW"
    )  # fmt: skip


@converts("ConvTranspose")
def conv_transpose(ctx: NodeContext) -> Value:
    """ONNX weights are [I, O / groups, kernel...]; the table wants [O, kernel..., I / groups]."""
    x, w, b = ctx.input(0), ctx.input(1), ctx.optional(2)
    rank, groups = len(x.shape) - 2, ctx.get_int("group", 1)
    if rank < 1 or len(w.shape) != rank + 2:
        raise MalformedModelError(
            f"an input of rank 3 or more and weights of the same rank are needed, got {len(x.shape)} and {len(w.shape)}"
        )
    channels, per_group = (ctx.static(d, "the number of channels") for d in w.shape[:2])
    if groups < 1 or channels % groups:
        raise MalformedModelError(f"{channels} input channels do not split into {groups} groups")
    kernel = [ctx.static(d, "the kernel's size") for d in w.shape[2:]]
    window = transposed_window(ctx, x, kernel)
    taps = tuple(range(2, rank + 2))
    if groups == 1:
        weights = ctx.transpose_weights(w, (1, *taps, 0))
    else:
        split = ctx.reshape(w, (groups, channels // groups, per_group, *kernel)) if w.const is None else None
        if split is None:
            assert w.const is not None
            a = w.const.reshape(groups, channels // groups, per_group, *kernel)
            a = np.moveaxis(a, 1, -1).reshape(groups * per_group, *kernel, channels // groups)
            weights = ctx.const(np.ascontiguousarray(a), name=w.name)
        else:
            moved = ctx.transpose(split, (0, 2, *range(3, rank + 3), 1))
            weights = ctx.reshape(moved, (groups * per_group, *kernel, channels // groups))
    return ctx.call(
        "ConvTranspose", x, weights, b, strides=window.strides, pads=window.pads, dilations=window.dilations,
        output_padding=window.output_padding,
        groups=groups, layout="NCHW",
    )  # fmt: skip


def transposed_window(ctx: NodeContext, x: Value, kernel: Sequence[int]) -> SpatialAttributes:
    """Pads and output padding of a transposed convolution; ``output_shape`` and ``auto_pad`` decide pads from the input's size."""
    rank = len(kernel)
    strides = ctx.get_ints("strides", [1] * rank)
    dilations = ctx.get_ints("dilations", [1] * rank)
    extra = ctx.get_ints("output_padding", [0] * rank)
    auto_pad = ctx.get_string("auto_pad", "NOTSET")
    if ctx.has("kernel_shape") and ctx.get_ints("kernel_shape") != list(kernel):
        raise MalformedModelError(f"kernel_shape {ctx.get_ints('kernel_shape')} differs from the weights' {list(kernel)}")
    if not ctx.has("output_shape") and auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        pads = ctx.get_ints("pads", [0] * (2 * rank)) if auto_pad == "NOTSET" else [0] * (2 * rank)
        return SpatialAttributes(tuple(kernel), tuple(strides), tuple(pads), tuple(dilations), tuple(extra))
    names = SPATIAL_NAMES.get(rank, ("size",) * rank)
    sizes = [
        ctx.static(d, f"{'output_shape' if ctx.has('output_shape') else f'auto_pad={auto_pad}'} needs a static input; its {names[i]}")
        for i, d in enumerate(x.shape[2:])
    ]
    want = ctx.get_ints("output_shape") if ctx.has("output_shape") else [n * s for n, s in zip(sizes, strides, strict=True)]
    want = want[-rank:]
    begins, ends = [], []
    for i in range(rank):
        total = strides[i] * (sizes[i] - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1 - want[i]
        if total < 0:
            extra[i] -= total
            total = 0
        half = total // 2
        first_gets_more = auto_pad != "SAME_UPPER"
        begins.append(total - half if first_gets_more else half)
        ends.append(half if first_gets_more else total - half)
    return SpatialAttributes(tuple(kernel), tuple(strides), (*begins, *ends), tuple(dilations), tuple(extra))


@converts("MatMul")
def matmul(ctx: NodeContext) -> Value:
    return product(ctx, ctx.input(0), ctx.input(1))


def product(ctx: NodeContext, a: Value, b: Value) -> Value:
    """Numpy's matrix product; a constant matrix on the right makes a fully connected layer."""
    if len(a.shape) == 0 or len(b.shape) == 0:
        raise MalformedModelError("matrix products need operands of rank 1 or more")
    if len(b.shape) == 2 and is_weight(b) and a.dtype in (F32, F16):
        return ctx.call("FullyConnected", a, ctx.transpose_weights(b, (1, 0)))
    if a.dtype in (F32, F16):
        return ctx.call("MatMul", a, b)
    if a.dtype is F64 and _terms(a, b) > MAX_EXACT_TERMS:
        ctx.problems.note(f"{ctx.op} {ctx.name!r}: float64 is computed in float32")
        return ctx.cast(product(ctx, ctx.cast(a, F32), ctx.cast(b, F32)), F64)
    return exact_product(ctx, a, b)


def _terms(a: Value, b: Value) -> float:
    """How many products are added; infinite where that is open."""
    dims = (*a.shape, *b.shape[-1:], *(b.shape[:-2] if len(b.shape) > len(a.shape) else ()))
    return float(math.prod(d for d in dims if isinstance(d, int))) if all(isinstance(d, int) for d in dims) else math.inf


def exact_product(ctx: NodeContext, a: Value, b: Value) -> Value:
    """A matrix product of integers or float64: multiply and add in the elements' own type."""
    if len(a.shape) == 1 or len(b.shape) == 1:
        left = ctx.unsqueeze(a, [0]) if len(a.shape) == 1 else a
        right = ctx.unsqueeze(b, [-1]) if len(b.shape) == 1 else b
        y = exact_product(ctx, left, right)
        gone = [i for i, v in ((len(y.shape) - 2, a), (len(y.shape) - 1, b)) if len(v.shape) == 1]
        return ctx.regroup(y, [[i] for i in range(len(y.shape)) if i not in gone])
    terms = ctx.call("Mul", ctx.unsqueeze(a, [-1]), ctx.unsqueeze(b, [-3]))
    return ctx.call("ReduceSum", terms, axes=(len(terms.shape) - 2,), keepdims=False)


@converts("Gemm")
def gemm(ctx: NodeContext) -> Value:
    """``alpha * A' @ B' + beta * C``."""
    a, b, c = ctx.input(0), ctx.input(1), ctx.optional(2)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise MalformedModelError(f"operands of rank 2 are needed, got {len(a.shape)} and {len(b.shape)}")
    alpha, beta = ctx.get_float("alpha", 1.0), ctx.get_float("beta", 1.0)
    if ctx.get_int("transA", 0):
        a = ctx.transpose(a, (1, 0))
    transposed = bool(ctx.get_int("transB", 0))
    if c is not None and beta != 1.0:
        c = ctx.const((c.const * beta).astype(c.const.dtype), name=c.name) if c.const is not None else ctx.call("Mul", c, ctx.like(beta, c))
    if is_weight(b) and a.dtype in (F32, F16):
        w = b if transposed else ctx.transpose_weights(b, (1, 0))
        if alpha != 1.0:
            w = (
                ctx.const((w.const * alpha).astype(w.const.dtype), name=w.name)
                if w.const is not None
                else ctx.call("Mul", w, ctx.like(alpha, w))
            )
        bias = None if c is None else bias_vector(ctx, c, w.shape[0])
        y = ctx.call("FullyConnected", a, w, bias)
        return y if c is None or bias is not None else ctx.call("Add", y, c)
    y = (
        ctx.call("MatMul", a, b, transpose_b=transposed)
        if a.dtype in (F32, F16)
        else product(ctx, a, ctx.transpose(b, (1, 0)) if transposed else b)
    )
    if alpha != 1.0:
        y = ctx.call("Mul", y, ctx.like(alpha, y))
    return y if c is None else ctx.call("Add", y, c)


def bias_vector(ctx: NodeContext, c: Value, n: object) -> Value | None:
    """``c`` as a bias [n], where it is one (or broadcasts along rows only); None otherwise."""
    if not isinstance(n, int):
        return None
    if (
        c.const is not None
        and c.quant is None
        and c.const.ndim <= 2
        and (c.const.ndim < 2 or c.const.shape[0] == 1)
        and c.const.size in (1, n)
    ):
        ctx.computed((n,))
        return ctx.const(np.ascontiguousarray(np.broadcast_to(c.const.reshape(-1), (n,))), name=c.name)
    return c if tuple(c.shape) == (n,) else None


@converts("Einsum", since=12)
def einsum(ctx: NodeContext) -> Value:
    return contract(ctx, ctx.get_string("equation"), ctx.present())
