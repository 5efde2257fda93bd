"""The one layout pass: channels-last convolutions, and as few moved elements as the graph allows.

Every node may compute on its tensors as they are, or on permuted ones. Permutations spread from *seeds* (the convolutions, or one
Transpose to get rid of) through every operator that commutes with them. Which nodes take the offer is then a minimum cut: a tensor
that is stored one way and read the other costs its elements, so the assignment is optimal for the permutations offered. Inputs
and outputs of the graph stay as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from edgekit.arrays import permuted
from edgekit.errors import GraphError
from edgekit.ir import Graph, Node, Value
from edgekit.passes.base import UNCHANGED, Pass, PassResult
from edgekit.passes.canonicalize.facts import permutation
from edgekit.passes.canonicalize.simplify_views import moves_elements
from edgekit.passes.layout.commute import (
    POINTWISE,
    Commuted,
    Port,
    converts_layout,
    elided_transpose,
    remaining_permutation,
    through,
    to_channels_last,
)
from edgekit.passes.layout.min_cut import FOREVER, MinCut
from edgekit.passes.layout.permutation import Perm, between, identity, inverse, is_identity, permute_type, same_memory
from edgekit.types import Dim, TensorType

Offers = dict[int, Commuted]
UNKNOWN_DIM = 64
"""Stands for a dimension without a useful bound when costs are compared."""
MAX_ATTEMPTS = 256
PER_NODE = 1024
"""Elements that the call of one more operator is worth: of choices that move about as many, the one with fewer Transposes wins."""


def _estimate(dim: Dim) -> int:
    if isinstance(dim, int):
        return dim
    try:
        bound = dim.upper_bound()
    except GraphError:
        return UNKNOWN_DIM
    return min(bound, 4096)


def _cost(v: Value, a: Perm, b: Perm) -> int:
    """Of a Transpose between two ways of storing ``v``: its elements and its call, or next to nothing where memory stays as it is."""
    if a == b:
        return 0
    if same_memory(v.shape, a, b):
        return 1
    n = 1
    for d in v.shape:
        n *= max(1, _estimate(d))
    return 16 * (n + PER_NODE) + 1


def _spread(graph: Graph, seeds: Mapping[int, Commuted]) -> Offers:
    """Offer permutations to every node that they reach from the seeds. The first to arrive at a tensor stands."""
    offers: Offers = dict(seeds)
    stored: dict[int, Perm] = {}
    queue: deque[tuple[Value, Perm]] = deque()
    waiting: deque[Node] = deque()

    def announce(node: Node) -> None:
        done = offers[id(node)]
        for v, p in (*zip(node.inputs, done.inputs, strict=False), *zip(node.outputs, done.outputs, strict=True)):
            if v is not None and p is not None and v.const is None and not is_identity(p):
                queue.append((v, p))

    def reach(node: Node, port: Port, perm: Perm) -> None:
        if id(node) in offers:
            return
        if node.op == "Transpose":
            waiting.append(node)  # until both of its sides had their chance
            return
        done = through(node, port, perm)
        if done is not None:
            offers[id(node)] = done
            announce(node)

    for n in graph.nodes:
        if id(n) in seeds:
            announce(n)
    while queue or waiting:
        if not queue:
            node = waiting.popleft()
            if id(node) in offers:
                continue
            before, behind = stored.get(id(node.input(0))), stored.get(id(node.outputs[0]))
            if before is not None and behind is not None:
                offers[id(node)] = Commuted((before,), (behind,))
            elif before is not None:
                offers[id(node)] = elided_transpose(node, Port(True, 0), before)
            elif behind is not None:
                offers[id(node)] = elided_transpose(node, Port(False, 0), behind)
            announce(node)
            continue
        v, perm = queue.popleft()
        if id(v) in stored:
            continue
        stored[id(v)] = perm
        if v.producer is not None:
            reach(v.producer, Port(False, next(k for k, o in enumerate(v.producer.outputs) if o is v)), perm)
        for user, i in v.uses:
            reach(user, Port(True, i), perm)
    return offers


def _choose(graph: Graph, offers: Offers, forced: set[int]) -> tuple[int, set[int]]:
    """The cost of all Transposes at best, and which nodes take their offer then, by ``id``.

    Where it makes no difference, nodes next to the forced ones take it, so that Transposes end up far from them.
    """
    cut = MinCut()
    variable = {id(n): cut.variable() for n in graph.nodes if id(n) in offers}
    for n in graph.nodes:
        if n.op == "Transpose":
            x, y = n.input(0), n.outputs[0]
            whole = _cost(y, inverse(permutation(n)), identity(len(y.shape)))
            if id(n) not in offers:
                cut.charge(cut.ZERO, cut.ONE, whole)
                continue
            done = offers[id(n)]
            assert done.inputs[0] is not None
            cut.charge(variable[id(n)], cut.ONE, whole)
            rest = remaining_permutation(n, done.inputs[0], done.outputs[0])
            if not is_identity(rest):
                cut.charge(cut.ZERO, variable[id(n)], _cost(x, done.inputs[0], tuple(done.inputs[0][i] for i in rest)))
        elif id(n) in forced:
            cut.charge(variable[id(n)], cut.ONE, FOREVER)
    for v in (*graph.inputs, *(o for n in graph.nodes for o in n.outputs)):
        _charge_value(graph, v, offers, variable, cut)
    total, ones = cut.solve(prefer_ones=bool(forced))
    return total, {i for i, k in variable.items() if ones[k]}


def _charge_value(graph: Graph, v: Value, offers: Offers, variable: Mapping[int, int], cut: MinCut) -> None:
    """What it costs to store ``v`` one way and read it another."""
    same = identity(len(v.shape))
    producer, stored = cut.ZERO, same
    if v.producer is not None and id(v.producer) in offers:
        producer = variable[id(v.producer)]
        stored = offers[id(v.producer)].outputs[next(k for k, o in enumerate(v.producer.outputs) if o is v)]
    readers: dict[Perm, list[int]] = {}
    as_is: list[int] = [cut.ZERO] if graph.is_output(v) else []
    always = graph.is_output(v)
    for user, i in v.uses:
        wanted = offers[id(user)].inputs[i] if id(user) in offers else same
        if id(user) not in offers or wanted is None or wanted == same:
            always = True
        else:
            as_is.append(variable[id(user)])
            readers.setdefault(wanted, []).append(variable[id(user)])
    for wanted, users in readers.items():
        read = cut.variable()  # 1 when any of them takes its offer
        for u in users:
            cut.charge(read, u, FOREVER)
        if wanted == stored:
            cut.charge(producer, read, _cost(v, same, wanted))
        else:
            cut.charge(cut.ZERO, read, _cost(v, min(stored, same, key=lambda p: _cost(v, p, wanted)), wanted))
    if stored != same:
        cost = _cost(v, stored, same)
        if always:
            cut.charge(cut.ZERO, producer, cost)
        elif as_is:
            unread = cut.variable()  # 0 when anyone reads it as it is
            for u in as_is:
                cut.charge(u, unread, FOREVER)
            cut.charge(unread, producer, cost)


class _Rewriter:
    """Puts a choice into effect."""

    def __init__(self, graph: Graph, offers: Offers, taken: set[int]) -> None:
        self.graph = graph
        self.offers = offers
        self.taken = taken
        self.nodes: list[Node] = []
        self.logical: dict[int, TensorType] = {}
        self.copies: dict[int, dict[Perm, Value]] = {}

    def read(self, v: Value, perm: Perm) -> Value:
        """``v`` stored under ``perm``; a Transpose is added where nobody has made it yet."""
        if v.const is not None:
            if is_identity(perm):
                return v
            have = self.copies.setdefault(id(v), {})
            if perm not in have:
                have[perm] = self.graph.add_constant(
                    permuted(v.const, perm), v.name, permute_type(v.type, perm).quant
                )
            return have[perm]
        have = self.copies[id(v)]
        if perm not in have:
            source = next(iter(have))
            type_ = self.logical[id(v)]
            made = self.graph.new_value(f"{v.name}.transposed", permute_type(type_, perm))
            self.nodes.append(
                Node(
                    "Transpose", [have[source]], [made], {"perm": between(source, perm)}, made.name, v.producer.source if v.producer else ""
                )
            )
            have[perm] = made
        return have[perm]

    def store(self, v: Value, perm: Perm) -> None:
        self.logical[id(v)] = v.type
        self.copies[id(v)] = {perm: v}
        v.type = permute_type(v.type, perm)

    def run(self) -> None:
        for v in self.graph.inputs:
            self.store(v, identity(len(v.shape)))
        dropped: list[Value] = []
        for n in self.graph.nodes:
            if id(n) not in self.taken:
                n.set_inputs([None if v is None else self.read(v, identity(self._rank(v))) for v in n.inputs])
                for v in n.outputs:
                    self.store(v, identity(len(v.shape)))
                self.nodes.append(n)
            elif not self._take(n):
                dropped.append(n.outputs[0])
        outputs = [self.read(v, identity(self._rank(v))) for v in self.graph.outputs]
        self.graph.nodes = self.nodes
        self.graph.outputs = outputs
        for v in dropped:
            self.graph.release_name(v.name)

    def _rank(self, v: Value) -> int:
        return len(v.shape)

    def _take(self, n: Node) -> bool:
        """Rewrite a node for permuted tensors. False if it is a Transpose that is no longer needed."""
        done = self.offers[id(n)]
        if n.op == "Transpose":
            assert done.inputs[0] is not None
            x, y = n.input(0), n.outputs[0]
            rest = remaining_permutation(n, done.inputs[0], done.outputs[0])
            if is_identity(rest):
                self.logical[id(y)] = y.type
                self.copies[id(y)] = {done.outputs[0]: self.read(x, done.inputs[0])}
                n.set_inputs(())
                return False
            n.set_inputs([self.read(x, done.inputs[0])])
            n.attrs["perm"] = rest
            self.store(y, done.outputs[0])
            self.nodes.append(n)
            return True
        ins: list[Value | None] = []
        for i, p in enumerate(done.inputs):
            v = n.inputs[i] if i < len(n.inputs) else None
            if i in done.constants:
                ins.append(
                    self.graph.add_constant(
                        done.constants[i],
                        v.name if v is not None else f"{n.name}.{n.definition.inputs[i].name}",
                        None if v is None else v.quant,
                    )
                )
            else:
                ins.append(None if v is None else self.read(v, identity(len(v.shape)) if p is None else p))
        n.set_inputs(ins)
        n.attrs = n.definition.canonical_attrs({**n.attrs, **done.attrs})
        for v, p in zip(n.outputs, done.outputs, strict=True):
            self.store(v, p)
        self.nodes.append(n)
        return True


def _equal_ranks(graph: Graph) -> int:
    """Give operands of broadcasting operators leading dimensions of size 1, so that permutations can pass."""
    count = 0
    for n in list(graph.nodes):
        if n.definition.category not in POINTWISE or len(n.inputs) < 2:
            continue
        rank = len(n.outputs[0].shape)
        for i, v in enumerate(n.inputs):
            if v is None or v.const is not None or len(v.shape) == rank or not v.type.is_static or all(d == 1 for d in v.shape):
                continue
            shape = (1,) * (rank - len(v.shape)) + v.type.static_shape()
            wide = graph.new_value(
                f"{v.name}.wide", TensorType(v.dtype, shape, v.quant if v.quant is None or v.quant.is_per_tensor else None)
            )
            target = graph.add_constant(np.array(shape, np.int64), "shape")
            graph.insert_before(n, [Node("Reshape", [v, target], [wide], {"allow_zero": True}, wide.name, n.source)])
            n.set_input(i, wide)
            count += 1
    return count


def transposes(graph: Graph) -> list[Node]:
    """The Transposes that move elements."""
    return [n for n in graph.nodes if n.op == "Transpose" and moves_elements(n.input(0).shape, permutation(n))]


def moved_elements(graph: Graph) -> int:
    """Elements that all Transposes of a graph move (symbolic dimensions estimated)."""
    total = 0
    for n in transposes(graph):
        count = 1
        for d in n.input(0).shape:
            count *= _estimate(d)
        total += count
    return total


def _try_seed(graph: Graph, seeds: Mapping[int, Commuted]) -> bool:
    """Carry a choice out if it is cheaper than leaving everything as it is."""
    before = sum(
        _cost(n.outputs[0], inverse(permutation(n)), identity(len(n.outputs[0].shape))) for n in graph.nodes if n.op == "Transpose"
    )
    offers = _spread(graph, seeds)
    after, taken = _choose(graph, offers, set())
    if after >= before:
        return False
    _Rewriter(graph, offers, taken).run()
    return True


def _remove_transposes(graph: Graph) -> int:
    """Sink or hoist each remaining Transpose as long as that moves fewer elements in all."""
    count = 0
    for _ in range(MAX_ATTEMPTS):
        for n in [n for n in graph.nodes if n.op == "Transpose"]:
            p = permutation(n)
            sink = {id(n): Commuted((identity(len(p)),), (inverse(p),))}
            hoist = {id(n): Commuted((p,), (identity(len(p)),))}
            if not is_identity(p) and (_try_seed(graph, sink) or _try_seed(graph, hoist)):
                count += 1
                break
        else:
            return count
    return count


def _run(graph: Graph) -> PassResult:
    before = len(transposes(graph))
    seeds = {id(n): to_channels_last(n) for n in graph.nodes if converts_layout(n)}
    lines: list[str] = []
    if seeds:
        _equal_ranks(graph)
        offers = _spread(graph, seeds)
        _, taken = _choose(graph, offers, set(seeds))
        _Rewriter(graph, offers, taken).run()
    improved = _remove_transposes(graph)
    if not seeds and not improved:
        return UNCHANGED
    left = transposes(graph)
    lines.append(
        f"{len(seeds)} nodes to channels-last order; Transposes that move elements: {before} before, {len(left)} left, "
        f"{moved_elements(graph)} elements moved"
    )
    return PassResult(True, len(seeds) + improved, tuple(lines))


ASSIGN_LAYOUT = Pass("assign-layout", "Compute convolutions in channels-last order and move as few elements as possible.", _run)
