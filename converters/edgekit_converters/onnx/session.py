"""What all graphs of one import share: options, opsets, tensors, and the list of blockers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.ir import Value
from edgekit.types import Dim
from edgekit_converters.importing.problems import Problems, Unsupported
from edgekit_converters.onnx.registry import canonical_domain
from edgekit_converters.onnx.tensors import BFLOAT16, NARROW, TensorReader

EXAMPLE_SIZE = 224
MAX_UNROLLED = 20_000


class ImportSession(Problems):
    """State of one import.

    Attributes:
        opsets: version by domain.
        options: what the caller settled.
        tensors: reads TensorProtos.
        inputs: names and shapes of the graph inputs, for hints.
        inferred: the source's own types of values, by name: stand-ins behind nodes that do not convert.
        not_expanded: why the function of an operator could not be expanded, by domain and operator.
    """

    def __init__(self, opsets: dict[str, int], options: LoadOptions, tensors: TensorReader) -> None:
        super().__init__()
        self.opsets = opsets
        self.options = options
        self.tensors = tensors
        self.inputs: dict[str, tuple[Dim, ...]] = {}
        self.inferred: dict[str, Any] = {}
        self.not_expanded: Mapping[tuple[str, str], str] = {}
        self._narrow: list[Value] = []
        self._unrolled = 0

    def unroll(self, nodes: int) -> None:
        """Count nodes of bodies that are repeated in the graph.

        Raises:
            Unsupported: there are too many: loops in loops.
        """
        self._unrolled += nodes + 1
        if self._unrolled > MAX_UNROLLED:
            raise Unsupported(f"loops over sequences that make more than {MAX_UNROLLED} nodes are not supported")

    def mark_narrow(self, value: Value, code: int) -> Value:
        """Remember a constant whose source type has fewer bits than the type that holds it; ``code`` is its TensorProto type."""
        if code in NARROW:
            self._narrow.append(value)
        if code == BFLOAT16:
            self.note("bfloat16 tensors are computed and stored in float32")
        return value

    def is_narrow(self, value: Value | None) -> bool:
        """Whether a constant was of 2 or 4 bits in the source."""
        return any(v is value for v in self._narrow)

    def opset(self, domain: str) -> int:
        """The version of a domain; 1 where the model does not import it."""
        return self.opsets.get(canonical_domain(domain), 1)

    @property
    def is_dynamic(self) -> bool:
        """Whether an input of the model has an open dimension."""
        return any(not isinstance(d, int) for shape in self.inputs.values() for d in shape)

    def shape_hint(self) -> str:
        """How to give the open dimensions of the model's inputs; empty when none is open."""
        parts = []
        for name, shape in self.inputs.items():
            if any(not isinstance(d, int) for d in shape):
                sizes = [str(d) if isinstance(d, int) else "1" if i == 0 else str(EXAMPLE_SIZE) for i, d in enumerate(shape)]
                parts.append(f"--shape {name}:{','.join(sizes)}")
        return f"Pass {' '.join(parts)}" if parts else ""
