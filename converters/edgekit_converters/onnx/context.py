"""What one operator converter sees: the node's attributes, on top of composing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgekit.errors import MalformedModelError
from edgekit.ir import Value
from edgekit.types import Array, DType
from edgekit_converters.importing.composer import Composer
from edgekit_converters.onnx.sequences import AnyValue
from edgekit_converters.onnx.tensors import element_type

if TYPE_CHECKING:
    from edgekit_converters.onnx.importer import GraphImporter

#: AttributeProto.type codes (onnx.proto)
FLOAT, INT, STRING, TENSOR, GRAPH, FLOATS, INTS, STRINGS, SPARSE = 1, 2, 3, 4, 5, 6, 7, 8, 11


class NodeContext(Composer):
    """One source node while it is imported.

    Attributes:
        proto: the NodeProto.
        op: operator name. domain: its domain, empty for ONNX's own.
        name: the node's name, its first output where it has none.
        opset: version of the operator's domain.
        inputs: one value an input, None for an absent one.
        importer: the graph under construction, for subgraphs.
    """

    def __init__(self, importer: GraphImporter, proto: Any, domain: str, opset: int, name: str, inputs: Sequence[AnyValue | None]) -> None:
        super().__init__(importer.session, importer.builder, proto.op_type, name, [v if isinstance(v, Value) else None for v in inputs])
        self._all = list(inputs)
        self.importer = importer
        self.proto = proto
        self.domain = domain
        self.opset = opset
        self._attributes = {a.name: a for a in proto.attribute}

    def special(self, i: int) -> AnyValue | None:
        """The i-th input where it may be a sequence or an optional; None for an absent one."""
        return self._all[i] if i < len(self._all) else None

    # -- attributes -----------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the node gives an attribute."""
        return name in self._attributes

    def _attribute(self, name: str, kind: int, what: str) -> Any:
        a = self._attributes[name]
        if a.type not in (kind, 0):
            raise MalformedModelError(f"attribute {name!r} is not {what}")
        return a

    def get_int(self, name: str, default: int | None = None) -> int:
        """An integer attribute; without a default it is required."""
        if name not in self._attributes:
            return int(self._default(name, default))
        return int(self._attribute(name, INT, "an integer").i)

    def get_float(self, name: str, default: float | None = None) -> float:
        """A number attribute; without a default it is required."""
        if name not in self._attributes:
            return float(self._default(name, default))
        return float(self._attribute(name, FLOAT, "a number").f)

    def get_string(self, name: str, default: str | None = None) -> str:
        """A string attribute; without a default it is required."""
        if name not in self._attributes:
            return str(self._default(name, default))
        return bytes(self._attribute(name, STRING, "a string").s).decode("utf-8", "replace")

    def get_ints(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        """A list of integers; without a default it is required."""
        if name not in self._attributes:
            return list(self._default(name, default))
        return [int(i) for i in self._attribute(name, INTS, "a list of integers").ints]

    def get_floats(self, name: str, default: Sequence[float] | None = None) -> list[float]:
        """A list of numbers; without a default it is required."""
        if name not in self._attributes:
            return list(self._default(name, default))
        return [float(f) for f in self._attribute(name, FLOATS, "a list of numbers").floats]

    def get_strings(self, name: str, default: Sequence[str] | None = None) -> list[str]:
        """A list of strings; without a default it is required."""
        if name not in self._attributes:
            return list(self._default(name, default))
        return [bytes(s).decode("utf-8", "replace") for s in self._attribute(name, STRINGS, "a list of strings").strings]

    def get_tensor(self, name: str) -> Array:
        """A tensor attribute."""
        self._require(name)
        return self.importer.session.tensors.read(self._attribute(name, TENSOR, "a tensor").t)

    def tensor_code(self, name: str) -> int:
        """The TensorProto data type of a tensor attribute."""
        return int(self._attribute(name, TENSOR, "a tensor").t.data_type)

    def get_sparse_tensor(self, name: str) -> Array:
        """A sparse tensor attribute, as a dense array."""
        self._require(name)
        return self.importer.session.tensors.dense(self._attribute(name, SPARSE, "a sparse tensor").sparse_tensor)

    def get_graph(self, name: str) -> Any:
        """A GraphProto attribute."""
        self._require(name)
        return self._attribute(name, GRAPH, "a graph").g

    def get_dtype(self, name: str, default: DType | None = None) -> DType:
        """An element type given as TensorProto code."""
        if name not in self._attributes and default is not None:
            return default
        return element_type(self.get_int(name))

    def _require(self, name: str) -> None:
        if name not in self._attributes:
            raise MalformedModelError(f"the attribute {name!r} is missing")

    def _default(self, name: str, default: Any) -> Any:
        if default is None:
            raise MalformedModelError(f"the attribute {name!r} is missing")
        return default

    def wants(self, i: int) -> bool:
        """Whether the model names the i-th output."""
        return i < len(self.proto.output) and bool(self.proto.output[i])
