"""Types and shapes that graphs declare of their values."""

from __future__ import annotations

from typing import Any

from edgekit.errors import MalformedModelError
from edgekit.symbolic import SymDim
from edgekit.types import Shape, TensorType
from edgekit_converters.importing.inputs import SourceInput
from edgekit_converters.importing.problems import UnsupportedTypeError
from edgekit_converters.onnx.tensors import element_type

UNKNOWN = -1  # what Paddle's exporter writes for an open dimension


def source_input(info: Any) -> SourceInput:
    """A graph input as its ValueInfoProto declares it.

    Raises:
        UnsupportedTypeError: it is no tensor, or of an element type EdgeKit does not have.
        MalformedModelError: a dimension is negative.
    """
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        raise UnsupportedTypeError(f"{(kind or 'a missing type').replace('_', ' ')} is not supported")
    tensor = info.type.tensor_type
    dtype = element_type(tensor.elem_type)
    return SourceInput(info.name, dtype, declared_shape(info.name, tensor.shape) if tensor.HasField("shape") else None)


def declared_type(info: Any) -> TensorType | None:
    """The type a ValueInfoProto declares, None where it gives no shape. Raises as ``source_input`` does."""
    source = source_input(info)
    return TensorType(source.dtype, declared_shape(info.name, info.type.tensor_type.shape)) if source.shape is not None else None


def declared_shape(name: str, shape: Any) -> Shape:
    """The dimensions of a TensorShapeProto; unknown ones are called after the value."""
    dims: list[int | SymDim] = []
    for i, d in enumerate(shape.dim):
        which = d.WhichOneof("value")
        if which == "dim_value":
            if d.dim_value < UNKNOWN:
                raise MalformedModelError(f"{name!r} has a negative dimension {d.dim_value}")
            dims.append(SymDim.symbol(f"{name}_{i}", 1) if d.dim_value == UNKNOWN else int(d.dim_value))
        elif which == "dim_param" and d.dim_param.strip("?"):  # some exporters write ? for whatever they do not know
            dims.append(SymDim.symbol(d.dim_param, 1))
        else:
            dims.append(SymDim.symbol(f"{name}_{i}", 1))
    return tuple(dims)
