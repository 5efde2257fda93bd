"""Every operator case survives writing and reading, byte for byte the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import FormatError, GraphError
from edgekit.format import read_model, write_bytes, write_model, writer
from edgekit.format.flat import decode, encode
from edgekit.ir import GraphBuilder
from edgekit.reference import run_graph
from edgekit.symbolic import Symbol, SymDim, parse_dim
from edgekit.types import F32, QuantParams
from tests.cases import all_cases
from tests.cases.case import OpCase
from tests.suites.common import model_bytes, reference


@pytest.mark.parametrize("case", all_cases(), ids=lambda c: c.name)
def test_roundtrip(case: OpCase) -> None:
    data = model_bytes(case)
    again = read_model(data)
    assert write_bytes(again) == data
    want, got = reference(case), run_graph(again, case.feeds)
    assert list(got) == list(want)
    for k in want:
        np.testing.assert_array_equal(got[k], want[k])


def _small_model() -> bytes:
    b = GraphBuilder("m")
    x = b.input("x", F32, (SymDim.symbol("N", 1, 4), 3))
    b.output(b.call("Add", x, b.constant(np.ones((3,), np.float32))), "y")
    return write_bytes(b.graph)


def test_truncations_raise_format_errors() -> None:
    data = _small_model()
    for n in range(len(data)):
        with pytest.raises(FormatError):
            read_model(data[:n])


def test_any_flipped_byte_is_read_or_refused() -> None:
    data = _small_model()
    refused = 0
    for i in range(len(data)):
        broken = bytearray(data)
        broken[i] ^= 0xFF
        try:
            read_model(bytes(broken))
        except FormatError:
            refused += 1
    assert refused > len(data) // 4


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "m.ekm"
    b = GraphBuilder("m")
    b.output(b.call("Add", b.input("x", F32, (2,)), b.constant(np.ones(2, np.float32))))
    with pytest.raises(FormatError, match="cannot write"):
        write_model(b.graph, target)


def test_symbolic_dimensions_survive() -> None:
    g = read_model(_small_model())
    assert g.inputs[0].shape == (SymDim.symbol("N", 1, 4), 3)
    assert g.inputs[0].type.max_shape() == (4, 3)


@pytest.mark.parametrize("text", ["N", "2*N+1", "N*h-3", "(N+1)//2"])
def test_dimension_text_is_read_back(text: str) -> None:
    known = {"N": Symbol("N", 1, 8), "h": Symbol("h")}
    d = parse_dim(text, known)
    assert parse_dim(str(d), known) == d


@pytest.mark.parametrize("arena", [64, writer.UNKNOWN_START])
def test_the_start_of_the_constants_is_the_aligned_end_of_the_head(arena: int) -> None:
    """Also where another number of the head happens to be the one that stands for the start until it is known."""
    head, start = writer._head({"blobs_start": writer.UNKNOWN_START, "graphs": [{"name": "g", "arena_bytes": arena}]})
    model = decode("Model", head, writer.IDENTIFIER)
    assert model["blobs_start"] == start and start % 64 == 0 and 0 <= start - len(head) < 64
    assert model["graphs"][0]["arena_bytes"] == arena


def test_numbers_that_do_not_fit_their_fields_and_texts_that_are_no_utf8() -> None:
    """Both come from models: JSON and protocol buffers hold larger numbers than a field here, and JSON halves of UTF-16 pairs."""
    b = GraphBuilder("\ud800name")
    x = b.input("x\udcff", F32, (1, 2))
    b.output(b.call("Relu", x), "y")
    found = read_model(write_bytes(b.graph))
    assert found.name == "\\ud800name" and found.inputs[0].name == "x\\udcff"
    for table, record in (("Quant", {"zero_point": [1 << 40]}), ("Quant", {"axis": -(1 << 63)})):
        with pytest.raises(FormatError, match="does not fit into"):
            encode(table, record, b"EKM1")
    with pytest.raises(GraphError, match="32-bit"):
        QuantParams((1.0,), (1 << 40,))
