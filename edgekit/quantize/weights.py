"""Smaller weights with float arithmetic: float16, and int8 weights that the runtime widens when a session is made."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, Node, Value, verify
from edgekit.ops import Port, TypeVariable, Variadic
from edgekit.ops.traits import Accumulate
from edgekit.quantize.parameters import quantize_weights, weight_params
from edgekit.types import F16, F32, I8, DType, QuantParams


def store_weights(graph: Graph, dtype: DType) -> Graph:
    """A copy of the graph whose weights are held as ``dtype`` (F16 or I8) while activations stay float32.

    Only inputs whose port has an element type of its own are touched (the operator converts them), and float16 only where no
    weight overflows.
    """
    out = graph.clone()
    for g in out.walk():
        for n in g.nodes:
            for i, v in enumerate(n.inputs):
                if v is not None and v.const is not None and v.dtype is F32 and _takes(n, i, dtype):
                    small = _small(g, n, v, i, dtype)
                    if small is not None:
                        n.set_input(i, small)
    verify(out)
    return out


def _port(n: Node, i: int) -> Port:
    ports = n.definition.inputs
    return ports[min(i, len(ports) - 1)] if isinstance(ports[-1], Variadic) else ports[i]


def _takes(n: Node, i: int, dtype: DType) -> bool:
    port = _port(n, i)
    if dtype not in n.definition.allowed(port) or not isinstance(port.type, TypeVariable):
        return False
    # the element type must not be tied to the activations or to any other input
    tied = [k for k, v in enumerate(n.inputs) if v is not None and _port(n, k).type == port.type]
    return tied == [i] and all(p.type != port.type for p in n.definition.outputs)


def _small(g: Graph, n: Node, v: Value, i: int, dtype: DType) -> Value | None:
    assert v.const is not None
    if dtype is F16:
        half = v.const.astype(np.float16)
        return g.add_constant(half, v.name) if np.isfinite(half).all() else None
    assert dtype is I8
    trait = n.definition.quant
    if not isinstance(trait, Accumulate) or i != trait.weight or v.const.ndim < 2:
        return None
    axis = trait.channel_axis
    q: QuantParams = weight_params(v.const, axis)
    return g.add_constant(quantize_weights(v.const, q), v.name, q)
