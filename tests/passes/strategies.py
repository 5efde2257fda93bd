"""Random valid graphs for hypothesis: convolutions, elementwise operators, pools, views, joins and reductions, channels first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgekit.ir import Graph, GraphBuilder, Node, Value
from edgekit.types import F32, Array

Draw = Callable[[st.SearchStrategy[Any]], Any]
MAX_ELEMENTS = 4096
UNARY = ("Relu", "Sigmoid", "Tanh", "Abs", "Neg", "HardSwish", "Identity", "Softsign")
BINARY = ("Add", "Sub", "Mul", "Max", "Min")


class _Maker:
    """Grows a graph by one random node a call."""

    def __init__(self, draw: Draw, seed: int) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(seed)
        self.b = GraphBuilder("generated")
        self.values: list[Value] = []

    def pick(self, what: Callable[[Value], bool] = lambda v: True) -> Value | None:
        fitting = [v for v in self.values if what(v)]
        return self.draw(st.sampled_from(fitting)) if fitting else None

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def floats(self, *shape: int) -> Value:
        return self.b.constant(self.rng.standard_normal(shape, dtype=np.float32) / 2, "c")

    def ints(self, values: Any) -> Value:
        return self.b.constant(np.array(values, np.int64), "i")

    def add(self, v: Value | None) -> None:
        if v is not None and 0 < np.prod(v.type.static_shape()) <= MAX_ELEMENTS:
            self.values.append(v)

    def conv(self) -> None:
        x = self.pick(lambda v: len(v.shape) in (3, 4, 5) and min(v.shape[2:]) >= 2)
        if x is None:
            return
        n = len(x.shape) - 2
        groups = x.shape[1] if self.number(0, 2) == 0 else 1
        out = groups if groups > 1 else self.number(1, 6)
        k = self.number(1, 2)
        w = self.floats(out, *[k] * n, x.shape[1] // groups)
        bias = self.floats(out) if self.number(0, 1) else None
        pads = [self.number(0, 1) for _ in range(2 * n)]
        if self.number(0, 3) == 0:
            x = self.b.call("Pad", x, self.ints([0, 0, *[1] * n, 0, 0, *[0] * n]))
        y = self.b.call("Conv", x, w, bias, strides=[self.number(1, 2)] * n, pads=pads, dilations=[1] * n, groups=groups, layout="NCHW")
        if self.number(0, 1):
            c = y.shape[1]
            variance = self.b.constant(np.abs(self.rng.standard_normal(c, dtype=np.float32)) + np.float32(0.5), "var")
            y = self.b.call("BatchNorm", y, self.floats(c), self.floats(c), self.floats(c), variance, layout="NCHW")
        follow = self.number(0, 4)
        if follow == 0:
            y = self.b.call("Clip", y, min=0.0, max=6.0)
        elif follow == 1:
            y = self.b.call("Relu", y)
        elif follow == 2:
            y = self.b.call("Mul", y, self.floats(y.shape[1], *[1] * n))
        elif follow == 3:
            y = self.b.call("Add", self.floats(1, y.shape[1], *[1] * n), y)
        self.add(y)

    def pool(self) -> None:
        x = self.pick(lambda v: len(v.shape) == 4 and min(v.shape[2:]) >= 2)
        if x is None:
            return
        kind = self.number(0, 2)
        if kind == 2:
            self.add(self.b.call("GlobalAveragePool", x, layout="NCHW"))
            return
        if kind == 1 and self.number(0, 2) == 0:
            x = self.b.call("Pad", x, self.ints([0, 0, 1, 0, 0, 0, 0, 1]))
        attrs: dict[str, Any] = {
            "kernel": [2, 2],
            "strides": [self.number(1, 2)] * 2,
            "pads": [0, 0, self.number(0, 1), 0],
            "dilations": [1, 1],
            "layout": "NCHW",
        }
        self.add(self.b.call("MaxPool" if kind == 0 else "AveragePool", x, **attrs))

    def unary(self) -> None:
        x = self.pick()
        assert x is not None
        self.add(self.b.call(self.draw(st.sampled_from(UNARY)), x))

    def clip(self) -> None:
        x = self.pick()
        assert x is not None
        self.add(self.b.call("Clip", x, min=-1.0, max=float(self.number(0, 3))))

    def binary(self) -> None:
        x = self.pick()
        assert x is not None
        op = self.draw(st.sampled_from(BINARY))
        kind = self.number(0, 3)
        if kind == 0:
            other = self.pick(lambda v: v.shape == x.shape)
        elif kind == 1:
            other = self.pick(
                lambda v: len(v.shape) <= len(x.shape) and all(d in (1, e) for d, e in zip(v.shape[::-1], x.shape[::-1], strict=False))
            )
        elif kind == 2:
            other = self.b.constant(np.array(self.number(-1, 2), np.float32), "k")
        else:
            shape = [d if self.number(0, 1) else 1 for d in x.shape][self.number(0, max(0, len(x.shape) - 1)) :]
            other = self.floats(*shape)
        if other is not None:
            pair = (x, other) if self.number(0, 1) else (other, x)
            self.add(self.b.call(op, *pair))

    def transpose(self) -> None:
        x = self.pick()
        assert x is not None
        order = self.draw(st.permutations(range(len(x.shape))))
        common = {3: [0, 2, 1], 4: self.draw(st.sampled_from([[0, 2, 3, 1], [0, 3, 1, 2]]))}
        self.add(self.b.call("Transpose", x, perm=common.get(len(x.shape), order) if self.number(0, 2) else order))

    def reshape(self) -> None:
        x = self.pick()
        assert x is not None
        shape = list(x.shape)
        kind = self.number(0, 4)
        if kind == 0 and len(shape) >= 2:
            i = self.number(0, len(shape) - 2)
            shape[i : i + 2] = [shape[i] * shape[i + 1]]
        elif kind == 1 and len(shape) < 6:
            i = self.number(0, len(shape))
            shape.insert(i, 1)
        elif kind == 2 and len(shape) < 6 and any(d % 2 == 0 for d in shape):
            i = next(i for i, d in enumerate(shape) if d % 2 == 0)
            shape[i : i + 1] = [2, shape[i] // 2]
        elif kind == 3:
            shape = [d for d in shape if d != 1]
        else:
            shape = [shape[0] if shape else 1, -1]
        self.add(self.b.call("Reshape", x, self.ints(shape)))

    def concat(self) -> None:
        x = self.pick(lambda v: len(v.shape) >= 1)
        if x is None:
            return
        axis = self.number(0, len(x.shape) - 1)
        other = self.pick(
            lambda v: (
                len(v.shape) == len(x.shape) and all(a == b or i == axis for i, (a, b) in enumerate(zip(v.shape, x.shape, strict=True)))
            )
        )
        self.add(self.b.call("Concat", x, other, *([self.floats(*x.shape)] if self.number(0, 3) == 0 else []), axis=axis))

    def split(self) -> None:
        x = self.pick(lambda v: any(d >= 2 for d in v.shape))
        if x is None:
            return
        axis = self.draw(st.sampled_from([i for i, d in enumerate(x.shape) if d >= 2]))
        for part in self.b.call_multi("Split", x, axis=axis, sizes=[1, x.shape[axis] - 1]):
            self.add(part)

    def slice(self) -> None:
        x = self.pick(lambda v: any(d >= 2 for d in v.shape))
        if x is None:
            return
        axis = self.draw(st.sampled_from([i for i, d in enumerate(x.shape) if d >= 2]))
        self.add(
            self.b.call(
                "Slice", x, self.ints([self.number(0, 1)]), self.ints([x.shape[axis]]), self.ints([axis]), self.ints([self.number(1, 2)])
            )
        )

    def gather(self) -> None:
        x = self.pick(lambda v: len(v.shape) >= 1)
        if x is None:
            return
        axis = self.number(0, len(x.shape) - 1)
        index: Any = [0, x.shape[axis] - 1] if self.number(0, 1) else 0
        self.add(self.b.call("Gather", x, self.ints(index), axis=axis))

    def reduce(self) -> None:
        x = self.pick(lambda v: len(v.shape) >= 1)
        if x is None:
            return
        axes = sorted(self.draw(st.sets(st.integers(0, len(x.shape) - 1), min_size=1)))
        op = self.draw(st.sampled_from(["ReduceMean", "ReduceMax", "ReduceSum"]))
        self.add(self.b.call(op, x, axes=axes, keepdims=bool(self.number(0, 1))))

    def softmax(self) -> None:
        x = self.pick(lambda v: len(v.shape) >= 1)
        if x is not None:
            self.add(self.b.call("Softmax", x, axis=self.number(-len(x.shape), len(x.shape) - 1)))

    def resize(self) -> None:
        x = self.pick(lambda v: len(v.shape) == 4)
        if x is not None:
            self.add(
                self.b.call(
                    "Resize",
                    x,
                    self.ints([*x.shape[:2], x.shape[2] * 2, x.shape[3] + 1]),
                    None,
                    mode=self.draw(st.sampled_from(["nearest", "linear"])),
                )
            )

    def expand(self) -> None:
        x = self.pick(lambda v: any(d == 1 for d in v.shape))
        if x is not None:
            self.add(self.b.call("Expand", x, self.ints([3 if d == 1 and self.number(0, 1) else d for d in x.shape])))

    def matmul(self) -> None:
        x = self.pick(lambda v: len(v.shape) >= 2)
        if x is None:
            return
        if self.number(0, 1):
            n = self.number(1, 4)
            self.add(self.b.call("Add", self.b.call("MatMul", x, self.floats(x.shape[-1], n)), self.floats(n)))
        else:
            perm = [*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2]
            self.add(self.b.call("MatMul", x, self.b.call("Transpose", x, perm=perm)))

    def shuffle(self) -> None:
        x = self.pick(lambda v: len(v.shape) == 4 and v.shape[1] % 2 == 0)
        if x is None:
            return
        n, c, h, w = x.shape
        y = self.b.call("Transpose", self.b.call("Reshape", x, self.ints([n, 2, c // 2, h, w])), perm=[0, 2, 1, 3, 4])
        self.add(self.b.call("Reshape", y, self.ints([n, c, h, w])))

    def constant_node(self) -> None:
        """A node on constants, which the builder would have worked out itself."""
        x = self.pick(lambda v: len(v.shape) >= 1)
        if x is None:
            return
        c = self.floats(x.shape[-1])
        y = self.b.graph.new_value("folded", c.type)
        self.b.graph.append(Node(self.draw(st.sampled_from(UNARY)), [c], [y], {}, y.name))
        self.add(self.b.call("Add", x, y))

    def shape_arithmetic(self) -> None:
        x = self.pick(lambda v: len(v.shape) >= 1)
        if x is None:
            return
        first = self.b.call("Slice", self.b.call("Shape", x), self.ints([0]), self.ints([1]))
        self.add(self.b.call("Reshape", x, self.b.call("Concat", first, self.ints([-1]), axis=0)))


STEPS = [
    *["conv"] * 4,
    *["pool", "unary", "binary", "binary", "reshape", "transpose", "transpose", "concat"] * 2,
    *[
        "clip",
        "split",
        "slice",
        "gather",
        "reduce",
        "softmax",
        "resize",
        "expand",
        "matmul",
        "shuffle",
        "shape_arithmetic",
        "constant_node",
    ],
]


@st.composite
def graphs(draw: Draw, max_steps: int = 12) -> tuple[Graph, dict[str, Array]]:
    """A graph and feeds for it."""
    m = _Maker(draw, draw(st.integers(0, 2**16)))
    feeds: dict[str, Array] = {}
    for i in range(draw(st.integers(1, 2))):
        shape = draw(st.sampled_from([(1, 3, 6, 6), (2, 4, 5, 4), (1, 4, 4, 6), (1, 1, 8, 8), (2, 3, 7), (1, 2, 3, 4, 3), (4, 6)]))
        v = m.b.input(f"x{i}", F32, shape)
        m.values.append(v)
        feeds[v.name] = m.rng.standard_normal(shape, dtype=np.float32)
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=max_steps)):
        getattr(m, step)()
    ends = [v for v in m.values if not v.uses] or m.values[-1:]
    if len(ends) > 1 and draw(st.integers(0, 2)) == 0:
        ends = ends[1:]  # the first one is computed for nobody
    for v in ends:
        m.b.output(v)
    if draw(st.integers(0, 3)) == 0:
        m.b.output(draw(st.sampled_from(m.values)), "extra")
    return m.b.graph, feeds
