"""Which nodes run on int8, and which values must share one scale: read off the operators' quantization traits."""

from __future__ import annotations

from edgekit.ir import Graph, Node, Value
from edgekit.ops.traits import Accumulate, Elementwise, FixedOutput, LookupTable, Reduction, SameScale
from edgekit.quantize.recipe import Recipe
from edgekit.types import F32, I8

#: |acc| <= K * 255 * 127 must stay below 2**31
_MAX_ACCUMULATIONS = (1 << 31) // (255 * 127) - 1


def float_inputs(node: Node) -> list[int]:
    """Positions of the float32 inputs that take part in the node's arithmetic."""
    trait = node.definition.quant
    wanted = trait.inputs if isinstance(trait, SameScale) and trait.inputs is not None else range(len(node.inputs))
    found = []
    for i in wanted:
        v = node.inputs[i] if i < len(node.inputs) else None
        if v is not None and v.dtype is F32:
            found.append(i)
    return found


def select_nodes(graph: Graph, recipe: Recipe) -> set[int]:
    """``id`` of every node that the recipe moves to int8.

    A node qualifies when its operator has an integer form for its inputs and at least one of them can be had in int8 without an
    extra conversion: it comes from another such node, is a graph input, or was cast from integers (pictures that the model prepares
    itself) or from another floating-point type. Operators that only move data do not start an int8 region
    unless one follows.
    """
    chosen: dict[int, Node] = {}

    def available(v: Value) -> bool:
        made_by = v.producer
        if made_by is None:
            return not v.is_constant
        return id(made_by) in chosen or made_by.op == "Cast"

    for n in graph.nodes:
        if n.op in recipe.keep_float or n.name in recipe.keep_float:
            continue
        if _has_integer_form(n) and any(available(n.input(i)) for i in float_inputs(n)):
            chosen[id(n)] = n
    # a chain of data movement that never reaches arithmetic gains nothing from int8
    for n in reversed(graph.nodes):
        moves = id(n) in chosen and isinstance(n.definition.quant, SameScale) and not _follows_arithmetic(n, chosen)
        if moves and not any(id(u) in chosen for v in n.outputs for u in v.users):
            del chosen[id(n)]
    return set(chosen)


def _follows_arithmetic(n: Node, chosen: dict[int, Node]) -> bool:
    return any(v is not None and v.producer is not None and id(v.producer) in chosen for v in n.inputs)


def _has_integer_form(n: Node) -> bool:
    d = n.definition
    floats = [n.input(i) for i in float_inputs(n)]
    if not floats or all(v.is_constant for v in floats) or any(v.dtype.is_float and v.dtype is not F32 for v in n.inputs if v is not None):
        return False
    trait = d.quant
    if isinstance(trait, LookupTable):
        return all(v is None or v.is_constant for v in n.inputs[1:])  # becomes Lookup: its own types do not matter
    if not all(I8 in d.allowed(p) for p in d.outputs) or not any(v.dtype is F32 for v in n.outputs):
        return False
    if isinstance(trait, Accumulate):
        return _accumulates_safely(n, trait)
    return isinstance(trait, SameScale | Elementwise | Reduction | FixedOutput)


def _accumulates_safely(n: Node, trait: Accumulate) -> bool:
    x, w = n.input(0), n.input(trait.weight)
    if x.is_constant or (trait.channel_axis is not None and not w.is_constant):
        return False
    if trait.bias is not None and n.has_input(trait.bias) and not n.input(trait.bias).is_constant:
        return False
    if trait.channel_axis is None:
        depth = x.shape[-1]
    else:
        depth = 1
        for i, d in enumerate(w.shape):
            depth = depth if i == trait.channel_axis else depth * d
    return isinstance(depth, int) and depth <= _MAX_ACCUMULATIONS


class ScaleGroups:
    """Values that share one scale: a union-find over names, with some groups fixed to given parameters."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        self.parent.setdefault(name, name)
        while self.parent[name] != name:
            self.parent[name] = self.parent[self.parent[name]]
            name = self.parent[name]
        return name

    def union(self, a: str, b: str) -> None:
        ra, rb = self.find(a), self.find(b)
        if ra != rb:
            self.parent[max(ra, rb)] = min(ra, rb)

    def members(self) -> dict[str, list[str]]:
        out: dict[str, list[str]] = {}
        for name in sorted(self.parent):
            out.setdefault(self.find(name), []).append(name)
        return out


def group_scales(graph: Graph, chosen: set[int]) -> tuple[ScaleGroups, dict[str, FixedOutput]]:
    """Groups of values for one scale each, and the groups whose parameters an operator fixes (by group root)."""
    groups = ScaleGroups()
    same = [n for n in graph.nodes if id(n) in chosen and isinstance(n.definition.quant, SameScale)]
    many = []
    for n in same:
        ins = [n.input(i) for i in float_inputs(n) if not n.input(i).is_constant]
        outs = [v for v in n.outputs if v.dtype is F32]
        for v in outs[1:]:
            groups.union(outs[0].name, v.name)
        if len(ins) == 1:
            groups.union(ins[0].name, outs[0].name)
        else:
            many.append((ins, outs[0]))
    fixed: dict[str, FixedOutput] = {}
    for n in graph.nodes:
        trait = n.definition.quant
        if id(n) in chosen and isinstance(trait, FixedOutput):
            fixed[groups.find(n.output.name)] = trait
    for ins, out in many:
        roots = {groups.find(v.name) for v in (*ins, out)}
        pinned = {fixed[r] for r in roots if r in fixed}
        if len(pinned) > 1:
            continue  # different fixed scales meet: the output takes its own, inputs are requantized
        free = [v for v in (*ins, out) if groups.find(v.name) not in fixed]
        if pinned and free != [out]:
            for v in ins:
                if v in free:
                    groups.union(v.name, out.name)
            continue
        for v in ins:
            groups.union(v.name, out.name)
        if pinned:
            fixed[groups.find(out.name)] = next(iter(pinned))
    return groups, {groups.find(k): t for k, t in fixed.items()}
