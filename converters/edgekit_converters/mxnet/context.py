"""What one operator converter sees: the node's parameters, its inputs, and the composer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.types import DType
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Problems
from edgekit_converters.importing.registry import Registry
from edgekit_converters.mxnet import attributes
from edgekit_converters.mxnet.symbol import SymbolNode

Result = Value | Sequence[Value]
REGISTRY: Registry[Callable[[MxnetContext], Result]] = Registry("edgekit_converters.mxnet.operators")
converts = REGISTRY.converts


class MxnetContext(Composer):
    """One node of a symbol while it is imported.

    Attributes:
        attrs: its parameters as text.
    """

    def __init__(self, problems: Problems, builder: GraphBuilder, node: SymbolNode, name: str, inputs: Sequence[Value | None]) -> None:
        super().__init__(problems, builder, node.op, name, inputs)
        self.attrs = node.attrs

    def has(self, key: str) -> bool:
        """Whether the node gives a parameter other than ``None``."""
        return self.attrs.get(key, "None") != "None"

    def _get(self, key: str, default: Any) -> Any:
        if default is None:
            raise MalformedModelError(f"the parameter {key!r} is missing")
        return default

    def get_int(self, key: str, default: int | None = None) -> int:
        """An integer; without a default it is required."""
        return attributes.parse_int(key, self.attrs[key]) if self.has(key) else int(self._get(key, default))

    def get_float(self, key: str, default: float | None = None) -> float:
        """A number; without a default it is required."""
        return attributes.parse_float(key, self.attrs[key]) if self.has(key) else float(self._get(key, default))

    def get_bool(self, key: str, default: bool) -> bool:
        """A truth value."""
        return attributes.parse_bool(key, self.attrs[key]) if self.has(key) else default

    def get_string(self, key: str, default: str | None = None) -> str:
        """A text; without a default it is required."""
        return self.attrs[key] if self.has(key) else str(self._get(key, default))

    def get_choice(self, key: str, default: str, choices: Sequence[str]) -> str:
        """One of a few words.

        Raises:
            MalformedModelError: it is none of them.
        """
        word = self.get_string(key, default)
        if word not in choices:
            raise MalformedModelError(f"{key}={word!r} is none of {', '.join(choices)}")
        return word

    def get_optional_ints(self, key: str, default: Sequence[int | None] | None = None) -> list[int | None]:
        """A list of integers, some of which may be None; without a default it is required."""
        return attributes.parse_ints(key, self.attrs[key]) if self.has(key) else list(self._get(key, default))

    def get_ints(self, key: str, default: Sequence[int] | None = None) -> list[int]:
        """A list of integers; without a default it is required."""
        found = self.get_optional_ints(key, default)
        if any(v is None for v in found):
            raise MalformedModelError(f"{key}={self.attrs[key]!r} holds None")
        return [int(v) for v in found if v is not None]

    def get_floats(self, key: str, default: Sequence[float] | None = None) -> list[float]:
        """A list of numbers; without a default it is required."""
        if not self.has(key):
            return list(self._get(key, default))
        return [attributes.parse_float(key, p) for p in attributes.parse_list(key, self.attrs[key])]

    def get_dtype(self, key: str, default: DType) -> DType:
        """An element type."""
        return attributes.parse_dtype(key, self.attrs[key]) if self.has(key) else default

    def spatial(self, key: str, rank: int, default: int) -> tuple[int, ...]:
        """One number for each spatial dimension; an empty list means the default.

        Raises:
            MalformedModelError: another number of entries.
        """
        found = self.get_ints(key, [])
        if not found:
            return (default,) * rank
        if len(found) != rank:
            raise MalformedModelError(f"{key} needs {rank} numbers, got {found}")
        return tuple(found)
