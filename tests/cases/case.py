"""What an operator test case is. One generator module an operator family; every suite runs all of them on its target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.ops import get_op
from edgekit.types import Array, DType, QuantParams, TensorType


@dataclass(frozen=True)
class Tolerance:
    """How far a float result may lie from the reference: ``|got - want| <= absolute + relative * |want|``. Integers are exact."""

    absolute: float = 1e-6
    relative: float = 1e-5


@dataclass(frozen=True)
class OpCase:
    """One operator on one set of inputs.

    Attributes:
        name: unique among all cases, e.g. ``"Conv/group2_pad1"``.
        op: the operator under test.
        graph: a graph around it, usually of that one node.
        feeds: the graph's inputs by name.
        tolerance: for floating-point outputs.
        expected: outputs by name that do not come from the reference (worked by hand, another formula), to test the reference itself.
    """

    name: str
    op: str
    graph: Graph
    feeds: Mapping[str, Array]
    tolerance: Tolerance = field(default_factory=Tolerance)
    expected: Mapping[str, Array] | None = None


def rng(*key: Any) -> np.random.Generator:
    """A generator seeded by what it is for, so that cases do not change when others are added."""
    return np.random.default_rng(list("/".join(map(str, key)).encode()))


def op_case(
    op: str,
    name: str,
    inputs: Sequence[Array | None],
    attrs: Mapping[str, Any] | None = None,
    *,
    constants: Sequence[int] = (),
    qin: Sequence[QuantParams | None] = (),
    qout: Sequence[QuantParams | None] = (),
    out_dtypes: Sequence[DType | None] = (),
    tolerance: Tolerance | None = None,
    expected: Sequence[Array] | None = None,
) -> OpCase:
    """A case of one node.

    Args:
        op: operator name.
        name: distinguishes the case among those of the operator.
        inputs: one array a flat input, None for an absent optional one.
        attrs: attributes.
        constants: positions of inputs that are constants of the graph (weights, shapes); the others are graph inputs.
        qin: quantization of each input, where there is one.
        qout: quantization of each output, where there is one.
        out_dtypes: element type of each output where it differs from what ``infer`` says.
        tolerance: for float outputs.
        expected: outputs known from elsewhere.
    """
    b = GraphBuilder(op)
    values: list[Value | None] = []
    feeds: dict[str, Array] = {}
    for i, a in enumerate(inputs):
        q = qin[i] if i < len(qin) else None
        if a is None:
            values.append(None)
        elif i in constants:
            values.append(b.constant(a, f"c{i}", quant=q))
        else:
            v = b.input(f"x{i}", DType.from_numpy(a.dtype), a.shape, q)
            feeds[v.name] = a
            values.append(v)
    outs = b.call_multi(op, *values, name="node", **(attrs or {}))
    for k, o in enumerate(outs):
        q = qout[k] if k < len(qout) else o.type.quant
        d = (out_dtypes[k] if k < len(out_dtypes) else None) or o.dtype
        o.type = TensorType(d, o.shape, q)
        b.output(o, f"y{k}")
    want = None if expected is None else {f"y{k}": e for k, e in enumerate(expected)}
    return OpCase(f"{get_op(op).name}/{name}", op, b.graph, feeds, tolerance or Tolerance(), want)
