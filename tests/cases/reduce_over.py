"""Cases of ReduceOver: axes that are computed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.ops.reduce_over import KINDS
from tests.cases.case import OpCase, op_case
from tests.cases.layout_moves import ints, sample
from tests.cases.reduction import MEANING, fold

#: what each kind is called as an operator of fixed axes
OPERATORS = dict(
    zip(
        KINDS,
        (f"Reduce{n}" for n in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp")),
        strict=True,
    )
)


def cases() -> Iterator[OpCase]:
    x = sample((3, 5, 4), np.float32, "ReduceOver")
    for kind, op in OPERATORS.items():
        for axes in [(0,), (-1, 0), (1, 2), (2, 0, 1)]:
            for keep in (True, False):
                name = f"{kind}_{'_'.join(map(str, axes))}{'' if keep else '_gone'}"
                want = fold(x, axes, keep, MEANING[op])
                yield op_case("ReduceOver", name, [x, ints(*axes)], {"kind": kind, "keepdims": keep}, expected=[want])
    yield op_case("ReduceOver", "constant_axes", [x, ints(1)], {"kind": "sum"}, constants=(1,), expected=[x.sum(1, keepdims=True)])
    yield op_case("ReduceOver", "all", [x, np.zeros(0, np.int64)], {"kind": "max", "keepdims": False}, expected=[x.max()])
    yield op_case("ReduceOver", "of_nothing", [np.zeros((2, 0, 3), np.float32), ints(1)], {"kind": "sum", "keepdims": False})
    yield op_case("ReduceOver", "of_nothing_kept", [np.zeros((2, 0, 3), np.float32), ints(1)], {"kind": "min"})
    whole = sample((4, 6), np.int32, "ReduceOver")
    for kind in ("sum", "mean", "max", "min", "prod", "l1", "sum_square"):
        yield op_case("ReduceOver", f"int32_{kind}", [whole, ints(-2)], {"kind": kind})
    yield op_case("ReduceOver", "bool", [np.array([[True, False], [False, False]]), ints(1)], {"kind": "max"})
    yield op_case("ReduceOver", "float16", [sample((3, 4), np.float16, "ReduceOver"), ints(0)], {"kind": "max"})
