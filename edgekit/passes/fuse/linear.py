"""What the passes over convolutions and fully connected layers share: their weights and biases as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.ir import Graph, Node, Value
from edgekit.ir.editor import Editor
from edgekit.passes.canonicalize.facts import has_clamp, is_plain_float
from edgekit.types import Array

LINEAR = "Conv|ConvTranspose|FullyConnected"
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearLayer:
    """A Conv, ConvTranspose or FullyConnected with constant floating-point weights [O, ...] and no clamp yet.

    Attributes:
        node: the layer.
        weight: its weights.
        bias: its bias [O] in double precision, zeros where there is none.
    """

    node: Node
    weight: Array
    bias: Vector

    @property
    def channels(self) -> int:
        return int(self.weight.shape[0])

    @property
    def channel_axis(self) -> int:
        """Of the output."""
        rank = len(self.node.outputs[0].shape)
        return 1 if self.node.attrs.get("layout") == "NCHW" else rank - 1


def linear_layer(node: Node) -> LinearLayer | None:
    """The layer, if its weights may be changed."""
    if not is_plain_float(*node.inputs, *node.outputs) or has_clamp(node):
        return None
    w = node.input(1).const
    b = node.input(2).const if node.has_input(2) else None
    if w is None or (node.has_input(2) and b is None):
        return None
    return LinearLayer(node, w, np.zeros(w.shape[0]) if b is None else b.astype(np.float64))


def rebuild(layer: LinearLayer, e: Editor, weight: Array | None, bias: Vector) -> Value:
    """The same layer with other weights (None: the same) and another bias."""
    n = layer.node
    w = n.input(1) if weight is None else e.constant(weight.astype(layer.weight.dtype, order="C", copy=False), n.input(1).name)
    x = n.input(0)
    b = e.constant(bias.astype(n.outputs[0].dtype.numpy), n.input(2).name if n.has_input(2) else f"{n.name}.bias")
    return e.call(n.op, x, w, b, name=n.name, **n.attrs)


def per_channel(c: Array, layer: LinearLayer, rank: int) -> Vector | None:
    """A constant that broadcasts over the layer's output, as one number a channel [O]. None if it varies along other axes."""
    axis, channels = layer.channel_axis, layer.channels
    if c.ndim > rank:
        return None
    shape = (1,) * (rank - c.ndim) + c.shape
    if any(d != 1 for i, d in enumerate(shape) if i != axis) or shape[axis] not in (1, channels):
        return None
    return np.broadcast_to(c.reshape(-1).astype(np.float64), (channels,)).copy()


def scaled(weight: Array, factor: Vector) -> Array:
    """Weights [O, ...] with each output channel multiplied by its factor in double precision; in the order the file wants them."""
    out = np.empty(weight.shape, weight.dtype)
    np.multiply(weight, factor.reshape(-1, *(1,) * (weight.ndim - 1)), out=out, dtype=np.float64, casting="same_kind")
    return out


def feeds_only(graph: Graph, v: Value) -> bool:
    """True when one input of one node reads the value."""
    return len(v.uses) == 1 and not graph.is_output(v)
