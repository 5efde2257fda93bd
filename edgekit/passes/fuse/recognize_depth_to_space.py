"""Recognises DepthToSpace and SpaceToDepth written out as Reshape, Transpose, Reshape (channels first)."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import permutation

#: perm -> (operator, mode, positions of the two block dimensions in the six-dimensional view)
_FORMS: dict[tuple[int, ...], tuple[str, str, tuple[int, int]]] = {
    (0, 3, 4, 1, 5, 2): ("DepthToSpace", "DCR", (1, 2)),
    (0, 1, 4, 2, 5, 3): ("DepthToSpace", "CRD", (2, 3)),
    (0, 3, 5, 1, 2, 4): ("SpaceToDepth", "", (3, 5)),
}


def _recognize(m: Match, e: Editor) -> Value | None:
    x, y, middle = m["x"], m.root.outputs[0], m.node("transpose")
    form = _FORMS.get(permutation(middle))
    if form is None or len(x.shape) != 4 or len(y.shape) != 4 or not x.type.is_static or not middle.input(0).type.is_static:
        return None
    op, mode, (i, j) = form
    six = middle.input(0).type.static_shape()
    n, c, h, w = x.type.static_shape()
    b = six[i]
    if b < 2 or six[j] != b:
        return None
    if op == "DepthToSpace":
        ci = 3 if mode == "DCR" else 1
        if (six[0], six[ci], six[4], six[5]) != (n, c // (b * b), h, w) or y.shape != (n, c // (b * b), h * b, w * b):
            return None
        return e.call(op, x, block_size=b, mode=mode, layout="NCHW")
    if six != (n, c, h // b, b, w // b, b) or y.shape != (n, c * b * b, h // b, w // b):
        return None
    return e.call(op, x, block_size=b, layout="NCHW")


RECOGNIZE_DEPTH_TO_SPACE = rule_pass(
    "recognize-depth-to-space",
    "Recognise DepthToSpace and SpaceToDepth written out as Reshape and Transpose.",
    "recognised DepthToSpace and SpaceToDepth",
    Rule(Op("Reshape", [Op("Transpose", [Op("Reshape", [Any_("x")])], name="transpose")]), _recognize),
)
