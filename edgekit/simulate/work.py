"""From a graph's nodes to the work the cost model charges for."""

from __future__ import annotations

from math import prod

from edgekit.ir import Node, Value
from edgekit.ir.macs import node_macs
from edgekit.simulate.cost_model import OpWork
from edgekit.types import DType

#: operators that only rename a tensor: the planner lets input and output share memory
_FREE = {"Reshape", "Identity"}
#: with this few groups a convolution runs as that many ordinary ones
_FEW_GROUPS = 4


def _elements(v: Value) -> int:
    return prod(v.type.max_shape())


def _family(n: Node) -> str:
    if n.op in ("Conv", "ConvTranspose"):
        kernel, groups = n.input(1).type.max_shape()[1:-1], n.attrs["groups"]
        channels = n.input(1).type.max_shape()[-1] * groups
        if groups > 1 and groups == channels:
            return "depthwise"
        if groups > _FEW_GROUPS:
            return "grouped"
        return "pointwise" if prod(kernel) == 1 else "dense"
    return "pointwise" if node_macs(n) else "memory"


def _compute_dtype(n: Node) -> str:
    types = [v.dtype for v in (*n.outputs, *n.inputs) if v is not None]
    if types and types[0] in (DType.I8, DType.U8):
        return "int8"
    return "f32"


def node_work(n: Node) -> list[OpWork]:
    """What the node costs; empty for a node that only renames its input."""
    if n.op in _FREE:
        return []
    read = sum(v.type.nbytes_max() for v in n.inputs if v is not None)
    written = sum(v.type.nbytes_max() for v in n.outputs)
    elements = max([_elements(v) for v in (*n.inputs, *n.outputs) if v is not None and not v.is_constant] or [0])
    macs, family = node_macs(n), _family(n)
    parts = n.attrs["groups"] if n.op in ("Conv", "ConvTranspose") and family in ("dense", "pointwise") else 1
    share = OpWork(family, _compute_dtype(n), macs // parts, read // parts, written // parts, elements // parts)
    return [share] * parts
