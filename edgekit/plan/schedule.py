"""The order of execution: the source's own, unless another valid order needs less memory."""

from __future__ import annotations

import heapq

from edgekit.errors import GraphError
from edgekit.ir import Graph, Node, Value
from edgekit.plan.lifetimes import align
from edgekit.plan.memory import peak_bytes

MAX_NODES = 3000


def _greedy(graph: Graph) -> list[Node]:
    """List scheduling: of the nodes that could run next, the one that lets memory grow least; ties in the present order."""
    position = {id(n): i for i, n in enumerate(graph.nodes)}
    size = {id(v): align(v.type.nbytes_max()) for v in graph.values() if not v.is_constant}
    kept = {id(v) for v in graph.outputs}
    readers = dict.fromkeys(size, 0)
    waiting: dict[int, int] = {}
    for n in graph.nodes:
        inputs = {id(v): v for v in n.inputs if v is not None and not v.is_constant}
        waiting[id(n)] = sum(v.producer is not None for v in inputs.values())
        for i in inputs:
            readers[i] += 1

    def growth(n: Node) -> int:
        made = sum(size[id(v)] for v in n.outputs)
        freed = sum(size[i] for i in {id(v) for v in n.inputs if v is not None and not v.is_constant} if readers[i] == 1 and i not in kept)
        return made - freed

    heap = [(growth(n), position[id(n)]) for n in graph.nodes if waiting[id(n)] == 0]
    heapq.heapify(heap)
    order: list[Node] = []
    done: set[int] = set()
    while heap:
        grow, at = heapq.heappop(heap)
        node = graph.nodes[at]
        if at in done:
            continue
        now = growth(node)
        if now != grow:  # another reader of its inputs has run since
            heapq.heappush(heap, (now, at))
            continue
        done.add(at)
        order.append(node)
        touched: dict[int, Value] = {id(v): v for v in node.inputs if v is not None and not v.is_constant}
        for i, v in touched.items():
            readers[i] -= 1
            if readers[i] == 1:
                for user in v.users:
                    if waiting[id(user)] == 0 and position[id(user)] not in done:
                        heapq.heappush(heap, (growth(user), position[id(user)]))
        for v in node.outputs:
            for user in v.users:
                waiting[id(user)] -= 1
                if waiting[id(user)] == 0:
                    heapq.heappush(heap, (growth(user), position[id(user)]))
    return order


def best_order(graph: Graph) -> list[Node] | None:
    """An execution order that needs less memory than the present one. None if none was found, or sizes have no bound."""
    if not 2 < len(graph.nodes) <= MAX_NODES or any(n.definition.stateful for n in graph.nodes):
        return None
    try:
        before = peak_bytes(graph)
        order = _greedy(graph)
    except GraphError:
        return None
    if len(order) != len(graph.nodes):
        return None
    present = graph.nodes
    graph.nodes = order
    after = peak_bytes(graph)
    graph.nodes = present
    return order if after < before else None
