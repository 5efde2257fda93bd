"""Small questions that several passes ask about values and nodes."""

from __future__ import annotations

import math

import numpy as np

from edgekit.ir import Node, Value
from edgekit.types import Array, Dim

INF = float("inf")


def is_plain_float(*values: Value | None) -> bool:
    """True when all values that are there are floating point and carry no quantization: real arithmetic may be rewritten."""
    return all(v is None or (v.dtype.is_float and v.quant is None) for v in values)


def plain_node(node: Node) -> bool:
    """``is_plain_float`` for everything a node touches, except integer inputs such as shapes."""
    return all(v.quant is None for v in (*node.inputs, *node.outputs) if v is not None) and all(v.dtype.is_float for v in node.outputs)


def constant(node: Node, i: int) -> Array | None:
    """The array of input ``i`` if it is a constant without quantization."""
    if not node.has_input(i):
        return None
    v = node.input(i)
    return v.const if v.quant is None else None


def scalar(v: Value | None) -> float | None:
    """The number in a constant of one element."""
    if v is None or v.const is None or v.quant is not None or v.const.size != 1 or v.const.dtype == np.bool_:
        return None
    return float(v.const.reshape(-1)[0])


def close(value: float | None, want: float, relative: float = 1e-3) -> bool:
    """True for constants that exporters write for ``want``, float16 rounding included."""
    return value is not None and math.isclose(value, want, rel_tol=relative)


def ints(node: Node, i: int) -> list[int] | None:
    """The integers of constant input ``i``."""
    a = constant(node, i)
    return None if a is None else [int(d) for d in a.reshape(-1)]


def same_dims(a: tuple[Dim, ...], b: tuple[Dim, ...]) -> bool:
    """True when two shapes are known to be equal."""
    return len(a) == len(b) and all(bool(x == y) for x, y in zip(a, b, strict=True))


def has_clamp(node: Node) -> bool:
    """True when the operator has a fused clamp that does something."""
    return bool(node.attrs.get("clamp_min", -INF) != -INF or node.attrs.get("clamp_max", INF) != INF)


def permutation(node: Node) -> tuple[int, ...]:
    """``perm`` of a Transpose, written out."""
    rank = len(node.outputs[0].shape)
    return tuple(node.attrs["perm"]) or tuple(reversed(range(rank)))
