"""Cases whose shapes are known only at run time: computed shape-like inputs, symbolic dimensions, and chains of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.ir import GraphBuilder, Value
from edgekit.symbolic import SymDim
from edgekit.types import F32, Array, DType
from tests.cases.case import OpCase, Tolerance, op_case
from tests.cases.layout_moves import ints, sample


def bounded(op: str, name: str, inputs: Sequence[Array | None], bounds: Sequence[int], attrs: Mapping[str, Any] | None = None) -> OpCase:
    """A case of computed shape-like inputs, whose output dimensions can grow up to ``bounds``."""
    case = op_case(op, f"bounded_{name}", inputs, attrs)
    out = case.graph.outputs[0]
    out.type = out.type.with_shape([SymDim.symbol(f"d{i}", 0, n) for i, n in enumerate(bounds)])
    return case


def cases() -> Iterator[OpCase]:
    x = sample((2, 3))
    yield bounded("Tile", "exact", [x, ints(2, 3)], (4, 9))
    yield bounded("Tile", "below", [x, ints(1, 2)], (10, 20))
    yield bounded("Expand", "new_dim", [x, ints(4, 1, 3)], (6, 2, 3))
    yield bounded("Pad", "both_ends", [x, ints(1, 0, 2, 4)], (9, 9))
    yield bounded("Pad", "edge", [x, ints(0, 2, -1, 0)], (9, 9), {"mode": "edge"})
    yield bounded("Range", "int", [np.array(v, np.int64) for v in (2, 11, 3)], (40,))
    yield bounded("Range", "float", [np.array(v, np.float32) for v in (1, 0, -0.125)], (8,))
    yield bounded("OneHot", "depth", [ints(1, 0, 2), np.array(3, np.int64), sample((2,))], (3, 7))
    image = sample((1, 5, 6, 3))
    for mode in ("nearest", "linear", "cubic"):
        yield bounded("Resize", f"sizes_{mode}", [image, ints(1, 8, 9, 3)], (1, 16, 16, 3), {"mode": mode})
        yield bounded("Resize", f"scales_{mode}", [image, None, np.array([1, 2, 0.5, 1], np.float32)], (1, 16, 16, 3), {"mode": mode})
    yield bounded("Slice", "negative_step", [sample((4, 5)), ints(-1), ints(-100), ints(1), ints(-2)], (4, 5))
    yield bounded("Reshape", "hole", [sample((4, 6)), ints(3, -1)], (24, 24))
    yield symbolic_case("Transpose", "batch", (3, 5), [("Transpose", [], {"perm": (1, 0)})])
    yield symbolic_case("Concat", "twice", (3, 5), [("Concat", ["x"], {"axis": 0})])
    yield symbolic_case("Split", "inner", (4, 6), [("Split", [], {"axis": 1, "sizes": (2, 4)})])
    yield symbolic_case("Slice", "last_row", (3, 5), [("Slice", [ints(-1), ints(2**62), ints(0)], {})])
    yield symbolic_case("ReduceMean", "batch", (3, 5), [("ReduceMean", [], {"axes": (0,)})])
    yield symbolic_case("ReduceSum", "inner", (3, 5), [("ReduceSum", [], {"axes": (1,), "keepdims": False})])
    yield symbolic_case("ArgMax", "batch", (3, 5), [("ArgMax", [], {"axis": 0})])
    yield symbolic_case("CumSum", "batch", (3, 5), [("CumSum", [np.array(0, np.int64)], {})])
    yield symbolic_case("TopK", "inner", (3, 5), [("TopK", [ints(2)], {})])
    yield symbolic_case("Resize", "double", (2, 3), [("Resize", [None, np.array([1, 2], np.float32)], {"mode": "linear"})])
    yield symbolic_case("NonZero", "then_gather", (3, 5), [("NonZero", [], {}), ("Transpose", [], {}), ("ReduceSum", [], {"axes": (0,)})])
    yield shape_arithmetic_case()


def symbolic_case(op: str, name: str, shape: tuple[int, int], steps: Sequence[tuple[str, Sequence[Any], Mapping[str, Any]]]) -> OpCase:
    """A chain of nodes on an input whose first dimension is symbolic; "x" among the further inputs stands for the graph's input."""
    b = GraphBuilder(op)
    x = v = b.input("x", F32, [SymDim.symbol("N", 1, 7), shape[1]])
    outs: tuple[Value, ...] = (v,)
    for k, (node, further, attrs) in enumerate(steps):
        more = [None if f is None else x if isinstance(f, str) else b.constant(f) for f in further]
        outs = b.call_multi(node, v, *more, name=f"node{k}", **attrs)
        v = outs[0]
    for k, o in enumerate(outs):
        b.output(o, f"y{k}")
    return OpCase(f"{op}/symbolic_{name}", op, b.graph, {"x": sample(shape)}, Tolerance())


def shape_arithmetic_case() -> OpCase:
    """x [N, 6] reshaped to [N * 2, 3] with a shape that is computed from its own."""
    b = GraphBuilder("shapes")
    x = b.input("x", F32, [SymDim.symbol("N", 1, 9), 6])
    n = b.call("Gather", b.call("Shape", x, name="shape"), b.constant(ints(0)), name="batch")
    rows = b.call(
        "Concat", b.call("Tile", n, b.constant(ints(1)), name="tile"), b.constant(ints(-1)), b.constant(ints(3)), axis=0, name="rows"
    )
    b.output(b.call("Reshape", x, rows, name="node"), "y0")
    y = b.graph.outputs[0]
    assert y.dtype is DType.F32 and len(y.shape) == 3
    feed = sample((5, 6))
    return OpCase("Shape/symbolic_arithmetic", "Shape", b.graph, {"x": feed}, Tolerance(), {"y0": feed.reshape(5, 2, 3)})
