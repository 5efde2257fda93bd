"""What one operator converter sees: inputs, attributes, and the builder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array, DType
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import Poisoned, Unsupported
from edgekit_converters.tensorflow.dilation import Lazy
from edgekit_converters.tensorflow.nodes import SourceNode
from edgekit_converters.tensorflow.session import ImportSession, Resource
from edgekit_converters.tensorflow.tensors import element_type, read_tensor, shape_of

if TYPE_CHECKING:
    from edgekit_converters.tensorflow.importer import BodyImporter


class Text:
    """A string tensor: known at conversion, and good for nothing but names.

    Attributes:
        array: of bytes objects.
    """

    def __init__(self, array: Array) -> None:
        self.array = array


Item = Value | Resource | Text | Any
"""What an output of a node is while importing: a tensor, a handle, text, or an object of the operators' own (a tensor list)."""


class NodeContext(Composer):
    """One source node while it is imported.

    Attributes:
        node: it.
        items: what its inputs are.
        importer: the body under construction.
        session: what all bodies share.
    """

    problems: ImportSession

    def __init__(self, importer: BodyImporter, node: SourceNode, items: Sequence[Item]) -> None:
        super().__init__(importer.session, importer.builder, node.op, node.name, [])
        self.importer = importer
        self.session = importer.session
        self.node = node
        self.items = list(items)
        self.inputs = [v if isinstance(v, Value) else None for v in self.items]

    # -- inputs ---------------------------------------------------------------------------------------------------------

    def optional(self, i: int) -> Value | None:
        """The i-th input as a tensor, or None where the node has fewer."""
        if i >= len(self.items):
            return None
        item = self.items[i]
        if isinstance(item, Value):
            return item
        if isinstance(item, Lazy):
            return item.value()
        if isinstance(item, Resource) and item.is_reference:
            return self.session.read(item, self.importer.scope)
        if item is None:
            raise Poisoned
        if isinstance(item, Text):
            raise Unsupported(f"input {i} is a string; strings are not supported.", reason="unsupported-type")
        raise Unsupported(f"input {i} is not a tensor but a {getattr(item, 'kind', type(item).__name__)}.", reason="unsupported-type")

    def present(self) -> list[Value]:
        """All inputs of a variadic operator."""
        return [self.input(i) for i in range(len(self.items))]

    def resource(self, i: int) -> Resource:
        """The i-th input as a handle.

        Raises:
            Unsupported: it is none.
        """
        item = self.items[i] if i < len(self.items) else None
        if item is None:
            raise Poisoned
        if not isinstance(item, Resource):
            raise Unsupported(f"input {i} is a handle that is computed at run time.", reason="dynamic-input")
        return item

    # -- attributes -----------------------------------------------------------------------------------------------------

    def _attr(self, name: str, kind: str) -> Any:
        attr = self.node.attrs.get(name)
        if attr is None:
            return None
        which = attr.WhichOneof("value")
        if which == "placeholder":
            raise Unsupported(f"the attribute {name!r} is left open for the caller of the function.")
        if which is not None and which != kind:
            raise MalformedModelError(f"the attribute {name!r} is a {which}, not a {kind}")
        return getattr(attr, kind) if which else None

    def _needed(self, name: str, value: Any) -> Any:
        if value is None:
            raise MalformedModelError(f"the attribute {name!r} is missing")
        return value

    def attr_int(self, name: str, default: int | None = None) -> int:
        """An integer attribute; without a default it must be there."""
        v = self._attr(name, "i")
        return int(self._needed(name, default if v is None else v))

    def attr_float(self, name: str, default: float | None = None) -> float:
        """A float attribute."""
        v = self._attr(name, "f")
        return float(self._needed(name, default if v is None else v))

    def attr_bool(self, name: str, default: bool | None = None) -> bool:
        """A bool attribute."""
        v = self._attr(name, "b")
        return bool(self._needed(name, default if v is None else v))

    def attr_string(self, name: str, default: str | None = None) -> str:
        """A string attribute."""
        v = self._attr(name, "s")
        if v is None:
            return str(self._needed(name, default))
        return bytes(v).decode(errors="replace")

    def attr_strings(self, name: str) -> list[str]:
        """A list of strings; empty where it is absent."""
        v = self._attr(name, "list")
        return [] if v is None else [s.decode(errors="replace") for s in v.s]

    def attr_ints(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        """A list of integers."""
        v = self._attr(name, "list")
        return [int(i) for i in self._needed(name, default if v is None else v.i)]

    def attr_floats(self, name: str) -> list[float]:
        """A list of floats; empty where it is absent."""
        v = self._attr(name, "list")
        return [] if v is None else [float(f) for f in v.f]

    def attr_type(self, name: str, default: DType | None = None) -> DType:
        """An element type.

        Raises:
            UnsupportedTypeError: EdgeKit has no such type.
        """
        v = self._attr(name, "type")
        if v is None:
            kind: DType = self._needed(name, default)
            return kind
        return element_type(int(v))

    def attr_code(self, name: str) -> int:
        """The DataType code of an element type."""
        return int(self._needed(name, self._attr(name, "type")))

    def attr_shape(self, name: str) -> tuple[int | None, ...] | None:
        """A shape: None for an open dimension; None as a whole where it is absent or the rank is open."""
        v = self._attr(name, "shape")
        return None if v is None else shape_of(v)

    def attr_tensor(self, name: str) -> Array:
        """A tensor; strings give an object array of bytes."""
        return read_tensor(self._needed(name, self._attr(name, "tensor")))

    def attr_function(self, name: str) -> str:
        """The name of a function."""
        return str(self._needed(name, self._attr(name, "func")).name)

    def attr_functions(self, name: str) -> list[str]:
        """Names of functions."""
        return [f.name for f in self._needed(name, self._attr(name, "list")).func]

    # -- composing ------------------------------------------------------------------------------------------------------

    def unary_const(self, x: Value, op: str, number: float) -> Value:
        """``x op number`` with the number in the type of ``x``."""
        return self.call(op, x, self.like(number, x))

    def as_float32(self, x: Value) -> Value:
        """A value in float32."""
        return self.cast(x, DType.F32)

    def known_ints(self, value: Value) -> list[int] | None:
        """The integers of a value that is known before running, None otherwise."""
        k = self.numbers(value)
        return None if k is None else [int(v) for v in np.reshape(k, -1)]
