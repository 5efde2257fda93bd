"""Products that torch composes from others and ``torch.export`` leaves whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.einsum import contract
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.pytorch.context import AtenContext, Sym
from edgekit_converters.pytorch.operators.linear import product
from edgekit_converters.pytorch.registry import converts

MAX_POWER = 64
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@converts("aten.cross", "aten.linalg_cross")
def cross(ctx: AtenContext) -> Value:
    """The cross product along a dimension of 3: the first such one, unless given."""
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")])
    rank = max(len(a.shape), len(b.shape))
    if ctx.op.startswith("aten.linalg") or ctx.has("dim"):
        axis = ctx.dim("dim", rank, -1)
    else:
        axis = next((i for i, d in enumerate(a.shape) if d == 3), -1)
    if axis < 0:
        raise MalformedModelError("a cross product without a dimension of 3")

    def turned(x: Value, first: int) -> Value:
        order = ctx.const(np.asarray([first, (first + 1) % 3, (first + 2) % 3], np.int64))
        return ctx.call("Gather", x, order, axis=axis - rank + len(x.shape))

    return ctx.call("Sub", ctx.call("Mul", turned(a, 1), turned(b, 2)), ctx.call("Mul", turned(a, 2), turned(b, 1)))


@converts("aten.inner")
def inner(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")])
    if not a.shape or not b.shape:
        return ctx.call("Mul", a, b)
    return _dotted(ctx, a, b, [len(a.shape) - 1], [len(b.shape) - 1])


@converts("aten.tensordot")
def tensordot(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")])
    of_a, of_b = ([ctx.axis(d, len(x.shape)) for d in ctx.integers(n, [])] for n, x in (("dims_self", a), ("dims_other", b)))
    return _dotted(ctx, a, b, of_a, of_b)


def _dotted(ctx: AtenContext, a: Value, b: Value, of_a: Sequence[int], of_b: Sequence[int]) -> Value:
    if len(of_a) != len(of_b) or len(a.shape) + len(b.shape) > len(LETTERS):
        raise MalformedModelError(f"dimensions {list(of_a)} do not fit {list(of_b)}")
    left = list(LETTERS[: len(a.shape)])
    right = list(LETTERS[len(a.shape) : len(a.shape) + len(b.shape)])
    for i, j in zip(of_a, of_b, strict=True):
        right[j] = left[i]
    kept = [c for i, c in enumerate(left) if i not in of_a] + [c for j, c in enumerate(right) if j not in of_b]
    return contract(ctx, f"{''.join(left)},{''.join(right)}->{''.join(kept)}", [a, b])


@converts("aten.linalg_vecdot")
def vecdot(ctx: AtenContext) -> Value:
    terms = ctx.call("Mul", *ctx.together([ctx.tensor("x"), ctx.tensor("y")]))
    return ctx.call("ReduceSum", terms, axes=(ctx.dim("dim", len(terms.shape), -1),), keepdims=False)


@converts("aten.kron")
def kron(ctx: AtenContext) -> Value:
    a, b = ctx.together([ctx.tensor("self"), ctx.tensor("other")])
    rank = max(len(a.shape), len(b.shape))
    a, b = (ctx.unsqueeze(x, list(range(rank - len(x.shape)))) for x in (a, b))
    terms = ctx.call("Mul", ctx.unsqueeze(a, list(range(1, 2 * rank, 2))), ctx.unsqueeze(b, list(range(0, 2 * rank, 2))))
    return ctx.regroup(terms, [[2 * i, 2 * i + 1] for i in range(rank)])


@converts("aten.linalg_multi_dot", "aten.chain_matmul")
def multi_dot(ctx: AtenContext) -> Value:
    first, *rest = ctx.tensors("tensors" if "tensors" in ctx.args else "matrices")
    for x in rest:
        first = product(ctx, first, x)
    return first


@converts("aten.addr")
def addr(ctx: AtenContext) -> Value:
    x, a, b = ctx.together([ctx.tensor("self"), ctx.tensor("vec1"), ctx.tensor("vec2")])
    y = ctx.call("Mul", ctx.unsqueeze(a, [1]), ctx.unsqueeze(b, [0]))
    return ctx.call("Add", _scaled(ctx, x, "beta"), _scaled(ctx, y, "alpha"))


def _scaled(ctx: AtenContext, x: Value, name: str) -> Value:
    factor = ctx.number(name, 1)
    return ctx.call("Mul", x, ctx.operand(factor, x.dtype)) if isinstance(factor, Sym | Value) or factor != 1 else x


@converts("aten.matrix_power", "aten.linalg_matrix_power")
def matrix_power(ctx: AtenContext) -> Value:
    x, n = ctx.tensor("self"), ctx.integer("n")
    if not 1 <= n <= MAX_POWER:
        raise Unsupported(f"a matrix to the power of {n} is not supported.")
    y = x
    for _ in range(n - 1):
        y = product(ctx, y, x)
    return y
