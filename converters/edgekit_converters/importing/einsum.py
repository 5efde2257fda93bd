"""Einstein's summation, for every format that has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import F16, F32
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Unsupported


def contract(ctx: Composer, equation: str, operands: Sequence[Value]) -> Value:
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


def diagonal(ctx: Composer, x: Value, names: list[str]) -> tuple[Value, list[str]]:
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


def sum_out(ctx: Composer, x: Value, names: list[str], keep: set[str]) -> tuple[Value, list[str]]:
    """Sum over dimensions nobody else uses."""
    gone = tuple(i for i, n in enumerate(names) if n not in keep)
    return (ctx.call("ReduceSum", x, axes=gone, keepdims=False) if gone else x), [n for n in names if n in keep]


def multiply(ctx: Composer, x: Value, xs: list[str], y: Value, ys: list[str], later: set[str]) -> tuple[Value, list[str]]:
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
            raise Unsupported("more than one open dimension in a contraction is not supported", ctx.problems.shape_hint(), "dynamic-shape")
        return ctx.reshape(z, [d if isinstance(d, int) else -1 for d in sizes]), names
    names = [*batch, *only_x, *only_y, *summed]
    a = ctx.transpose(x, [xs.index(n) for n in names if n in xs])
    a = ctx.unsqueeze(a, [i for i, n in enumerate(names) if n not in xs])
    b = ctx.transpose(y, [ys.index(n) for n in names if n in ys])
    b = ctx.unsqueeze(b, [i for i, n in enumerate(names) if n not in ys])
    z = ctx.call("Mul", a, b)
    return sum_out(ctx, z, names, set(names) - set(summed))
