"""Works out every type again from the graph inputs on, and replaces shape arithmetic whose value is known by constants."""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, Node, Value, infer_outputs
from edgekit.passes.base import Pass, PassResult
from edgekit.symbolic import SymDim
from edgekit.types import Array, Dim, Shape, TensorType


def refine_types(graph: Graph, trust: bool = True) -> tuple[list[str], dict[int, Array]]:
    """Infer all types in execution order.

    Args:
        graph: edited in place: types of node outputs only.
        trust: keep the present dimensions where inference knows less: integers against a symbol, bounded unknowns against
            another unknown. False: only inference counts (after the shape of an input was changed).

    Returns:
        names of the values whose type changed, and the values known before running by ``id(value)`` (object arrays where they
        mix integers and symbolic dimensions).
    """
    known: dict[int, Array] = {}
    changed: list[str] = []
    given = {s.name for v in graph.inputs for d in v.shape if isinstance(d, SymDim) for s in d.symbols()}
    for n in graph.nodes:
        ins = [None if v is None else v.type for v in n.inputs]
        values = [None if v is None else v.const if v.const is not None else known.get(id(v)) for v in n.inputs]
        infos = infer_outputs(n.definition, ins, values, n.attrs, n.source or str(n), n.name)
        for v, info in zip(n.outputs, infos, strict=False):
            shape = _merge(v.shape, info.shape, given) if trust and len(v.shape) == len(info.shape) else info.shape
            if shape != v.shape:
                v.type = v.type.with_shape(shape)
                changed.append(v.name)
            if info.value is not None:
                known[id(v)] = info.value
    return changed, known


def _merge(old: Shape, new: Shape, given: set[str]) -> Shape:
    """The better known of two shapes, dimension by dimension; ``given`` are the symbols of the graph inputs."""
    return tuple(b if _knows(b, given) and not (isinstance(a, int) and isinstance(b, SymDim)) else a for a, b in zip(old, new, strict=True))


def _knows(dim: Dim, given: set[str]) -> bool:
    """True for integers and for expressions of what the inputs give; False for sizes that only the data decide."""
    return isinstance(dim, int) or all(s.name in given for s in dim.symbols())


def _constant(v: Value, known: dict[int, Array]) -> Array | None:
    """The value as an array of its own type, if it is known to the last element."""
    a = known.get(id(v))
    if a is None or v.quant is not None:
        return None
    if a.dtype == object:
        items: list[Dim] = a.reshape(-1).tolist()
        if any(isinstance(d, SymDim) for d in items):
            return None
        a = np.array(items, object).reshape(a.shape)
    return a.astype(v.dtype.numpy)


def _run(graph: Graph) -> PassResult:
    changed, known = refine_types(graph)
    replaced: list[Node] = []
    for n in graph.nodes:
        arrays = [_constant(v, known) for v in n.outputs]
        if n.definition.stateful or not arrays or any(a is None for a in arrays):
            continue
        for v, a in zip(n.outputs, arrays, strict=True):
            assert a is not None
            name = v.name
            graph.release_name(name)
            v.type = TensorType(v.dtype, a.shape)
            graph.replace_all_uses(v, graph.add_constant(a, name))
            v.name = ""
        replaced.append(n)
    if replaced:
        graph.remove(replaced)
    refined = PassResult.of(changed, "worked out the shape of values")
    known_ones = PassResult.of([n.name for n in replaced], "replaced shape arithmetic by its value")
    return PassResult(refined.modified or known_ones.modified, refined.changes + known_ones.changes, refined.lines + known_ones.lines)


INFER_SHAPES = Pass("infer-shapes", "Infer all types again; replace shape arithmetic whose value is known by constants.", _run)
