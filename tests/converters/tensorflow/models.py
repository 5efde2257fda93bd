"""Small TensorFlow files for the tests, written with the importer's own messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit.ir import Graph
from edgekit.reference import run_graph
from edgekit.types import Array
from edgekit_converters.tensorflow.protos import messages

CODES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "object": 7, "int64": 9, "bool": 10, "uint16": 17,
    "float16": 19, "resource": 20, "uint32": 22, "uint64": 23,
}  # fmt: skip


@dataclass(frozen=True)
class Type:
    """An element type as an attribute."""

    name: str


@dataclass(frozen=True)
class Shape:
    """A shape as an attribute; None for an open dimension, None as a whole for an open rank."""

    dims: Sequence[int | None] | None


@dataclass(frozen=True)
class Function:
    """A function's name as an attribute."""

    name: str


def shape_proto(dims: Sequence[int | None] | None) -> Any:
    """A TensorShapeProto."""
    proto = messages()["TensorShapeProto"](unknown_rank=dims is None)
    for d in dims or ():
        proto.dim.add(size=-1 if d is None else d)
    return proto


def tensor_proto(array: Array) -> Any:
    """A TensorProto; strings of an object array of bytes."""
    proto = messages()["TensorProto"](dtype=CODES[array.dtype.name], tensor_shape=shape_proto(array.shape))
    if array.dtype == object:
        proto.string_val.extend(array.reshape(-1).tolist())
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    return proto


def attr_value(value: Any) -> Any:
    """An AttrValue of the kind that the Python value stands for."""
    proto = messages()["AttrValue"]()
    if isinstance(value, bool):
        proto.b = value
    elif isinstance(value, int):
        proto.i = value
    elif isinstance(value, float):
        proto.f = value
    elif isinstance(value, str | bytes):
        proto.s = value.encode() if isinstance(value, str) else value
    elif isinstance(value, Type):
        proto.type = CODES[value.name]
    elif isinstance(value, Shape):
        proto.shape.CopyFrom(shape_proto(value.dims))
    elif isinstance(value, Function):
        proto.func.name = value.name
    elif isinstance(value, np.ndarray):
        proto.tensor.CopyFrom(tensor_proto(value))
    else:
        proto.list.SetInParent()
        for v in value:
            if isinstance(v, Function):
                proto.list.func.add(name=v.name)
            elif isinstance(v, Type):
                proto.list.type.append(CODES[v.name])
            elif isinstance(v, Shape):
                proto.list.shape.append(shape_proto(v.dims))
            elif isinstance(v, str):
                proto.list.s.append(v.encode())
            elif isinstance(v, float):
                proto.list.f.append(v)
            else:
                proto.list.i.append(v)
    return proto


class Maker:
    """Nodes of a graph or a function.

    Attributes:
        nodes: NodeDef messages.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []

    def add(self, op: str, *inputs: str, name: str = "", **attrs: Any) -> str:
        """A node; gives its name."""
        node = messages()["NodeDef"](name=name or f"{op.lower()}_{len(self.nodes)}", op=op, input=list(inputs))
        for k, v in attrs.items():
            node.attr[k].CopyFrom(attr_value(v))
        self.nodes.append(node)
        return str(node.name)

    def input(self, name: str, dims: Sequence[int | None] | None, dtype: str = "float32") -> str:
        """A placeholder."""
        return self.add("Placeholder", name=name, dtype=Type(dtype), shape=Shape(dims))

    def const(self, array: Any, name: str = "") -> str:
        """A constant."""
        a = np.asarray(array)
        return self.add("Const", name=name, dtype=Type(a.dtype.name), value=a)

    def ints(self, *numbers: int) -> str:
        """A list of int32."""
        return self.const(np.asarray(numbers, np.int32))

    def graph(self, functions: Sequence[Any] = ()) -> Any:
        """A GraphDef."""
        proto = messages()["GraphDef"](node=self.nodes)
        proto.library.function.extend(functions)
        proto.versions.producer = 1000
        return proto

    def function(self, name: str, inputs: Sequence[str], outputs: dict[str, str], controls: Sequence[str] = ()) -> Any:
        """A FunctionDef."""
        proto = messages()["FunctionDef"](node_def=self.nodes)
        proto.signature.name = name
        for i in inputs:
            proto.signature.input_arg.add(name=i)
        for o, ref in outputs.items():
            proto.signature.output_arg.add(name=o)
            proto.ret[o] = ref
        for c in controls:
            proto.control_ret[c] = c
        return proto


def save(proto: Any, folder: Path, name: str = "model.pb") -> Path:
    """Write a message to a file."""
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def load(proto: Any, folder: Path, **options: Any) -> Graph:
    """A GraphDef through a file, as a graph."""
    return edgekit.load(save(proto, folder), **options)


def compute(graph: Graph, *arrays: Array) -> list[Array]:
    """The outputs of a graph in numpy."""
    found = run_graph(graph, {v.name: a for v, a in zip(graph.inputs, arrays, strict=True)})
    return [found[n] for n in graph.output_names]
