"""Weights that a Dequantize widens in front of a float operator are handed to the operator as the int8 numbers they are.

Models quantized in their weights alone (4 and 8 bits) look like that. The operator stands for the same numbers,
``scale * (q - zero_point)``, and converts them once, when a session is made.
"""

from __future__ import annotations

import numpy as np

from edgekit.ir import Node, Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Match, Op
from edgekit.ops.traits import Accumulate
from edgekit.passes.base import Rule, rule_pass
from edgekit.types import F32, I8, U8, QuantParams


def _absorb(m: Match, e: Editor) -> Value | None:
    node = m.root
    trait = node.definition.quant
    if not isinstance(trait, Accumulate) or not node.has_input(trait.weight) or node.input(0).dtype is not F32:
        return None
    weight = _stored(e, node, trait)
    if weight is None:
        return None
    ins = list(node.inputs)
    ins[trait.weight] = weight
    return e.call(node.op, *ins, name=node.name, **node.attrs)


def _stored(e: Editor, node: Node, trait: Accumulate) -> Value | None:
    p = node.input(trait.weight).producer
    if p is None or p.op != "Dequantize" or not node.may_hold(trait.weight, I8):
        return None
    w = p.input(0)
    if w.const is None or w.quant is None or w.dtype not in (I8, U8):
        return None
    if w.quant.axis is not None and w.quant.axis != trait.channel_axis:
        return None
    if w.dtype is I8:
        return w
    shifted = (w.const.astype(np.int16) - 128).astype(np.int8)
    return e.constant(shifted, w.name, QuantParams(w.quant.scale, tuple(z - 128 for z in w.quant.zero_point), w.quant.axis))


ABSORB_DEQUANTIZE = rule_pass(
    "absorb-dequantize",
    "Hand weights to float operators as int8, without the Dequantize in front.",
    "took int8 weights as they are",
    Rule(Op("Conv|ConvTranspose|FullyConnected|MatMul"), _absorb),
)
