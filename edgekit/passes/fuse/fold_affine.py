"""Multiplication and addition of constants behind a linear layer become part of its weights and bias."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Const, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import is_plain_float
from edgekit.passes.fuse.linear import LINEAR, linear_layer, per_channel, rebuild, scaled


def _fold(m: Match, e: Editor) -> Value | None:
    layer, root = linear_layer(m.node("layer")), m.root
    if layer is None or not is_plain_float(*root.outputs):
        return None
    c = per_channel(m.constant("c"), layer, len(layer.node.outputs[0].shape))
    swapped = root.input(1) is layer.node.outputs[0]
    if c is None or (root.op == "Div" and (swapped or not c.all())):
        return None
    if root.op == "Mul":
        new = rebuild(layer, e, scaled(layer.weight, c), layer.bias * c)
    elif root.op == "Div":
        new = rebuild(layer, e, scaled(layer.weight, 1 / c), layer.bias / c)
    elif root.op == "Sub" and swapped:
        new = rebuild(layer, e, -layer.weight, c - layer.bias)
    else:
        new = rebuild(layer, e, None, layer.bias + (-c if root.op == "Sub" else c))
    assert new.producer is not None
    new.producer.attrs.update({k: root.attrs[k] for k in ("clamp_min", "clamp_max")})
    return new


FOLD_AFFINE = rule_pass(
    "fold-affine",
    "Fold Mul, Add, Sub and Div by per-channel constants behind a linear layer into its weights and bias.",
    "folded arithmetic into weights",
    Rule(Op("Mul|Add", [Op(LINEAR, name="layer"), Const("c")]), _fold),
    Rule(Op("Sub|Div", [Op(LINEAR, name="layer"), Const("c")]), _fold),
    Rule(Op("Sub", [Const("c"), Op(LINEAR, name="layer")]), _fold),
)
