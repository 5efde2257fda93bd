"""What one operator converter sees: the Apply node, its inputs, and the composer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from edgekit.ir import Value
from edgekit.types import DType
from edgekit_converters.importing.composer import Composer
from edgekit_converters.importing.problems import UnsupportedTypeError
from edgekit_converters.importing.registry import Registry

if TYPE_CHECKING:
    from edgekit_converters.pytensor.importer import FunctionImporter

Result = Value | Sequence[Value]
REGISTRY: Registry[Callable[[ApplyContext], Result]] = Registry("edgekit_converters.pytensor.operators")
converts = REGISTRY.converts


def element_type(name: str) -> DType:
    """The DType of a PyTensor dtype.

    Raises:
        UnsupportedTypeError: EdgeKit has none.
    """
    try:
        return DType.from_numpy(name)
    except (ValueError, TypeError, KeyError) as e:
        raise UnsupportedTypeError(f"element type {name} is not supported") from e


class ApplyContext(Composer):
    """One Apply node while it is imported.

    Attributes:
        importer: the function's, for inner graphs.
        apply: the node. It and its ``owner_op`` are PyTensor's objects.
        kernel: the operator itself, or the scalar operator inside an elementwise one.
    """

    def __init__(self, importer: FunctionImporter, apply: Any, op: str, name: str, inputs: Sequence[Value | None]) -> None:
        super().__init__(importer.problems, importer.builder, op, name, inputs)
        self.importer = importer
        self.apply = apply
        self.kernel: Any = apply.op

    @property
    def out_dtype(self) -> DType:
        """Element type of the first output."""
        return element_type(self.apply.outputs[0].type.dtype)

    def attribute(self, name: str, default: Any = None) -> Any:
        """A property of the operator."""
        return getattr(self.kernel, name, default)

    def matched(self, *values: Value) -> list[Value]:
        """The values in the output's element type."""
        return [self.cast(v, self.out_dtype) for v in values]
