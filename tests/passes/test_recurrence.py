"""Loops that are recurrent layers, as frameworks write their cells, and loops that look like them but are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgekit.ir import Graph, GraphBuilder, Value
from edgekit.passes import optimize
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F32, I32, I64, Array, Dim
from tests.passes.test_contract import assert_same_numbers

STEPS, BATCH, INPUTS, HIDDEN = 6, 2, 3, 4

#: a cell: builder, row, states -> new states
Cell = Callable[[GraphBuilder, Value, list[Value]], list[Value]]


def weights(b: GraphBuilder, *shape: int) -> Value:
    r = np.random.default_rng([*shape, len(b.graph.nodes)])
    return b.constant(r.standard_normal(shape, dtype=np.float32) * np.float32(0.4), "w")


def scalar(b: GraphBuilder, value: float) -> Value:
    return b.constant(np.array(value, np.float32), "k")


def dense(b: GraphBuilder, x: Value, width: int, bias: bool = True) -> Value:
    y = b.call("MatMul", x, weights(b, int(str(x.shape[1])), width))
    return b.call("Add", y, weights(b, width)) if bias else y


def split(b: GraphBuilder, x: Value, parts: int) -> list[Value]:
    return list(b.call_multi("Split", x, axis=1, sizes=(HIDDEN,) * parts))


def cut(b: GraphBuilder, x: Value, part: int, last: bool = False) -> Value:
    numbers = [b.constant(np.array([n])) for n in (part * HIDDEN, 1 << 40 if last else (part + 1) * HIDDEN, -1, 1)]
    return b.call("Slice", x, *numbers)


def lstm_tf1(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """BasicLSTMCell: joined weights, gates i j f o, the forget bias as an addition."""
    c, h = states
    i, j, f, o = split(b, dense(b, b.call("Concat", x, h, axis=1), 4 * HIDDEN), 4)
    kept = b.call("Mul", c, b.call("Sigmoid", b.call("Add", f, scalar(b, 1))))
    c = b.call("Add", kept, b.call("Mul", b.call("Sigmoid", i), b.call("Tanh", j)))
    return [c, b.call("Mul", b.call("Tanh", c), b.call("Sigmoid", o))]


def lstm_keras(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """Keras: two products, gates i f c o; hard sigmoid as in old versions."""
    h, c = states
    z = b.call("Add", dense(b, x, 4 * HIDDEN), dense(b, h, 4 * HIDDEN, bias=False))
    i, f, g, o = split(b, z, 4)
    i, f, o = (b.call("HardSigmoid", v, alpha=0.2, beta=0.5) for v in (i, f, o))
    c = b.call("Add", b.call("Mul", f, c), b.call("Mul", i, b.call("Tanh", g)))
    return [b.call("Mul", o, b.call("Tanh", c)), c]


def lstm_pytorch(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """A product for each gate."""
    h, c = states
    i, f, g, o = (b.call("Add", dense(b, x, HIDDEN), dense(b, h, HIDDEN)) for _ in range(4))
    i, f, g, o = b.call("Sigmoid", i), b.call("Sigmoid", f), b.call("Tanh", g), b.call("Sigmoid", o)
    c = b.call("Add", b.call("Mul", i, g), b.call("Mul", c, f))
    return [b.call("Mul", o, b.call("Tanh", c)), c]


def gru_tf1(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """GRUCell: the gates are split behind the activation, the reset comes before the product."""
    (h,) = states
    r, u = split(b, b.call("Sigmoid", dense(b, b.call("Concat", x, h, axis=1), 2 * HIDDEN)), 2)
    n = b.call("Tanh", dense(b, b.call("Concat", x, b.call("Mul", r, h), axis=1), HIDDEN))
    return [b.call("Add", b.call("Mul", u, h), b.call("Mul", b.call("Sub", scalar(b, 1), u), n))]


def gru_keras(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """reset_after: the reset comes behind the product; the gates are sliced."""
    (h,) = states
    xs, hs = dense(b, x, 3 * HIDDEN), dense(b, h, 3 * HIDDEN)
    z = b.call("Sigmoid", b.call("Add", cut(b, xs, 0), cut(b, hs, 0)))
    r = b.call("Sigmoid", b.call("Add", cut(b, xs, 1), cut(b, hs, 1)))
    n = b.call("Tanh", b.call("Add", cut(b, xs, 2, True), b.call("Mul", r, cut(b, hs, 2, True))))
    return [b.call("Add", b.call("Mul", z, h), b.call("Mul", b.call("Sub", scalar(b, 1), z), n))]


def gru_difference(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """n + z * (h - n)."""
    (h,) = states
    z = b.call("Sigmoid", b.call("Add", dense(b, x, HIDDEN), dense(b, h, HIDDEN)))
    r = b.call("Sigmoid", b.call("Add", dense(b, x, HIDDEN), dense(b, h, HIDDEN)))
    n = b.call("Tanh", b.call("Add", dense(b, x, HIDDEN), b.call("Mul", dense(b, h, HIDDEN), r)))
    return [b.call("Add", n, b.call("Mul", z, b.call("Sub", h, n)))]


def simple(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    return [b.call("Relu", b.call("Add", dense(b, x, HIDDEN), dense(b, states[0], HIDDEN, bias=False)))]


def two_layers(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """The second reads what the first gives in the same trip."""
    first = gru_tf1(b, x, states[:1])
    return [*first, *lstm_keras(b, first[0], states[1:])]


def loop(cell: Cell, states: int, batch: Dim = BATCH, limit: int = STEPS, keep: str = "all") -> Graph:
    """A loop as TensorFlow writes it: a counter, the states, and a list that takes the first state of each trip (``keep``: or the last)."""
    body = GraphBuilder("body")
    body.input("trip", I64, ())
    body.input("go_on", BOOL, ())
    i = body.input("i", I32, ())
    now = [body.input(f"s{k}", F32, (batch, HIDDEN)) for k in range(states)]
    kept = body.input("list", F32, (STEPS if keep == "all" else 1, batch, HIDDEN))
    sequence = body.input("rows", F32, (STEPS, batch, INPUTS))
    new = cell(body, body.call("Gather", sequence, i, axis=0), now)
    j = body.call("Add", i, body.constant(np.array(1, np.int32)))
    body.output(body.call("Less", j, body.constant(np.array(limit, np.int32))), "again")
    body.output(j, "j")
    for k, v in enumerate(new):
        body.output(v, f"new{k}")
    at = body.constant(np.zeros((1, 1), np.int64))
    if keep == "all":
        at = body.call("Reshape", body.call("Cast", i, to=I64), body.constant(np.array([1, 1])))
    row = body.call("Reshape", new[0], body.constant(np.array([1, -1, HIDDEN])))
    body.output(body.call("ScatterND", kept, at, row), "rows_out")

    b = GraphBuilder("main")
    x = b.input("x", F32, (STEPS, batch, INPUTS))
    begin = [b.input(f"h{k}", F32, (batch, HIDDEN)) for k in range(states)]
    size = STEPS if keep == "all" else 1
    zeros = (
        b.constant(np.zeros((size, BATCH, HIDDEN), np.float32)) if isinstance(batch, int) else b.input("empty", F32, (size, batch, HIDDEN))
    )
    first = [b.constant(np.array(0, np.int32)), *begin, zeros]
    outs = b.call_multi("While", None, b.constant(np.array(True)), *first, x, body=body.graph, carried=len(first))
    for k, v in enumerate(outs[1:]):
        b.output(v, f"y{k}")
    return b.graph


def feeds(graph: Graph) -> dict[str, Array]:
    r = np.random.default_rng(7)
    shapes = {v.name: tuple(d if isinstance(d, int) else BATCH for d in v.shape) for v in graph.inputs}
    return {n: (np.zeros(s) if n == "empty" else r.standard_normal(s)).astype(np.float32) for n, s in shapes.items()}


FORMS: list[tuple[Cell, int, list[str]]] = [
    (lstm_tf1, 2, ["LSTM"]),
    (lstm_keras, 2, ["LSTM"]),
    (lstm_pytorch, 2, ["LSTM"]),
    (gru_tf1, 1, ["GRU"]),
    (gru_keras, 1, ["GRU"]),
    (gru_difference, 1, ["GRU"]),
    (simple, 1, ["RNN"]),
    (two_layers, 3, ["GRU", "LSTM"]),
]


def layers(graph: Graph) -> list[str]:
    return sorted(n.op for n in graph.nodes if n.op in ("LSTM", "GRU", "RNN", "While"))


@pytest.mark.parametrize("keep", ["all", "last"])
@pytest.mark.parametrize(("cell", "states", "want"), FORMS, ids=[f[0].__name__ for f in FORMS])
def test_cells_are_recognised(cell: Cell, states: int, want: list[str], keep: str) -> None:
    if cell is lstm_tf1 and keep == "all":
        keep = "last"  # its first state is the memory, of which no layer gives every step
        assert layers(optimize(loop(cell, states))[0]) == ["While"]
        original = loop(lambda b, x, s: lstm_tf1(b, x, s[::-1])[::-1], states)
    else:
        original = loop(cell, states, keep=keep)
    new, log = optimize(original)
    assert layers(new) == want
    assert log.changes("recognize-recurrence") == 1
    assert_same_numbers(original, new, feeds(original))


def test_an_open_batch() -> None:
    original = loop(gru_keras, 1, batch=SymDim.symbol("n", 1, 8))
    new, _ = optimize(original)
    assert layers(new) == ["GRU"]
    assert_same_numbers(original, new, feeds(original))


def test_fewer_trips_than_rows() -> None:
    original = loop(simple, 1, limit=4, keep="last")
    new, _ = optimize(original)
    assert layers(new) == ["RNN"]
    assert_same_numbers(original, new, feeds(original))


def peephole(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    h, c = states
    i, f, g, o = split(b, b.call("Add", dense(b, x, 4 * HIDDEN), dense(b, h, 4 * HIDDEN)), 4)
    i = b.call("Sigmoid", b.call("Add", i, b.call("Mul", c, weights(b, HIDDEN))))
    c = b.call("Add", b.call("Mul", b.call("Sigmoid", f), c), b.call("Mul", i, b.call("Tanh", g)))
    return [b.call("Mul", b.call("Sigmoid", o), b.call("Tanh", c)), c]


def residual(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    return [b.call("Add", simple(b, x, states)[0], states[0])]


def other_update(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """u * h + (2 - u) * n."""
    (h,) = states
    r, u = split(b, b.call("Sigmoid", dense(b, b.call("Concat", x, h, axis=1), 2 * HIDDEN)), 2)
    n = b.call("Tanh", dense(b, b.call("Concat", x, b.call("Mul", r, h), axis=1), HIDDEN))
    return [b.call("Add", b.call("Mul", u, h), b.call("Mul", b.call("Sub", scalar(b, 2), u), n))]


def crossed(b: GraphBuilder, x: Value, states: list[Value]) -> list[Value]:
    """Each of two layers reads the other's last state."""
    a = b.call("Tanh", b.call("Add", dense(b, x, HIDDEN), dense(b, states[1], HIDDEN)))
    return [a, b.call("Tanh", b.call("Add", dense(b, a, HIDDEN), dense(b, states[0], HIDDEN)))]


@pytest.mark.parametrize(("cell", "states"), [(peephole, 2), (residual, 1), (other_update, 1), (crossed, 2)])
def test_other_cells_stay_loops(cell: Cell, states: int) -> None:
    original = loop(cell, states)
    new, _ = optimize(original)
    assert layers(new) == ["While"]
    assert_same_numbers(original, new, feeds(original))


def test_lists_that_the_loop_does_not_fill_stay() -> None:
    original = loop(simple, 1, limit=4)
    new, _ = optimize(original)
    assert layers(new) == ["While"]
    assert_same_numbers(original, new, feeds(original))
