"""What the body of a recurrent loop computes, as linear combinations of leaves: enough algebra to see a cell however it is written.

A :class:`Linear` is ``sum(leaf @ matrix) + bias``. Leaves are what comes in (rows of sequences, carried states), and functions that are not
linear: activations and products of two linears. Two forms of one cell (a product with joined weights, or two products; gates split, or
sliced) give equal linears.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from edgekit.ir import Graph, Node, Value
from edgekit.passes.canonicalize.facts import has_clamp, ints
from edgekit.passes.fuse import matrices
from edgekit.passes.fuse.matrices import Matrix
from edgekit.types import F32, Array

#: element types that float weights are stored in
STORED = (np.float32, np.float16)

Leaf = Hashable
ACTIVATIONS = ("Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign", "Softplus")
MAX_WIDTH = 1 << 14


@dataclass(frozen=True)
class Linear:
    """``sum(leaf @ matrix) + bias``.

    Attributes:
        terms: a simplified matrix [width of the leaf, width] for each leaf; none is all zero.
        bias: [width], float64.
    """

    terms: Mapping[Leaf, Matrix]
    bias: Array

    @property
    def width(self) -> int:
        return len(self.bias)

    @cached_property
    def key(self) -> str:
        """Equal for equal linears."""
        terms = sorted((repr(leaf), matrices.digest(m)) for leaf, m in self.terms.items())
        return hashlib.sha256(repr((self.width, terms, matrices.digest(self.bias))).encode()).hexdigest()

    def only(self) -> Leaf | None:
        """The leaf that this is, None where it is more than one leaf alone."""
        if len(self.terms) != 1 or self.bias.any():
            return None
        ((leaf, m),) = self.terms.items()
        return leaf if matrices.is_identity(m) else None


def leaf_of(leaf: Leaf, width: int) -> Linear:
    """A leaf alone."""
    return Linear({leaf: matrices.identity(width)}, np.zeros(width))


def _made(terms: Mapping[Leaf, Matrix], bias: Array) -> Linear:
    simple = {leaf: matrices.simplified(m) for leaf, m in terms.items()}
    return Linear({leaf: m for leaf, m in simple.items() if m is not None}, bias)


@dataclass(frozen=True)
class Function:
    """A leaf that is computed.

    Attributes:
        op: an activation, or ``"Mul"``.
        operands: what it is a function of.
        attrs: of the activation.
    """

    op: str
    operands: tuple[Linear, ...]
    attrs: tuple[tuple[str, Any], ...] = ()


class Lanes:
    """Values of a body as linears.

    Args:
        entries: values that come in, as linears.
        results: values that leave a trip: behind the node that makes it, each counts as a leaf ``("out", k)`` of its own.

    Attributes:
        functions: computed leaves.
        found: the linear of each result.
    """

    def __init__(self, entries: Mapping[int, Linear], results: Mapping[int, int]) -> None:
        self.functions: dict[Leaf, Function] = {}
        self.found: dict[int, Linear] = {}
        self._values: dict[int, Linear] = dict(entries)
        self._results = results

    def run(self, graph: Graph) -> None:
        """Work through the nodes; what is not linear and no known function stays unknown."""
        for node in graph.nodes:
            if any(v.type.rank != 2 or v.dtype is not F32 or v.type.quant is not None for v in node.outputs):
                continue
            for value, linear in zip(node.outputs, self._node(node), strict=False):
                if linear is None or linear.width > MAX_WIDTH:
                    continue
                k = self._results.get(id(value))
                if k is not None:
                    self.found[k] = linear
                    linear = leaf_of(("out", k), linear.width)
                self._values[id(value)] = linear

    def get(self, value: Value | None) -> Linear | None:
        """A value as a linear."""
        return None if value is None else self._values.get(id(value))

    def enter(self, value: Value, linear: Linear) -> None:
        """Say what a value is."""
        self._values[id(value)] = linear

    def _node(self, node: Node) -> Sequence[Linear | None]:
        known = self._values.get(id(node.outputs[0]))
        if known is not None:
            return [known]
        op = node.op
        if has_clamp(node):
            return []
        if op in ACTIVATIONS:
            x = self.get(node.input(0))
            return [] if x is None else [self._function(Function(op, (x,), tuple(sorted(node.attrs.items()))))]
        if op in ("Add", "Sub", "Mul"):
            return [self._arithmetic(op, node.input(0), node.input(1))]
        if op == "Neg":
            x = self.get(node.input(0))
            return [] if x is None else [_scaled(x, np.full(x.width, -1.0))]
        if op == "MatMul":
            return [self._product(node)]
        if op == "Concat" and node.attrs["axis"] in (1, -1):
            return [_joined([self.get(v) for v in node.inputs])]
        if op == "Split" and node.attrs["axis"] in (1, -1):
            return self._parts(node)
        if op == "Slice":
            return [self._slice(node)]
        if op == "Identity":
            return [self.get(node.input(0))]
        return []

    def _function(self, f: Function) -> Linear:
        leaf = (f.op, tuple(sorted(o.key for o in f.operands)), f.attrs)
        self.functions[leaf] = f
        return leaf_of(leaf, f.operands[0].width)

    def _arithmetic(self, op: str, a: Value, b: Value) -> Linear | None:
        x, y = self.get(a), self.get(b)
        if x is not None and y is not None:
            if x.width != y.width:
                return None
            if op == "Mul":
                return self._function(Function("Mul", (x, y)))
            sign = 1.0 if op == "Add" else -1.0
            terms = dict(x.terms)
            for leaf, m in y.terms.items():
                terms[leaf] = matrices.plus(terms[leaf], m, sign) if leaf in terms else matrices.scaled(m, np.full(y.width, sign))
            return _made(terms, x.bias + sign * y.bias)
        if x is not None:
            return _with_constant(op, x, _vector(b, x.width))
        if y is not None:
            c = _vector(a, y.width)
            if op == "Sub":
                return _with_constant("Add", _scaled(y, np.full(y.width, -1.0)), c)
            return _with_constant(op, y, c)
        return None

    def _product(self, node: Node) -> Linear | None:
        x, w = self.get(node.input(0)), node.input(1).const
        if x is None or w is None or w.ndim != 2 or w.dtype not in STORED or node.attrs["transpose_a"] or len(node.inputs) > 2:
            return None
        m = w.T if node.attrs["transpose_b"] else w
        if m.shape[0] != x.width:
            return None
        bias = x.bias @ m.astype(np.float64) if x.bias.any() else np.zeros(m.shape[1])
        return _made({leaf: matrices.times(t, m) for leaf, t in x.terms.items()}, bias)

    def _parts(self, node: Node) -> Sequence[Linear | None]:
        x = self.get(node.input(0))
        sizes = [v.shape[1] for v in node.outputs]
        if x is None or any(not isinstance(s, int) for s in sizes):
            return []
        ends = np.cumsum([int(s) for s in sizes if isinstance(s, int)])
        return [self._cut(x, int(end) - int(size), int(end)) for end, size in zip(ends, sizes, strict=True) if isinstance(size, int)]

    def _slice(self, node: Node) -> Linear | None:
        x = self.get(node.input(0))
        numbers = [ints(node, i) for i in range(1, len(node.inputs))]
        if x is None or len(numbers) < 3 or any(n is None or len(n) != 1 for n in numbers):
            return None
        start, stop, axis, *step = [n[0] for n in numbers if n]
        if axis not in (1, -1) or step not in ([], [1]):
            return None
        start, stop, _ = slice(start, stop).indices(x.width)
        return self._cut(x, start, stop) if stop > start else None

    def _cut(self, x: Linear, start: int, stop: int) -> Linear:
        """Some columns; those of a function are the function of the columns."""
        leaf = x.only()
        f = None if leaf is None else self.functions.get(leaf)
        if f is not None:
            return self._function(Function(f.op, tuple(self._cut(o, start, stop) for o in f.operands), f.attrs))
        return _made({k: matrices.columns(m, start, stop) for k, m in x.terms.items()}, x.bias[start:stop])


def _joined(parts: Sequence[Linear | None]) -> Linear | None:
    known = [p for p in parts if p is not None]
    if len(known) != len(parts):
        return None
    parts_of: dict[Leaf, list[tuple[int, Matrix]]] = {}
    at = 0
    for p in known:
        for leaf, m in p.terms.items():
            parts_of.setdefault(leaf, []).append((at, m))
        at += p.width
    terms = {leaf: matrices.joined(found, found[0][1].shape[0], at) for leaf, found in parts_of.items()}
    return _made(terms, np.concatenate([p.bias for p in known]))


def _vector(v: Value, width: int) -> Array | None:
    """A constant that is the same for every row."""
    c = v.const
    if c is None or c.dtype not in STORED or c.size not in (1, width) or any(d != 1 for d in c.shape[:-1]):
        return None
    return np.broadcast_to(c.reshape(-1).astype(np.float64), (width,))


def _with_constant(op: str, x: Linear, c: Array | None) -> Linear | None:
    if c is None:
        return None
    if op == "Mul":
        return _scaled(x, c)
    return _made(x.terms, x.bias + (c if op == "Add" else -c))


def _scaled(x: Linear, by: Array) -> Linear:
    return _made({leaf: matrices.scaled(m, by) for leaf, m in x.terms.items()}, x.bias * by)
