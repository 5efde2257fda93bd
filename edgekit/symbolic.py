"""Symbolic dimensions: integers that are not known yet, with exact arithmetic and ranges.

A :class:`SymDim` is a sum of products ``c0 + c1*atom1 + c2*atom2*atom3 ...`` in a canonical order, so that equal expressions
compare equal. Division that does not come out even becomes an opaque atom.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property

from edgekit.errors import GraphError

#: elements that a tensor gets room for where nothing known limits its size
DEFAULT_CAPACITY = 1 << 16
#: symbols and terms that an expression may hold, counted through its divisions: a few dozen layers can stand for one beyond any memory
MAX_WEIGHT = 4096
_PLAIN = re.compile(r"[^\W\d][\w.]*")
_capacity: ContextVar[int] = ContextVar("edgekit_capacity", default=DEFAULT_CAPACITY)


def open_capacity() -> int:
    """Elements that a tensor gets room for where nothing known limits its size."""
    return _capacity.get()


@contextmanager
def use_capacity(elements: int | None) -> Iterator[None]:
    """Within this context graphs are built with another capacity; None leaves it."""
    if elements is not None and elements < 1:
        raise GraphError(f"a capacity of {elements} elements holds nothing")
    token = _capacity.set(open_capacity() if elements is None else int(elements))
    try:
        yield
    finally:
        _capacity.reset(token)


@dataclass(frozen=True)
class Room:
    """Symbols that share a limit: the dimensions of one tensor whose shape the data decide, but not its size.

    Attributes:
        name: unique.
        count: how many symbols share it.
        elements: their product is at most this.
    """

    name: str
    count: int
    elements: int


@dataclass(frozen=True, order=True)
class Symbol:
    """A named unknown with its declared range (inclusive).

    Attributes:
        name: unique in a graph.
        lower, upper: the range; ``upper`` None where nothing limits it.
        room: a limit that it shares with others.
        is_open: the upper end is no fact but the capacity that was settled on; see ``TensorType.max_elements``.
    """

    name: str
    lower: int = field(default=0, compare=False)
    upper: int | None = field(default=None, compare=False)
    room: Room | None = field(default=None, compare=False)
    is_open: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return self.name

    def text(self, names: Mapping[str, str]) -> str:
        """The name, or what ``names`` has instead."""
        return names.get(self.name, self.name)


@dataclass(frozen=True)
class FloorDiv:
    """``numerator // divisor`` that does not simplify."""

    numerator: SymDim
    divisor: int

    @cached_property
    def weight(self) -> int:
        """What it adds to the weight of an expression."""
        return 1 + self.numerator.weight

    def __str__(self) -> str:
        return self.text({})

    def text(self, names: Mapping[str, str]) -> str:
        """As ``SymDim.text``."""
        return f"(({self.numerator.text(names)})//{self.divisor})"


Atom = Symbol | FloorDiv
Monomial = tuple[Atom, ...]


@dataclass(frozen=True)
class SymDim:
    """A dimension as a polynomial over symbols. Never holds a plain integer: arithmetic returns ``int`` when it can."""

    terms: tuple[tuple[Monomial, int], ...]

    @cached_property
    def weight(self) -> int:
        """Terms and symbols, counted wherever they stand."""
        return _weight(self.terms)

    @staticmethod
    def symbol(name: str, lower: int = 0, upper: int | None = None) -> SymDim:
        """A fresh unknown called ``name`` with an inclusive range."""
        return SymDim.of(Symbol(name, lower, upper))

    @staticmethod
    def of(symbol: Symbol) -> SymDim:
        """The dimension that is one symbol."""
        return SymDim((((symbol,), 1),))

    def __str__(self) -> str:
        return self.text({})

    def text(self, names: Mapping[str, str]) -> str:
        """An expression that ``parse_dim`` reads, with other names for the symbols in ``names``."""
        parts = []
        for mono, c in self.terms:
            body = "*".join(a.text(names) for a in mono)
            parts.append(str(c) if not mono else body if c == 1 else f"{c}*{body}")
        return "+".join(parts).replace("+-", "-")

    def __add__(self, other: int | SymDim) -> int | SymDim:
        return _normal(self.terms + _terms(other))

    __radd__ = __add__

    def __neg__(self) -> int | SymDim:
        return self * -1

    def __sub__(self, other: int | SymDim) -> int | SymDim:
        return _normal(self.terms + tuple((m, -c) for m, c in _terms(other)))

    def __rsub__(self, other: int | SymDim) -> int | SymDim:
        return _normal(_terms(other) + tuple((m, -c) for m, c in self.terms))

    def __mul__(self, other: int | SymDim) -> int | SymDim:
        factor = _terms(other)
        _check_weight(sum(len(ma) + len(mb) for ma, _ in self.terms for mb, _ in factor))
        return _normal(tuple((tuple(sorted(ma + mb, key=str)), ca * cb) for ma, ca in self.terms for mb, cb in factor))

    __rmul__ = __mul__

    def __floordiv__(self, other: int | SymDim) -> int | SymDim:
        if isinstance(other, SymDim):
            quotient = self.exact_div(other)
            if quotient is None:
                raise GraphError(f"cannot divide dimension {self} by {other}")
            return quotient
        if other <= 0:
            raise GraphError(f"cannot divide dimension {self} by {other}")
        # the constant stays below the divisor, so that (n-1)//2+1 and (n+1)//2 are equal
        terms = [(m, part) for m, c in self.terms for part in ((c,) if m else (c - c % other, c % other)) if part]
        even = tuple((m, c) for m, c in terms if c % other == 0)
        odd = tuple((m, c) for m, c in terms if c % other)
        whole: int | SymDim = _normal(tuple((m, c // other) for m, c in even))
        if not odd:
            return whole
        rest = _normal(odd)
        if isinstance(rest, int):
            return whole + rest // other
        return whole + SymDim((((FloorDiv(rest, other),), 1),))

    def __mod__(self, other: int) -> int | SymDim:
        return self - (self // other) * other

    def exact_div(self, other: int | SymDim) -> int | SymDim | None:
        """``self / other`` when it comes out even as a polynomial by one monomial, else None."""
        divisor = _terms(other)
        if len(divisor) != 1:
            return 1 if isinstance(other, SymDim) and self == other else None
        (dm, dc) = divisor[0]
        out = []
        for m, c in self.terms:
            left = list(m)
            for atom in dm:
                if atom not in left:
                    return None
                left.remove(atom)
            if c % dc:
                return None
            out.append((tuple(left), c // dc))
        return _normal(tuple(out))

    def symbols(self) -> set[Symbol]:
        """Every symbol the expression mentions."""
        found: set[Symbol] = set()
        for mono, _ in self.terms:
            for a in mono:
                found |= {a} if isinstance(a, Symbol) else a.numerator.symbols()
        return found

    def bind(self, values: Mapping[str, int | SymDim]) -> int | SymDim:
        """Replace the named symbols by integers or other expressions."""
        total: int | SymDim = 0
        for mono, c in self.terms:
            product: int | SymDim = c
            for a in mono:
                if isinstance(a, Symbol):
                    factor: int | SymDim = values[a.name] if a.name in values else SymDim((((a,), 1),))
                else:
                    factor = a.numerator.bind(values) // a.divisor
                product = product * factor
            total = total + product
        return total

    def upper_bound(self) -> int:
        """The largest value over the symbols' ranges.

        Raises:
            GraphError: a symbol has no upper end.
        """
        return self._bound(True)

    def lower_bound(self) -> int:
        """The smallest value over the symbols' ranges (never below zero)."""
        return max(0, self._bound(False))

    def limits(self) -> tuple[int | None, int | None]:
        """The smallest and largest value over the symbols' ranges; None where a symbol has no upper end."""
        found: list[int | None] = []
        for upper in (False, True):
            try:
                found.append(self._bound(upper))
            except GraphError:
                found.append(None)
        return found[0], found[1]

    def _bound(self, upper: bool) -> int:
        other = self._without_division()
        if other is None:
            return sum(c * _product_bound(mono, upper == (c > 0)) for mono, c in self.terms)
        rest, factor, divisor = other
        slack = factor * (divisor - 1) if upper == (factor < 0) else 0
        found: list[int] = []
        with suppress(GraphError):
            found.append(sum(c * _product_bound(mono, upper == (c > 0)) for mono, c in self.terms))
        with suppress(GraphError):
            found.append((rest if isinstance(rest, int) else rest._bound(upper)) - slack)
        if not found:
            raise GraphError(f"dimension {str(self)!r} has no bound; give its value or range with shapes= or --shape")
        return min(found) if upper else max(found)

    def _without_division(self) -> tuple[int | SymDim, int, int] | None:
        """``(a, q, d)``: the expression is ``a - q * r`` with an ``r`` from 0 to ``d - 1``, the remainder of one of its divisions.

        Where the numerator is there as well it cancels out: ``x - x // 2 * 2`` is at most 1 however large x may be.
        """
        for mono, c in self.terms:
            if len(mono) == 1 and isinstance(mono[0], FloorDiv) and c % mono[0].divisor == 0:
                factor = c // mono[0].divisor
                return _normal(tuple(t for t in self.terms if t[0] is not mono)) + mono[0].numerator * factor, factor, mono[0].divisor
        return None

    @property
    def is_open(self) -> bool:
        """Whether its upper bound rests on a capacity instead of on facts."""
        return any(s.is_open for s in self.symbols())


def _product_bound(atoms: Sequence[Atom], upper: bool) -> int:
    """The largest or smallest value of a product; symbols that share a room and are all there count together."""
    product = 1
    together: dict[Room, list[Symbol]] = {}
    for a in atoms:
        if upper and isinstance(a, Symbol) and a.room is not None:
            together.setdefault(a.room, []).append(a)
        else:
            product *= _atom_bound(a, upper)
    for room, members in together.items():
        apart = math.prod(_atom_bound(a, upper) for a in members)
        product *= min(apart, room.elements) if len(members) == len(set(members)) == room.count else apart
    return product


def _atom_bound(atom: Atom, upper: bool) -> int:
    if isinstance(atom, FloorDiv):
        return atom.numerator._bound(upper) // atom.divisor
    if not upper:
        return atom.lower
    if atom.upper is None:
        raise GraphError(f"dimension {atom.name!r} has no upper bound; give its value or range with shapes= or --shape")
    return atom.upper


def _terms(value: int | SymDim) -> tuple[tuple[Monomial, int], ...]:
    if isinstance(value, SymDim):
        return value.terms
    return (((), int(value)),) if value else ()


def _weight(terms: tuple[tuple[Monomial, int], ...]) -> int:
    return sum(1 + sum(1 if isinstance(a, Symbol) else a.weight for a in mono) for mono, _ in terms)


def _check_weight(weight: int) -> None:
    if weight > MAX_WEIGHT:
        raise GraphError("an expression for a dimension grows beyond all bounds; give the open dimensions with shapes= or --shape")


def _normal(terms: tuple[tuple[Monomial, int], ...]) -> int | SymDim:
    _check_weight(_weight(terms))
    sums: dict[Monomial, int] = {}
    for mono, c in terms:
        sums[mono] = sums.get(mono, 0) + c
    kept = tuple(sorted(((m, c) for m, c in sums.items() if c), key=lambda t: (-len(t[0]), str(t[0]))))
    if not kept:
        return 0
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    return SymDim(kept)


def plain_names(symbols: Iterable[Symbol]) -> dict[str, str]:
    """Other names for the symbols whose own would not stand for themselves in an expression (``-1``, ``seq len``, ``past + new``)."""
    named = sorted(s.name for s in symbols)
    taken = {n for n in named if _PLAIN.fullmatch(n)}
    out: dict[str, str] = {}
    for name in named:
        if name in taken:
            continue
        base = re.sub(r"[^\w.]+", "_", name).strip("_") or "dim"
        base = base if _PLAIN.fullmatch(base) else f"dim_{base}"
        plain = next(n for n in itertools.chain([base], (f"{base}_{i}" for i in itertools.count(1))) if n not in taken)
        taken.add(plain)
        out[name] = plain
    return out


def parse_dim(text: str, known: Mapping[str, Symbol]) -> int | SymDim:
    """The inverse of ``str``: an expression of symbols, integers, ``+ - *`` and ``//``.

    Args:
        text: e.g. ``"2*N+1"``.
        known: the symbols with their ranges, by name; others have no upper end.

    Raises:
        GraphError: the text is no such expression.
    """
    import ast

    names: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"s{len(names)}")

    # symbols may hold characters that Python names do not
    code = re.sub(r"[^\s\d+*/()\-][^\s+*/()\-]*", placeholder, text)
    by_placeholder = {p: n for n, p in names.items()}

    def walk(node: ast.expr) -> int | SymDim:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name):
            name = by_placeholder[node.id]
            return SymDim.of(known.get(name, Symbol(name)))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return walk(node.operand) * -1
        if isinstance(node, ast.BinOp):
            left, right = walk(node.left), walk(node.right)
            if isinstance(node.op, ast.Add):
                return left + right
            if isinstance(node.op, ast.Sub):
                return left - right
            if isinstance(node.op, ast.Mult):
                return left * right
            if isinstance(node.op, ast.FloorDiv) and isinstance(right, int) and right > 0:
                return left // right
        raise GraphError(f"{text!r} is not a dimension")

    try:
        return walk(ast.parse(code, mode="eval").body)
    except (SyntaxError, RecursionError, ValueError, MemoryError) as e:
        raise GraphError(f"{text!r} is not a dimension") from e
