"""Models that keep values from run to run, beside LiteRT over several runs and a reset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import converters
from edgekit.errors import ConversionError, UnsupportedOpError
from edgekit.types import Array
from tests.converters.tflite.models import Op, Subgraph, Tensor, model
from tests.require import require_folder, require_module

R = np.random.default_rng(11)
HANDLE = Tensor("h", (), extra={"type": 13})


class LiteRt:
    """The reference runtime, without delegates."""

    def __init__(self, data: bytes) -> None:
        require_module("litert", "ai_edge_litert", "pip install ai-edge-litert")
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kind = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        self.interpreter: Any = Interpreter(model_content=data, experimental_op_resolver_type=kind)
        self.interpreter.allocate_tensors()

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        for d, a in zip(self.interpreter.get_input_details(), inputs, strict=True):
            self.interpreter.set_tensor(d["index"], a)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()]


def beside_litert(data: bytes, steps: Sequence[Sequence[Array]], folder: Path, units: int = 0) -> edgekit.Session:
    """Run the steps twice, with a reset between, on both runtimes; LiteRT begins anew with a new interpreter."""
    path = folder / "m.tflite"
    path.write_bytes(data)
    session = edgekit.Session(edgekit.convert(path, folder / "m.ekm").path)
    for _ in range(2):
        theirs = LiteRt(data)
        session.reset()
        for step in steps:
            want = theirs.run(step)
            got = session.run(dict(zip([v.name for v in session.inputs], step, strict=True)))
            for w, g in zip(want, got.values(), strict=True):
                if w.dtype.kind == "f":
                    np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-5)
                else:
                    assert np.abs(g.astype(np.int64) - w.astype(np.int64)).max(initial=0) <= units
    return session


def floats(*shape: int) -> Array:
    return R.normal(size=shape).astype(np.float32)


def running_total() -> bytes:
    """``total += x``, with a total that begins at [5, 6]."""
    main = Subgraph(
        [Tensor("x", (2,)), HANDLE, Tensor("old", (2,)), Tensor("y", (2,))],
        [
            Op("CALL_ONCE", [], [], {"init_subgraph": 1}),
            Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}),
            Op("READ_VARIABLE", ["h"], ["old"]),
            Op("ADD", ["old", "x"], ["y"]),
            Op("ASSIGN_VARIABLE", ["h", "y"], []),
        ],
        ["x"],
        ["y"],
    )
    init = Subgraph(
        [HANDLE, Tensor("first", (2,), data=np.array([5, 6], np.float32))],
        [Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}), Op("ASSIGN_VARIABLE", ["h", "first"], [])],
        [],
        [],
    )
    return model(main, init)


def test_resource_variables(tmp_path: Path) -> None:
    session = beside_litert(running_total(), [[floats(2)] for _ in range(4)], tmp_path)
    assert [str(s) for s in session.states] == ["total: float32[2]"] and [s.name for s in session.inputs] == ["x"]
    session.reset()
    assert session.get_state("total").tolist() == [5, 6]
    assert session.run({"x": np.array([1, 2], np.float32)})["y"].tolist() == [6, 8]


def test_the_notes_name_what_is_kept(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(running_total())
    done = edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm")
    assert any("keeps 1 value(s) from run to run (total); reset()" in n for n in done.notes)


def loop(init: bool = True) -> tuple[Subgraph, ...]:
    """``for i in range(n): total += x * i``, through a handle made outside; the result is the total behind the loop."""
    carried = [Tensor("i", (), "int32"), Tensor("n", (), "int32"), Tensor("x", (2,)), HANDLE]
    out = [Tensor("j", (), "int32"), Tensor("m", (), "int32"), Tensor("z", (2,)), Tensor("k", (), extra={"type": 13})]
    names, results = ["i", "n", "x", "h"], ["j", "m", "z", "k"]
    main = Subgraph(
        [*carried, *out, Tensor("zero", (), "int32", np.array(0, np.int32)), Tensor("y", (2,))],
        [
            *([Op("CALL_ONCE", [], [], {"init_subgraph": 3})] if init else []),
            Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}),
            Op("WHILE", ["zero", "n", "x", "h"], results, {"cond_subgraph": 1, "body_subgraph": 2}),
            Op("READ_VARIABLE", ["k"], ["y"]),
        ],
        ["n", "x"],
        ["y", "j"],
    )
    condition = Subgraph([*carried, Tensor("c", (), "bool")], [Op("LESS", ["i", "n"], ["c"])], names, ["c"])
    one = Tensor("one", (), "int32", np.array(1, np.int32))
    body = Subgraph(
        [*carried, one, Tensor("j", (), "int32"), Tensor("f", ()), Tensor("p", (2,)), Tensor("old", (2,)), Tensor("new", (2,))],
        [
            Op("ADD", ["i", "one"], ["j"]),
            Op("CAST", ["i"], ["f"]),
            Op("MUL", ["x", "f"], ["p"]),
            Op("READ_VARIABLE", ["h"], ["old"]),
            Op("ADD", ["old", "p"], ["new"]),
            Op("ASSIGN_VARIABLE", ["h", "new"], []),
        ],
        names,
        ["j", "n", "x", "h"],
    )
    first = Subgraph(
        [HANDLE, Tensor("first", (2,), data=np.array([5, 6], np.float32))],
        [Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}), Op("ASSIGN_VARIABLE", ["h", "first"], [])],
        [],
        [],
    )
    return main, condition, body, first


def test_variables_inside_a_loop(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(model(*loop()))
    session = edgekit.Session(edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm").path)
    total = np.array([5, 6], np.float32)
    for n in (3, 0, 5):
        x = floats(2)
        for i in range(n):
            total = total + x * np.float32(i)
        out = session.run({"n": np.array(n, np.int32), "x": x})
        np.testing.assert_allclose(out["y"], total, rtol=1e-6)
        assert out["j"] == n


@pytest.mark.parametrize("nested", [False, True])
def test_variables_inside_branches(nested: bool, tmp_path: Path) -> None:
    """``if c: total = x``, with the handle made inside the branch; then the same one branch deeper."""
    carried = [Tensor("c", (), "bool"), Tensor("x", (2,))]
    keep = Subgraph([*carried, Tensor("y", (2,))], [Op("NEG", ["x"], ["y"])], ["c", "x"], ["y"])
    change = Subgraph(
        [*carried, HANDLE, Tensor("y", (2,))],
        [Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}), Op("ASSIGN_VARIABLE", ["h", "x"], []), Op("ABS", ["x"], ["y"])],
        ["c", "x"],
        ["y"],
    )
    outer = Subgraph(
        [*carried, Tensor("y", (2,))],
        [Op("IF", ["c", "c", "x"], ["y"], {"then_subgraph": 2, "else_subgraph": 1})],
        ["c", "x"],
        ["y"],
    )
    main = Subgraph(
        [*carried, HANDLE, Tensor("y", (2,)), Tensor("t", (2,))],
        [
            Op("VAR_HANDLE", [], ["h"], {"shared_name": "total"}),
            Op("IF", ["c", "c", "x"], ["y"], {"then_subgraph": 3 if nested else 2, "else_subgraph": 1}),
            Op("READ_VARIABLE", ["h"], ["t"]),
        ],
        ["c", "x"],
        ["y", "t"],
    )
    (tmp_path / "m.tflite").write_bytes(model(main, keep, change, outer))
    session = edgekit.Session(edgekit.convert(tmp_path / "m.tflite", tmp_path / "m.ekm").path)
    total = np.zeros(2, np.float32)
    for taken in (False, True, False, True):
        x = floats(2)
        out = session.run({"c": np.array(taken), "x": x})
        total = x if taken else total
        np.testing.assert_array_equal(out["t"], total)
        np.testing.assert_array_equal(out["y"], np.abs(x) if taken else -x)


def lstm(clip: float, time_major: bool) -> bytes:
    steps, batch, size, hidden = 3, 2, 5, 4
    shape = (steps, batch, size) if time_major else (batch, steps, size)
    weights = [Tensor(f"w{k}", (hidden, size), data=floats(hidden, size) * 0.5) for k in range(4)]
    weights += [Tensor(f"r{k}", (hidden, hidden), data=floats(hidden, hidden) * 0.5) for k in range(4)]
    biases = [Tensor(f"b{k}", (hidden,), data=floats(hidden) * 0.1) for k in range(4)]
    states = [Tensor(n, (batch, hidden), extra={"is_variable": True}) for n in ("h", "c")]
    inputs = ["x", *(w.name for w in weights), "", "", "", *(b.name for b in biases), "", "", "h", "c", "", "", "", ""]
    options = {"activation": 4, "cell_clip": clip, "time_major": time_major}
    graph = Subgraph(
        [Tensor("x", shape), *weights, *biases, *states, Tensor("y", (*shape[:2], hidden))],
        [Op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, ["y"], options)],
        ["x"],
        ["y"],
    )
    return model(graph)


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("clip", [0.0, 0.3])
def test_lstm_states_go_on(clip: float, time_major: bool, tmp_path: Path) -> None:
    shape = (3, 2, 5) if time_major else (2, 3, 5)
    session = beside_litert(lstm(clip, time_major), [[floats(*shape)] for _ in range(4)], tmp_path)
    assert [s.name for s in session.states] == ["h", "c"]


def test_svdf_state_goes_on(tmp_path: Path) -> None:
    filters, memory, size = 6, 4, 5
    graph = Subgraph(
        [
            Tensor("x", (2, size)),
            Tensor("f", (filters, size), data=floats(filters, size)),
            Tensor("t", (filters, memory), data=floats(filters, memory)),
            Tensor("b", (3,), data=floats(3)),
            Tensor("s", (2, filters * memory), extra={"is_variable": True}),
            Tensor("y", (2, 3)),
        ],
        [Op("SVDF", ["x", "f", "t", "b", "s"], ["y"], {"rank": 2, "activation": 1})],
        ["x"],
        ["y"],
    )
    beside_litert(model(graph), [[floats(2, size)] for _ in range(6)], tmp_path)


@pytest.mark.parametrize(("name", "units"), [("micro_wake_okay_nabu/okay_nabu.tflite", 0), ("tflm_mnist_lstm/trained_lstm_int8.tflite", 1)])
def test_streaming_models_of_the_zoo(name: str, units: int, tmp_path: Path) -> None:
    # numbers drawn anew each time would not do: of noise, some sequences leave two digits nearly even, where Softmax makes several units
    # of one unit of its input
    data = (require_folder("zoo", "EDGEKIT_MODEL_ZOO") / name).read_bytes()
    shape = (1, 3, 40) if "nabu" in name else (1, 28, 28)
    beside_litert(data, [[R.integers(-128, 128, shape).astype(np.int8)] for _ in range(8)], tmp_path, units)


def test_a_variable_read_and_assigned_in_different_types_is_refused(tmp_path: Path) -> None:
    graph = Subgraph(
        [Tensor("x", (3,)), HANDLE, Tensor("y", (2,))],
        [
            Op("VAR_HANDLE", [], ["h"], {"shared_name": "v"}),
            Op("READ_VARIABLE", ["h"], ["y"]),
            Op("ASSIGN_VARIABLE", ["h", "x"], []),
        ],
        ["x"],
        ["y"],
    )
    (tmp_path / "m.tflite").write_bytes(model(graph))
    with pytest.raises(UnsupportedOpError, match=r"read as float32\[2\] and assigned float32\[3\]"):
        converters.load(tmp_path / "m.tflite")


def test_handles_that_nothing_gives_are_refused(tmp_path: Path) -> None:
    graph = Subgraph([HANDLE, Tensor("y", (2,))], [Op("READ_VARIABLE", ["h"], ["y"])], [], ["y"])
    (tmp_path / "m.tflite").write_bytes(model(graph))
    with pytest.raises(ConversionError, match="no VAR_HANDLE"):
        converters.load(tmp_path / "m.tflite")


def test_nested_loops_end(tmp_path: Path) -> None:
    """Bodies that run each other many times over are refused in bounded time."""
    carried = [Tensor("c", (), "bool"), Tensor("d", (), "bool")]

    def step(below: int) -> Subgraph:
        ops = [Op("IF", ["c", "c"], ["d"], {"then_subgraph": below, "else_subgraph": below}) for _ in range(8)]
        return Subgraph(carried, ops, ["c"], ["d"])

    (tmp_path / "m.tflite").write_bytes(model(*(step(k + 1) for k in range(14)), step(3)))
    with pytest.raises(ConversionError, match=r"more than|nested deeper"):
        converters.load(tmp_path / "m.tflite")
