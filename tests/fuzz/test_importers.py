"""A few hundred broken models of every format; ``python -m tests.fuzz.importers`` tries as many as there is time for."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError

import edgekit
from edgekit import converters
from edgekit.converters import LoadOptions
from edgekit.errors import EdgekitError, FormatError, MalformedModelError
from edgekit.ir import Graph, GraphBuilder
from edgekit.types import F32
from tests.fuzz.guided import play
from tests.fuzz.importers import Failure, attempt, fuzz, inputs, warm_up, write
from tests.fuzz.mutations import Tape, mutate
from tests.fuzz.seeds import OWN, Seed, seeds
from tests.fuzz.structured import edit_json, edit_protobuf
from tests.require import require_module

RUNS = 120
MAX_SECONDS = 1800


def need(name: str) -> None:
    if name == "keras":
        require_module("h5py", "h5py", "pip install h5py")


@pytest.mark.parametrize("name", OWN)
def test_seeds_load(name: str, tmp_path: Path) -> None:
    need(name)
    warm_up(name)
    for k, seed in enumerate(seeds(name)):
        assert attempt(write(seed, tmp_path / str(k))) == "loaded"


@pytest.mark.parametrize("name", OWN)
def test_broken_models_bring_out_edgekit_errors_only(name: str) -> None:
    need(name)
    summary = fuzz(name, RUNS, MAX_SECONDS)
    assert {s: f.detail for s, (_, f) in summary.failures.items()} == {}
    assert summary.tried == RUNS
    assert summary.outcomes["MalformedModelError"] > RUNS // 10  # the edits do break things


def test_every_importer_of_files_is_fuzzed() -> None:
    assert {c.name for c in converters.converters()} - {"pytensor"} == set(OWN)  # PyTensor's graphs come in memory, never in files


def test_inputs_follow_from_seed_and_number() -> None:
    a, b = inputs("onnx", 7, 3, False), inputs("onnx", 7, 3, False)
    for _ in range(3):
        assert next(a) == next(b)
    assert next(inputs("onnx", 7, 3, False)) != next(inputs("onnx", 7, 4, False))


def test_archives_stay_archives() -> None:
    """Most mutations of a zip break a member and leave the archive whole, so that they get past its checksums."""
    (seed,) = seeds("pytorch")
    r = np.random.default_rng(0)
    whole = 0
    for _ in range(40):
        data = mutate(r, seed, [seed]).files[seed.entry]
        with contextlib.suppress(zipfile.BadZipFile, ValueError, OSError), zipfile.ZipFile(io.BytesIO(data)) as archive:
            whole += archive.testzip() is None
    assert whole > 15


class Crashing:
    """An importer with bugs."""

    name, description, suffixes = "crashing", "an importer with bugs", (".bug",)

    def detects(self, source: object, head: bytes) -> bool:
        return True

    def load(self, source: object, options: LoadOptions) -> Graph:
        data = Path(str(source)).read_bytes()
        if data == b"slow":
            while True:
                pass
        if data == b"fine":
            raise MalformedModelError("as it should be")
        return Graph(["list"][len(data)])


@pytest.mark.parametrize(("data", "found"), [(b"slow", "TooSlow"), (b"wrong", "IndexError"), (b"fine", "")])
def test_what_should_not_happen_is_noticed(data: bytes, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit.converters.registry._built_in", lambda: [Crashing()])
    monkeypatch.setattr("tests.fuzz.importers.SECONDS_PER_INPUT", 0.3)
    outcome = attempt(write(Seed({"m.bug": data}, "m.bug"), tmp_path))
    if found:
        assert isinstance(outcome, Failure) and outcome.signature.startswith(f"{found} at ")
    else:
        assert outcome == "MalformedModelError"


def test_hdf5_heaps_without_end(tmp_path: Path) -> None:
    """HDF5 itself never comes back from a global heap whose free space has the size 0."""
    need("keras")
    seed = next(s for s in seeds("keras") if s.entry.endswith(".h5"))
    data = bytearray(seed.files[seed.entry])
    at = data.index(b"GCOL\x01") + 16
    end = at - 16 + int.from_bytes(data[at - 8 : at], "little")
    while int.from_bytes(data[at : at + 2], "little"):  # to the entry of index 0, the free space
        at += 16 + -(-int.from_bytes(data[at + 8 : at + 16], "little") // 8) * 8
    assert at < end
    data[at + 8 : at + 16] = bytes(8)
    with pytest.raises(EdgekitError, match="entry of no size"):
        converters.load(write(Seed({"m.h5": bytes(data)}, "m.h5"), tmp_path))


def test_sizes_beyond_any_memory_are_refused(tmp_path: Path) -> None:
    """Found in a prototxt with a blown-up number: it loads, and no file can say how much memory it needs."""
    b = GraphBuilder("huge")
    x = b.input("x", F32, (1 << 40, 1 << 40))
    b.output(b.call("Relu", x), "y")
    with pytest.raises(FormatError, match="which no device has"):
        edgekit.convert(b.graph, tmp_path / "m.ekm", options=edgekit.ConvertOptions(check=False))


@pytest.mark.filterwarnings("error")
def test_weights_that_are_no_numbers_bring_no_warnings(tmp_path: Path) -> None:
    b = GraphBuilder("nan")
    x = b.input("x", F32, (1, 2))
    y = b.call("FullyConnected", x, b.constant(np.asarray([[np.inf, np.nan], [3e38, -3e38]], np.float32)))
    b.output(b.call("Mul", y, b.constant(np.asarray([3e38, np.nan], np.float32))), "y")
    edgekit.convert(b.graph, tmp_path / "m.ekm", options=edgekit.ConvertOptions(check=False))


def test_an_empty_tensor_of_impossible_dimensions(tmp_path: Path) -> None:
    from tests.converters.onnx.models import model, node

    proto = model([node("Relu", ["x"], ["y"])], {"x": (np.float32, [1])}, ["y"], {"w": np.zeros((0, 2), np.float32)})
    proto.graph.initializer[0].dims[1] = 1 << 62
    with pytest.raises(MalformedModelError, match="impossible dimensions"):
        converters.load(write(Seed({"m.onnx": proto.SerializeToString()}, "m.onnx"), tmp_path))


def test_a_loop_whose_body_gives_too_few_values(tmp_path: Path) -> None:
    from tests.converters.tflite.models import Op, Subgraph, Tensor, model

    outer = [Tensor(n, (2,)) for n in ("a", "b", "c", "d")]
    main = Subgraph(outer, [Op("WHILE", ["a", "b"], ["c", "d"], {"cond_subgraph": 1, "body_subgraph": 2})], ["a", "b"], ["c"])
    inner = [Tensor("p", (2,)), Tensor("q", (2,)), Tensor("r", (), "bool")]
    limits = [Tensor("s", (), data=np.float32(1)), Tensor("t", (), data=np.float32(0))]
    condition = Subgraph([*inner, *limits], [Op("GREATER", ["s", "t"], ["r"])], ["p", "q"], ["r"])
    body = Subgraph(inner, [Op("NEG", ["p"], ["q"])], ["p", "q"], ["q"])
    with pytest.raises(MalformedModelError, match="takes 2 values, 1 are computed"):
        converters.load(write(Seed({"m.tflite": model(main, condition, body)}, "m.tflite"), tmp_path))


def test_onnx_fields_that_only_the_package_onnx_reads(tmp_path: Path) -> None:
    """Found by fuzzing: a field EdgeKit skips may be broken, and shows when the package is asked to expand a function."""
    require_module("onnx", "onnx", "pip install onnx")
    from onnx import helper

    from tests.converters.onnx.models import model, node

    call = helper.make_node("F", ["x"], ["y"], domain="my")
    body = helper.make_function("my", "F", ["a"], ["b"], [node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 17)])
    proto = model([call], {"x": (np.float32, [1])}, ["y"], functions=[body], opsets=[helper.make_opsetid("my", 1)])
    training_info = bytes([20 << 3 & 0x7F | 0x80 | 2, 1, 3]) + b"\x0a\x7f\x00"  # ModelProto.training_info, cut off inside
    with pytest.raises(MalformedModelError, match="broken"):
        converters.load(write(Seed({"m.onnx": proto.SerializeToString() + training_info}, "m.onnx"), tmp_path))


def test_a_tape_says_what_is_broken() -> None:
    """The guided engine's inputs: the same tape breaks the same, and what is put behind it leaves the first choices as they are."""
    pool = seeds("mxnet")
    assert play(Tape(b"\x00\x01\x02\x03\x04\x05"), pool) == play(Tape(b"\x00\x01\x02\x03\x04\x05"), pool)
    played = [play(Tape(np.random.default_rng(k).bytes(60)), pool) for k in range(40)]
    assert len({tuple(sorted(p.files.items())) for p in played}) > 30
    short, long = Tape(b"\x05\x00\x02"), Tape(b"\x05\x00\x02\xff")
    assert [short.integers(9), short.integers(2, 1000)] == [long.integers(9), long.integers(2, 1000)] == [5, 514]
    assert short.left == 0 and long.left == 1 and short.integers(7) == 0
    assert all(0 <= Tape(bytes([k, k])).choice((0, 1, 2)) < 3 for k in range(256))


def test_structured_edits_keep_the_encoding() -> None:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    r = np.random.default_rng(3)
    text = json.dumps({"a": [1, {"b": "x"}], "c": None}).encode()
    edited = [edit_json(r, text) for _ in range(200)]
    assert all(isinstance(json.loads(e), dict) for e in edited) and len(set(edited)) > 20
    message = FileDescriptorProto(name="n", package="p")
    message.message_type.add(name="M").field.add(name="f", number=3)
    data = message.SerializeToString()
    changed = [edit_protobuf(r, data) for _ in range(200)]
    assert len(set(changed)) > 20
    assert sum(_parses(FileDescriptorProto, c) for c in changed) > 150  # others: texts cut inside a character
    assert edit_protobuf(r, b"\xff") == b"\xff" and edit_json(r, b"no") == b"no"


def _parses(message_class: Any, data: bytes) -> bool:
    try:
        message_class.FromString(data)
    except (DecodeError, UnicodeDecodeError):
        return False
    return True
