"""TF1 control flow: loops of Enter, Merge, Switch, NextIteration and Exit, conditionals of Switch and Merge, and tensor arrays in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit import converters
from edgekit.errors import MalformedModelError, UnsupportedOpError
from edgekit.ir import Graph
from tests.converters.tensorflow.folders import javascript_model
from tests.converters.tensorflow.models import Maker, Shape, Type, compute, load

R = np.random.default_rng(5)
X = R.normal(size=(2, 3)).astype(np.float32)


class Frames(Maker):
    """Writes control flow as TensorFlow 1 did."""

    def loop(
        self, name: str, first: list[str], condition: Callable[..., str], body: Callable[..., list[str]], fixed: list[str]
    ) -> list[str]:
        """A ``tf.while_loop``; ``fixed`` are the values from outside that stay, given to ``body`` behind the carried ones."""
        enters = [self.add("Enter", v, name=f"{name}/Enter_{k}", frame_name=name) for k, v in enumerate(first)]
        stay = [self.add("Enter", v, name=f"{name}/Stay_{k}", frame_name=name, is_constant=True) for k, v in enumerate(fixed)]
        merges = [self.add("Merge", e, f"{name}/Next_{k}", name=f"{name}/Merge_{k}") for k, e in enumerate(enters)]
        go_on = self.add("LoopCond", condition(*merges, *stay), name=f"{name}/LoopCond")
        switches = [self.add("Switch", m, go_on, name=f"{name}/Switch_{k}") for k, m in enumerate(merges)]
        inside = [self.add("Identity", f"{s}:1", name=f"{name}/Identity_{k}") for k, s in enumerate(switches)]
        for k, v in enumerate(body(*inside, *stay)):
            self.add("NextIteration", v, name=f"{name}/Next_{k}")
        return [self.add("Exit", s, name=f"{name}/Exit_{k}") for k, s in enumerate(switches)]

    def branch(self, name: str, condition: str, data: list[str], then: Callable[..., str], otherwise: Callable[..., str]) -> str:
        """A ``tf.cond``."""
        pivot = self.add("Switch", condition, condition, name=f"{name}/Switch")
        self.add("Identity", f"{pivot}:1", name=f"{name}/switch_t")
        self.add("Identity", pivot, name=f"{name}/switch_f")
        one = [self.add("Switch", d, condition, name=f"{name}/then_{k}") for k, d in enumerate(data)]
        other = [self.add("Switch", d, condition, name=f"{name}/else_{k}") for k, d in enumerate(data)]
        result = [otherwise(*other), then(*(f"{s}:1" for s in one))]
        return self.add("Merge", *result, name=f"{name}/Merge")

    def number(self, value: float, dtype: str = "int32") -> str:
        return self.const(np.asarray(value, dtype))


def ops(graph: Graph) -> list[str]:
    return [n.op for n in graph.nodes]


def counted(m: Frames, limit: int) -> Callable[..., str]:
    return lambda i, *_: m.add("Less", i, m.number(limit))


def test_a_loop_becomes_a_while(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2, 3))
    _, last = m.loop(
        "w", [m.number(0), "x"], counted(m, 4), lambda i, a, x: [m.add("Add", i, m.number(1)), m.add("Mul", a, m.add("Add", a, x))], ["x"]
    )
    m.add("Relu", last, name="y")
    graph = load(m.graph(), tmp_path)
    assert graph.output_names == ["y"] and ops(graph) == ["While", "Relu"]
    want = X.copy()
    for _ in range(4):
        want = want * (want + X)
    np.testing.assert_allclose(compute(graph, X)[0], np.maximum(want, 0), rtol=1e-6)


def test_an_exit_that_is_the_only_end_is_the_output(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2, 3))
    condition: Callable[..., str] = lambda a: m.add("Less", m.add("Sum", a, m.ints(0, 1), keep_dims=False), m.number(50, "float32"))  # noqa: E731
    m.loop("w", ["x"], condition, lambda a: [m.add("Add", a, m.number(1.5, "float32"))], [])
    graph = load(m.graph(), tmp_path)
    want = X.copy()
    while want.sum() < 50:
        want = want + np.float32(1.5)
    assert graph.output_names == ["w/Exit_0"]
    np.testing.assert_allclose(compute(graph, X)[0], want, rtol=1e-6)


def test_a_loop_that_never_runs(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2, 3))
    _, last = m.loop("w", [m.number(9), "x"], counted(m, 4), lambda i, a: [m.add("Add", i, m.number(1)), m.add("Neg", a)], [])
    m.add("Relu", last, name="y")
    graph = load(m.graph(), tmp_path)
    assert ops(graph) == ["Relu"]
    np.testing.assert_array_equal(compute(graph, X)[0], np.maximum(X, 0))


def test_nested_loops(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2, 3))

    def outer(i: str, a: str, x: str) -> list[str]:
        _, b = m.loop(
            "w/inner",
            [m.number(0), a],
            lambda j, _, limit, __: m.add("Less", j, limit),
            lambda j, b, _, x: [m.add("Add", j, m.number(1)), m.add("Add", m.add("Mul", b, m.number(0.5, "float32")), x)],
            [i, x],
        )
        return [m.add("Add", i, m.number(1)), b]

    _, last = m.loop("w", [m.number(0), "x"], counted(m, 4), outer, ["x"])
    m.add("Identity", last, name="y")
    graph = load(m.graph(), tmp_path)
    want = X.copy()
    for i in range(4):
        for _ in range(i):
            want = want * np.float32(0.5) + X
    np.testing.assert_allclose(compute(graph, X)[0], want, rtol=1e-6)


@pytest.mark.parametrize("limit", [-100.0, 100.0])
def test_conditionals(tmp_path: Path, limit: float) -> None:
    m = Frames()
    m.input("x", (2, 3))
    m.input("limit", ())
    condition = m.add("Greater", m.add("Sum", "x", m.ints(0, 1), keep_dims=False), "limit", name="asked")
    inner: Callable[..., str] = lambda v, c: m.branch("n", c, [v], lambda a: m.add("Abs", a), lambda a: m.add("Exp", a))  # noqa: E731
    y = m.branch("c", condition, ["x", condition], lambda v, _: m.add("Neg", v), inner)
    m.add("Relu", y, name="y")
    graph = load(m.graph(), tmp_path)
    assert ops(graph).count("If") == 1 and graph.output_names == ["y"]
    want = np.maximum(-X if X.sum() > limit else np.exp(X), 0)
    np.testing.assert_allclose(compute(graph, X, np.asarray(limit, np.float32))[0], want, rtol=1e-6)


def test_a_known_condition_leaves_its_branch_alone(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2, 3))
    m.const(np.asarray(False), "training")
    y = m.branch("c", "training", ["x"], lambda v: m.add("RandomUniform", v), lambda v: m.add("Neg", v))
    m.add("Relu", y, name="y")
    graph = load(m.graph(), tmp_path)
    assert ops(graph) == ["Neg", "Relu"]


def test_branches_of_constants_are_told_by_what_they_wait_for(tmp_path: Path) -> None:
    for marked in (True, False):
        m = Frames()
        m.input("x", ())
        condition = m.add("Greater", "x", m.number(0, "float32"))

        def constant(value: float, pivot: str, m: Frames = m, marked: bool = marked) -> str:
            name = m.number(value, "float32")
            if marked:
                m.nodes[-1].input.append(f"^c/{pivot}")
            return name

        y = m.branch("c", condition, [], lambda make=constant: make(1, "switch_t"), lambda make=constant: make(2, "switch_f"))
        m.add("Relu", y, name="y")
        if not marked:
            with pytest.raises(UnsupportedOpError, match="Merge"):
                load(m.graph(), tmp_path)
            continue
        graph = load(m.graph(), tmp_path)
        assert [compute(graph, np.asarray(v, np.float32))[0] for v in (1, -1)] == [1, 2]


def test_a_conditional_in_a_loop(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2, 3))

    def body(i: str, a: str) -> list[str]:
        even = m.add("Equal", m.add("FloorMod", i, m.number(2)), m.number(0))
        b = m.branch("w/c", even, [a], lambda v: m.add("Mul", v, m.number(3, "float32")), lambda v: m.add("Neg", v))
        return [m.add("Add", i, m.number(1)), b]

    _, last = m.loop("w", [m.number(0), "x"], counted(m, 5), body, [])
    m.add("Identity", last, name="y")
    np.testing.assert_allclose(compute(load(m.graph(), tmp_path), X)[0], X * 27, rtol=1e-6)


@pytest.mark.parametrize("open_shape", [False, True])
def test_tensor_arrays_through_a_loop(tmp_path: Path, open_shape: bool) -> None:
    rows = R.normal(size=(5, 2, 3)).astype(np.float32)
    m = Frames()
    m.input("x", (5, None, 3) if open_shape else (5, 2, 3))
    size = m.number(5)
    for name in ("source", "target"):
        m.add("TensorArrayV3", size, name=name, dtype=Type("float32"), element_shape=Shape(None))
    m.add("TensorArrayScatterV3", "source", m.ints(0, 1, 2, 3, 4), "x", "source:1", name="scattered")

    def body(i: str, flow: str, source: str, content: str, target: str) -> list[str]:
        row = m.add("Tanh", m.add("TensorArrayReadV3", source, i, content, dtype=Type("float32")))
        return [m.add("Add", i, m.number(1)), m.add("TensorArrayWriteV3", target, i, row, flow)]

    _, flow = m.loop("w", [m.number(0), "target:1"], counted(m, 5), body, ["source", "scattered", "target"])
    m.add("TensorArrayGatherV3", "target", m.ints(0, 1, 2, 3, 4), flow, name="all", dtype=Type("float32"), element_shape=Shape(None))
    m.add("TensorArrayGatherV3", "target", m.ints(3, 1), flow, name="some", dtype=Type("float32"), element_shape=Shape(None))
    m.add("TensorArraySizeV3", "target", flow, name="count")
    m.add("TensorArrayConcatV3", "target", flow, name="joined", dtype=Type("float32"))
    graph = load(m.graph(), tmp_path)
    found = dict(zip(graph.output_names, compute(graph, rows), strict=True))
    want = np.tanh(rows)
    np.testing.assert_allclose(found["all"], want, rtol=1e-6)
    np.testing.assert_allclose(found["some"], want[[3, 1]], rtol=1e-6)
    np.testing.assert_allclose(found["joined"], want.reshape(10, 3), rtol=1e-6)
    assert found["count"] == 5


def test_an_array_that_grows(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2,))
    m.add("TensorArrayV3", m.number(0), name="array", dtype=Type("float32"), element_shape=Shape(None), dynamic_size=True)
    flow = "array:1"
    for k in range(3):
        flow = m.add("TensorArrayWriteV3", "array", m.number(k), m.add("Mul", "x", m.number(k, "float32")), flow)
    m.add("TensorArrayGatherV3", "array", m.ints(0, 1, 2), flow, name="y", dtype=Type("float32"), element_shape=Shape(None))
    x = np.array([1, -2], np.float32)
    np.testing.assert_array_equal(compute(load(m.graph(), tmp_path), x)[0], np.outer([0, 1, 2], x))


def test_an_array_is_split_and_read(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (6, 2))
    m.add("TensorArrayV3", m.number(3), name="array", dtype=Type("float32"), element_shape=Shape(None))
    m.add("TensorArraySplitV3", "array", "x", m.const(np.array([2, 2, 2])), "array:1", name="split")
    m.add("TensorArrayReadV3", "array", m.number(1), "split", name="y", dtype=Type("float32"))
    x = R.normal(size=(6, 2)).astype(np.float32)
    np.testing.assert_array_equal(compute(load(m.graph(), tmp_path), x)[0], x[2:4])


def test_reading_what_nobody_wrote_is_a_blocker(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2,))
    m.add("TensorArrayV3", m.number(3), name="array", dtype=Type("float32"), element_shape=Shape(None))
    m.add("Add", m.add("TensorArrayReadV3", "array", m.number(1), "array:1", dtype=Type("float32")), "x", name="y")
    with pytest.raises(UnsupportedOpError, match="before anything was written"):
        load(m.graph(), tmp_path)


def test_loops_of_another_form_are_blockers(tmp_path: Path) -> None:
    m = Frames()
    m.input("x", (2,))
    m.add("Enter", "x", name="e", frame_name="w")
    m.add("Merge", "e", "n", name="merge")
    m.add("Switch", "merge", m.const(np.asarray(True)), name="s")
    m.add("NextIteration", "s:1", name="n")
    m.add("Exit", "s", name="exit")
    m.add("Relu", "exit", name="y")
    with pytest.raises(UnsupportedOpError, match="Enter"):
        load(m.graph(), tmp_path)


def broken(change: Callable[[Frames], None]) -> Frames:
    m = Frames()
    m.input("x", (2, 3))
    _, last = m.loop("w", [m.number(0), "x"], counted(m, 4), lambda i, a: [m.add("Add", i, m.number(1)), m.add("Neg", a)], [])
    y = m.branch("c", m.add("Greater", m.add("Max", last, m.ints(0, 1)), m.number(0, "float32")), [last], m_neg(m), m_neg(m))
    m.add("Relu", y, name="y")
    change(m)
    return m


def m_neg(m: Frames) -> Callable[..., str]:
    return lambda v: m.add("Neg", v)


def test_damaged_control_flow_is_told(tmp_path: Path) -> None:
    """Each input of each node cut off, or bent to another node: only errors of ours come out, or a graph."""
    outcomes = set()
    count = len(broken(lambda m: None).nodes)
    for at in range(count):
        for target in ("", "x", "w/Merge_1", "w/Switch_1:1", "c/Switch", "nothing"):

            def change(m: Frames, at: int = at, target: str = target) -> None:
                node = m.nodes[at]
                if node.input:
                    del node.input[-1]
                if target:
                    node.input.append(target)

            try:
                load(broken(change).graph(), tmp_path)
                outcomes.add("graph")
            except (UnsupportedOpError, MalformedModelError) as e:
                outcomes.add(type(e).__name__)
    assert {"UnsupportedOpError", "MalformedModelError"} <= outcomes


def test_constants_of_a_loop_whose_data_lie_in_another_file(tmp_path: Path) -> None:
    """TensorFlow.js keeps every constant beside the graph, those inside a loop's body, too."""
    m = Frames()
    m.input("x", (2, 3))
    weights = {"limit": np.asarray(3, np.int32), "one": np.asarray(1, np.int32), "factor": np.float32([0.5, -2, 3])}
    for name, array in weights.items():
        m.const(np.zeros_like(array), name)
    _, last = m.loop(
        "w",
        [m.number(0), "x"],
        lambda i, _: m.add("Less", i, "limit"),
        lambda i, a: [m.add("Add", i, "one"), m.add("Mul", a, "factor")],
        [],
    )
    m.add("Relu", last, name="y")
    entries = [({"name": n, "shape": list(a.shape), "dtype": a.dtype.name}, a.tobytes()) for n, a in weights.items()]
    graph = converters.load(javascript_model(tmp_path, entries, m.graph()))
    np.testing.assert_allclose(compute(graph, X)[0], np.maximum(X * weights["factor"] ** 3, 0), rtol=1e-6)


def test_elements_of_a_loop_padded_to_one_size(tmp_path: Path) -> None:
    """``tf.map_fn`` over a part that the data decide, padded to a size that is known: how detectors pad their boxes."""
    m = Frames()
    m.input("x", (4, 6))
    count = m.number(4)
    array = m.add("TensorArrayV3", count, dtype=Type("float32"), element_shape=Shape(None), dynamic_size=False)
    rows = m.add("Range", m.number(0), count, m.number(1))
    filled = m.add("TensorArrayScatterV3", array, rows, "x", f"{array}:1")
    result = m.add("TensorArrayV3", count, dtype=Type("float32"), element_shape=Shape(None), dynamic_size=False)

    def body(i: str, flow: str, source: str, values: str, target: str) -> list[str]:
        row = m.add("TensorArrayReadV3", source, i, values, dtype=Type("float32"))
        places = m.add("Squeeze", m.add("Where", m.add("Greater", row, m.number(0, "float32"))), squeeze_dims=[1])
        picked = m.add("GatherV2", row, places, m.number(0))
        size = m.add("StridedSlice", m.add("Shape", picked), m.ints(0), m.ints(1), m.ints(1), shrink_axis_mask=1)
        pads = m.add("Pack", m.add("Pack", m.number(0), m.add("Sub", m.number(6), size), axis=0, N=2), axis=0, N=1)
        padded = m.add("Pad", picked, pads)
        return [m.add("Add", i, m.number(1)), m.add("TensorArrayWriteV3", target, i, padded, flow)]

    outs = m.loop("w", [m.number(0), f"{result}:1"], counted(m, 4), body, [array, filled, result])
    m.add("TensorArrayGatherV3", result, rows, outs[1], name="y", dtype=Type("float32"))
    graph = load(m.graph(), tmp_path)
    assert graph.outputs[0].shape == (4, 6)
    x = R.normal(size=(4, 6)).astype(np.float32)
    want = np.zeros_like(x)
    for row, kept in zip(want, x, strict=True):
        row[: (kept > 0).sum()] = kept[kept > 0]
    np.testing.assert_array_equal(compute(graph, x)[0], want)
