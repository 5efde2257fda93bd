"""LSTM, GRU and simple cells in the algebra of ``lanes``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.ops.recurrent import activation_code
from edgekit.passes.fuse.lanes import Function, Lanes, Leaf, Linear
from edgekit.passes.fuse.matrices import dense, is_identity
from edgekit.types import Array


@dataclass(frozen=True)
class Cell:
    """A cell as the recurrent operators take it.

    Attributes:
        op: ``"LSTM"``, ``"GRU"`` or ``"RNN"``.
        state: which carried value is its output. memory: which is the LSTM's cell state, None for others.
        source: the leaf it reads: ``("row", i)`` or ``("out", k)``.
        w: [gates * hidden, inputs]. r: [gates * hidden, hidden]. b: [2 * gates * hidden].
        activations: codes, empty for the defaults.
        alphas, betas: of the activations, empty for the defaults.
        linear_before_reset: of a GRU.
    """

    op: str
    state: int
    memory: int | None
    source: Leaf
    w: Array
    r: Array
    b: Array
    activations: tuple[int, ...] = ()
    alphas: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    linear_before_reset: bool = False


DEFAULTS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


class Cells:
    """Finds the cells of a loop.

    Args:
        lanes: of its body.
        widths: of the carried values that may be states.
        rows: widths of the rows that a trip reads.
    """

    def __init__(self, lanes: Lanes, widths: dict[int, int], rows: dict[Leaf, int]) -> None:
        self.lanes = lanes
        self.widths = widths
        self.rows = rows

    def find(self) -> list[Cell] | None:
        """A cell for every carried value, None where one belongs to no known cell."""
        cells: list[Cell] = []
        memories = set()
        for k in self.widths:
            if k in self.lanes.found and (cell := self._lstm(k)) is not None:
                cells.append(cell)
                memories.add(cell.memory)
        for k in self.widths:
            if k in memories or any(c.state == k for c in cells):
                continue
            cell = self._gru(k) or self._simple(k) if k in self.lanes.found else None
            if cell is None:
                return None
            cells.append(cell)
        return cells

    # -- the three ------------------------------------------------------------------------------------------------------

    def _simple(self, k: int) -> Cell | None:
        f = self._function(self.lanes.found[k])
        if f is None or f.op == "Mul":
            return None
        return self._cell("RNN", k, None, [f.operands[0]], [f])

    def _lstm(self, k: int) -> Cell | None:
        for gate, out in self._factors(self.lanes.found[k]):
            output, tanh = self._function(gate), self._function(out)
            if output is None or tanh is None or "Mul" in (output.op, tanh.op):
                continue
            memory = tanh.operands[0].only()
            if not isinstance(memory, tuple) or memory[0] != "out" or memory[1] not in self.lanes.found or memory[1] == k:
                continue
            found = self._memory(int(memory[1]))
            if found is None:
                continue
            forget, inner, candidate = found
            if not output.op == forget.op == inner.op or not output.attrs == forget.attrs == inner.attrs:
                continue
            gates = [f.operands[0] for f in (inner, output, forget, candidate)]
            return self._cell("LSTM", k, int(memory[1]), gates, [output, candidate, tanh])
        return None

    def _memory(self, c: int) -> tuple[Function, Function, Function] | None:
        """Forget gate, input gate and candidate of ``forget * c + input * candidate``."""
        products = self._summands(self.lanes.found[c])
        if products is None or len(products) != 2:
            return None
        for keep, add in (products, products[::-1]):
            for forget, old in self._factors_of(keep):
                if old.only() != ("in", c):
                    continue
                for inner, candidate in self._factors_of(add):
                    found = [self._function(v) for v in (forget, inner, candidate)]
                    gates = [f for f in found if f is not None and f.op != "Mul"]
                    if len(gates) == 3 and (gates[1].op, gates[1].attrs) == (gates[0].op, gates[0].attrs):
                        return gates[0], gates[1], gates[2]
        return None

    def _gru(self, k: int) -> Cell | None:
        for update, candidate in self._blend(k):
            u, n = self._function(update), self._function(candidate)
            if u is None or n is None or "Mul" in (u.op, n.op):
                continue
            inner = n.operands[0]
            for leaf, m in inner.terms.items():
                product = self.lanes.functions.get(leaf)
                if product is None or product.op != "Mul":
                    continue
                for reset, old in self._factors_of(product):
                    r = self._function(reset)
                    if r is None or (r.op, r.attrs) != (u.op, u.attrs):
                        continue
                    rest = Linear({q: t for q, t in inner.terms.items() if q != leaf}, inner.bias)
                    gates = [u.operands[0], r.operands[0], rest]
                    if old.only() == ("in", k):
                        return self._cell("GRU", k, None, gates, [u, n], (dense(m), np.zeros(self.widths[k]), False))
                    if set(old.terms) == {("in", k)} and is_identity(m):
                        return self._cell("GRU", k, None, gates, [u, n], (dense(old.terms["in", k]), old.bias, True))
        return None

    def _blend(self, k: int) -> list[tuple[Linear, Linear]]:
        """Ways to read the new state as ``u * h + (1 - u) * n``: u and n."""
        x = self.lanes.found[k]
        ways: list[tuple[Linear, Linear]] = []
        products = self._summands(x)
        if products is not None and len(products) == 2:
            for keep, add in (products, products[::-1]):
                for u, old in self._factors_of(keep):
                    if old.only() == ("in", k):
                        ways += [(u, n) for v, n in self._factors_of(add) if _complements(u, v)]
        for leaf in x.terms:  # n + u * (h - n)
            product = self.lanes.functions.get(leaf)
            if product is None or product.op != "Mul":
                continue
            n = Linear({q: t for q, t in x.terms.items() if q != leaf}, x.bias)
            other = n.only()
            if other is None:
                continue
            for u, difference in self._factors_of(product):
                terms = difference.terms
                plain = set(terms) == {("in", k), other} and not difference.bias.any()
                if plain and is_identity(terms["in", k]) and is_identity(terms[other], -1.0):
                    ways.append((u, n))
        return ways

    # -- parts ----------------------------------------------------------------------------------------------------------

    def _function(self, x: Linear) -> Function | None:
        """What x is a function of, where it is one."""
        leaf = x.only()
        return None if leaf is None else self.lanes.functions.get(leaf)

    def _factors(self, x: Linear) -> list[tuple[Linear, Linear]]:
        f = self._function(x)
        return [] if f is None else self._factors_of(f)

    @staticmethod
    def _factors_of(f: Function) -> list[tuple[Linear, Linear]]:
        """The factors of a product, both ways round."""
        if f.op != "Mul":
            return []
        a, b = f.operands
        return [(a, b), (b, a)]

    def _summands(self, x: Linear) -> list[Function] | None:
        """Products that x is the plain sum of."""
        if x.bias.any():
            return None
        out = []
        for leaf, m in x.terms.items():
            f = self.lanes.functions.get(leaf)
            if f is None or f.op != "Mul" or not is_identity(m):
                return None
            out.append(f)
        return out

    def _cell(
        self,
        op: str,
        k: int,
        memory: int | None,
        gates: Sequence[Linear],
        functions: Sequence[Function],
        hidden: tuple[Array, Array, bool] | None = None,
    ) -> Cell | None:
        """Weights of the gates; ``hidden`` is the recurrent part of the last gate of a GRU: matrix, bias, before or behind the reset."""
        size = self.widths[k]
        sources = {leaf for g in gates for leaf in g.terms if leaf != ("in", k)}
        if len(sources) != 1 or any(g.width != size for g in gates):
            return None
        (source,) = sources
        width = self.rows.get(source) or (self.widths.get(int(source[1])) if isinstance(source, tuple) and source[0] == "out" else None)
        if width is None or source == ("out", k) or source == ("out", memory):
            return None
        w = np.concatenate([self._weights(g, source, width, size) for g in gates])
        recurrent = [self._weights(g, ("in", k), size, size) for g in gates]
        b = np.concatenate([*(g.bias for g in gates), np.zeros(size * len(gates))])
        if hidden is not None:
            if recurrent[-1].any():
                return None
            recurrent[-1] = hidden[0].T.astype(np.float32)
            b[-size:] = hidden[1]
        codes: tuple[int, ...] = tuple(activation_code(f.op) for f in functions)
        alphas: tuple[float, ...] = ()
        betas: tuple[float, ...] = ()
        if any(f.attrs for f in functions):
            alphas = tuple(float(dict(f.attrs).get("alpha", 0.0)) for f in functions)
            betas = tuple(float(dict(f.attrs).get("beta", 0.0)) for f in functions)
        if tuple(f.op for f in functions) == DEFAULTS[op]:
            codes = ()
        before = hidden is not None and hidden[2]
        return Cell(op, k, memory, source, w, np.concatenate(recurrent), b.astype(np.float32), codes, alphas, betas, before)

    @staticmethod
    def _weights(gate: Linear, leaf: Leaf, width: int, size: int) -> Array:
        """How a gate reads a leaf: [size, width]."""
        m = gate.terms.get(leaf)
        return np.zeros((size, width), np.float32) if m is None else dense(m).T.astype(np.float32, copy=False)


def _complements(u: Linear, v: Linear) -> bool:
    """Whether v is 1 - u."""
    leaf = u.only()
    return leaf is not None and set(v.terms) == {leaf} and is_identity(v.terms[leaf], -1.0) and bool((v.bias == 1).all())
