"""Weights that hold no more than float16 are stored as float16: the file is half as large, and results are the same bits.

Checkpoints trained or saved in half precision reach the graph as float32 in many ways (a framework's cast, recurrent weights put into
another order, loops recognised as layers, bfloat16 for which there is no element type). What they hold tells: numbers that float16 gives
exactly; or numbers of bfloat16, whose 8 significant bits float16 holds exactly from 2^-14 on, where what is lost below is nothing beside
the tensor's largest number. Only ports with an element type of their own are touched, and tables that Gather reads.
"""

from __future__ import annotations

import numpy as np

from edgekit.ir import Graph, Node, Value
from edgekit.passes.base import Pass, PassResult
from edgekit.types import F16, F32, Array

#: smaller constants are left alone: nothing is gained
LARGE = 1024
#: so many different numbers among the first ones are no accident: constants made by hand (ones, ramps, masks) are left alone
_DIFFERENT = 64
_SAMPLE = 4096
#: of the largest number: what rounding the numbers of bfloat16 below 2^-14 may change
_NEGLIGIBLE = 2.0**-16


def as_half(a: Array) -> Array | None:
    """float32 numbers as float16, where they came from float16 or bfloat16; else None."""
    flat = a.reshape(-1)
    head = flat[:_SAMPLE]
    if a.size < LARGE or not (_in_half(head) or _in_bfloat16(head)) or np.unique(head).size <= _DIFFERENT:
        return None
    half = a.astype(np.float16)
    if not np.isfinite(half).all():
        return None
    if _in_half(flat):
        return half
    if _in_bfloat16(flat) and float(np.abs(half.astype(np.float32) - a).max()) <= _NEGLIGIBLE * float(np.abs(a).max()):
        return half
    return None


def _in_half(a: Array) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(a.astype(np.float16).astype(np.float32), a))


def _in_bfloat16(a: Array) -> bool:
    return not np.any(a.view(np.uint32) & np.uint32(0xFFFF))


def cast_behind(graph: Graph, n: Node) -> None:
    """Let a node give float16, and a Cast behind it the float32 that it gave."""
    y = n.output
    name = y.name
    wide = graph.new_value(f"{name}/float32", y.type)
    graph.replace_all_uses(y, wide)
    y.type = y.type.with_dtype(F16)
    graph.insert_after(n, [Node("Cast", [y], [wide], {"to": F32}, wide.name)])
    if graph.is_output(wide):
        graph.rename(y, f"{name}/float16")
        graph.rename(wide, name)


def reads_rows(node: Node, i: int) -> bool:
    """Whether input ``i`` is a table from which a node takes entries as they are."""
    return node.op in ("Gather", "GatherND") and i == 0


def _run(graph: Graph) -> PassResult:
    made: dict[int, tuple[Value, Value | None]] = {}
    names: list[str] = []
    for n in list(graph.nodes):
        for i, v in enumerate(n.inputs):
            if v is None or v.const is None or v.dtype is not F32 or v.quant is not None or not (reads_rows(n, i) or n.may_hold(i, F16)):
                continue
            if id(v) not in made:
                half = as_half(np.ascontiguousarray(v.const))
                made[id(v)] = v, None if half is None else graph.add_constant(half, v.name)
            small = made[id(v)][1]
            if small is None:
                continue
            n.set_input(i, small)
            names.append(n.name)
            if reads_rows(n, i):
                cast_behind(graph, n)
    return PassResult.of(names, "stored weights as float16 that hold no more")


NARROW_WEIGHTS = Pass("narrow-weights", "Store weights that came from float16 or bfloat16 as float16.", _run)
