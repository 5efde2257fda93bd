"""Convolutions and matrix products. Weights are brought into the table's order: output channels first, input channels last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F16, F32, QuantParams
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.onnx.context import NodeContext
from edgekit_converters.onnx.registry import converts
from edgekit_converters.onnx.windows import SpatialAttributes, spatial_attributes

SPATIAL_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


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
    window = spatial_attributes(ctx, x, kernel)
    weights = permute(ctx, w, (0, *range(2, rank + 2), 1))
    return ctx.call(
        "Conv", x, weights, b, strides=window.strides, pads=window.pads, dilations=window.dilations,
        groups=ctx.get_int("group", 1), layout="NCHW"
    )  # fmt: skip


def permute(ctx: NodeContext, w: Value, perm: Sequence[int]) -> Value:
    """Weights in another order: right in the constant where they are one, dequantized weights included."""
    if w.const is not None:
        quant = w.quant
        if quant is not None and quant.axis is not None:
            quant = QuantParams(quant.scale, quant.zero_point, list(perm).index(quant.axis))
        return ctx.builder.constant(np.ascontiguousarray(np.transpose(w.const, perm)), w.name, quant=quant)
    producer = w.producer
    if producer is not None and producer.op in ("Dequantize", "Cast") and producer.input(0).const is not None:
        return ctx.call(producer.op, permute(ctx, producer.input(0), perm), **producer.attrs)
    return ctx.transpose(w, perm)


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
        weights = permute(ctx, w, (1, *taps, 0))
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


def is_weight(value: Value) -> bool:
    """True for a constant, and for what only dequantizes or casts one."""
    if value.const is not None:
        return True
    p = value.producer
    return p is not None and p.op in ("Dequantize", "Cast") and p.input(0).const is not None


def product(ctx: NodeContext, a: Value, b: Value) -> Value:
    """Numpy's matrix product; a constant matrix on the right makes a fully connected layer."""
    if len(a.shape) == 0 or len(b.shape) == 0:
        raise MalformedModelError("matrix products need operands of rank 1 or more")
    if len(b.shape) == 2 and is_weight(b) and a.dtype in (F32, F16):
        return ctx.call("FullyConnected", a, permute(ctx, b, (1, 0)))
    if a.dtype in (F32, F16):
        return ctx.call("MatMul", a, b)
    return exact_product(ctx, a, b)


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
        w = b if transposed else permute(ctx, b, (1, 0))
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
        return ctx.const(np.ascontiguousarray(np.broadcast_to(c.const.reshape(-1), (n,))), name=c.name)
    return c if tuple(c.shape) == (n,) else None


@converts("Einsum", since=12)
def einsum(ctx: NodeContext) -> Value:
    return contract(ctx, ctx.get_string("equation"), ctx.present())


def contract(ctx: NodeContext, equation: str, operands: Sequence[Value]) -> Value:
    """Einstein's summation, operand by operand, each pair by one matrix product (floats) or by multiply and sum."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise MalformedModelError(f"the equation {equation!r} has {len(terms)} operands, the node {len(operands)}")
    dots = max((len(v.shape) - len(t.replace("...", "")) for t, v in zip(terms, operands, strict=True) if "..." in t), default=0)
    spare = [chr(c) for c in range(ord("0"), ord("0") + max(dots, 0))]
    labelled = []
    for t, v in zip(terms, operands, strict=True):
        n = len(v.shape) - len(t.replace("...", ""))
        names = list(t.replace("...", "".join(spare[len(spare) - n :]) if n > 0 else ""))
        if len(names) != len(v.shape):
            raise MalformedModelError(f"the term {t!r} of {equation!r} does not fit a tensor of rank {len(v.shape)}")
        labelled.append(diagonal(ctx, v, names))
    if arrow:
        out = list(right.replace("...", "".join(spare)))
    else:
        letters = [c for t in terms for c in t.replace("...", "")]
        out = [*spare, *sorted(c for c in set(letters) if letters.count(c) == 1)]
    x, names = labelled[0]
    x, names = sum_out(ctx, x, names, {n for _, other in labelled[1:] for n in other} | set(out))
    for i, (y, other) in enumerate(labelled[1:], 1):
        later = {n for _, rest in labelled[i + 1 :] for n in rest} | set(out)
        y, other = sum_out(ctx, y, other, set(names) | later)
        x, names = multiply(ctx, x, names, y, other, later)
    if sorted(names) != sorted(out):
        raise MalformedModelError(f"the result of {equation!r} names dimensions that no operand has")
    return ctx.transpose(x, [names.index(n) for n in out])


def diagonal(ctx: NodeContext, x: Value, names: list[str]) -> tuple[Value, list[str]]:
    """``x`` without repeated names: only the elements with equal indices are kept."""
    for name in sorted(set(names)):
        while names.count(name) > 1:
            i = names.index(name)
            j = names.index(name, i + 1)
            n = ctx.static(x.shape[i], "a repeated dimension")
            mask = np.eye(n, dtype=np.bool_).reshape([n if k in (i, j) else 1 for k in range(len(names))])
            x = ctx.call("Where", ctx.const(mask), x, ctx.like(0, x))
            x = ctx.call("ReduceSum", x, axes=(j,), keepdims=False)
            names = names[:j] + names[j + 1 :]
    return x, names


def sum_out(ctx: NodeContext, x: Value, names: list[str], keep: set[str]) -> tuple[Value, list[str]]:
    """Sum over dimensions nobody else uses."""
    gone = tuple(i for i, n in enumerate(names) if n not in keep)
    return (ctx.call("ReduceSum", x, axes=gone, keepdims=False) if gone else x), [n for n in names if n in keep]


def multiply(ctx: NodeContext, x: Value, xs: list[str], y: Value, ys: list[str], later: set[str]) -> tuple[Value, list[str]]:
    """The product of two operands, summed over what is not needed later."""
    batch = [n for n in xs if n in ys and n in later]
    summed = [n for n in xs if n in ys and n not in later]
    only_x, only_y = [n for n in xs if n not in ys], [n for n in ys if n not in xs]
    same = all(x.shape[xs.index(n)] == y.shape[ys.index(n)] for n in (*batch, *summed))
    if summed and same and x.dtype in (F32, F16):
        a = ctx.transpose(x, [xs.index(n) for n in (*batch, *only_x, *summed)])
        b = ctx.transpose(y, [ys.index(n) for n in (*batch, *summed, *only_y)])
        nb, nx, ns = len(batch), len(only_x), len(summed)
        a = ctx.regroup(a, [*([i] for i in range(nb)), list(range(nb, nb + nx)), list(range(nb + nx, nb + nx + ns))])
        b = ctx.regroup(b, [*([i] for i in range(nb)), list(range(nb, nb + ns)), list(range(nb + ns, len(ys)))])
        z = ctx.call("MatMul", a, b)
        names = [*batch, *only_x, *only_y]
        sizes = [x.shape[xs.index(n)] if n in xs else y.shape[ys.index(n)] for n in names]
        if sum(not isinstance(d, int) for d in sizes) > 1:
            raise Unsupported(
                "more than one open dimension in a contraction is not supported", ctx.importer.session.shape_hint(), "dynamic-shape"
            )
        return ctx.reshape(z, [d if isinstance(d, int) else -1 for d in sizes]), names
    names = [*batch, *only_x, *only_y, *summed]
    a = ctx.transpose(x, [xs.index(n) for n in names if n in xs])
    a = ctx.unsqueeze(a, [i for i, n in enumerate(names) if n not in xs])
    b = ctx.transpose(y, [ys.index(n) for n in names if n in ys])
    b = ctx.unsqueeze(b, [i for i, n in enumerate(names) if n not in ys])
    z = ctx.call("Mul", a, b)
    return sum_out(ctx, z, names, set(names) - set(summed))
