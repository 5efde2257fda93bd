"""Convolutions and matrix products. Weights are brought into the table's order: output channels first, input channels last."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F16, F32
from edgekit_converters.importing.composer import is_weight
from edgekit_converters.importing.einsum import contract
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.registry import ConvertFunction, converts


def _convolution(ctx: AtenContext, rank: int, stride: Sequence[int], pads: Sequence[int], dilation: Sequence[int], groups: int) -> Value:
    """Weights are [O, I / groups, kernel...]; an input without batch gets one for the time being."""
    x, w, b = ctx.tensor("input"), ctx.tensor("weight"), ctx.optional_tensor("bias")
    if len(w.shape) != rank + 2 or len(x.shape) not in (rank + 1, rank + 2):
        raise MalformedModelError(f"an input of rank {len(x.shape)} does not fit weights of rank {len(w.shape)}")
    batched = len(x.shape) == rank + 2
    y = ctx.call(
        "Conv", x if batched else ctx.unsqueeze(x, [0]), ctx.transpose_weights(w, (0, *range(2, rank + 2), 1)), b,
        strides=tuple(stride), pads=tuple(pads), dilations=tuple(dilation), groups=groups, layout="NCHW",
    )  # fmt: skip
    return y if batched else ctx.squeeze(y, [0])


def _conv(rank: int) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        w = ctx.tensor("weight")
        stride, dilation = ctx.integers("stride", [1], rank), ctx.integers("dilation", [1], rank)
        padding = ctx.args.get("padding")
        if isinstance(padding, str):
            begins, ends = _named_padding(ctx, padding, w, dilation, stride)
        else:
            begins = ends = ctx.integers("padding", [0], rank)
        return _convolution(ctx, rank, stride, (*begins, *ends), dilation, ctx.integer("groups", 1))

    return convert


def _named_padding(ctx: AtenContext, padding: str, w: Value, dilation: Sequence[int], stride: Sequence[int]) -> tuple[list[int], list[int]]:
    if padding == "valid":
        return [0] * len(dilation), [0] * len(dilation)
    if padding != "same" or any(s != 1 for s in stride):
        raise MalformedModelError(f"padding {padding!r} with strides {list(stride)} does not exist")
    totals = [d * (ctx.static(k, "the kernel's size") - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    return [t // 2 for t in totals], [t - t // 2 for t in totals]


def _transposed(
    ctx: AtenContext, rank: int, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], extra: Sequence[int], groups: int
) -> Value:
    """Weights are [I, O / groups, kernel...]; the table wants [O, kernel..., I / groups]."""
    x, w, b = ctx.tensor("input"), ctx.tensor("weight"), ctx.optional_tensor("bias")
    if len(w.shape) != rank + 2 or len(x.shape) not in (rank + 1, rank + 2):
        raise MalformedModelError(f"an input of rank {len(x.shape)} does not fit weights of rank {len(w.shape)}")
    channels, per_group, *kernel = ctx.static_shape(w, "the weights' shape")
    if groups < 1 or channels % groups:
        raise MalformedModelError(f"{channels} input channels do not split into {groups} groups")
    if groups == 1:
        weights = ctx.transpose_weights(w, (1, *range(2, rank + 2), 0))
    else:
        split = ctx.reshape(w, (groups, channels // groups, per_group, *kernel))
        moved = ctx.transpose(split, (0, 2, *range(3, rank + 3), 1))
        weights = ctx.reshape(moved, (groups * per_group, *kernel, channels // groups))
    batched = len(x.shape) == rank + 2
    y = ctx.call(
        "ConvTranspose", x if batched else ctx.unsqueeze(x, [0]), weights, b, strides=tuple(stride), pads=(*padding, *padding),
        dilations=tuple(dilation), output_padding=tuple(extra), groups=groups, layout="NCHW",
    )  # fmt: skip
    return y if batched else ctx.squeeze(y, [0])


def _conv_transpose(rank: int) -> ConvertFunction:
    def convert(ctx: AtenContext) -> Value:
        return _transposed(
            ctx, rank, ctx.integers("stride", [1], rank), ctx.integers("padding", [0], rank), ctx.integers("dilation", [1], rank),
            ctx.integers("output_padding", [0], rank), ctx.integer("groups", 1),
        )  # fmt: skip

    return convert


for _rank in (1, 2, 3):
    converts(f"aten.conv{_rank}d")(_conv(_rank))
converts("aten.conv_transpose1d")(_conv_transpose(1))
converts("aten.conv_transpose2d.input")(_conv_transpose(2))
converts("aten.conv_transpose3d.input")(_conv_transpose(3))


@converts("aten.convolution", "aten._convolution")
def convolution(ctx: AtenContext) -> Value:
    rank = len(ctx.tensor("weight").shape) - 2
    if not 1 <= rank <= 3:
        raise Unsupported(f"convolutions over {rank} dimensions are not supported.")
    stride, padding, dilation = (ctx.integers(n, [d], rank) for n, d in (("stride", 1), ("padding", 0), ("dilation", 1)))
    if ctx.flag("transposed", False):
        return _transposed(ctx, rank, stride, padding, dilation, ctx.integers("output_padding", [0], rank), ctx.integer("groups", 1))
    return _convolution(ctx, rank, stride, (*padding, *padding), dilation, ctx.integer("groups", 1))


def product(ctx: AtenContext, a: Value, b: Value) -> Value:
    """Numpy's matrix product; a constant matrix on the right makes a fully connected layer; integers are summed exactly."""
    if a.dtype in (F32, F16):
        if len(b.shape) == 2 and len(a.shape) >= 1 and is_weight(b):
            return ctx.call("FullyConnected", a, ctx.transpose_weights(b, (1, 0)))
        return ctx.call("MatMul", a, b)
    if a.dtype.is_float:
        return ctx.cast(product(ctx, ctx.cast(a, F32), ctx.cast(b, F32)), a.dtype)
    left = ctx.unsqueeze(a, [len(a.shape)]) if len(a.shape) > 1 or len(b.shape) > 1 else ctx.unsqueeze(a, [1])
    right = b if len(b.shape) > 1 else ctx.unsqueeze(b, [1])
    right = ctx.unsqueeze(right, [len(right.shape) - 2])
    terms = ctx.call("Mul", left, right)
    y = ctx.call("ReduceSum", terms, axes=(len(terms.shape) - 2,), keepdims=False)
    y = ctx.squeeze(y, [len(y.shape) - 1]) if len(b.shape) == 1 else y
    return ctx.reshape(y, ()) if len(a.shape) == 1 and len(b.shape) == 1 else y


@converts("aten.linear")
def linear(ctx: AtenContext) -> Value:
    x, w, b = ctx.tensor("input"), ctx.tensor("weight"), ctx.optional_tensor("bias")
    if x.dtype in (F32, F16) and len(w.shape) == 2:
        if is_weight(w):
            return ctx.call("FullyConnected", x, ctx.transpose_weights(w, (0, 1)), b)
        y = ctx.call("MatMul", x, w, transpose_b=True)
    else:
        y = product(ctx, x, ctx.transpose(w, (1, 0)) if len(w.shape) == 2 else w)
    return y if b is None else ctx.call("Add", y, b)


@converts("aten.matmul", "aten.mm", "aten.bmm", "aten.mv", "aten.dot")
def matmul(ctx: AtenContext) -> Value:
    a = ctx.tensor("self")
    b = next(ctx.tensor(n) for n in ("other", "mat2", "vec", "tensor") if ctx.has(n))
    return product(ctx, a, b)


def _scaled_sum(ctx: AtenContext, x: Value, y: Value) -> Value:
    """``beta * x + alpha * y``."""
    alpha, beta = ctx.number("alpha", 1), ctx.number("beta", 1)
    if isinstance(alpha, Sym | Value) or alpha != 1:
        y = ctx.call("Mul", y, ctx.operand(alpha, y.dtype))
    if not isinstance(beta, Sym | Value) and beta == 0:
        return y
    if isinstance(beta, Sym | Value) or beta != 1:
        x = ctx.call("Mul", x, ctx.operand(beta, x.dtype))
    return ctx.call("Add", y, x)


@converts("aten.addmm")
def addmm(ctx: AtenContext) -> Value:
    x, a, b = ctx.tensor("self"), ctx.tensor("mat1"), ctx.tensor("mat2")
    plain = all(not isinstance(ctx.number(n, 1), Sym | Value) and ctx.number(n, 1) == 1 for n in ("alpha", "beta"))
    if plain and a.dtype in (F32, F16) and is_weight(b) and x.const is not None and x.shape == (b.shape[1],):
        return ctx.call("FullyConnected", a, ctx.transpose_weights(b, (1, 0)), x)
    return _scaled_sum(ctx, x, product(ctx, a, b))


@converts("aten.baddbmm")
def baddbmm(ctx: AtenContext) -> Value:
    return _scaled_sum(ctx, ctx.tensor("self"), product(ctx, ctx.tensor("batch1"), ctx.tensor("batch2")))


@converts("aten.addbmm")
def addbmm(ctx: AtenContext) -> Value:
    y = ctx.call("ReduceSum", product(ctx, ctx.tensor("batch1"), ctx.tensor("batch2")), axes=(0,), keepdims=False)
    return _scaled_sum(ctx, ctx.tensor("self"), y)


@converts("aten.addmv")
def addmv(ctx: AtenContext) -> Value:
    return _scaled_sum(ctx, ctx.tensor("self"), product(ctx, ctx.tensor("mat"), ctx.tensor("vec")))


@converts("aten.outer", "aten.ger")
def outer(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("vec2")])
    return ctx.call("Mul", ctx.unsqueeze(a, [1]), ctx.unsqueeze(b, [0]))


@converts("aten.bilinear")
def bilinear(ctx: AtenContext) -> Value:
    """``y[.., o] = x1 @ w[o] @ x2``."""
    a, b, w, bias = ctx.tensor("input1"), ctx.tensor("input2"), ctx.tensor("weight"), ctx.optional_tensor("bias")
    left = ctx.call("MatMul", ctx.unsqueeze(ctx.unsqueeze(a, [len(a.shape) - 1]), [len(a.shape) - 1]), w)  # [.., O, 1, J]
    y = ctx.call("MatMul", left, ctx.unsqueeze(ctx.unsqueeze(b, [len(b.shape)]), [len(b.shape) - 1]))
    y = ctx.squeeze(y, [len(y.shape) - 2, len(y.shape) - 1])
    return y if bias is None else ctx.call("Add", y, bias)


@converts("aten._trilinear")
def trilinear(ctx: AtenContext) -> Value:
    """The sum over some dimensions of a product of three tensors, each with dimensions of 1 put in."""
    y: Value | None = None
    for k in (1, 2, 3):
        v = ctx.tensor(f"i{k}")
        for a in sorted(ctx.integers(f"expand{k}", [])):
            v = ctx.unsqueeze(v, [a])
        y = v if y is None else ctx.call("Mul", y, v)
    assert y is not None
    return ctx.call("ReduceSum", y, axes=tuple(sorted(ctx.integers("sumdim", []))), keepdims=False)


@converts("aten.einsum")
def einsum(ctx: AtenContext) -> Value:
    return contract(ctx, ctx.string("equation"), ctx.together(ctx.tensors("tensors")))
