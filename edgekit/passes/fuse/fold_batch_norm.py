"""Batch normalization behind a convolution or fully connected layer becomes part of its weights and bias."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Const, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.fuse.linear import LINEAR, linear_layer, rebuild, scaled


def _fold(m: Match, e: Editor) -> Value | None:
    layer = linear_layer(m.node("layer"))
    norm = m.root
    if layer is None or norm.attrs["layout"] != layer.node.attrs.get("layout", "NCHW" if len(norm.outputs[0].shape) == 2 else ""):
        return None
    scale, bias, mean, var = (m.constant(k).astype(np.float64) for k in ("scale", "bias", "mean", "var"))
    if scale.shape != (layer.channels,):
        return None
    factor = scale / np.sqrt(var + norm.attrs["epsilon"])
    return rebuild(layer, e, scaled(layer.weight, factor), (layer.bias - mean) * factor + bias)


FOLD_BATCH_NORM = rule_pass(
    "fold-batch-norm",
    "Fold BatchNorm behind a Conv, ConvTranspose or FullyConnected into its weights.",
    "folded BatchNorm",
    Rule(Op("BatchNorm", [Op(LINEAR, name="layer"), Const("scale"), Const("bias"), Const("mean"), Const("var")]), _fold),
)
