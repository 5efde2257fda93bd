"""One source operator while it is imported: what it reads, and the nodes made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit.errors import MalformedModelError
from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import SymDim
from edgekit.types import Array, Dim, DType, QuantParams, TensorType, format_shape
from edgekit_converters.importing.problems import Problems, Unsupported

MAX_COMPUTED_ELEMENTS = 1 << 24
#: what a step of a loop over rows counts as, in elements
STEP = 64

Number = int | float


class SourceNode:
    """Importers derive the context of their converters from it, or from ``composer.Composer``, and add how attributes are read.

    Args:
        problems: of the import.
        builder: where nodes go.
        op: the operator in the source's terms.
        name: the source node's name; nodes are called after it.
        inputs: one value an input, None for an absent one.
    """

    def __init__(self, problems: Problems, builder: GraphBuilder, op: str, name: str, inputs: Sequence[Value | None]) -> None:
        self.problems = problems
        self.builder = builder
        self.op = op
        self.name = name
        self.inputs = list(inputs)
        self._calls = 0

    # -- inputs and outputs ---------------------------------------------------------------------------------------------

    def input(self, i: int) -> Value:
        """The i-th input, which must be there."""
        v = self.optional(i)
        if v is None:
            raise MalformedModelError(f"input {i} is missing")
        return v

    def optional(self, i: int) -> Value | None:
        """The i-th input, or None."""
        return self.inputs[i] if i < len(self.inputs) else None

    def present(self) -> list[Value]:
        """All inputs of a variadic operator."""
        return [self.input(i) for i in range(len(self.inputs))]

    def known(self, value: Value) -> Array | None:
        """The value where it is known before running; an object array where symbolic dimensions are in it."""
        return self.builder.known_value(value)

    def numbers(self, value: Value) -> Array | None:
        """The value where it is known and holds numbers alone."""
        k = self.known(value)
        if k is None or (k.dtype == object and any(isinstance(v, SymDim) for v in k.reshape(-1).tolist())):
            return None
        return k.astype(value.dtype.numpy, copy=False)

    def constant_input(self, i: int, what: str) -> Array:
        """The numbers of an input that must be known at conversion.

        Raises:
            Unsupported: it is computed at run time.
        """
        return self.constant_value(self.input(i), what)

    def constant_value(self, value: Value, what: str) -> Array:
        """The numbers of a value that must be known at conversion."""
        k = self.numbers(value)
        if k is None:
            raise Unsupported(
                f"{what} must be known at conversion, but {value.name!r} is computed at run time",
                self.problems.shape_hint() or "Make it a constant of the model, or freeze the input that decides it.",
                "dynamic-input",
            )
        return k

    def constant_ints(self, i: int, what: str) -> list[int]:
        """The integers of an input that must be known at conversion."""
        return [int(v) for v in self.constant_input(i, what).reshape(-1)]

    def static(self, dim: Dim, what: str) -> int:
        """A dimension that must be a number.

        Raises:
            Unsupported: it is symbolic.
        """
        if isinstance(dim, int):
            return dim
        raise Unsupported(f"{what} must be static, got {str(dim)!r}.", self.problems.shape_hint(), "dynamic-shape")

    def static_shape(self, value: Value, what: str) -> tuple[int, ...]:
        """A shape that must be numbers alone."""
        return tuple(self.static(d, f"{what} (dimension {i})") for i, d in enumerate(value.shape))

    def axis(self, axis: int, rank: int) -> int:
        """``axis`` counted from the front."""
        if not -rank <= axis < max(rank, 1):
            raise MalformedModelError(f"axis {axis} is outside a tensor of rank {rank}")
        return axis + rank if axis < 0 else axis

    def computed(self, shape: Sequence[int]) -> None:
        """Refuse constants made at conversion that are too large.

        Raises:
            Unsupported: more than ``MAX_COMPUTED_ELEMENTS``.
        """
        if float(np.prod([max(1.0, float(d)) for d in shape])) > MAX_COMPUTED_ELEMENTS:  # its parts are made even where it is empty
            raise Unsupported(f"it would make a constant of shape {format_shape(tuple(shape))}", reason="too-large")

    # -- building -------------------------------------------------------------------------------------------------------

    def const(self, array: Any, dtype: DType | None = None, name: str = "", quant: QuantParams | None = None) -> Value:
        """A constant of the graph under construction."""
        return self.builder.constant(array, name or f"{self.name}/const", dtype, quant)

    def i64(self, *numbers: int) -> Value:
        """A list of integers as a shape-like constant."""
        return self.const(np.asarray(numbers, np.int64))

    def like(self, number: Number, value: Value) -> Value:
        """A scalar constant of ``value``'s element type."""
        return self.const(np.asarray(number, value.dtype.numpy))

    def call(self, op: str, *inputs: Value | None, **attrs: Any) -> Value:
        """Add a node of one output."""
        return self.call_multi(op, *inputs, **attrs)[0]

    def call_multi(self, op: str, *inputs: Value | None, **attrs: Any) -> tuple[Value, ...]:
        """Add a node."""
        return self._add(op, inputs, attrs)

    def _add(
        self, op: str, inputs: Sequence[Value | None], attrs: dict[str, Any], out_types: Sequence[TensorType] | None = None
    ) -> tuple[Value, ...]:
        self._calls += 1
        name = self.name if self._calls == 1 else f"{self.name}/{op.lower()}_{self._calls}"
        return self.builder.call_multi(op, *inputs, name=name, out_types=out_types, **attrs)

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """Another shape, given in numbers (-1 allowed once)."""
        if tuple(shape) == tuple(x.shape) and -1 not in shape:
            return x
        return self._add("Reshape", (x, self.i64(*shape)), {"allow_zero": True})[0]
