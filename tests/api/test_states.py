"""Models that keep state: from conversion to the runtime, against the reference run by run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.errors import FormatError, QuantizationError, RuntimeLibraryError
from edgekit.format import read_model, write_bytes
from edgekit.ir import Graph, GraphBuilder, graph_hash
from edgekit.plan import plan_memory
from edgekit.quantize import CalibrationData
from edgekit.reference import ReferenceSession, SequenceStart
from edgekit.symbolic import SymDim
from edgekit.types import BOOL, F32, I8, I64, QuantParams


def filter_graph() -> Graph:
    """A recurrent layer, a shift register and a counter: every kind of state there is."""
    r = np.random.default_rng(1)
    b = GraphBuilder("filter")
    x = b.input("x", F32, (1, 8))
    h = b.state("h", F32, (1, 16), 0.25)
    past = b.state("past", F32, (3, 8), np.arange(24, dtype=np.float32).reshape(3, 8))
    count = b.state("count", I64, (), 40)
    b.state("fixed", I8, (2,), -3, QuantParams.per_tensor(0.5, -3))
    joined = b.call("Concat", x, h, axis=1)
    w = b.constant(r.normal(size=(16, 24)).astype(np.float32) * 0.3, "w")
    new = b.call("Tanh", b.call("FullyConnected", joined, w, name="fc"), name="tanh")
    b.set_state(h, new)
    rest = b.call("Slice", past, b.constant([1], dtype=I64), b.constant([3], dtype=I64), b.constant([0], dtype=I64))
    shifted = b.call("Concat", rest, x, axis=0)
    b.set_state(past, shifted)
    b.set_state(count, b.call("Add", count, b.constant(1, dtype=I64)))
    y = b.call("FullyConnected", new, b.constant(r.normal(size=(8, 16)).astype(np.float32) * 0.3, "v"), name="out")
    b.output(b.call("Add", y, b.call("ReduceMean", shifted, axes=(0,), keepdims=True), name="sum"), "y")
    b.output(b.call("Identity", count), "n")
    return b.graph


def frames(n: int) -> list[dict[str, np.ndarray]]:
    r = np.random.default_rng(5)
    return [{"x": r.normal(size=(1, 8)).astype(np.float32)} for _ in range(n)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edgekit.convert(filter_graph(), tmp_path_factory.mktemp("states") / "filter.ekm").path


def test_a_file_keeps_states(path: Path) -> None:
    graph = filter_graph()
    data = write_bytes(graph)
    again = read_model(data)
    assert graph_hash(again) == graph_hash(graph) and write_bytes(again) == data
    assert [s.name for s in read_model(path).states] == ["h", "past", "count", "fixed"]


def test_the_runtime_goes_on_run_by_run_and_resets(path: Path) -> None:
    reference = ReferenceSession(filter_graph())
    inputs = frames(6)
    with edgekit.Session(path) as session:
        assert [s.name for s in session.inputs] == ["x"] and [s.name for s in session.outputs] == ["y", "n"]
        assert [str(s) for s in session.states] == ["h: float32[1, 16]", "past: float32[3, 8]", "count: int64[]", "fixed: int8[2]"]
        assert session.states[3].quant == QuantParams.per_tensor(0.5, -3)
        assert session.peak_memory_bytes == plan_memory(read_model(path)).arena_bytes
        first = []
        for feeds in inputs:
            want, got = reference.run(feeds), session.run(feeds)
            np.testing.assert_allclose(got["y"], want["y"], rtol=1e-5, atol=1e-6)
            assert got["n"] == want["n"]
            for s in session.states:
                np.testing.assert_allclose(session.get_state(s.name), reference.states[s.name], rtol=1e-5, atol=1e-6)
            first.append(got["y"])
        assert session.get_state("count") == 46 and session.get_state("fixed").tolist() == [-3, -3]
        session.reset()
        assert session.get_state("count") == 40 and session.get_state("h").tolist() == [[0.25] * 16]
        for feeds, y in zip(inputs, first, strict=True):
            np.testing.assert_array_equal(session.run(feeds)["y"], y)


def test_states_can_be_saved_and_put_back(path: Path) -> None:
    (one, two) = frames(2)
    with edgekit.Session(path) as a, edgekit.Session(path) as b:
        a.run(one)
        for s in a.states:
            b.set_state(s.name, a.get_state(s.name))
        np.testing.assert_array_equal(a.run(two)["y"], b.run(two)["y"])
        with pytest.raises(RuntimeLibraryError, match=r"no state 'x'; its states: \['h', 'past', 'count', 'fixed'\]"):
            a.get_state("x")
        with pytest.raises(RuntimeLibraryError, match=r"state h: float32\[1, 16\] of the model .* cannot be float64"):
            a.set_state("h", np.zeros((1, 16)))
        with pytest.raises(RuntimeLibraryError, match="no input is called 'h'"):
            a.run({**two, "h": np.zeros((1, 16), np.float32)})


def test_a_failed_run_leaves_the_states(path: Path, tmp_path: Path) -> None:
    b = GraphBuilder()
    x, count = b.input("x", F32, (4,)), b.state("count", I64, ())
    index = b.input("index", I64, (1,))
    b.set_state(count, b.call("Add", count, b.constant(1, dtype=I64)))
    b.output(b.call("Gather", x, index, axis=0), "y")
    made = edgekit.convert(b.graph, tmp_path / "m.ekm").path
    good, bad = ({"x": np.ones(4, np.float32), "index": np.array([i])} for i in (1, 9))
    with edgekit.Session(made) as session:
        session.run(good)
        with pytest.raises(RuntimeLibraryError):
            session.run(bad)
        assert session.get_state("count") == 1
        session.run(good)
        assert session.get_state("count") == 2


def test_swaps_and_outputs_taken_from_states_are_what_the_run_began_with(tmp_path: Path) -> None:
    b = GraphBuilder()
    x = b.input("x", F32, (2, 2))
    left, right = b.state("left", F32, (2, 2), 1), b.state("right", F32, (2, 2), 2)
    b.set_state(left, right)
    b.set_state(right, b.call("Add", left, x))
    b.output(b.call("Reshape", left, b.constant([4], dtype=I64), allow_zero=True), "before")
    b.output(b.call("Relu", right), "other")
    feeds = {"x": np.full((2, 2), 0.5, np.float32)}
    reference = ReferenceSession(b.graph)
    with edgekit.Session(edgekit.convert(b.graph, tmp_path / "m.ekm").path) as session:
        for _ in range(5):
            want, got = reference.run(feeds), session.run(feeds)
            for name in want:
                np.testing.assert_array_equal(got[name], want[name])


def test_states_work_with_control_flow(tmp_path: Path) -> None:
    def branch(factor: float) -> Graph:
        b = GraphBuilder("branch")
        b.output(b.call("Mul", b.input("v", F32, (2,)), b.constant(np.float32(factor))))
        return b.graph

    b = GraphBuilder()
    flag, v = b.input("flag", BOOL, ()), b.state("v", F32, (2,), 1)
    y = b.call("If", flag, v, then_graph=branch(2), else_graph=branch(3), name="if")
    b.set_state(v, y)
    b.output(y, "y")
    with edgekit.Session(edgekit.convert(b.graph, tmp_path / "m.ekm").path) as session:
        assert [session.run({"flag": np.array(f)})["y"][0] for f in (True, False, True)] == [2, 6, 12]


def test_int8_keeps_states_in_float_and_calibrates_over_the_sequence(tmp_path: Path) -> None:
    graph = filter_graph()
    samples = frames(40)
    done = edgekit.convert(graph, tmp_path / "m.ekm", quantize="int8", calibration=samples)
    assert [s.input.dtype for s in done.graph.states] == [F32, F32, I64, I8]
    assert "FullyConnected" in [n.op for n in done.graph.nodes if n.output.dtype is I8]
    exact, runtime = ReferenceSession(graph), ReferenceSession(done.graph)
    ys: list[np.ndarray] = []
    errors: list[float] = []
    with edgekit.Session(done.path) as session:
        for feeds in samples[:10]:
            want, same, got = exact.run(feeds), runtime.run(feeds), session.run(feeds)
            np.testing.assert_array_equal(got["y"], same["y"])
            ys.append(want["y"])
            errors.append(float(np.abs(got["y"] - want["y"]).max()))
    assert max(errors) < 0.05 * float(np.ptp(np.stack(ys)))  # rounding of one run goes on to the next, and does not grow
    assert done.quantization_errors[0].sqnr_db is not None and done.quantization_errors[0].sqnr_db > 20


@pytest.mark.parametrize("recipe", ["float16", "int8-weight-only"])
def test_other_recipes_keep_states(recipe: str, tmp_path: Path) -> None:
    done = edgekit.convert(filter_graph(), tmp_path / "m.ekm", quantize=recipe)
    reference = ReferenceSession(done.graph)
    with edgekit.Session(done.path) as session:
        for feeds in frames(3):
            np.testing.assert_allclose(session.run(feeds)["y"], reference.run(feeds)["y"], rtol=1e-4, atol=1e-5)


def starts(data: CalibrationData) -> list[bool]:
    return [isinstance(feeds, SequenceStart) for feeds in data]


def test_sequences_of_calibration_data(tmp_path: Path) -> None:
    graph, (a, b, c) = filter_graph(), frames(3)
    assert starts(CalibrationData([a, b, c], graph)) == [True, False, False]
    assert starts(CalibrationData([[a, b], [c]], graph)) == [True, False, True]
    assert starts(CalibrationData([[a, b], [c]], graph, limit=2)) == [True, False]
    stacked = np.stack([f["x"] for f in (a, b, c)])
    data = CalibrationData([stacked, {"x": stacked[:1]}], graph)
    assert starts(data) == [True, False, False, True] and len(data) == 0
    for folder, count in (("one", 2), ("two", 1)):
        (tmp_path / folder).mkdir()
        for k in range(count):
            np.save(tmp_path / folder / f"{k}.npy", a["x"])
    assert starts(CalibrationData(tmp_path, graph)) == [True, False, True]
    np.save(tmp_path / "all.npy", stacked)
    assert starts(CalibrationData(tmp_path, graph)) == [True, False, False, True, False, True]
    with pytest.raises(QuantizationError, match="sequence 0, sample 1"):
        list(CalibrationData([[a, {"x": np.zeros((2, 8), np.float32)}]], graph))


def test_reports_and_comparisons_begin_sequences_anew(path: Path, tmp_path: Path) -> None:
    samples = [frames(2), frames(3)]
    edgekit.report(path, tmp_path / "r.md", edgekit.ReportSettings(source=path, data=samples, runs=2))
    text = (tmp_path / "r.md").read_text()
    assert "past" in text and "state" in text
    session = ReferenceSession(filter_graph())
    session.run(SequenceStart(samples[0][0]))
    once = dict(session.states)
    session.run(samples[0][1])
    session.run(SequenceStart(samples[0][0]))
    assert all(np.array_equal(once[n], v) for n, v in session.states.items())


def test_open_shapes_of_states_are_refused(tmp_path: Path) -> None:
    b = GraphBuilder()
    n = SymDim.symbol("n", 1, 4)
    x, h = b.input("x", F32, (n, 2)), b.state("h", F32, (n, 2))
    y = b.call("Add", x, h)
    b.set_state(h, y)
    b.output(y, "y")
    with pytest.raises(FormatError, match="a state has a fixed shape"):
        write_bytes(b.graph)
    done = edgekit.convert(b.graph, tmp_path / "m.ekm", shapes={"x": (3, 2)})
    assert done.graph.states[0].input.shape == (3, 2)


def test_damaged_files_are_refused_or_run() -> None:
    whole = write_bytes(filter_graph())
    refused = 0
    for position in range(0, len(whole), 5):
        data = bytearray(whole)
        data[position] ^= 0x55
        try:
            with edgekit.Session(bytes(data)) as session:
                session.run(frames(1)[0])
                session.reset()
        except RuntimeLibraryError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    "damage", [lambda r: r["states"].append({}), lambda r: r["states"][1].update(initial=0), lambda r: r["states"][0].update(initial=99)]
)
def test_states_that_do_not_fit_are_refused(
    damage: Callable[[dict[str, list[dict[str, int]]]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgekit.format import writer

    original = writer._graph_record

    def broken(*arguments: object) -> dict[str, object]:
        record = original(*arguments)  # type: ignore[arg-type]
        damage(record)
        return record

    monkeypatch.setattr(writer, "_graph_record", broken)
    data = write_bytes(filter_graph())
    with pytest.raises(RuntimeLibraryError):
        edgekit.Session(data)
    with pytest.raises(FormatError):
        read_model(data)
