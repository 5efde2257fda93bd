"""Relu and Clip behind an operator that has a clamp of its own become that clamp."""

from __future__ import annotations

from edgekit.ir import Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Any_, Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.canonicalize.facts import INF, is_plain_float
from edgekit.passes.fuse.linear import feeds_only


def _fuse(m: Match, e: Editor) -> Value | None:
    x, root = m["x"], m.root
    producer = x.producer
    if producer is None or "clamp_min" not in producer.attrs or len(producer.outputs) != 1:
        return None
    if not feeds_only(e.graph, x) or not is_plain_float(x, root.outputs[0]):
        return None
    lo, hi = (0.0, INF) if root.op == "Relu" else (root.attrs["min"], root.attrs["max"])
    if lo > hi:
        return None
    a, b = producer.attrs["clamp_min"], producer.attrs["clamp_max"]
    attrs = {**producer.attrs, "clamp_min": min(max(a, lo), hi), "clamp_max": max(min(b, hi), lo)}
    return e.call(producer.op, *producer.inputs, name=producer.name, **attrs)


FUSE_ACTIVATION = rule_pass(
    "fuse-activation",
    "Let Relu and Clip be the clamp of the operator before them.",
    "fused activations",
    Rule(Op("Relu|Clip", [Any_("x")]), _fuse),
)
