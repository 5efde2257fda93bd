"""Smaller weights with float arithmetic: float16, and int8 weights that the runtime widens when a session is made."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, Node, Value, verify
from edgekit.ops.quant_math import dequantize
from edgekit.ops.traits import Accumulate
from edgekit.quantize.parameters import quantize_weights, weight_params
from edgekit.types import F16, F32, I8, DType, QuantParams


def store_weights(graph: Graph, dtype: DType) -> Graph:
    """A copy of the graph whose weights are held as ``dtype`` (F16 or I8) while activations stay float32.

    Only inputs whose port has an element type of its own are touched (the operator converts them), and float16 only where no
    weight overflows.
    """
    out = graph.clone() if dtype is F16 else widen_weights(graph)
    for g in out.walk():
        for n in g.nodes:
            for i, v in enumerate(n.inputs):
                if v is not None and v.const is not None and v.dtype is F32 and n.may_hold(i, dtype):
                    small = _small(g, n, v, i, dtype)
                    if small is not None:
                        n.set_input(i, small)
    verify(out)
    return out


def widen_weights(graph: Graph) -> Graph:
    """A copy of the graph with float32 for float16 weights, and for int8 weights of float operators: integers are made of them."""
    out = graph.clone()
    wide: dict[int, tuple[Value, Value]] = {}
    for g in out.walk():
        for n in g.nodes:
            for i, v in enumerate(n.inputs):
                if v is None or v.const is None or not n.may_hold(i, F32) or not _is_small(n, v):
                    continue
                if id(v) not in wide:
                    real = v.const.astype(np.float32) if v.quant is None else dequantize(v.const, v.quant)
                    wide[id(v)] = v, g.add_constant(real, v.name)
                n.set_input(i, wide[id(v)][1])
    return out


def _is_small(n: Node, v: Value) -> bool:
    held = v.dtype is I8 and v.quant is not None and isinstance(n.definition.quant, Accumulate)
    return v.dtype is F16 or (held and n.input(0).dtype is F32)


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
