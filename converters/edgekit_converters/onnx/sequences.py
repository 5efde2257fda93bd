"""Values that are no tensors: sequences and optionals. They are resolved while the model is imported and leave no trace in the graph."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.ir import Value


@dataclass(frozen=True)
class SequenceValue:
    """A sequence of tensors whose length is known."""

    elements: tuple[Value, ...]


@dataclass(frozen=True)
class OptionalValue:
    """Something, or nothing."""

    element: Value | SequenceValue | None


Special = SequenceValue | OptionalValue
AnyValue = Value | Special

#: operators that read or pass on sequences and optionals
OPERATORS = frozenset(
    {
        "ConcatFromSequence", "Identity", "If", "Loop", "Optional", "OptionalGetElement", "OptionalHasElement", "SequenceAt",
        "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap",
    }
)  # fmt: skip
