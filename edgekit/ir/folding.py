"""Works out a node while the graph is being built, where everything it reads is known and the result is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import GraphError
from edgekit.ir.graph import Value
from edgekit.ir.inference import MAX_KNOWN_ELEMENTS, plain_value
from edgekit.ops import Arg, OpDef
from edgekit.types import Array

#: nodes that read more elements than this are left to the constant folding pass
MAX_READ_ELEMENTS = 1 << 16


def fold_node(
    definition: OpDef, inputs: Sequence[Value | None], known: Sequence[Array | None], outputs: Sequence[Arg], attrs: Mapping[str, Any]
) -> list[Array] | None:
    """The arrays a node would compute, or None where that is not known, not small, or not numbers alone.

    Args:
        definition: the operator.
        inputs: the node's inputs.
        known: the value of each input where it is known.
        outputs: what inference says of the outputs.
        attrs: canonical attributes.

    Nodes on quantized tensors are left alone: their meaning lies in the quantization of the outputs.
    """
    if definition.stateful or definition.subgraph_attrs:
        return None
    if any(v is not None and v.quant is not None for v in inputs) or any(o.type.quant is not None for o in outputs):
        return None
    if outputs and all(o.value is not None and o.value.dtype != object for o in outputs):
        return [np.asarray(o.value).astype(o.dtype.numpy, copy=False) for o in outputs]
    if any(v is not None and k is None for v, k in zip(inputs, known, strict=True)):
        return None
    arrays = [None if v is None or k is None else plain_value(k, v.type) for v, k in zip(inputs, known, strict=True)]
    present = [a for a in arrays if a is not None]
    if any(a.dtype == object for a in present) or sum(a.size for a in present) > MAX_READ_ELEMENTS:
        return None
    if any(_upper(o) > MAX_KNOWN_ELEMENTS for o in outputs):  # sizes that only the data decide (NonZero) have an upper end
        return None
    try:
        with np.errstate(all="ignore"):
            result = definition.reference(*definition.group_inputs(arrays), **attrs)
    except (ValueError, TypeError, IndexError, AttributeError, ArithmeticError, GraphError):
        return None
    flat = list(result) if isinstance(result, list | tuple) else [result]
    return [np.asarray(a).astype(o.dtype.numpy, copy=False) for a, o in zip(flat, outputs, strict=False)]


def _upper(o: Arg) -> float:
    try:
        return float(np.prod([float(d) for d in o.type.max_shape()]))
    except GraphError:
        return float("inf")
