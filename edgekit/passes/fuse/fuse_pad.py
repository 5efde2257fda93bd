"""Zero padding in front of a convolution or pool becomes its own padding."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Node, Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import constant, ints, is_plain_float


def _spatial_pads(pad: Node, layout: str) -> tuple[list[int], list[int]] | None:
    """Amounts before and after each spatial dimension. None if other dimensions are padded or anything is cut off."""
    rank = len(pad.outputs[0].shape)
    pads = ints(pad, 1)
    axes = ints(pad, 3) if pad.has_input(3) else list(range(rank))
    if pads is None or axes is None or min(pads, default=0) < 0:
        return None
    before, after = [0] * rank, [0] * rank
    for k, a in enumerate(axes):
        before[a % rank], after[a % rank] = pads[k], pads[len(axes) + k]
    channel = 1 if layout == "NCHW" else rank - 1
    if before[0] or after[0] or before[channel] or after[channel]:
        return None
    spatial = [i for i in range(1, rank) if i != channel]
    return [before[i] for i in spatial], [after[i] for i in spatial]


def _fuse(m: Match, e: Editor) -> Value | None:
    pad, node = m.node("pad"), m.root
    # an integer zero is not a real zero where a zero point moves it
    if pad.attrs["mode"] != "constant" or not is_plain_float(pad.input(0), pad.outputs[0]):
        return None
    fill = 0.0
    if pad.has_input(2):
        value = constant(pad, 2)
        if value is None:
            return None
        fill = float(value.reshape(-1)[0])
    spatial = _spatial_pads(pad, node.attrs["layout"])
    if spatial is None:
        return None
    attrs = dict(node.attrs)
    if node.op == "MaxPool":
        if fill != -np.inf:
            return None
    elif fill != 0.0:
        return None
    if node.op in ("MaxPool", "AveragePool") and attrs["ceil_mode"]:
        return None
    old = attrs["pads"]
    if node.op == "AveragePool":
        if any(old) and not attrs["count_include_pad"]:
            return None  # zeros would count, the pool's own padding would not
        attrs["count_include_pad"] = True
    n = len(spatial[0])
    attrs["pads"] = [old[i] + spatial[0][i] for i in range(n)] + [old[n + i] + spatial[1][i] for i in range(n)]
    return e.call(node.op, m["x"], *node.inputs[1:], name=node.name, **attrs)


FUSE_PAD = rule_pass(
    "fuse-pad",
    "Let zero padding in front of a convolution or pool be its own padding.",
    "fused padding",
    Rule(Op("Conv|AveragePool|MaxPool", [Op("Pad", [Any_("x")], name="pad", shared=True)]), _fuse),
)
