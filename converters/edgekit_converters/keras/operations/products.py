"""Functions of keras.ops that multiply matrices."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit_converters.importing.problems import Unsupported
from edgekit_converters.keras.context import LayerContext
from edgekit_converters.keras.operations.arguments import operand, operation, pair, promoted, real, setting
from edgekit_converters.keras.tensors import Tensor


@operation("Matmul")
def matmul(ctx: LayerContext) -> Value:
    a, b = (real(ctx, v) for v in pair(ctx))
    return ctx.call("MatMul", a, b)


@operation("Dot")
def dot(ctx: LayerContext) -> Value:
    a, b = (real(ctx, v) for v in pair(ctx))
    if not a.shape or not b.shape:
        return ctx.call("Mul", a, b)
    if len(b.shape) > 2:
        raise Unsupported(f"a dot product with a second operand of rank {len(b.shape)} is not supported.")
    return ctx.call("MatMul", a, b)


@operation("Einsum")
def einsum(ctx: LayerContext) -> Value:
    """One or two operands, without repeated letters in one of them."""
    values = [t.value for t in ctx.arguments.args if isinstance(t, Tensor) and t.value is not None]
    return contracted(ctx, str(ctx.get("subscripts")), promoted(ctx, *values))


def contracted(ctx: LayerContext, equation: str, operands: Sequence[Value]) -> Value:
    """An einsum of one or two values as sums and one matrix product.

    Raises:
        Unsupported: letters repeat in an operand, or the output is not given.
    """
    equation = equation.replace(" ", "")
    left, _, out = equation.partition("->")
    labels = left.split(",")
    plain = all(len(set(x)) == len(x) == len(v.shape) and x.isalpha() for x, v in zip(labels, operands, strict=False))
    if "->" not in equation or not plain or len(labels) != len(operands) or not 1 <= len(operands) <= 2 or len(set(out)) != len(out):
        raise Unsupported(f"the equation {equation!r} is not supported.", "Write it with matmul, transpose and sum.")
    terms = []
    for i, (x, v) in enumerate(zip(labels, operands, strict=True)):
        others = out + "".join(labels[:i] + labels[i + 1 :])
        gone = tuple(k for k, c in enumerate(x) if c not in others)
        terms.append(("".join(c for c in x if c in others), ctx.call("ReduceSum", v, axes=gone, keepdims=False) if gone else v))
    if len(terms) == 1:
        return ctx.transpose(terms[0][1], [terms[0][0].index(c) for c in out])
    (la, a), (lb, b) = terms
    batch = [c for c in la if c in lb and c in out]
    summed = [c for c in la if c in lb and c not in out]
    rows, columns = [c for c in la if c not in lb], [c for c in lb if c not in la]
    if sorted(out) != sorted(batch + rows + columns):
        raise MalformedModelError(f"the equation {equation!r} cannot be read")
    n = len(batch)
    groups: list[int | Sequence[int]] = [[i] for i in range(n)]

    def arranged(v: Value, x: str, first: list[str], second: list[str]) -> Value:
        moved = ctx.transpose(v, [x.index(c) for c in batch + first + second])
        middle, end = n + len(first), n + len(first) + len(second)
        return ctx.regroup(moved, [*groups, list(range(n, middle)), list(range(middle, end))])

    y = ctx.call("MatMul", arranged(a, la, rows, summed), arranged(b, lb, summed, columns))
    sizes = {c: v.shape[x.index(c)] for x, v in ((la, a), (lb, b)) for c in x}
    if (len(rows), len(columns)) != (1, 1):
        y = ctx.to_shape(y, [sizes[c] for c in batch + rows + columns])
    order = batch + rows + columns
    return ctx.transpose(y, [order.index(c) for c in out])


@operation("DotProductAttention")
def attention(ctx: LayerContext) -> Value:
    """Queries, keys and values as [B, T, heads, size]."""
    q, k, v = (ctx.transpose(operand(ctx, i, n), [0, 2, 1, 3]) for i, n in enumerate(("query", "key", "value")))
    if ctx.argument(3, "bias") is not None or ctx.argument(4, "mask") is not None:
        raise Unsupported("bias and mask are not supported.")
    scale = setting(ctx, 5, "scale")
    y = ctx.call("Attention", q, k, v, None, scale=float(scale or 0.0), causal=bool(setting(ctx, 6, "is_causal", False)))
    return ctx.transpose(y, [0, 2, 1, 3])
