"""Recognises loops over the rows of a sequence that are LSTM, GRU or simple recurrent layers, one behind the other or several at once.

The loop counts to a known number, its body reads one row a trip, and each carried value is the counter, a state of a cell, or a list that
takes the state of each trip. Importers translate such loops as they stand (TensorFlow's dynamic_rnn and Keras layers, ONNX Loops).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.ir import Node, Value
from edgekit.ir.editor import Editor
from edgekit.ir.pattern import Match, Op
from edgekit.passes.base import Rule, rule_pass
from edgekit.passes.fuse.lanes import Lanes, Leaf, leaf_of
from edgekit.passes.fuse.recurrent_cells import Cell, Cells
from edgekit.types import F32, I32, I64, Array, Dim

LONGEST = 1 << 20


@dataclass
class Loop:
    """What a While node is found to do.

    Attributes:
        node: it.
        trips: how often it runs.
        counters: first values of carried counters.
        rows: which capture each row leaf is read from.
        lists: carried lists: which state they take, and whether that of every trip or of the last.
        cells: the cells.
    """

    node: Node
    trips: int = 0
    counters: dict[int, int] = field(default_factory=dict)
    rows: dict[Leaf, Value] = field(default_factory=dict)
    lists: dict[int, tuple[int, bool]] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)


def _recognize(m: Match, e: Editor) -> bool:
    loop = _read(m.root)
    if loop is None:
        return False
    return _rewrite(loop, e)


# -- reading the loop ---------------------------------------------------------------------------------------------------


def _read(node: Node) -> Loop | None:
    body, carried = node.attrs["body"], int(node.attrs["carried"])
    start = node.input(1) if node.has_input(1) else None
    if len(body.outputs) != 1 + carried or (start is not None and (start.const is None or not start.const.reshape(-1)[0])):
        return None
    loop = Loop(node)
    first = [node.input(2 + k) for k in range(len(node.inputs) - 2)]
    entries, results = body.inputs[2 : 2 + carried], body.outputs[1 : 1 + carried]
    for k in range(carried):
        if (begin := _counter(entries[k], results[k], first[k])) is not None:
            loop.counters[k] = begin
    trips = _trips(loop, body.outputs[0], results)
    if trips is None:
        return None
    loop.trips = trips
    return loop if _cells(loop, first, entries, results) else None


def _counter(entry: Value, result: Value, first: Value) -> int | None:
    """The first value of a carried integer that grows by one a trip."""
    add = result.producer
    if first.const is None or first.dtype not in (I32, I64) or first.shape or add is None or add.op != "Add":
        return None
    other = [v for v in add.inputs if v is not entry]
    if len(other) != 1 or other[0] is None or other[0].const is None or other[0].const.reshape(-1).tolist() != [1]:
        return None
    return int(first.const)


def _trips(loop: Loop, again: Value, results: list[Value]) -> int | None:
    """How often the loop runs, where that is known and at least once."""
    node = loop.node
    limits: list[int] = []
    if node.has_input(0):
        limit = node.input(0).const
        if limit is None:
            return None
        limits.append(int(limit.reshape(-1)[0]))
    work = [again]
    while work:
        v = work.pop()
        body = node.attrs["body"]
        if (v is body.inputs[1]) or (v.const is not None and bool(v.const.reshape(-1)[0])):
            continue
        test = v.producer
        if test is None or test.op not in ("And", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Identity"):
            return None
        if test.op in ("And", "Identity"):
            work += [i for i in test.inputs if i is not None]
            continue
        low, high = test.input(0), test.input(1)
        if test.op.startswith("Greater"):
            low, high = high, low
        k = next((k for k in loop.counters if results[k] is low), None)
        if k is None or high.const is None or high.const.size != 1:
            return None
        limits.append(int(high.const.reshape(-1)[0]) - loop.counters[k] + (1 if test.op.endswith("OrEqual") else 0))
    return max(min(limits), 1) if limits and min(limits) <= LONGEST and (node.has_input(0) is False or limits[0] >= 1) else None


def _cells(loop: Loop, first: list[Value], entries: list[Value], results: list[Value]) -> bool:
    """Find the cells and lists. False where anything is left over."""
    body = loop.node.attrs["body"]
    carried = len(entries)
    captures = {id(v): outer for v, outer in zip(body.inputs[2 + carried :], first[carried:], strict=True)}
    states = [k for k in range(carried) if k not in loop.counters and _is_state(entries[k], results[k])]
    lists = [k for k in range(carried) if k not in loop.counters and k not in states]
    widths = {k: int(entries[k].type.static_shape()[1]) if entries[k].type.is_static else _width(entries[k]) for k in states}
    known = {id(entries[k]): leaf_of(("in", k), widths[k]) for k in states}
    lanes = Lanes(known, {id(results[k]): k for k in states})
    rows: dict[Leaf, int] = {}
    for n in body.nodes:
        if n.op != "Gather" or id(n.input(0)) not in captures or n.attrs["axis"] not in (0, -3) or len(n.input(0).shape) != 3:
            continue
        if n.outputs[0].type.rank != 2 or _counts(loop, n.input(1)) != 0:
            continue
        outer = captures[id(n.input(0))]
        steps, width = outer.shape[0], outer.shape[2]
        if outer.dtype is not F32 or outer.type.quant is not None or not isinstance(width, int):
            continue
        if not isinstance(steps, int) or steps < loop.trips:
            continue
        leaf = ("row", outer.name)
        loop.rows[leaf], rows[leaf] = outer, width
        lanes.enter(n.outputs[0], leaf_of(leaf, width))
    lanes.run(body)
    cells = Cells(lanes, widths, rows).find()
    if not cells or not loop.rows:
        return False
    loop.cells = cells
    for k in lists:
        taken = _list(loop, lanes, entries[k], results[k], first[k])
        if taken is not None:
            loop.lists[k] = taken
    return True


def _width(v: Value) -> int:
    d = v.shape[-1]
    return d if isinstance(d, int) else 0


def _is_state(entry: Value, result: Value) -> bool:
    return entry.dtype is F32 and entry.type.rank == 2 and result.type.rank == 2 and isinstance(entry.shape[1], int)


def _counts(loop: Loop, index: Value) -> int | None:
    """The first value of the counter that an index is, seen through casts and reshapes; None where it is none."""
    body = loop.node.attrs["body"]
    for _ in range(8):
        if index is body.inputs[0]:
            return 0
        for k, begin in loop.counters.items():
            if index is body.inputs[2 + k]:
                return begin
        p = index.producer
        if p is None or p.op not in ("Cast", "Reshape", "Identity"):
            return None
        index = p.input(0)
    return None


def _list(loop: Loop, lanes: Lanes, entry: Value, result: Value, first: Value) -> tuple[int, bool] | None:
    """Which state a carried list takes, and whether each trip adds a row (else the one row is overwritten)."""
    write = result.producer
    if write is None or write.op != "ScatterND" or write.attrs["reduction"] != "none" or write.input(0) is not entry:
        return None
    value = write.input(2)
    while value.producer is not None and value.producer.op in ("Reshape", "Identity"):
        value = value.producer.input(0)
    linear = lanes.get(value)
    leaf = None if linear is None else linear.only()
    if not isinstance(leaf, tuple) or leaf[0] != "out" or len(entry.shape) != 3 or not isinstance(first.shape[0], int):
        return None
    at = write.input(1)
    if at.const is not None:
        return (int(leaf[1]), False) if at.const.reshape(-1).tolist() == [0] and first.shape[0] == 1 else None
    return (int(leaf[1]), True) if _counts(loop, at) == 0 and first.shape[0] == loop.trips else None


# -- writing the layers -------------------------------------------------------------------------------------------------


def _rewrite(loop: Loop, e: Editor) -> bool:
    node = loop.node
    graph = e.graph
    first = [node.input(2 + k) for k in range(len(node.inputs) - 2)]
    if any(graph.is_output(node.outputs[k]) for k in loop.counters):
        return False
    states = {c.state for c in loop.cells}
    known = {*loop.counters, *states, *(c.memory for c in loop.cells)}
    known |= {k for k, (state, every) in loop.lists.items() if not every or state in states}
    if any(k not in known and (v.uses or graph.is_output(v)) for k, v in enumerate(node.outputs)):
        return False
    order = _order(loop.cells)
    if order is None or any(len([d for d in first[c.state].shape if not isinstance(d, int)]) > 1 for c in order):
        return False
    sequences: dict[Leaf, Value] = {}
    finals: dict[int, Value] = {}
    for cell in order:
        x = sequences.get(cell.source) or _rows(loop, cell.source, e)
        if x is None:
            return False
        y, ends = _layer(cell, x, first, e)
        if y is None or any(v is None for v in ends):
            return False
        sequences[("out", cell.state)] = y
        finals[cell.state] = ends[0]
        if cell.memory is not None:
            finals[cell.memory] = ends[1]
    new: dict[int, Value] = dict(finals)
    for k, (state, every) in loop.lists.items():
        if k not in known:
            continue
        row = sequences["out", state] if every else e.reshape(finals[state], (1, *finals[state].shape))
        if row is None:
            return False
        new[k] = row
    for k, begin in loop.counters.items():
        new[k] = e.constant(np.asarray(begin + loop.trips, node.outputs[k].dtype.numpy))
    for k, out in enumerate(node.outputs):
        if k in new and (out.uses or graph.is_output(out)):
            value = new[k]
            if any(value is other for j, other in new.items() if j < k):  # two names for one value
                value = e.call("Identity", value)
            e.replace(out, value)
    return True


def _order(cells: list[Cell]) -> list[Cell] | None:
    """The cells so that each comes behind the one it reads."""
    done: set[Leaf] = set()
    left, out = list(cells), []
    while left:
        ready = [c for c in left if not (isinstance(c.source, tuple) and c.source[0] == "out") or c.source in done]
        if not ready:
            return None
        for c in ready:
            out.append(c)
            done.add(("out", c.state))
        left = [c for c in left if all(c is not r for r in ready)]
    return out


def _rows(loop: Loop, source: Leaf, e: Editor) -> Value | None:
    x = loop.rows.get(source)
    if x is None or x.shape[0] == loop.trips:
        return x
    bounds = [e.constant(np.array([n], np.int64)) for n in (0, loop.trips, 0)]
    return e.call("Slice", x, *bounds)


def _layer(cell: Cell, x: Value, first: list[Value], e: Editor) -> tuple[Value | None, list[Value]]:
    """The node of a cell: its rows [steps, batch, hidden], and its last states [batch, hidden]."""

    def constant(a: Array, name: str) -> Value:
        return e.constant(np.ascontiguousarray(a[None]), name)

    kept = [cell.state] if cell.memory is None else [cell.state, cell.memory]
    begins = [e.reshape(first[k], (1, *first[k].shape)) for k in kept]
    if any(b is None for b in begins):
        return None, []
    weights = [constant(a, n) for a, n in ((cell.w, "w"), (cell.r, "r"), (cell.b, "b"))]
    attrs: dict[str, Any] = {"hidden_size": cell.r.shape[1], "activations": cell.activations}
    if cell.alphas:
        attrs |= {"activation_alpha": cell.alphas, "activation_beta": cell.betas}
    if cell.op == "GRU":
        attrs["linear_before_reset"] = cell.linear_before_reset
    y, *ends = e.call_multi(cell.op, x, *weights, None, *begins, **attrs)
    shape: tuple[Dim, ...] = (y.shape[0], y.shape[2], y.shape[3])
    rows = e.reshape(y, shape)
    states = [e.reshape(v, v.shape[1:]) for v in ends]
    return rows, [s for s in states if s is not None] if all(s is not None for s in states) else []


RECOGNIZE_RECURRENCE = rule_pass(
    "recognize-recurrence",
    "Recognise loops that are LSTM, GRU or simple recurrent layers.",
    "recognised recurrent layers",
    Rule(Op("While"), _recognize),
)
