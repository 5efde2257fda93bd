"""Convolutions, inner products, pooling (src/caffe/layers)."""

from __future__ import annotations

import math

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array
from edgekit_converters.caffe.context import LayerContext, converts
from edgekit_converters.caffe.prototext import Message
from edgekit_converters.importing.layers import Sliding, convolution, flatten, pool, transposed_convolution
from edgekit_converters.importing.problems import Unsupported

DEPTHWISE = ("ConvolutionDepthwise", "DepthwiseConvolution")


def per_dimension(p: Message, name: str, single: str, rank: int, default: int | None) -> tuple[int, ...]:
    """``kernel_h`` and ``kernel_w``, or one ``kernel_size`` for all dimensions, or one for each.

    Raises:
        MalformedModelError: another number of them, or none where one is needed.
    """
    if f"{name}_h" in p or f"{name}_w" in p:
        if rank != 2:
            raise MalformedModelError(f"{name}_h and {name}_w of a layer over {rank} dimensions")
        return p.get_int(f"{name}_h", default or 0), p.get_int(f"{name}_w", default or 0)
    found = p.get_ints(single)
    if not found:
        if default is None:
            raise MalformedModelError(f"{single} is missing")
        return (default,) * rank
    if len(found) not in (1, rank):
        raise MalformedModelError(f"{rank} numbers of {single} are needed, got {found}")
    return tuple(found) if len(found) == rank else (found[0],) * rank


def windows(p: Message, x: Value) -> tuple[tuple[int, ...], Sliding]:
    """Kernel and steps of a convolution over ``x``."""
    if p.get_int("axis", 1) != 1:
        raise Unsupported(f"channels along axis {p.get_int('axis', 1)} are not supported.")
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3):
        raise Unsupported(f"a convolution over {rank} dimensions is not supported.")
    kernel = per_dimension(p, "kernel", "kernel_size", rank, None)
    if min(kernel) < 1:
        raise MalformedModelError(f"a kernel of {list(kernel)}")
    pads, strides = per_dimension(p, "pad", "pad", rank, 0), per_dimension(p, "stride", "stride", rank, 1)
    return kernel, Sliding(strides, pads, per_dimension(p, "dilation", "dilation", rank, 1))


def channels(ctx: LayerContext, x: Value) -> int:
    return ctx.static(x.shape[1], "the number of channels")


@converts("Convolution", *DEPTHWISE)
def conv(ctx: LayerContext) -> list[Value]:
    """Several inputs share the weights."""
    p = ctx.params("convolution_param")
    x = ctx.input(0)
    kernel, slide = windows(p, x)
    count, width = p.get_int("num_output", 0), channels(ctx, x)
    groups = width if ctx.op in DEPTHWISE and p.get_int("group", 1) == 1 else p.get_int("group", 1)
    check_groups(width, count, groups)
    w = ctx.blob(0, count, width // groups, *kernel)
    b = ctx.blob(1, count) if p.get_bool("bias_term", True) else None
    return [convolution(ctx, v, w, b, slide, groups) for v in ctx.present()]


def check_groups(width: int, count: int, groups: int) -> None:
    if groups < 1 or count < 1 or width % groups or count % groups:
        raise MalformedModelError(f"{width} channels and num_output {count} do not split into {groups} groups")


@converts("Deconvolution", "DeconvolutionDepthwise")
def deconv(ctx: LayerContext) -> list[Value]:
    """A bilinear filler makes the weights where the file holds none."""
    p = ctx.params("convolution_param")
    x = ctx.input(0)
    kernel, slide = windows(p, x)
    count, width = p.get_int("num_output", 0), channels(ctx, x)
    groups = width if ctx.op != "Deconvolution" and p.get_int("group", 1) == 1 else p.get_int("group", 1)
    check_groups(width, count, groups)
    shape = (width, count // groups, *kernel)
    if not ctx.blobs and p.message("weight_filler").get_string("type") == "bilinear":
        ctx.computed(shape)
        w = ctx.const(np.broadcast_to(bilinear(kernel), shape).copy())
    else:
        w = ctx.blob(0, *shape)
    b = ctx.blob(1, count) if p.get_bool("bias_term", True) and ctx.blobs else None
    return [transposed_convolution(ctx, v, w, b, slide, groups) for v in ctx.present()]


def bilinear(kernel: tuple[int, ...]) -> Array:
    """Weights of a linear interpolation (BilinearFiller)."""
    out = np.ones((1,) * len(kernel), np.float32)
    for i, k in enumerate(kernel):
        factor = math.ceil(k / 2)
        centre = (2 * factor - 1 - factor % 2) / (2.0 * factor)
        row = 1 - np.abs(np.arange(k) / factor - centre)
        out = out * row.astype(np.float32).reshape([-1 if j == i else 1 for j in range(len(kernel))])
    return out


@converts("Pooling")
def pooling(ctx: LayerContext) -> Value:
    """The number of windows is rounded up; averages count padding."""
    p, x = ctx.params("pooling_param"), ctx.input(0)
    kind = p.get_string("pool", "MAX")
    names = {"MAX": "max", "AVE": "avg", "0": "max", "1": "avg"}
    if kind not in names:
        raise Unsupported(f"pool: {kind} is not supported.")
    if p.get_bool("global_pooling", False):
        return ctx.call("GlobalMaxPool" if names[kind] == "max" else "GlobalAveragePool", x, layout="NCHW")
    rank = len(x.shape) - 2
    if rank < 1:
        raise MalformedModelError(f"an input of rank {len(x.shape)}")
    kernel = per_dimension(p, "kernel", "kernel_size", rank, None)
    slide = Sliding(per_dimension(p, "stride", "stride", rank, 1), per_dimension(p, "pad", "pad", rank, 0), (1,) * rank)
    ceil = p.get_string("round_mode", "CEIL") in ("CEIL", "0") and p.get_bool("ceil_mode", True)
    return pool(ctx, x, names[kind], kernel, slide, ceil=ceil, count_pads=True)


@converts("InnerProduct")
def inner_product(ctx: LayerContext) -> Value:
    p, x = ctx.params("inner_product_param"), ctx.input(0)
    axis, count = ctx.canonical(p.get_int("axis", 1), x), p.get_int("num_output", 0)
    size = 1
    for d in x.shape[axis:]:
        size *= ctx.static(d, "the size an inner product sums over")
    if count < 1:
        raise MalformedModelError(f"num_output is {count}")
    w = ctx.array(0, size, count).T if p.get_bool("transpose", False) else ctx.array(0, count, size)
    b = ctx.blob(1, count) if p.get_bool("bias_term", True) else None
    return ctx.call("FullyConnected", flatten(ctx, x, axis), ctx.const(np.ascontiguousarray(w), name=f"{ctx.name}/0"), b)


@converts("Embed")
def embed(ctx: LayerContext) -> Value:
    p = ctx.params("embed_param")
    rows, width = p.get_int("input_dim", 0), p.get_int("num_output", 0)
    y = ctx.call("Gather", ctx.blob(0, rows, width), ctx.as_i64(ctx.input(0)), axis=0)
    return ctx.call("Add", y, ctx.blob(1, width)) if p.get_bool("bias_term", True) else y
