"""float16 arithmetic becomes float32 arithmetic, as ONNX Runtime's CPU provider does it: no kernel computes in float16.

Results are those of float32 on float16 weights, which is what float16 arithmetic approximates: nothing is rounded, and nothing overflows,
between two operators. Inputs, outputs and states of the graph keep float16, with a Cast behind or in front of them. Weights keep it, too,
so that files stay small: the operators widen them (their ports have an element type of their own), and rows are gathered from float16
tables before they are widened. Graphs that only move float16 numbers around stay as they are.
"""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, Node, Value
from edgekit.ops.traits import SameScale
from edgekit.passes.base import UNCHANGED, Pass, PassManager, PassResult
from edgekit.passes.cleanup.narrow_weights import LARGE, cast_behind, reads_rows
from edgekit.passes.cleanup.remove_identities import REMOVE_IDENTITIES
from edgekit.types import F16, F32, Array

#: key of the fact in a model's metadata
FACT = "arithmetic.float16"
NOTE = "float16 is computed in float32; inputs, outputs and weights keep their type"
#: they take the element type out of consideration: sizes and conversions
_INDIFFERENT = ("Cast", "Shape", "Size")
#: constants that grow more on their way (Expand) are no weights of the source
_GROWTH = 4


def moves_only(node: Node) -> bool:
    """Whether a node hands numbers on as they are: what it does with float16 and with float32 is the same."""
    d = node.definition
    return isinstance(d.quant, SameScale) and d.category in ("layout", "indexing") and "Scatter" not in d.name and d.name != "Resize"


def computes_in_half(graph: Graph) -> bool:
    """Whether some node, subgraphs included, does arithmetic on float16."""
    return any(_computes(n) for g in graph.walk() for n in g.nodes)


def _computes(n: Node) -> bool:
    if n.op in _INDIFFERENT or moves_only(n) or n.definition.subgraph_attrs:
        return False
    return any(v.dtype is F16 for v in n.outputs) or any(
        v is not None and v.dtype is F16 and not (v.is_constant and n.may_hold(i, F16)) for i, v in enumerate(n.inputs)
    )


class _Widener:
    """One graph; ``inner`` for the body of a control flow operator, whose inputs and outputs become float32."""

    def __init__(self, graph: Graph, inner: bool) -> None:
        self.graph = graph
        self.inner = inner
        self.wide: dict[int, Value] = {}
        self.kept: list[Value] = []  # so that no id is used twice while it is a key
        self.names: list[str] = []

    def run(self) -> list[str]:
        g = self.graph
        if self.inner:
            for v in g.inputs:
                if v.dtype is F16:
                    v.type = v.type.with_dtype(F32)
        halves = [v.dtype is F16 for v in g.outputs]
        for n in list(g.nodes):
            self.node(n)
        for k, (v, half) in enumerate(zip(list(g.outputs), halves, strict=True)):
            if self.inner and v.dtype is F16:
                g.outputs[k] = self.widened(v)
            elif half and not self.inner and v.dtype is F32:
                g.outputs[k] = self.narrowed(v)
        return self.names

    def node(self, n: Node) -> None:
        if n.op == "Cast":
            if n.attrs["to"] is F16:
                n.attrs["to"] = F32
                self.outputs(n)
            return
        halves = [i for i, v in enumerate(n.inputs) if v is not None and v.dtype is F16]
        if n.op in _INDIFFERENT or (moves_only(n) and halves and all(_still_half(n.input(i)) for i in halves)):
            return
        for i in halves:
            if not (n.input(i).shape and n.input(i).is_constant and n.may_hold(i, F16)):
                n.set_input(i, self.widened(n.input(i)))
        for body in n.subgraphs():
            self.names += _Widener(body, inner=True).run()
        self.outputs(n)

    def outputs(self, n: Node) -> None:
        halves = [v for v in n.outputs if v.dtype is F16]
        for v in halves:
            v.type = v.type.with_dtype(F32)
        if halves:
            self.names.append(n.name)

    def widened(self, v: Value) -> Value:
        """A float16 value that stays one, in float32."""
        if id(v) not in self.wide:
            self.kept.append(v)
            if v.const is not None:
                self.wide[id(v)] = self.graph.add_constant(v.const.astype(np.float32), v.name)
            else:
                wide = self.graph.new_value(f"{v.name}/float32", v.type.with_dtype(F32))
                cast = Node("Cast", [v], [wide], {"to": F32}, wide.name)
                self.graph.nodes.insert(0 if v.producer is None else self.graph.nodes.index(v.producer) + 1, cast)
                self.wide[id(v)] = wide
        return self.wide[id(v)]

    def narrowed(self, v: Value) -> Value:
        """A float32 value as the float16 that the graph hands out under its name."""
        if id(v) not in self.wide:
            self.kept.append(v)
            name = v.name
            self.graph.rename(v, f"{name}/float32")
            self.graph.release_name(name)
            half = self.graph.new_value(name, v.type.with_dtype(F16))
            self.graph.append(Node("Cast", [v], [half], {"to": F16}, name))
            self.wide[id(v)] = half
        return self.wide[id(v)]


def _still_half(v: Value) -> bool:
    """Whether a float16 value is a constant, or parts of one."""
    if v.is_constant:
        return True
    p = v.producer
    return p is not None and p.op != "Cast" and moves_only(p) and all(_still_half(u) for u in p.inputs if u is not None and u.dtype is F16)


def _keep_tables(graph: Graph) -> list[str]:
    """Let weights and tables that a Cast widens stay float16: the operator does it, or a Cast behind Gather."""
    found: dict[int, Array | None] = {}
    made: dict[int, Value] = {}
    names: list[str] = []

    def constant(v: Value) -> Value:
        if id(v) not in made:
            made[id(v)] = graph.add_constant(np.ascontiguousarray(_half(v, found)), v.name)
        return made[id(v)]

    for n in list(graph.nodes):
        for i, v in enumerate(n.inputs):
            if v is None or v.dtype is not F32 or v.producer is None:
                continue
            rows = reads_rows(n, i)
            if (not rows and not n.may_hold(i, F16)) or _half(v, found) is None:
                continue
            n.set_input(i, constant(v))
            names.append(n.name)
            if rows:
                cast_behind(graph, n)
    return names


def _half(v: Value, found: dict[int, Array | None]) -> Array | None:
    """The large float16 array that a value holds or widens: a constant that was moved around at most."""
    a = _moved_constant(v, found)
    return a if a is not None and a.size >= LARGE else None


def _moved_constant(v: Value, found: dict[int, Array | None]) -> Array | None:
    if v.const is not None:
        return v.const if v.dtype is F16 else None
    if id(v) not in found:
        p = v.producer
        found[id(v)] = None
        if p is not None and p.op == "Cast" and v.dtype is F32 and p.input(0).dtype is F16:
            found[id(v)] = _moved_constant(p.input(0), found)
        elif p is not None and moves_only(p) and len(p.outputs) == 1 and v.type.is_static:
            found[id(v)] = _moved(p, found)
    return found[id(v)]


def _moved(p: Node, found: dict[int, Array | None]) -> Array | None:
    kind = p.output.dtype
    arrays = [None if u is None else _moved_constant(u, found) if u.dtype is kind else u.const for u in p.inputs]
    if any(a is None and u is not None for a, u in zip(arrays, p.inputs, strict=True)):
        return None
    if p.output.type.max_elements() > _GROWTH * sum(a.size for a in arrays if a is not None):
        return None
    return np.asarray(p.definition.reference(*p.definition.group_inputs(arrays), **p.attrs))


def widen_half(graph: Graph) -> bool:
    """Apply the pass alone, and drop casts that it made needless. True if it replaced arithmetic, so that the conversion may note it."""
    before = computes_in_half(graph)
    PassManager().run(graph, [WIDEN_HALF, REMOVE_IDENTITIES] if before else [WIDEN_HALF])
    return before


def _run(graph: Graph) -> PassResult:
    kept = _keep_tables(graph)
    names = _Widener(graph, inner=False).run() if computes_in_half(graph) else []
    if names:
        graph.metadata[FACT] = "float32"
    if not names and not kept:
        return UNCHANGED
    parts = [PassResult.of(names, "computed in float32"), PassResult.of(kept, "kept float16 weights")]
    return PassResult(True, sum(r.changes for r in parts), tuple(line for r in parts for line in r.lines))


WIDEN_HALF = Pass("widen-half", "Compute float16 operators in float32; inputs, outputs, states and weights keep float16.", _run)
