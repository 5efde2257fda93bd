"""Turns the quantize/dequantize (QDQ) nodes of an imported model into integer operators, with the source's own parameters.

``Dequantize -> operator -> Quantize`` becomes the operator on int8. The numbers stay as the source has them: scales, zero points
and integer weights are taken over, never recomputed. uint8 tensors become int8 by a shift of 128, which changes nothing. Whatever
does not fit an integer form (asymmetric weights, say) keeps running in float between its own Dequantize and Quantize, as the
source meant it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.ir import Graph, Node, Value, verify
from edgekit.ops.traits import Accumulate, Elementwise, FixedOutput, LookupTable, Reduction, SameScale
from edgekit.quantize.int8 import lookup_table
from edgekit.quantize.selection import float_inputs
from edgekit.types import F32, I8, I32, U8, QuantParams, TensorType

_SHIFT = 128


def fuse_qdq(graph: Graph) -> tuple[Graph, int]:
    """A copy of the graph with integer operators, and how many nodes became integer.

    Args:
        graph: as imported, before any pass folds its constants.
    """
    out = graph.clone()
    _uint8_to_int8(out)
    fused = 0
    for n in list(out.nodes):
        made = _fuse(out, n)
        fused += made
    _drop_unused(out)
    verify(out)
    return out, fused


def _uint8_to_int8(g: Graph) -> None:
    """uint8 values between Quantize and Dequantize, and uint8 constants under Dequantize, in their int8 form."""
    for n in g.nodes:
        if n.op == "Quantize" and n.output.dtype is U8 and not g.is_output(n.output) and all(u.op == "Dequantize" for u in n.output.users):
            n.attrs["dtype"] = I8
            n.output.type = _shifted(n.output.type)
        elif n.op == "Dequantize" and n.input(0).const is not None and n.input(0).dtype is U8:
            v = n.input(0)
            assert v.const is not None
            n.set_input(0, g.add_constant((v.const.astype(np.int16) - _SHIFT).astype(np.int8), v.name, _shifted(v.type).quant))


def _shifted(t: TensorType) -> TensorType:
    assert t.quant is not None
    return TensorType(I8, t.shape, QuantParams(t.quant.scale, tuple(z - _SHIFT for z in t.quant.zero_point), t.quant.axis))


def _integer_source(v: Value) -> Value | None:
    """The per-tensor int8 value that ``v`` is the real form of, if there is one."""
    if v.producer is None or v.producer.op != "Dequantize":
        return None
    x = v.producer.input(0)
    return x if x.dtype is I8 and x.quant is not None and x.quant.is_per_tensor else None


@dataclass(frozen=True)
class _Target:
    """Where the result of a node goes: the Quantize nodes that read it, and the clamp between."""

    quantizers: tuple[Node, ...]
    quant: QuantParams
    clamp: tuple[float, float] | None


def _target(g: Graph, v: Value) -> _Target | None:
    """The one quantization every reader of ``v`` asks for, through one Relu or Clip if the operator can take the clamp over."""
    if g.is_output(v) or not v.users:
        return None
    users = v.users
    if len(users) == 1 and users[0].op in ("Relu", "Clip") and len(users[0].inputs) == 1:
        n = users[0]
        clamp = (0.0, float("inf")) if n.op == "Relu" else (n.attrs["min"], n.attrs["max"])
        inner = _target(g, n.output)
        return None if inner is None or inner.clamp is not None else _Target(inner.quantizers, inner.quant, clamp)
    kinds = {(u.op, u.output.dtype, u.output.quant) for u in users}
    if len(kinds) != 1:
        return None
    op, dtype, quant = next(iter(kinds))
    if op != "Quantize" or dtype is not I8 or quant is None or not quant.is_per_tensor:
        return None
    return _Target(tuple(users), quant, None)


def _fuse(g: Graph, n: Node) -> bool:
    trait = n.definition.quant
    if not isinstance(trait, Accumulate | SameScale | Elementwise | Reduction | FixedOutput | LookupTable):
        return False
    reals = [v for v in n.outputs if v.dtype is F32]
    if len(reals) != 1 or len(n.outputs) != 1:
        return False
    target = _target(g, reals[0])
    if target is None or (target.clamp is not None and "clamp_min" not in n.attrs):
        return False
    if not isinstance(trait, LookupTable) and not all(I8 in n.definition.allowed(p) for p in n.definition.outputs):
        return False
    inputs = _integer_inputs(g, n, target.quant)
    return inputs is not None and _replace(g, n, inputs, target)


def _integer_inputs(g: Graph, n: Node, out: QuantParams) -> list[Value | None] | None:
    trait = n.definition.quant
    inputs: list[Value | None] = list(n.inputs)
    weights = isinstance(trait, Accumulate) and trait.channel_axis is not None
    for i in float_inputs(n):
        if weights and i != 0:
            continue
        x = _integer_source(n.input(i))
        if x is None or (isinstance(trait, SameScale) and x.quant != _same_scale(n, out)):
            return None
        inputs[i] = x
    if isinstance(trait, Accumulate) and trait.channel_axis is not None:
        return _weights_and_bias(g, n, trait, inputs)
    return inputs


def _same_scale(n: Node, out: QuantParams) -> QuantParams | None:
    """The scale an operator that only moves elements works in: that of its first input; the result is requantized if it differs."""
    x = _integer_source(n.input(float_inputs(n)[0]))
    return out if x is None else x.quant


def _weights_and_bias(g: Graph, n: Node, trait: Accumulate, inputs: list[Value | None]) -> list[Value | None] | None:
    w = n.input(trait.weight)
    producer = w.producer
    x = inputs[0]
    if producer is None or producer.op != "Dequantize" or x is None or x.quant is None:
        return None
    q = producer.input(0)
    if q.const is None or q.dtype is not I8 or q.quant is None or any(q.quant.zero_point) or q.const.min(initial=0) < -127:
        return None
    axis = trait.channel_axis or 0
    channels = q.const.shape[axis]
    if q.quant.axis not in (None, axis):
        return None
    scales = np.broadcast_to(np.asarray(q.quant.scale), (channels,))
    inputs[trait.weight] = g.add_constant(q.const, q.name, QuantParams.per_channel(scales, axis))
    if trait.bias is not None and n.has_input(trait.bias):
        b = n.input(trait.bias)
        unit = np.float64(x.quant.scale[0]) * scales.astype(np.float64)
        real = b.const
        if b.producer is not None and b.producer.op == "Dequantize" and b.producer.input(0).const is not None:
            source = b.producer.input(0)
            assert source.const is not None and source.quant is not None
            real = source.const.astype(np.float64) * np.asarray(source.quant.scale, np.float64) if source.dtype is I32 else None
        if real is None or np.any(np.abs(real / unit) > 2.0**30):
            return None
        inputs[trait.bias] = g.add_constant(np.rint(real / unit).astype(np.int32), b.name, QuantParams.per_channel(unit, 0))
    return inputs


def _replace(g: Graph, n: Node, inputs: list[Value | None], target: _Target) -> bool:
    trait = n.definition.quant
    own = target.quant
    if isinstance(trait, SameScale):
        x = inputs[float_inputs(n)[0]]
        assert x is not None and x.quant is not None
        own = x.quant
    elif isinstance(trait, FixedOutput):
        own = QuantParams.per_tensor(trait.scale, trait.zero_point)
    y = g.new_value(n.output.name, TensorType(I8, n.output.shape, own))
    attrs = dict(n.attrs)
    if target.clamp is not None:
        attrs["clamp_min"] = max(attrs["clamp_min"], target.clamp[0])
        attrs["clamp_max"] = min(attrs["clamp_max"], target.clamp[1])
    if isinstance(trait, LookupTable):
        x = inputs[0]
        assert x is not None and x.quant is not None
        table = g.add_constant(lookup_table(n, x.quant, own), f"{n.name}.table")
        made = [Node("Lookup", [x, table], [y], {}, n.name, n.source)]
    else:
        made = [Node(n.op, inputs, [y], attrs, n.name, n.source)]
    if own != target.quant:
        z = g.new_value(f"{n.output.name}.requantized", TensorType(I8, n.output.shape, target.quant))
        made.append(Node("Requantize", [y], [z], {"dtype": I8}, f"{n.name}.requantize", n.source))
    g.insert_before(n, made)
    for q in target.quantizers:
        g.replace_all_uses(q.output, made[-1].output)
    return True


def _drop_unused(g: Graph) -> None:
    """Remove nodes that nothing reads any more."""
    used = {id(v) for v in g.outputs}
    keep: list[Node] = []
    for n in reversed(g.nodes):
        if n.definition.stateful or any(id(v) in used for v in n.outputs):
            keep.append(n)
            used.update(id(v) for v in n.inputs if v is not None)
    kept = {id(n) for n in keep}
    g.remove([n for n in g.nodes if id(n) not in kept])
