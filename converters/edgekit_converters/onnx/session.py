"""What all graphs of one import share: options, opsets, tensors, and the list of blockers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.converters import LoadOptions
from edgekit.ir import Value
from edgekit_converters.importing.problems import Problems, Unsupported
from edgekit_converters.onnx.registry import canonical_domain
from edgekit_converters.onnx.tensors import BFLOAT16, NARROW, SMALL_FLOATS, TensorReader

MAX_UNROLLED = 20_000


class ImportSession(Problems):
    """State of one import.

    Attributes:
        opsets: version by domain.
        options: what the caller settled.
        tensors: reads TensorProtos.
        inferred: the source's own types of values, by name: stand-ins behind nodes that do not convert.
        not_expanded: why the function of an operator could not be expanded, by domain and operator.
    """

    def __init__(self, opsets: dict[str, int], options: LoadOptions, tensors: TensorReader) -> None:
        super().__init__()
        self.opsets = opsets
        self.options = options
        self.tensors = tensors
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
        if code in NARROW or code in SMALL_FLOATS:
            self._narrow.append(value)
        if code == BFLOAT16:
            self.note("bfloat16 tensors are computed and stored in float32")
        return value

    def is_narrow(self, value: Value | None) -> bool:
        """Whether a constant was of 2 or 4 bits, or a float of 8, in the source."""
        return any(v is value for v in self._narrow)

    def opset(self, domain: str) -> int:
        """The version of a domain; 1 where the model does not import it."""
        return self.opsets.get(canonical_domain(domain), 1)
