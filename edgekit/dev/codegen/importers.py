"""What each importer makes of its source's operators, found by reading the converters' code."""

from __future__ import annotations

import dis
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from edgekit import converters
from edgekit.ops import all_ops

PACKAGE = "edgekit_converters"


@dataclass(frozen=True)
class Importer:
    """A built-in importer and its table.

    Attributes:
        info: what ``edgekit formats`` says of it.
        becomes: source operator -> the operators its converter may use, sorted.
        missing: operators it says it lacks, with the reason.
    """

    info: converters.FormatInfo
    becomes: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, str]


@functools.cache
def importers() -> tuple[Importer, ...]:
    """Every importer of this repository, by name; those of other distributions are left out."""
    names = {d.name for d in all_ops()}
    found = []
    for info, converter in zip(converters.formats(), converters.converters(), strict=True):
        if not type(converter).__module__.startswith(f"{PACKAGE}."):
            continue
        functions: Any = getattr(converter, "functions", lambda op: [])
        becomes = {op: tuple(sorted(targets(op, functions(op), names))) for op in info.coverage or ()}
        missing: Any = getattr(converter, "missing", dict)
        found.append(Importer(info, becomes, missing()))
    return tuple(found)


def targets(operator: str, functions: list[Callable[..., Any]], names: set[str]) -> set[str]:
    """The operators among ``names`` that the functions which import a source operator may use."""
    found = {s for f in functions for s in Reader(operator, {}).function(f)} & names
    helped = {s for f in functions for s in Reader(operator, helpers(f)).function(f)} & names
    same = {n for n in helped if n.lower() == operator.replace("_", "").lower()}
    return found | same or helped  # most converters use the helpers, too, which make many operators


def helpers(function: Callable[..., Any]) -> dict[str, Any]:
    """The methods of the context a converter gets as its first argument."""
    annotation = next(iter(getattr(function, "__annotations__", {}).values()), None)
    scope = getattr(function, "__globals__", {})
    context = scope.get(annotation) if isinstance(annotation, str) else annotation
    return {n: getattr(context, n) for n in dir(context) if not n.startswith("_")} if isinstance(context, type) else {}


class Reader:
    """Collects the strings in a function's code and in that of the importers' functions it calls.

    Args:
        operator: the source operator in question; of tables by operator only its row counts.
        methods: of the converter's context, to be read too.
    """

    def __init__(self, operator: str, methods: Mapping[str, Any]) -> None:
        self.keys = {operator, operator.rpartition(".")[2]}
        self.methods = methods
        self.seen: set[int] = set()

    def function(self, function: Callable[..., Any]) -> Iterator[str]:
        """The strings of a function."""
        code = getattr(function, "__code__", None)
        if code is None or id(code) in self.seen:
            return
        self.seen.add(id(code))
        for cell in getattr(function, "__closure__", None) or ():
            yield from self.value(cell.cell_contents)
        for value in (*(getattr(function, "__defaults__", None) or ()), *(getattr(function, "__kwdefaults__", None) or {}).values()):
            yield from self.value(value)
        for c in _codes(code):
            for constant in c.co_consts:
                yield from self.value(constant)
        names, attributes = _names(code)
        scope = getattr(function, "__globals__", {})
        used = [scope.get(n) for n in names]
        modules = [m for m in used if isinstance(m, ModuleType) and m.__name__.startswith(f"{PACKAGE}.")]
        for called in (*used, *(getattr(m, a, None) for m in modules for a in attributes)):
            if isinstance(called, Mapping):
                yield from self.table(called)
            if str(getattr(called, "__module__", "")).startswith(f"{PACKAGE}."):
                yield from self.value(called)
        for name in attributes:
            if callable(self.methods.get(name)):
                yield from self.function(self.methods[name])

    def table(self, table: Mapping[Any, Any]) -> Iterator[str]:
        """The row of the operator; every row of a table by codes."""
        for key, value in table.items():
            if key in self.keys or isinstance(key, int):
                yield from self.value(value)

    def value(self, value: Any) -> Iterator[str]:
        """The strings in a constant, a default or a captured variable."""
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple | frozenset):
            for v in value:
                yield from self.value(v)
        elif callable(value) and not isinstance(value, type):
            yield from self.function(value)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for c in code.co_consts:
        if isinstance(c, CodeType):
            yield from _codes(c)


@functools.cache
def _names(code: CodeType) -> tuple[list[str], list[str]]:
    """The globals and the attributes that a function uses, each sorted; an attribute ``x.shape`` is no function ``shape``."""
    found: tuple[set[str], set[str]] = (set(), set())
    for c in _codes(code):
        for i in dis.get_instructions(c):
            if i.opname in ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD"):
                found[i.opname != "LOAD_GLOBAL"].add(str(i.argval))
    return sorted(found[0]), sorted(found[1])
