"""A PyTorch program in the one form that every reader makes and the importer takes: ATen nodes, tensors, a signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgekit.types import Array, DType
from edgekit_converters.importing.problems import UnsupportedTypeError

#: how deep graphs and arguments may lie in one another
MAX_DEPTH = 32
#: the codes of ``ScalarType`` in serialized programs (torch/_export/serde/schema.py)
SERIALIZED_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 9: "complex32",
    10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn", 30: "float8_e5m2",
    31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
#: the codes of ``c10::ScalarType``, which TorchScript graphs and default arguments hold (c10/core/ScalarType.h)
C10_TYPES = {
    0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64", 8: "complex32",
    9: "complex64", 10: "complex128", 11: "bool", 12: "qint8", 13: "quint8", 14: "qint32", 15: "bfloat16", 23: "float8_e5m2",
    24: "float8_e4m3fn", 25: "float8_e5m2fnuz", 26: "float8_e4m3fnuz", 27: "uint16", 28: "uint32", 29: "uint64",
}  # fmt: skip
_BY_LABEL = {d.label: d for d in DType}
#: the element type of the real and the imaginary part of a complex number
PARTS = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


@dataclass(frozen=True)
class TorchType:
    """An element type by its torch name, e.g. ``"float32"``, ``"bfloat16"``."""

    name: str

    @property
    def dtype(self) -> DType:
        """The element type EdgeKit computes in; bfloat16 is widened to float32.

        Raises:
            UnsupportedTypeError: there is none.
        """
        found = _BY_LABEL.get("float32" if self.name == "bfloat16" else self.name)
        if found is None:
            raise UnsupportedTypeError(f"the element type torch.{self.name} has no EdgeKit equivalent")
        return found

    @property
    def is_complex(self) -> bool:
        """Whether its numbers are complex."""
        return self.name in PARTS

    @property
    def part(self) -> TorchType:
        """The type of the real and the imaginary part; a real type is its own."""
        return TorchType(PARTS.get(self.name, self.name))


@dataclass(frozen=True)
class Ref:
    """A use of a tensor or symbolic number by name."""

    name: str


@dataclass(frozen=True)
class Opaque:
    """An argument that means nothing to a graph: a device, a layout, a memory format, a custom object."""

    text: str


@dataclass(frozen=True)
class TensorMeta:
    """What the source says of a tensor.

    Attributes:
        type: element type.
        sizes: integers, or expressions of symbols as text.
        strides: in elements, None where the source does not say.
        offset: of the first element in its storage, in elements.
    """

    type: TorchType
    sizes: tuple[int | str, ...]
    strides: tuple[int, ...] | None = None
    offset: int = 0


@dataclass(frozen=True)
class SourceNode:
    """One operator call.

    Attributes:
        target: e.g. ``"aten.conv2d.default"``.
        args: by the names of the operator's schema; absent ones have their default. Tensors are :class:`Ref`.
        outputs: a name, a list of names (an operator that returns a list), or None for an output nobody reads; one entry a return value.
        name: for messages.
        module: path of the module it comes from, e.g. ``"backbone.conv1 (Conv2d)"``; empty where unknown.
        location: file and line of the model's source it comes from; empty where unknown.
    """

    target: str
    args: Mapping[str, Any]
    outputs: Sequence[str | Sequence[str | None] | None]
    name: str
    module: str = ""
    location: str = ""


@dataclass(frozen=True)
class SourceGraph:
    """Nodes with inputs and outputs: the body of a program or of a control flow operator.

    Attributes:
        inputs: names.
        nodes: in order.
        outputs: arguments: :class:`Ref`, constants, lists.
    """

    inputs: Sequence[str]
    nodes: Sequence[SourceNode]
    outputs: Sequence[Any]


@dataclass(frozen=True)
class ProgramInput:
    """One placeholder.

    Attributes:
        name: in the graph.
        kind: ``"user"``, ``"weight"`` (parameters, constants), ``"buffer"``, ``"constant"`` (not a tensor) or ``"other"``.
        target: name of the parameter or buffer.
        value: of a constant.
    """

    name: str
    kind: str
    target: str = ""
    value: Any = None


@dataclass(frozen=True)
class ProgramOutput:
    """One result.

    Attributes:
        kind: ``"user"``, ``"buffer"`` (the new value of a mutated buffer), ``"input"`` (of a mutated user input) or ``"other"``.
        value: :class:`Ref` or a constant.
        target: name of the buffer or input.
    """

    kind: str
    value: Any
    target: str = ""


@dataclass(frozen=True)
class Program:
    """A whole model.

    Attributes:
        graph: the nodes; its inputs and outputs are those of the signature.
        inputs, outputs: the signature.
        output_names: one for each user output.
        metas: types of tensors by name, those of all inputs at least.
        ranges: inclusive limits of symbols by name, None for no upper end.
        tensors: the array of a weight or buffer by its target name.
        facts: metadata for the graph.
    """

    graph: SourceGraph
    inputs: Sequence[ProgramInput]
    outputs: Sequence[ProgramOutput]
    output_names: Sequence[str]
    metas: Mapping[str, TensorMeta]
    ranges: Mapping[str, tuple[int, int | None]]
    tensors: Callable[[str], Array]
    facts: Mapping[str, str] = field(default_factory=dict)
