"""Removes nodes that hand their input on unchanged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.ir import Graph, Node, Value
from edgekit.passes.base import Pass, PassResult
from edgekit.passes.canonicalize.facts import INF, constant, has_clamp, ints, permutation, same_dims


def _same_type(node: Node, x: Value) -> bool:
    y = node.outputs[0]
    return x.dtype is y.dtype and x.quant == y.quant and same_dims(x.shape, y.shape)


def _first(node: Node) -> bool:
    return True


def _transpose(node: Node) -> bool:
    p = permutation(node)
    return p == tuple(range(len(p)))


def _pad(node: Node) -> bool:
    pads = ints(node, 1)
    return pads is not None and not any(pads)


def _slice(node: Node) -> bool:
    steps = ints(node, 4) if node.has_input(4) else [1]
    return steps is not None and all(s == 1 for s in steps)


def _clip(node: Node) -> bool:
    return bool(node.attrs["min"] == -INF and node.attrs["max"] == INF)


def _pool(node: Node) -> bool:
    return (
        all(k == 1 for k in node.attrs["kernel"])
        and not any(node.attrs["pads"])
        and all(s == 1 for s in node.attrs["strides"])
        and not has_clamp(node)
    )


def _resize(node: Node) -> bool:
    if node.attrs["coordinate_mode"] == "tf_crop_and_resize" or node.has_input(3):
        return False
    scales = constant(node, 2)
    return scales is None if not node.has_input(2) else scales is not None and bool(np.all(scales == 1))


def _gather(node: Node) -> bool:
    index = ints(node, 1)
    return index is not None and len(node.input(1).shape) == 1 and index == list(range(len(index)))


def _tile(node: Node) -> bool:
    repeats = ints(node, 1)
    return repeats is not None and all(r == 1 for r in repeats)


def _reduce(node: Node) -> bool:
    x = node.input(0)
    axes = node.attrs["axes"] or range(len(x.shape))
    return all(x.shape[a] == 1 for a in axes)


#: operator -> whether its output is its first input, given that the types (shape included) are equal
_IDENTITY: dict[str, Callable[[Node], bool]] = {
    "Identity": _first,
    "Reshape": _first,
    "Expand": _first,
    "Cast": _first,
    "Transpose": _transpose,
    "Pad": _pad,
    "Slice": _slice,
    "Concat": lambda n: len(n.inputs) == 1,
    "Split": lambda n: len(n.outputs) == 1,
    "Clip": _clip,
    "Resize": _resize,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "Gather": _gather,
    "Tile": _tile,
    **{f"Reduce{k}": _reduce for k in ("Sum", "Mean", "Max", "Min", "Prod")},
    "Requantize": _first,
}

#: applied twice they are applied once
_IDEMPOTENT = ("Relu", "Abs", "Floor", "Ceil", "Round", "Sign", "Identity", "Clip")


def _replacement(n: Node) -> Value | None:
    x = n.inputs[0] if n.inputs else None
    if x is None or (len(n.outputs) != 1 and n.op != "Split"):
        return None
    check = _IDENTITY.get(n.op)
    if check is not None and _same_type(n, x) and check(n):
        return x
    p = x.producer
    if n.op in _IDEMPOTENT and p is not None and p.op == n.op and p.attrs == n.attrs and _same_type(n, x):
        return x
    return None


def _run(graph: Graph) -> PassResult:
    gone: list[Node] = []
    for n in graph.nodes:
        x = _replacement(n)
        if x is None or len(n.outputs) != 1:
            continue
        y = n.outputs[0]
        if graph.is_output(y) and n.op == "Identity" and (x.producer is None or graph.is_output(x)):
            continue  # an output that is an input, a constant, or another output again
        if graph.is_output(y) and (x.producer is None or graph.is_output(x)):
            _become_identity(n)
            gone.append(n)
            continue
        graph.replace_all_uses(y, x)
        if graph.is_output(x) and x.producer is not None:
            name = y.name
            graph.release_name(y.name)
            y.name = ""
            graph.rename(x, name)
        gone.append(n)
    names = [n.name for n in gone]
    dead = [n for n in gone if not any(v.uses or graph.is_output(v) for v in n.outputs)]
    if dead:
        graph.remove(dead)
    return PassResult.of(names, "removed nodes that change nothing")


def _become_identity(n: Node) -> None:
    """Keep the node as an explicit copy."""
    n.op = "Identity"
    n.set_inputs(n.inputs[:1])
    n.attrs = n.definition.canonical_attrs({})


REMOVE_IDENTITIES = Pass("remove-identities", "Remove nodes that hand their input on unchanged.", _run)
